package replica

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"time"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/replica/core"
	"github.com/varangian-bft/varangian/statemachine"
	"github.com/varangian-bft/varangian/store/state"
)

// A Difference is where the states of two replicas part.
type Difference struct {
	A          string             `json:"a"`
	B          string             `json:"b"`
	At         consensus.Sequence `json:"at"`               // checkpoint at which they were compared
	Partitions []int              `json:"partitions"`       // that differ there
	Window     consensus.Sequence `json:"window,omitempty"` // checkpoint that ends the first window whose writes differ
	Before     consensus.Sequence `json:"before,omitempty"` // they differ already here, and nothing older is kept
	Keys       []KeyDifference    `json:"keys"`             // by key, the first ones
	More       int                `json:"more"`             // keys that differ beyond those
}

// A KeyDifference is one key that two states do not have alike.
type KeyDifference struct {
	Key string `json:"key"` // quoted
	A   string `json:"a"`   // first bytes of the value's hash; empty: it is not there
	B   string `json:"b"`
}

// A stateView is what Diff needs of one state.
type stateView interface {
	name() string
	shape(ctx context.Context) (stateShape, error)
	partitions(ctx context.Context, at consensus.Sequence) ([]crypto.Digest, error)
	// entries calls yield for each entry of some partitions, by key.
	entries(ctx context.Context, at consensus.Sequence, of statemachine.PartitionSet, yield func(key []byte, value crypto.Digest) error) error
}

// stateShape says which checkpoints of a state can be read.
type stateShape struct {
	Name    string                               `json:"name"`
	Oldest  consensus.Sequence                   `json:"oldest"`
	Newest  consensus.Sequence                   `json:"newest"`
	Windows map[consensus.Sequence]crypto.Digest `json:"windows"` // write sets, by the checkpoint that ends them
}

// Diff compares the states of two replicas, each running or stopped, given their data
// folders: the partitions, the keys and the first window in which they part. At most
// keysMax keys are named.
func Diff(ctx context.Context, g *consensus.Group, dirA, dirB string, keysMax int) (*Difference, error) {
	a, closeA, err := openView(g, dirA)
	if err != nil {
		return nil, err
	}
	defer closeA()
	b, closeB, err := openView(g, dirB)
	if err != nil {
		return nil, err
	}
	defer closeB()
	return diff(ctx, a, b, keysMax)
}

func diff(ctx context.Context, a, b stateView, keysMax int) (*Difference, error) {
	sa, err := a.shape(ctx)
	if err != nil {
		return nil, err
	}
	sb, err := b.shape(ctx)
	if err != nil {
		return nil, err
	}
	at, oldest := min(sa.Newest, sb.Newest), max(sa.Oldest, sb.Oldest)
	if at < oldest {
		return nil, failure(ExitSurroundings, "%s keeps checkpoints %d to %d, %s %d to %d: none is kept by both; let the one that lags catch up",
			sa.Name, sa.Oldest, sa.Newest, sb.Name, sb.Oldest, sb.Newest)
	}
	d := &Difference{A: sa.Name, B: sb.Name, At: at, Partitions: []int{}, Keys: []KeyDifference{}}
	pa, err := a.partitions(ctx, at)
	if err != nil {
		return nil, err
	}
	pb, err := b.partitions(ctx, at)
	if err != nil {
		return nil, err
	}
	var of statemachine.PartitionSet
	for i := range pa {
		if pa[i] != pb[i] {
			d.Partitions = append(d.Partitions, i)
			of.Add(uint8(i))
		}
	}
	if len(d.Partitions) == 0 {
		return d, nil
	}
	d.first(&sa, &sb, oldest)
	return d, d.keys(ctx, a, b, of, keysMax)
}

// first finds the first window whose writes differ.
func (d *Difference) first(a, b *stateShape, oldest consensus.Sequence) {
	for at, writes := range a.Windows { // order-free: the lowest is kept
		other, ok := b.Windows[at]
		if ok && at <= d.At && other != writes && (d.Window == 0 || at < d.Window) {
			d.Window = at
		}
	}
	if d.Window == 0 {
		d.Before = oldest
	}
}

// pair is an entry of one state on its way to be compared.
type pair struct {
	key   []byte
	value crypto.Digest
	end   bool
	err   error
}

// stream turns the entries of a state into a channel, which ends with an end.
func stream(ctx context.Context, v stateView, at consensus.Sequence, of statemachine.PartitionSet) <-chan pair {
	out := make(chan pair, 64)
	put := func(p pair) error {
		select {
		case out <- p:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	go func() {
		err := v.entries(ctx, at, of, func(key []byte, value crypto.Digest) error {
			return put(pair{key: bytes.Clone(key), value: value})
		})
		_ = put(pair{end: true, err: err}) // nobody listens when the context has ended
	}()
	return out
}

// keys compares the entries of the partitions that differ.
func (d *Difference) keys(ctx context.Context, a, b stateView, of statemachine.PartitionSet, keysMax int) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	as, bs := stream(ctx, a, d.At, of), stream(ctx, b, d.At, of)
	x, y := <-as, <-bs
	for !x.end || !y.end {
		order := bytes.Compare(x.key, y.key)
		if x.end {
			order = 1
		} else if y.end {
			order = -1
		}
		switch {
		case order < 0:
			d.part(x.key, x.value.Short(), "", keysMax)
			x = <-as
		case order > 0:
			d.part(y.key, "", y.value.Short(), keysMax)
			y = <-bs
		default:
			if x.value != y.value {
				d.part(x.key, x.value.Short(), y.value.Short(), keysMax)
			}
			x, y = <-as, <-bs
		}
	}
	return errors.Join(x.err, y.err)
}

func (d *Difference) part(key []byte, a, b string, keysMax int) {
	if len(d.Keys) >= keysMax {
		d.More++
		return
	}
	d.Keys = append(d.Keys, KeyDifference{Key: strconv.Quote(string(key)), A: a, B: b})
}

// openView opens the state of a replica: by its control socket if it runs, else its
// folder, without changing it.
func openView(g *consensus.Group, dir string) (stateView, func(), error) {
	if c, err := net.DialTimeout("unix", controlPath(dir), controlTimeout); err == nil {
		return remoteView{dir: dir}, func() {}, c.Close()
	}
	lock, err := lockStopped(dir)
	if err != nil {
		return nil, nil, err
	}
	i := &inspector{Inspection: Inspection{Group: g, DataDir: dir}, out: &Inspected{}}
	self, ok, err := i.owner()
	if err == nil && !ok {
		err = failure(ExitSurroundings, "data folder %s: VERSION: %s; %s", dir, i.out.Faults[0].What, i.out.Faults[0].Do)
	}
	if err != nil {
		unlock(lock)
		return nil, nil, err
	}
	store, found, closing, err := state.Inspect(state.Inspection{Dir: filepath.Join(dir, "state"), Identity: identity(g, self)})
	closed := func() { closing(); unlock(lock) }
	if err == nil && store == nil {
		err = fmt.Errorf("its state cannot be opened: %s; see replica verify", &found[0])
	}
	if err != nil {
		closed()
		return nil, nil, failure(ExitDisk, "data folder %s: %w", dir, err)
	}
	return storeView{group: g, self: self, store: store}, closed, nil
}

// storeView is a state that is open here.
type storeView struct {
	group *consensus.Group
	self  consensus.ReplicaID
	store statemachine.Store
}

func (v storeView) name() string { return v.group.Genesis.Replicas[v.self].Name }

func (v storeView) shape(ctx context.Context) (stateShape, error) {
	s := stateShape{Name: v.name(), Windows: map[consensus.Sequence]crypto.Digest{}}
	m, err := v.store.Marker()
	if err != nil {
		return s, err
	}
	s.Newest = m.Version.Sequence()
	snapshot, _, err := core.SavedSnapshot(v.group, v.store, crypto.Ed25519)
	if err != nil {
		return s, err
	}
	s.Oldest = snapshot.Sequence
	k := consensus.Sequence(v.group.Genesis.Parameters.CheckpointInterval)
	for at := s.Oldest + k; at <= s.Newest; at += k {
		if ctx.Err() != nil { // the asker is gone, or the replica stops, and waits for this
			return s, ctx.Err()
		}
		changes, err := v.store.Window(statemachine.VersionAt(at-k, 255), min(statemachine.VersionAt(at, 255), m.Version))
		if errors.Is(err, statemachine.ErrRetired) {
			continue // an installation lies in it
		}
		if err != nil {
			return s, err
		}
		s.Windows[at] = statemachine.WriteSetDigest(changes)
	}
	return s, nil
}

// version is where the state at a checkpoint is read.
func (v storeView) version(at consensus.Sequence) (statemachine.Version, error) {
	m, err := v.store.Marker()
	return min(statemachine.VersionAt(at, 255), m.Version), err
}

func (v storeView) partitions(ctx context.Context, at consensus.Sequence) ([]crypto.Digest, error) {
	version, err := v.version(at)
	if err != nil {
		return nil, err
	}
	// What cannot be read differs from everything.
	p := &statemachine.Partitions{Version: version}
	err = v.store.Salvage(version, func(key, value []byte, damaged bool) bool {
		if damaged {
			value = []byte("damaged in " + v.name())
		}
		p.Add(key, value)
		return ctx.Err() == nil
	})
	return p.Digests(), errors.Join(err, ctx.Err())
}

func (v storeView) entries(ctx context.Context, at consensus.Sequence, of statemachine.PartitionSet, yield func([]byte, crypto.Digest) error) error {
	version, err := v.version(at)
	if err != nil {
		return err
	}
	var failed error
	err = v.store.Salvage(version, func(key, value []byte, damaged bool) bool {
		if !of.Holds(key) {
			return ctx.Err() == nil
		}
		d := crypto.Entry(key, value)
		if damaged {
			d = crypto.Digest{}
		}
		failed = yield(key, d)
		return failed == nil && ctx.Err() == nil
	})
	return errors.Join(err, failed, ctx.Err())
}

// remoteView is the state of a replica that runs, by its control socket.
type remoteView struct{ dir string }

func (v remoteView) name() string { return v.dir }

func (v remoteView) ask(ctx context.Context, what string, out any) error {
	answer, err := askControl(ctx, v.dir, what, 0)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(answer.Body, 4<<10)) // what there is of it
		return fmt.Errorf("%s: %s", v.dir, bytes.TrimSpace(text))
	}
	return json.NewDecoder(answer.Body).Decode(out)
}

func (v remoteView) shape(ctx context.Context) (s stateShape, err error) {
	return s, v.ask(ctx, "/state", &s)
}

func (v remoteView) partitions(ctx context.Context, at consensus.Sequence) (list []crypto.Digest, err error) {
	return list, v.ask(ctx, fmt.Sprintf("/state/partitions?at=%d", at), &list)
}

func (v remoteView) entries(ctx context.Context, at consensus.Sequence, of statemachine.PartitionSet, yield func([]byte, crypto.Digest) error) error {
	answer, err := askControl(ctx, v.dir, fmt.Sprintf("/state/entries?at=%d&of=%x-%x-%x-%x", at, of[0], of[1], of[2], of[3]), 0)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	in := bufio.NewReader(answer.Body)
	for {
		var size uint32
		if err := binary.Read(in, binary.BigEndian, &size); err != nil || size > state.KeyBytesMax {
			return fmt.Errorf("%s: the list of entries ends too early (%w)", v.dir, err)
		}
		record := make([]byte, int(size)+crypto.DigestSize)
		if _, err := io.ReadFull(in, record); err != nil {
			return err
		}
		if size == 0 {
			return nil // the last one
		}
		if err := yield(record[:size], crypto.Digest(record[size:])); err != nil {
			return err
		}
	}
}

// stateHandlers answer a remoteView.
func (r *Replica) stateHandlers(mux *http.ServeMux) {
	view := storeView{group: r.cfg.Group, self: r.self, store: watched{r.store, r.driver.internal}}
	answer := func(w http.ResponseWriter, value any, err error) {
		if err != nil {
			suspected(err, r.driver.internal) // what the store gave may be found wrong here
			http.Error(w, err.Error(), http.StatusConflict)
			return
		}
		_ = json.NewEncoder(w).Encode(value) // the asker may be gone
	}
	at := func(w http.ResponseWriter, q *http.Request) consensus.Sequence {
		control := http.NewResponseController(w) // a scan of a large state takes its time
		_, _ = control.SetWriteDeadline(time.Time{}), control.SetReadDeadline(time.Time{})
		n, _ := strconv.ParseUint(q.FormValue("at"), 10, 64) // 0 is as good as any other that is not kept
		return consensus.Sequence(n)
	}
	mux.HandleFunc("GET /state", func(w http.ResponseWriter, q *http.Request) {
		at(w, q)
		s, err := view.shape(q.Context())
		answer(w, s, err)
	})
	mux.HandleFunc("GET /state/partitions", func(w http.ResponseWriter, q *http.Request) {
		list, err := view.partitions(q.Context(), at(w, q))
		answer(w, list, err)
	})
	mux.HandleFunc("GET /state/entries", func(w http.ResponseWriter, q *http.Request) {
		var of statemachine.PartitionSet
		if _, err := fmt.Sscanf(q.FormValue("of"), "%x-%x-%x-%x", &of[0], &of[1], &of[2], &of[3]); err != nil {
			http.Error(w, "which partitions?", http.StatusBadRequest)
			return
		}
		out := bufio.NewWriter(w)
		record := func(key []byte, value crypto.Digest) error {
			b := binary.BigEndian.AppendUint32(nil, uint32(len(key)))
			_, err := out.Write(append(append(b, key...), value[:]...))
			return err
		}
		if err := view.entries(q.Context(), at(w, q), of, record); err == nil {
			_ = record(nil, crypto.Digest{}) // the asker may be gone; without this one it knows
			_ = out.Flush()
		}
	})
}
