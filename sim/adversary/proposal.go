package adversary

import (
	"time"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/internal/wire"
	"github.com/varangian-bft/varangian/pbft"
)

// A fabricator is a primary that proposes, at every second sequence, other content
// than its core wanted, the same to everyone, commits to it at once, and serves the
// bodies that it made up.
type fabricator struct {
	stage
	invent func(f *fabricator, c consensus.Content) consensus.Content
	made   map[crypto.Digest][]byte             // frames, by the batch that the core wanted
	bodies map[crypto.Digest]*consensus.Request // own inventions, and what clients sent
	heard  []crypto.Digest                      // of bodies, as they came
}

func fabricate(invent func(*fabricator, consensus.Content) consensus.Content) func(stage) lie {
	return func(s stage) lie {
		return &fabricator{
			stage: s, invent: invent, made: map[crypto.Digest][]byte{}, bodies: map[crypto.Digest]*consensus.Request{},
		}
	}
}

// Say implements sim.Behaviour.
func (f *fabricator) Say(_ consensus.ReplicaID, frame []byte) [][]byte {
	p, ok := f.proposal(frame)
	if !ok || p.Header.Sequence%2 == 0 {
		return [][]byte{frame}
	}
	made, ok := f.made[p.Header.Batch]
	if !ok {
		if len(f.made) == memoryMax {
			clear(f.made)
		}
		content := consensus.Content{Time: p.Content.Time, Requests: append([]crypto.Digest(nil), p.Content.Requests...)}
		made = f.forger.PrePrepare(p.Header.View, p.Header.Sequence, f.invent(f, content))
		f.made[p.Header.Batch] = made
	}
	v, _ := pbft.ReadVote(made)
	return f.instead(made, f.forger.Vote(pbft.TypeCommit, v.Header))
}

// Hear implements sim.Listener: it remembers bodies, and answers for those that
// its core does not know.
func (f *fabricator) Hear(from int, client bool, frame []byte) bool {
	switch kind(frame) {
	case consensus.TypeRequest:
		if r, err := consensus.DecodeRequest(frame[1:], f.Group()); err == nil {
			f.remember(r.Value)
		}
	case wire.TypeFetchRequests:
		m, err := wire.ReadFetchRequests(frame, &f.Group().Genesis.Parameters)
		if err != nil || client {
			return true
		}
		var found []*consensus.Request
		for _, d := range m.Requests {
			if r := f.bodies[d]; r != nil {
				found = append(found, r)
			}
		}
		if len(found) == len(m.Requests) {
			f.Send(consensus.ReplicaID(from), wire.RequestsFrame(found))
			return false
		}
	}
	return true
}

func (f *fabricator) remember(r *consensus.Request) crypto.Digest {
	if _, ok := f.bodies[r.Digest()]; !ok {
		f.bodies[r.Digest()] = r
		f.heard = append(f.heard, r.Digest())
		if len(f.heard) > memoryMax {
			delete(f.bodies, f.heard[0])
			f.heard = f.heard[1:]
		}
	}
	return r.Digest()
}

// unfetchable proposes a request that nobody has (R21, R22).
func unfetchable(f *fabricator, c consensus.Content) consensus.Content {
	var d crypto.Digest
	for i := range d {
		d[i] = byte(f.random(256))
	}
	c.Requests[len(c.Requests)-1] = d
	return c
}

// unsigned proposes a request in the name of a client that did not sign it (R20).
func unsigned(f *fabricator, c consensus.Content) consensus.Content {
	if len(f.Group().Genesis.Clients) == 0 {
		return c
	}
	r := consensus.SignRequest(consensus.Request{
		Kind: consensus.KindOperations, Session: 1, Timestamp: consensus.Timestamp(1 + f.random(100)),
		Operations: [][]byte{[]byte("I never said that")},
	}, f.Group().Domain(), impostor{crypto.PublicKey(f.Group().Genesis.Clients[0].Client), f.Signer()})
	c.Requests[len(c.Requests)-1] = f.remember(r)
	return c
}

// An impostor signs with its own key in the name of another.
type impostor struct {
	name crypto.PublicKey
	own  crypto.Signer
}

// Public implements crypto.Signer.
func (i impostor) Public() crypto.PublicKey { return i.name }

// Sign implements crypto.Signer.
func (i impostor) Sign(s crypto.Statement) crypto.Signature { return i.own.Sign(s) }

// repeated proposes a request again that was executed long ago, beside fresh ones
// (R23).
func repeated(f *fabricator, c consensus.Content) consensus.Content {
	for _, d := range f.heard {
		if d != c.Requests[0] {
			c.Requests = append([]crypto.Digest{d}, c.Requests[:1]...)
			return c
		}
	}
	return c
}

// stranger proposes a request of a client that is not enrolled: well signed, so
// that every backup votes for it, and nobody executes it (R20, R34).
func stranger(f *fabricator, c consensus.Content) consensus.Content {
	r := consensus.SignRequest(consensus.Request{
		Kind: consensus.KindOperations, Session: 1, Timestamp: 1, Operations: [][]byte{[]byte("let me in")},
	}, f.Group().Domain(), f.Signer())
	c.Requests[len(c.Requests)-1] = f.remember(r)
	return c
}

// future proposes the year 2100 (R37).
func future(_ *fabricator, c consensus.Content) consensus.Content {
	c.Time = consensus.Time(time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC).UnixNano())
	return c
}

// past proposes the beginning of 1970 (R37).
func past(_ *fabricator, c consensus.Content) consensus.Content {
	c.Time = 1
	return c
}

// A nullifier proposes the null batch, which only a NEW-VIEW may do (R74).
type nullifier struct{ stage }

func newNullifier(s stage) lie { return &nullifier{s} }

// Say implements sim.Behaviour.
func (n *nullifier) Say(_ consensus.ReplicaID, frame []byte) [][]byte {
	p, ok := n.proposal(frame)
	if !ok || p.Header.Sequence%2 == 0 {
		return [][]byte{frame}
	}
	h := p.Header
	h.Batch = consensus.NullDigest
	return n.instead(n.forger.Vote(pbft.TypePrePrepare, h))
}
