// Package witness reads the state of a group through each of its replicas. A
// client believes what f+1 replicas say alike, and never notices one that says
// something else; a Witness hears every replica by itself, and compares.
//
// It judges answers only: what a replica stores and does not say, it cannot see.
//
// The caller closes each Witness.
package witness

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/varangian-bft/varangian/client"
	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/crypto/keyfile"
	"github.com/varangian-bft/varangian/internal/groupfile"
	"github.com/varangian-bft/varangian/internal/wire"
	"github.com/varangian-bft/varangian/network"
	"github.com/varangian-bft/varangian/statemachine/kv"
)

const (
	pageCount = 2000            // entries that one answer covers
	patience  = 3 * time.Second // for the answers that the client did not need
	tries     = 5               // of one page: a reply may be lost, and is not sent again to a client that has its result
)

// A Witness is a client that hears every replica by itself. Its methods are not
// safe for concurrent use.
type Witness struct {
	client *client.Client
	group  *consensus.Group
	ear    *ear
}

// Dial returns a Witness with the keys of an enrolled client.
func Dial(ctx context.Context, groupFile string, keys keyfile.Keys) (*Witness, error) {
	f, err := groupfile.Read(groupFile)
	if err != nil {
		return nil, err
	}
	g, err := f.Group(crypto.Ed25519)
	if err != nil {
		return nil, err
	}
	cfg := client.Config{Group: g, Keys: keys}
	for _, r := range f.Remotes() {
		cfg.Remotes = append(cfg.Remotes, client.Remote{ID: r.ID, Transport: r.Transport, Address: r.Address})
	}
	w := &Witness{group: g, ear: newEar(g.N)}
	w.client, err = client.Dial(ctx, cfg, client.WithTransport(crypto.Ed25519, func(h client.Handler) (client.Transport, error) {
		w.ear.Handler = h
		return network.Dial(network.DialConfig{
			Seed: keys.Transport, Group: g.ID, Replicas: cfg.Remotes, Limits: network.LimitsFor(&g.Genesis.Parameters),
			Logger: slog.New(slog.DiscardHandler),
		}, w.ear)
	}))
	return w, err
}

// Close ends the client.
func (w *Witness) Close() { w.client.Close() }

// Compare reads all entries under a prefix, and returns how many there are. It is
// an error if a replica answers otherwise than the others, or does not answer.
func (w *Witness) Compare(ctx context.Context, prefix string) (entries int, err error) {
	start, end := []byte(prefix), kv.PrefixEnd([]byte(prefix))
	for {
		page, err := w.page(ctx, kv.Scan(start, end, pageCount))
		if err != nil {
			return entries, err
		}
		entries += len(page.Entries)
		if start = page.After(); !page.More || start == nil {
			return entries, nil
		}
	}
}

// page reads one page through all replicas.
func (w *Witness) page(ctx context.Context, op []byte) (kv.Page, error) {
	var silent []consensus.ReplicaID
	for range tries {
		w.ear.forget()
		result, err := w.client.Query(ctx, op)
		if err != nil {
			return kv.Page{}, err
		}
		if silent, err = w.ear.agree(ctx, &w.group.Genesis); err != nil {
			return kv.Page{}, err
		}
		if len(silent) == 0 {
			return kv.DecodeScan(result.Value)
		}
	}
	return kv.Page{}, fmt.Errorf("replicas %v do not answer, in %d tries", silent, tries)
}

// An ear stands between transport and client, and notes who said what.
type ear struct {
	client.Handler

	replicas int
	mu       sync.Mutex
	rows     map[consensus.Timestamp][]*consensus.Leaf // by replica
	moved    chan struct{}                             // closed and renewed at each answer
}

func newEar(replicas int) *ear {
	return &ear{replicas: replicas, rows: map[consensus.Timestamp][]*consensus.Leaf{}, moved: make(chan struct{})}
}

// FromReplica notes the answers in a frame, and passes it on.
func (e *ear) FromReplica(from consensus.ReplicaID, frame []byte) {
	if reply, err := wire.ReadReply(frame); err == nil && uint64(from) < uint64(e.replicas) {
		e.note(from, reply.Entries)
	}
	e.Handler.FromReplica(from, frame)
}

func (e *ear) note(from consensus.ReplicaID, entries []wire.ReplyEntry) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for i := range entries {
		leaf := entries[i].Leaf
		if e.rows[leaf.Timestamp] == nil {
			e.rows[leaf.Timestamp] = make([]*consensus.Leaf, e.replicas)
		}
		e.rows[leaf.Timestamp][from] = &leaf
	}
	close(e.moved)
	e.moved = make(chan struct{})
}

func (e *ear) forget() {
	e.mu.Lock()
	defer e.mu.Unlock()
	clear(e.rows)
}

// agree waits for the answers of all replicas to the newest request, and returns
// those that gave none.
func (e *ear) agree(ctx context.Context, g *consensus.Genesis) ([]consensus.ReplicaID, error) {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		silent, moved, err := e.compare(g)
		if err != nil || len(silent) == 0 {
			return silent, err
		}
		select {
		case <-moved:
		case <-timer.C:
			return silent, nil
		case <-ctx.Done():
			return silent, context.Cause(ctx)
		}
	}
}

// compare looks at the answers so far.
func (e *ear) compare(g *consensus.Genesis) (silent []consensus.ReplicaID, moved <-chan struct{}, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	var newest consensus.Timestamp
	for t := range e.rows {
		newest = max(newest, t)
	}
	row := e.rows[newest]
	if row == nil {
		row = make([]*consensus.Leaf, e.replicas)
	}
	var first *consensus.Leaf
	for id, leaf := range row {
		switch {
		case leaf == nil:
			silent = append(silent, consensus.ReplicaID(id))
		case first == nil:
			first = leaf
		case *leaf != *first:
			return nil, nil, fmt.Errorf("wrong answer: request %d was executed at %d with result %s, says one replica; %s says %d, %s",
				newest, first.Sequence, first.Results, g.Replicas[id].Name, leaf.Sequence, leaf.Results)
		}
	}
	return silent, e.moved, nil
}
