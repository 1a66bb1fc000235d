package core_test

import (
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/crypto/simsig"
)

var startTime = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)

// Type bytes, as docs/wire-format.md has them.
const (
	tRequest, tSnapshot                                      = 1, 3
	tPrePrepare, tPrepare, tCommit, tCheckpoint              = 16, 17, 18, 19
	tViewChange, tNewView, tStatus, tCommitted, tStable      = 20, 21, 22, 23, 24
	tEvidence                                                = 25
	tFetchBatch, tBatch, tFetchRequests, tRequests           = 64, 65, 66, 67
	tAskPlan, tPlan, tAskChunk, tChunk, tGone           byte = 80, 81, 82, 83, 84
	tAskEntries, tEntries, tHold, tWait                 byte = 85, 86, 87, 88
)

// A pen writes frames by hand from docs/wire-format.md, so that every field can be
// wrong, and signs for everybody.
type pen struct {
	scheme   *simsig.Scheme
	group    *consensus.Group
	domain   crypto.Domain
	replicas []crypto.Signer
	clients  []crypto.Signer
	batches  map[string]*consensus.Batch
}

func newPen(t testing.TB) *pen {
	p := &pen{scheme: simsig.New(), batches: map[string]*consensus.Batch{}}
	g := consensus.Genesis{Name: "test", Engine: "pbft", Faults: 1, Parameters: consensus.DefaultParameters()}
	g.Parameters.CheckpointInterval, g.Parameters.Window = 4, 8
	g.Parameters.BatchRequestsMax, g.Parameters.RequestOperationsMax = 8, 4
	g.Parameters.RequestBytesMax, g.Parameters.BatchBytesMax = 600, 1024
	for i := range 4 {
		s := p.scheme.NewSigner(crypto.Seed{1, byte(i)})
		p.replicas = append(p.replicas, s)
		g.Replicas = append(g.Replicas, consensus.Member{
			Name: fmt.Sprint("r", i), Key: s.Public(), Transport: p.scheme.NewSigner(crypto.Seed{2, byte(i)}).Public(),
		})
		p.clients = append(p.clients, p.scheme.NewSigner(crypto.Seed{3, byte(i)}))
	}
	var err error
	if p.group, err = consensus.NewGroup(g, p.scheme); err != nil {
		t.Fatal(err)
	}
	p.domain = p.group.Domain()
	return p
}

// cat puts bytes, numbers of their own width, digests and signatures together.
func cat(parts ...any) (b []byte) {
	for _, x := range parts {
		switch x := x.(type) {
		case byte:
			b = append(b, x)
		case int: // a type byte or a small count
			b = append(b, byte(x))
		case uint32:
			b = binary.BigEndian.AppendUint32(b, x)
		case uint64:
			b = binary.BigEndian.AppendUint64(b, x)
		case crypto.Digest:
			b = append(b, x[:]...)
		case []byte:
			b = append(b, x...)
		default:
			panic(fmt.Sprintf("cat: %T", x))
		}
	}
	return b
}

// sign gives a replica's signature of a body under a type.
func (p *pen) sign(by int, kind byte, body []byte) []byte {
	s := p.replicas[by].Sign(p.domain.Statement(kind, body))
	return s[:]
}

// flipped returns a copy with one bit of the byte at i changed; i < 0 counts from
// the end.
func flipped(b []byte, i int) []byte {
	b = append([]byte(nil), b...)
	if i < 0 {
		i += len(b)
	}
	b[i] ^= 0x10
	return b
}

func header(v, n uint64, d crypto.Digest) []byte { return cat(v, n, d) }

func chain(n uint64) crypto.Digest { return crypto.Hash(crypto.KindChain, cat(n)) }

// request returns the encoding of a request with one operation.
func (p *pen) request(name string) *consensus.Request {
	return consensus.SignRequest(consensus.Request{
		Kind: consensus.KindOperations, Session: 1, Timestamp: 1, Operations: [][]byte{[]byte(name)},
	}, p.domain, p.clients[0])
}

func (p *pen) batch(name string) *consensus.Batch {
	if p.batches[name] == nil {
		p.batches[name] = consensus.NewBatch(consensus.Time(startTime.UnixNano()), []*consensus.Request{p.request(name)})
	}
	return p.batches[name]
}

func (p *pen) requestFrame(name string) []byte { return cat(tRequest, p.request(name).Encoding()) }

// A list is the signatures of a certificate.
type list struct {
	kind   byte
	by     []int
	fields []uint32 // who the list says signed; by if nil
	count  int      // what the list says it holds; the truth if 0
	bad    int      // 1 + the place of a spoilt signature; 0 for none
}

func (p *pen) list(x list, body []byte) []byte {
	count := x.count
	if count == 0 {
		count = len(x.by)
	}
	b := cat(count)
	for i, by := range x.by {
		field := uint32(by)
		if x.fields != nil {
			field = x.fields[i]
		}
		s := p.sign(by, x.kind, body)
		if x.bad == i+1 {
			s = flipped(s, 7*i)
		}
		b = cat(b, field, s)
	}
	return b
}

// A vote is a PRE-PREPARE without content, a PREPARE or a COMMIT.
type vote struct {
	kind, signedAs byte
	v, n           uint64
	d              crypto.Digest
	field          uint32
	by             int
}

func (p *pen) vote(x vote) []byte {
	h := header(x.v, x.n, x.d)
	return cat(x.kind, h, x.field, p.sign(x.by, x.signedAs, h))
}

func (p *pen) voteOf(kind byte, by int, v, n uint64, d crypto.Digest) []byte {
	return p.vote(vote{kind, kind, v, n, d, uint32(by), by})
}

func (p *pen) preprepare(by int, v, n uint64, b *consensus.Batch) []byte {
	return cat(p.voteOf(tPrePrepare, by, v, n, b.Digest), b.Content.Marshal())
}

func (p *pen) checkpoint(by int, n uint64, c crypto.Digest) []byte {
	body := cat(n, c)
	return cat(tCheckpoint, body, uint32(by), p.sign(by, tCheckpoint, body))
}

// stable is a checkpoint with its certificate, without a type byte.
func (p *pen) stable(n uint64, x list) []byte {
	body := cat(n, chain(n))
	if n == 0 {
		return cat(n)
	}
	return cat(body, p.list(x, body))
}

func others(kind byte) list { return list{kind: kind, by: []int{0, 2, 3}} }

// prelude is the story until the victim is where it is.
func (p *pen) prelude() [][]byte {
	a := p.batch("a")
	return [][]byte{
		cat(tStable, p.stable(4, others(tCheckpoint))),
		p.newView(newView{v: 2, by: 2, changes: []viewChange{{to: 2, by: 0, field: 0, h: 4}, {to: 2, by: 2, field: 2, h: 4}, {to: 2, by: 3, field: 3, h: 4}}}),
		p.requestFrame("a"), p.requestFrame("b"),
		p.preprepare(2, 2, 5, a), p.voteOf(tPrepare, 3, 2, 5, a.Digest),
	}
}

// future is what happens next in every case: enough to see votes, certificates,
// checkpoints and view changes that were counted and should not have been.
func (p *pen) future() [][]byte {
	a, b := p.batch("a"), p.batch("b")
	return [][]byte{
		p.voteOf(tCommit, 0, 2, 5, a.Digest),
		p.preprepare(2, 2, 6, b), p.voteOf(tPrepare, 0, 2, 6, b.Digest),
		p.voteOf(tCommit, 2, 2, 6, b.Digest),
		p.voteOf(tCommit, 2, 2, 5, a.Digest),
		p.checkpoint(0, 8, chain(8)), p.checkpoint(0, 12, chain(12)), p.checkpoint(2, 8, chain(8)),
		p.viewChange(viewChange{to: 3, by: 0, field: 0, h: 4}),
		p.newView(newView{v: 7, by: 3, changes: []viewChange{{to: 7, by: 0, field: 0, h: 4}, {to: 7, by: 2, field: 2, h: 4}, {to: 7, by: 3, field: 3, h: 4}}}),
		p.voteOf(tCommit, 2, 7, 5, a.Digest),
		cat(tStable, p.stable(8, others(tCheckpoint))),
	}
}
