package pbft

import (
	"errors"
	"testing"

	"golang.org/x/crypto/cryptobyte"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
)

// FuzzReplay reads records as a damaged or foreign log could hold them: each is
// taken or refused, and an engine that took all of them starts. Nothing panics
// (R83, R107).
func FuzzReplay(f *testing.F) {
	w := newNetwork(f, 4, small)
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		w.submit(name)
		w.run()
	}
	for _, h := range w.hosts {
		w.step(h, consensus.Overdue{})
	}
	w.run()
	for _, h := range w.hosts {
		f.Add(packed(h.log))
		f.Add(packed(h.log[len(h.log)/2:]))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		e := New(Config{Group: w.group, Self: 1, Signer: w.signers[1]})
		at := consensus.Position(0)
		for s := cryptobyte.String(data); !s.Empty(); {
			var kind uint8
			var body cryptobyte.String
			if !s.ReadUint8(&kind) || !s.ReadUint24LengthPrefixed(&body) {
				return
			}
			at++
			if err := e.Replay(consensus.Record{Position: at, Kind: consensus.RecordKind(kind), Data: body}); err != nil {
				return
			}
		}
		out := consensus.Effects{Next: at + 1}
		e.Step(consensus.Tick{Now: startTime}, &out)
		e.Step(consensus.Started{}, &out)
		e.Step(consensus.Persisted{Through: out.Next - 1}, &out)
	})
}

func packed(log []consensus.Record) []byte {
	var b cryptobyte.Builder
	for _, r := range log {
		b.AddUint8(uint8(r.Kind))
		b.AddUint24LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(r.Data) })
	}
	return b.BytesOrPanic()
}

// FuzzVerifyEvidence: whatever pair of statements is shown, it is refused, or it
// convicts a member for two headers that exclude each other (R47).
func FuzzVerifyEvidence(f *testing.F) {
	g, signers, scheme := newGroup(f, 4, nil)
	d := g.Domain()
	for _, kind := range []consensus.MessageType{TypePrePrepare, TypePrepare, TypeCommit, TypeCheckpoint} {
		a := newVote(kind, Header{View: 3, Sequence: 1, Batch: crypto.Digest{1}}, 3, d, signers[3])
		b := newVote(kind, Header{View: 3, Sequence: 1, Batch: crypto.Digest{2}}, 3, d, signers[3])
		f.Add(uint32(3), a.frame, b.frame)
	}
	f.Fuzz(func(t *testing.T, against uint32, a, b []byte) {
		charge, err := VerifyEvidence(consensus.Evidence{Against: consensus.ReplicaID(against), A: a, B: b}, g, scheme)
		if err != nil {
			if !errors.Is(err, ErrNoProof) {
				t.Errorf("refused with %v", err)
			}
			return
		}
		if charge.Against != consensus.ReplicaID(against) || charge.Batches[0] == charge.Batches[1] || charge.Kind == "message" {
			t.Errorf("convicts for %+v", charge)
		}
	})
}
