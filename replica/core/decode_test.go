package core

import (
	"errors"
	"testing"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/internal/wire"
	"github.com/varangian-bft/varangian/pbft"
	"github.com/varangian-bft/varangian/replica/transfer"
)

// frames are one of each type that is read here.
func frames(s *stage) [][]byte {
	a, b := s.request(0, 1, "a"), s.request(1, 1, "b")
	batch := consensus.NewBatch(1, []*consensus.Request{a, b})
	plan := make([]byte, 18)
	plan[0], plan[16] = byte(wire.TypeStateFirst), 8
	return [][]byte{
		wire.RequestFrame(a), wire.BatchFrame(batch), wire.RequestsFrame([]*consensus.Request{a, b}),
		wire.FetchBatch{Digest: batch.Digest}.Marshal(), wire.FetchRequests{Batch: batch.Digest, Requests: batch.Content.Requests}.Marshal(),
		s.state(8, 1, 2).Marshal(), plan,
	}
}

// R16, R107: each type goes to who reads it, under its own number; none beside them.
func TestDecoder(t *testing.T) {
	s := newStage(t, nil)
	d := Decoder{Group: s.group, Codec: pbft.NewCodec(s.group)}
	hint := s.core.Hint()
	for _, f := range frames(s) {
		u, err := d.Replica(f, hint)
		if err != nil || u.Value.Type() != wire.Type(f) {
			t.Errorf("type %d: %v", f[0], err)
		}
		_, err = d.Client(f)
		if (err == nil) != (wire.Type(f) == consensus.TypeRequest) {
			t.Errorf("type %d of a client: %v", f[0], err)
		}
		for n := range f {
			if u, err := d.Replica(f[:n], hint); err == nil && wire.Type(f) != wire.TypeRequests && wire.Type(f) != wire.TypeFetchRequests {
				t.Errorf("type %d is read from its first %d bytes as %+v", f[0], n, u.Value)
			}
		}
	}
	for kind := range 256 {
		for _, f := range [][]byte{nil, {byte(kind)}, {byte(kind), 0}} {
			if u, err := d.Replica(f, hint); err == nil {
				t.Errorf("%v is read as %+v", f, u.Value)
			}
		}
	}
	for _, kind := range []byte{0, 2, 68, 79, 128, 129, 255} {
		if _, err := d.Replica([]byte{kind, 1}, hint); !errors.Is(err, ErrUnknownType) {
			t.Errorf("type %d: %v", kind, err)
		}
	}
}

// R20: requests carry the check of their signature from wherever they come.
func TestDecoderChecks(t *testing.T) {
	s := newStage(t, nil)
	d := Decoder{Group: s.group, Codec: pbft.NewCodec(s.group)}
	for i, want := range []int{1, 2, 2, 0, 0, 1, 0} {
		if u, err := d.Replica(frames(s)[i], s.core.Hint()); err != nil || len(u.Checks) != want {
			t.Errorf("type %d: %v, %d checks", frames(s)[i][0], err, len(u.Checks))
		}
	}
}

// TestUnasked: R17 – a batch or body that nobody asked for is dropped before its
// signatures are checked, however valid it is, and no question is asked before its
// answer can be told from that.
func TestUnasked(t *testing.T) {
	for _, content := range []bool{true, false} {
		s := newStage(t, nil)
		a, b, other := s.request(0, 1, "a"), s.request(1, 1, "b"), s.request(2, 1, "other")
		batch := consensus.NewBatch(1, []*consensus.Request{a, b})
		asked := map[crypto.Digest]struct{}{}
		d := Decoder{Group: s.group, Codec: pbft.NewCodec(s.group), Wanted: func(d crypto.Digest) bool {
			_, ok := asked[d]
			return ok
		}}
		note := func(out Output) {
			for _, w := range out.Wanted {
				w.Note(asked)
			}
		}
		checks := func(frame []byte) int {
			u, err := d.Replica(frame, s.core.Hint())
			if err != nil && !errors.Is(err, consensus.ErrStale) {
				t.Fatal(err)
			}
			return len(u.Checks)
		}
		expect := func(when string, whole, bodies int) {
			t.Helper()
			if n := checks(wire.BatchFrame(batch)); n != whole {
				t.Errorf("content=%v, %s: %d checks of the batch, not %d", content, when, n, whole)
			}
			if n := checks(wire.RequestsFrame([]*consensus.Request{a, other, b})); n != bodies {
				t.Errorf("content=%v, %s: %d checks of bodies, not %d", content, when, n, bodies)
			}
		}
		s.admit(a)
		expect("before", 0, 0)
		for _, out := range []Output{s.want(batch, 1, content), s.after(fetchDelay)} {
			if n := len(questions(out)); n > 1 || n == 0 && len(out.Wanted) > 0 {
				t.Fatalf("%d questions, wants %v", n, out.Wanted)
			}
			note(out)
		}
		if content {
			expect("asked", 2, 1)
			note(s.receive(2, RequestsMessage{[]*consensus.Request{b}}))
		} else {
			expect("asked", 2, 0)
			note(s.want(batch, 1, true)) // its content comes while the answer is on its way
			expect("asked, with content", 2, 1)
			note(s.receive(2, BatchMessage{batch}))
		}
		expect("complete", 0, 0)
		if len(asked) > 0 || len(s.core.fetch.claims) > 0 {
			t.Errorf("content=%v: %d digests are left", content, len(asked))
		}
	}
}

// FuzzReplica: R107 – whatever decodes, and is taken for verified, goes through the
// core without a panic; R4: no matter from whom.
func FuzzReplica(f *testing.F) {
	s := newStage(f, nil)
	for _, frame := range frames(s) {
		f.Add(frame, uint8(2))
	}
	d := Decoder{Group: s.group, Codec: pbft.NewCodec(s.group)}
	f.Fuzz(func(t *testing.T, frame []byte, from uint8) {
		u, err := d.Replica(frame, s.core.Hint())
		if err != nil {
			return
		}
		if t := u.Value.Type(); t >= consensus.TypeEngineFirst && t <= consensus.TypeEngineLast {
			return
		}
		s := newStage(t, nil)
		s.receive(consensus.ReplicaID(from), u.Value)
		s.after(fetchDelay)
		if u.Value.Type() == wire.TypeStateFirst && !transfer.Question(u.Value) {
			t.Error("a question is none")
		}
	})
}

// FuzzClient: R107.
func FuzzClient(f *testing.F) {
	s := newStage(f, nil)
	d := Decoder{Group: s.group}
	f.Add(frames(s)[0])
	f.Fuzz(func(t *testing.T, frame []byte) {
		if u, err := d.Client(frame); err == nil {
			newStage(t, nil).admit(u.Value.(RequestMessage).Request)
		}
	})
}
