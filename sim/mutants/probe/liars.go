package main

import (
	"bytes"

	"golang.org/x/crypto/cryptobyte"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/internal/wire"
	"github.com/varangian-bft/varangian/pbft"
	"github.com/varangian-bft/varangian/sim"
	"github.com/varangian-bft/varangian/sim/adversary"
)

// liars are behaviours beside those of package adversary, each the enemy of one
// mutant.
var liars = map[string]func(*sim.Faulty) sim.Behaviour{
	"splitter": func(f *sim.Faulty) sim.Behaviour {
		return &splitter{Faulty: f, second: map[crypto.Digest]crypto.Digest{}}
	},
	"forgetter": func(f *sim.Faulty) sim.Behaviour {
		return &forgetter{Faulty: f, Behaviour: adversary.New("nv-forgets")(f), carried: map[pbft.Header]bool{}}
	},
	"framer":   func(f *sim.Faulty) sim.Behaviour { return &framer{Faulty: f} },
	"prompter": func(*sim.Faulty) sim.Behaviour { return &prompter{} },
	"stuffer":  func(f *sim.Faulty) sim.Behaviour { return &stuffer{Faulty: f} },
	"swapper":  func(f *sim.Faulty) sim.Behaviour { return &swapper{Faulty: f} },
}

// A framer gathers what others voted and accuses them with every two votes that
// look like a contradiction, but for their view (R47).
type framer struct {
	sim.Honest
	*sim.Faulty
	heard []pbft.Vote
	raw   [][]byte
	told  int
}

// heardMax bounds what a liar remembers; framesMax what it says of it.
const (
	heardMax  = 4096
	framesMax = 64
)

// Hear implements sim.Listener.
//
//nolint:unparam // sim.Listener wants an answer; this liar hears everything
func (f *framer) Hear(_ int, _ bool, frame []byte) bool {
	v, ok := pbft.ReadVote(frame)
	if !ok || v.Signer == f.Self() || len(f.heard) == heardMax {
		return true
	}
	size := len(pbft.Forger{Group: f.Group(), Self: f.Self(), Signer: f.Signer()}.Vote(v.Kind, v.Header))
	raw := frame[:size]
	for i, old := range f.heard {
		if old.Kind == v.Kind && old.Signer == v.Signer && old.Header.Sequence == v.Header.Sequence &&
			old.Header.View != v.Header.View && old.Header.Batch != v.Header.Batch && f.told < framesMax {
			f.accuse(old, v, f.raw[i], raw)
		}
	}
	f.heard, f.raw = append(f.heard, v), append(f.raw, raw)
	return true
}

func (f *framer) accuse(a, b pbft.Vote, rawA, rawB []byte) {
	f.told++
	if bytes.Compare(a.Header.Batch[:], b.Header.Batch[:]) > 0 {
		rawA, rawB = rawB, rawA
	}
	frame := append(append([]byte{byte(pbft.TypeEvidence)}, rawA...), rawB...)
	for i := range f.Group().N {
		if to := consensus.ReplicaID(i); to != f.Self() {
			f.Send(to, frame)
		}
	}
}

// A swapper withholds the content of its proposals, and answers whoever asks for
// a batch with the bodies of other requests (R22).
type swapper struct {
	sim.Honest
	*sim.Faulty
	others []*consensus.Request
}

// Say implements sim.Behaviour.
func (s *swapper) Say(_ consensus.ReplicaID, frame []byte) [][]byte {
	if len(frame) == 0 || consensus.MessageType(frame[0]) != wire.TypeBatch {
		return [][]byte{frame}
	}
	u, ok := consensus.DecodeBatch(cryptobyte.String(frame[1:]), s.Group())
	if !ok || len(s.others) < len(u.Value.Requests) {
		return [][]byte{frame}
	}
	b := *u.Value
	b.Requests = append([]*consensus.Request(nil), s.others[:len(b.Requests)]...)
	return [][]byte{wire.BatchFrame(&b)}
}

// Hear implements sim.Listener.
//
//nolint:unparam // sim.Listener wants an answer; this liar hears everything
func (s *swapper) Hear(_ int, _ bool, frame []byte) bool {
	if len(frame) == 0 || consensus.MessageType(frame[0]) != consensus.TypeRequest || len(s.others) == 16 {
		return true
	}
	if u, err := consensus.DecodeRequest(frame[1:], s.Group()); err == nil {
		s.others = append(s.others, u.Value)
	}
	return true
}

// A splitter proposes one batch to the replicas with even ids and another one to
// the others, and commits to each half what that half prepared (R1).
type splitter struct {
	sim.Honest
	*sim.Faulty
	second map[crypto.Digest]crypto.Digest // by the batch of the even half
}

// Say implements sim.Behaviour.
func (s *splitter) Say(to consensus.ReplicaID, frame []byte) [][]byte {
	v, ok := pbft.ReadVote(frame)
	if !ok || to%2 == 0 || len(s.second) == heardMax {
		return [][]byte{frame}
	}
	forger := pbft.Forger{Group: s.Group(), Self: s.Self(), Signer: s.Signer()}
	if v.Kind == pbft.TypePrePrepare && v.Signer == s.Self() {
		b, ok := s.Batch(v.Header.Batch)
		if !ok {
			return [][]byte{frame}
		}
		content := b.Content
		content.Time++
		s.second[v.Header.Batch] = content.Digest()
		return [][]byte{forger.PrePrepare(v.Header.View, v.Header.Sequence, content)}
	}
	if other, ok := s.second[v.Header.Batch]; ok && v.Kind == pbft.TypeCommit && v.Signer == s.Self() {
		v.Header.Batch = other
		return [][]byte{forger.Vote(v.Kind, v.Header)}
	}
	return [][]byte{frame}
}

// A forgetter opens its views with null batches in the place of what prepared, and
// commits them, too (R63).
type forgetter struct {
	*sim.Faulty
	sim.Behaviour
	carried map[pbft.Header]bool // what its own core carries over
}

// Say implements sim.Behaviour.
func (s *forgetter) Say(to consensus.ReplicaID, frame []byte) [][]byte {
	if u, err := pbft.NewCodec(s.Group()).Decode(frame, consensus.Hint{}); err == nil {
		if m, ok := u.Value.(*pbft.NewView); ok && s.Group().Primary(m.View) == s.Self() && len(s.carried) < heardMax {
			for _, p := range m.Proposals {
				s.carried[pbft.Header{View: m.View, Batch: p.Batch}] = true
			}
		}
	}
	if v, ok := pbft.ReadVote(frame); ok && v.Kind == pbft.TypeCommit && v.Signer == s.Self() &&
		s.carried[pbft.Header{View: v.Header.View, Batch: v.Header.Batch}] {
		v.Header.Batch = consensus.NullDigest
		return [][]byte{pbft.Forger{Group: s.Group(), Self: s.Self(), Signer: s.Signer()}.Vote(v.Kind, v.Header)}
	}
	return s.Behaviour.Say(to, frame)
}

// A stuffer fills commit certificates for null batches with its own signature
// (R2).
type stuffer struct {
	sim.Honest
	*sim.Faulty
}

// Tick implements sim.Behaviour.
func (s *stuffer) Tick() {
	forger := pbft.Forger{Group: s.Group(), Self: s.Self(), Signer: s.Signer()}
	st := s.Status().Engine
	h := pbft.Header{View: st.View, Sequence: st.Ordered + 2, Batch: consensus.NullDigest}
	v, _ := pbft.ReadVote(forger.Vote(pbft.TypeCommit, h))
	commits := make([]pbft.Signed, s.Group().Quorum)
	for i := range commits {
		commits[i] = pbft.Signed{Replica: s.Self(), Signature: v.Signature}
	}
	frame := forger.CommitCertificate(h, commits)
	for i := range s.Group().N {
		if to := consensus.ReplicaID(i); to != s.Self() {
			s.Send(to, frame)
		}
	}
}

// A prompter names the leaf that all name and sends other results with it (R28).
type prompter struct{ sim.Honest }

// Answer implements sim.Behaviour.
func (*prompter) Answer(_ int, frame []byte) [][]byte {
	if len(frame) == 0 || consensus.MessageType(frame[0]) != wire.TypeReply {
		return [][]byte{frame}
	}
	reply, err := wire.ReadReply(frame)
	if err != nil {
		return [][]byte{frame}
	}
	for i := range reply.Entries {
		if e := &reply.Entries[i]; len(e.Results) > 0 {
			e.Results = append([]byte(nil), e.Results...)
			e.Results[len(e.Results)-1]++
		}
	}
	return [][]byte{reply.Marshal()}
}
