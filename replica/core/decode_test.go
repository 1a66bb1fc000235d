package core

import (
	"errors"
	"testing"

	"github.com/varangian-bft/varangian/consensus"
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
