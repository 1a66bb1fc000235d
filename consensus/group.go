package consensus

import (
	"errors"
	"fmt"

	"golang.org/x/crypto/cryptobyte"

	"github.com/varangian-bft/varangian/crypto"
)

// ReplicasMax is the largest group that the formats and limits provide for.
const ReplicasMax = 64

// A Member is one replica as the group knows it.
type Member struct {
	Name      string           // for people; 1 to 64 bytes
	Key       crypto.PublicKey // signs protocol messages and receipts
	Transport crypto.PublicKey // identifies the replica to libp2p
}

// An Enrolment is a client's entry in the group's table of clients.
type Enrolment struct {
	Name      string
	Client    ClientID         // signing key
	Transport crypto.PublicKey // identifies the client to libp2p
	Operator  bool             // may add and remove clients (R34)
}

// Genesis is everything that the parties of a group agree on at its start. Its
// hash is the group id, so that a replica with another genesis is in another
// group (R8).
type Genesis struct {
	Name       string
	Engine     string // "pbft"
	Faults     int    // f; must be what R1 gives for the number of replicas
	Replicas   []Member
	Clients    []Enrolment // in force at sequence 0
	Parameters Parameters
	Origin     Origin // the zero Origin for a group that begins empty
}

// An Origin is the snapshot of another group, which ended, with whose state a
// group begins. It is part of the group id, so that members which begin with
// another state are in another group (R8).
type Origin struct {
	Group    crypto.Digest // the group id of the one that ended
	Epoch    Epoch
	Sequence Sequence      // of the snapshot
	Chain    crypto.Digest // its write-set chain
	Root     crypto.Digest // over its partition digests: it covers the whole state
}

// Given reports whether a group begins with the state of another one.
func (o Origin) Given() bool { return o != Origin{} }

// Marshal returns the one encoding of a snapshot's origin.
func (o Origin) Marshal() []byte {
	var b cryptobyte.Builder
	b.AddBytes(o.Group[:])
	b.AddUint64(uint64(o.Epoch))
	b.AddUint64(uint64(o.Sequence))
	b.AddBytes(o.Chain[:])
	b.AddBytes(o.Root[:])
	return b.BytesOrPanic()
}

// Quorums are the sizes that a group of n replicas counts with (R1).
type Quorums struct {
	N      int // replicas
	F      int // faults tolerated
	Quorum int // any two meet in f+1 replicas
	Weak   int // f+1: at least one of them is correct
}

// QuorumsOf is the one place where quorum sizes are computed (R1).
func QuorumsOf(n int) Quorums {
	f := (n - 1) / 3
	return Quorums{N: n, F: f, Quorum: (n + f + 2) / 2, Weak: f + 1}
}

// A Group is one membership: who may vote, under which keys, and how many votes
// make a certificate. It does not change after NewGroup and is safe for
// concurrent use.
type Group struct {
	Quorums
	ID      crypto.Digest
	Epoch   Epoch
	Genesis Genesis
	members []Member
}

// NewGroup checks a genesis configuration and returns its first membership.
// Groups of fewer than four replicas tolerate no fault and are refused, but for
// one replica alone with Faults 0, which has to be asked for by name (R1).
func NewGroup(g Genesis, scheme crypto.Scheme) (*Group, error) {
	n := len(g.Replicas)
	q := QuorumsOf(n)
	switch {
	case g.Engine != "pbft":
		return nil, fmt.Errorf("engine %q is not known; this version has pbft", g.Engine)
	case n == 0 || n > ReplicasMax:
		return nil, fmt.Errorf("%d replicas; a group has 1 to %d", n, ReplicasMax)
	case n == 2 || n == 3:
		return nil, fmt.Errorf("%d replicas tolerate no Byzantine fault; use at least 4 (or 1 with faults = 0)", n)
	case g.Faults != q.F:
		return nil, fmt.Errorf("faults is %d; %d replicas tolerate %d", g.Faults, n, q.F)
	case len(g.Name) == 0 || len(g.Name) > 64:
		return nil, errors.New("the group needs a name of 1 to 64 bytes")
	case g.Origin.Given() && (g.Origin.Epoch == 0 || g.Origin.Sequence == 0):
		return nil, errors.New("an origin is a snapshot of another group, from epoch 1 and sequence 1 on")
	}
	if err := g.Parameters.Validate(); err != nil {
		return nil, err
	}
	if uint64(len(g.Clients)) > g.Parameters.ClientsMax {
		return nil, fmt.Errorf("%d clients; clients_max is %d", len(g.Clients), g.Parameters.ClientsMax)
	}
	if err := g.checkKeys(scheme); err != nil {
		return nil, err
	}
	return &Group{Quorums: q, ID: g.id(), Epoch: 1, Genesis: g, members: g.Replicas}, nil
}

// checkKeys refuses keys that could be taken for one another: every signing and
// every transport key stands for exactly one party (R4, R12).
func (g Genesis) checkKeys(scheme crypto.Scheme) error {
	seen := map[crypto.PublicKey]string{}
	for i, m := range g.Replicas {
		if len(m.Name) == 0 || len(m.Name) > 64 {
			return fmt.Errorf("replica %d needs a name of 1 to 64 bytes", i)
		}
		if err := addKeys(seen, scheme, fmt.Sprintf("replica %d (%s)", i, m.Name), m.Key, m.Transport); err != nil {
			return err
		}
	}
	names := map[string]int{}
	for i, c := range g.Clients {
		if len(c.Name) == 0 || len(c.Name) > 64 {
			return fmt.Errorf("client %d needs a name of 1 to 64 bytes", i)
		}
		if other, ok := names[c.Name]; ok {
			return fmt.Errorf("client %d has the name %q that client %d has too", i, c.Name, other)
		}
		names[c.Name] = i
		if err := addKeys(seen, scheme, fmt.Sprintf("client %d (%s)", i, c.Name), crypto.PublicKey(c.Client), c.Transport); err != nil {
			return err
		}
	}
	return nil
}

// addKeys notes whose the keys are, unless one is bad or another's.
func addKeys(seen map[crypto.PublicKey]string, scheme crypto.Scheme, who string, keys ...crypto.PublicKey) error {
	for _, k := range keys {
		if err := scheme.CheckKey(k); err != nil {
			return fmt.Errorf("%s: %w", who, err)
		}
		if other, ok := seen[k]; ok {
			return fmt.Errorf("%s has a key that %s has too", who, other)
		}
		seen[k] = who
	}
	return nil
}

func (g Genesis) id() crypto.Digest {
	var b cryptobyte.Builder
	addName(&b, g.Name)
	addName(&b, g.Engine)
	b.AddUint32(uint32(g.Faults))
	b.AddUint32(uint32(len(g.Replicas)))
	for _, m := range g.Replicas {
		addName(&b, m.Name)
		b.AddBytes(m.Key[:])
		b.AddBytes(m.Transport[:])
	}
	b.AddUint32(uint32(len(g.Clients)))
	for _, c := range g.Clients {
		c.Marshal(&b)
	}
	g.Parameters.marshal(&b)
	if g.Origin.Given() {
		// A second part, which no group without an origin has: parts are hashed with
		// their lengths (R13).
		return crypto.Hash(crypto.KindConfiguration, b.BytesOrPanic(), g.Origin.Marshal())
	}
	return crypto.Hash(crypto.KindConfiguration, b.BytesOrPanic())
}

func addName(b *cryptobyte.Builder, s string) {
	b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes([]byte(s)) })
}

// Marshal appends the fixed encoding of the enrolment.
func (c Enrolment) Marshal(b *cryptobyte.Builder) {
	addName(b, c.Name)
	b.AddBytes(c.Client[:])
	b.AddBytes(c.Transport[:])
	if c.Operator {
		b.AddUint8(1)
	} else {
		b.AddUint8(0)
	}
}

// ReadEnrolment reads what Marshal wrote, and nothing else.
func ReadEnrolment(s *cryptobyte.String) (Enrolment, bool) {
	var c Enrolment
	var name cryptobyte.String
	var operator uint8
	if !s.ReadUint8LengthPrefixed(&name) || !s.CopyBytes(c.Client[:]) || !s.CopyBytes(c.Transport[:]) ||
		!s.ReadUint8(&operator) || operator > 1 || len(name) == 0 || len(name) > 64 {
		return Enrolment{}, false
	}
	c.Name, c.Operator = string(name), operator == 1
	return c, true
}

// Primary returns the primary of a view (R5).
func (g *Group) Primary(v ViewNumber) ReplicaID { return ReplicaID(uint64(v) % uint64(g.N)) }

// Member returns the member with an id; ok is false outside the membership, so
// that an index from a message never reaches a table unchecked (R4).
func (g *Group) Member(id ReplicaID) (m Member, ok bool) {
	if uint64(id) >= uint64(len(g.members)) {
		return Member{}, false
	}
	return g.members[id], true
}

// Domain is what every signature of this membership covers (R8).
func (g *Group) Domain() crypto.Domain {
	return crypto.Domain{Group: g.ID, Epoch: uint64(g.Epoch)}
}
