package witness

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/internal/wire"
)

var genesis = consensus.Genesis{Replicas: []consensus.Member{{Name: "r0"}, {Name: "r1"}, {Name: "r2"}}}

// said is what a replica answers to request t.
func said(t consensus.Timestamp, results string) []wire.ReplyEntry {
	return []wire.ReplyEntry{{Leaf: consensus.Leaf{Timestamp: t, Results: crypto.Hash(crypto.KindConfiguration, []byte(results))}}}
}

func TestCompare(t *testing.T) {
	for name, c := range map[string]struct {
		said   map[consensus.ReplicaID][]wire.ReplyEntry
		silent []consensus.ReplicaID
		wrong  string
	}{
		"nobody":      {silent: []consensus.ReplicaID{0, 1, 2}},
		"all alike":   {said: map[consensus.ReplicaID][]wire.ReplyEntry{0: said(7, "a"), 1: said(7, "a"), 2: said(7, "a")}},
		"one late":    {said: map[consensus.ReplicaID][]wire.ReplyEntry{0: said(7, "a"), 1: said(6, "a"), 2: said(7, "a")}, silent: []consensus.ReplicaID{1}},
		"one rotten":  {said: map[consensus.ReplicaID][]wire.ReplyEntry{0: said(7, "a"), 1: said(7, "a"), 2: said(7, "b")}, wrong: "r2 says"},
		"two of them": {said: map[consensus.ReplicaID][]wire.ReplyEntry{0: said(7, "a"), 1: said(7, "b")}, wrong: "r1 says"},
	} {
		e := newEar(3)
		for from, entries := range c.said {
			e.note(from, entries)
		}
		silent, _, err := e.compare(&genesis)
		switch {
		case c.wrong == "" && (err != nil || !slices.Equal(silent, c.silent)):
			t.Errorf("%s: silent %v, err %v", name, silent, err)
		case c.wrong != "" && (err == nil || !strings.Contains(err.Error(), c.wrong)):
			t.Errorf("%s: err %v, want %q", name, err, c.wrong)
		}
	}
}

// An answer that comes late is waited for.
func TestAgree(t *testing.T) {
	e := newEar(3)
	e.note(0, said(1, "a"))
	e.note(1, said(1, "a"))
	go e.note(2, said(1, "a"))
	if silent, err := e.agree(t.Context(), &genesis); err != nil || len(silent) > 0 {
		t.Errorf("silent %v, err %v", silent, err)
	}
	e.forget()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := e.agree(ctx, &genesis); err == nil {
		t.Error("no answer, and no error")
	}
}
