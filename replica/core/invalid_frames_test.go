package core_test

import (
	"fmt"
	"math"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/internal/wire"
	"github.com/varangian-bft/varangian/pbft"
	"github.com/varangian-bft/varangian/replica/core"
)

// A slot is what a STATUS says of one sequence.
type slot struct {
	flags             byte
	prepares, commits uint64
}

// A status is a STATUS of replica 3, which is unsigned.
type status struct {
	view, to, low, ordered uint64
	held                   uint64
	changes                []uint64
	slots                  []slot
	count                  uint32 // what it says of slots; the truth if 0
	masks                  []uint64
	masksCount             uint32
}

func (s status) frame() []byte {
	b := cat(tStatus, s.view, s.to, s.low, s.ordered, s.held)
	for _, v := range s.changes {
		b = cat(b, v)
	}
	if s.count == 0 {
		s.count = uint32(len(s.slots))
	}
	if s.masksCount == 0 {
		s.masksCount = uint32(len(s.masks))
	}
	b = cat(b, s.count)
	for _, x := range s.slots {
		b = cat(b, x.flags, x.prepares, x.commits)
	}
	b = cat(b, s.masksCount)
	for _, m := range s.masks {
		b = cat(b, m)
	}
	return b
}

func statuses(t *table) {
	good := func() status {
		return status{view: 2, to: 2, low: 4, ordered: 4, held: 1, changes: []uint64{3}, slots: []slot{{1, 1, 0}}, masks: []uint64{8}}
	}
	t.base("STATUS", good().frame(), pbft.ErrForm)
	change := func(name string, f func(*status)) {
		x := good()
		f(&x)
		t.add(name, x.frame(), pbft.ErrForm)
	}
	for _, n := range numbers {
		change(fmt.Sprint("view ", n), func(x *status) { x.view, x.to = n, n })
		change(fmt.Sprint("changing to ", n), func(x *status) { x.to = n })
		change(fmt.Sprint("low water mark ", n), func(x *status) { x.low = n })
		change(fmt.Sprint("ordered ", n), func(x *status) { x.ordered = n })
		change(fmt.Sprint("holds a VIEW-CHANGE to ", n), func(x *status) { x.changes[0] = n })
	}
	change("changes to a view gone by", func(x *status) { x.to = 1 })
	change("holds a VIEW-CHANGE to its view", func(x *status) { x.changes[0] = 2 })
	change("holds a VIEW-CHANGE of nobody", func(x *status) { x.held = 1 << 4 })
	change("holds a VIEW-CHANGE that is not there", func(x *status) { x.held = 3 })
	change("a VIEW-CHANGE that it does not hold", func(x *status) { x.held = 0 })
	change("flags of no meaning", func(x *status) { x.slots[0].flags = 16 })
	change("prepares of nobody", func(x *status) { x.slots[0].prepares = 1 << 4 })
	change("commits of nobody", func(x *status) { x.slots[0].commits = 1 << 63 })
	change("an empty last slot", func(x *status) { x.slots = append(x.slots, slot{}) })
	change("more slots than two windows", func(x *status) {
		for len(x.slots) < 17 {
			x.slots = append(x.slots, slot{flags: 1})
		}
	})
	change("a checkpoint of nobody", func(x *status) { x.masks[0] = 1 << 4 })
	change("an empty last checkpoint", func(x *status) { x.masks = append(x.masks, 0) })
	change("more checkpoints than a window", func(x *status) { x.masks = []uint64{8, 8, 8} })
	for _, n := range []uint32{2, 16, math.MaxUint32} {
		change(fmt.Sprintf("%d slots of 1", n), func(x *status) { x.count = n })
		change(fmt.Sprintf("%d checkpoints of 1", n), func(x *status) { x.masksCount = n })
	}
}

// A request is one of client 0.
type request struct {
	kind                   byte
	session, stamp, done   uint64
	operations             [][]byte
	count                  uint32
	longer                 int // added to the length of the last operation
	by                     int
	client                 int
	signedAs               byte
	bad                    bool
	beforeSignature, after []byte
}

func (p *pen) requestBytes(x request) []byte {
	if x.count == 0 {
		x.count = uint32(len(x.operations))
	}
	key := p.clients[x.client].Public()
	body := cat(x.kind, key[:], x.session, x.stamp, x.done, x.count)
	for i, op := range x.operations {
		size := len(op)
		if i == len(x.operations)-1 {
			size += x.longer
		}
		body = cat(body, uint32(size), op)
	}
	body = cat(body, x.beforeSignature)
	s := p.clients[x.by].Sign(p.domain.Statement(x.signedAs, body))
	if x.bad {
		s[63] ^= 1
	}
	return cat(body, s[:], x.after)
}

func requests(t *table) {
	good := func() request {
		return request{kind: 1, session: 1, stamp: 2, operations: [][]byte{[]byte("op")}, signedAs: tRequest}
	}
	t.base("request", cat(tRequest, t.requestBytes(good())), consensus.ErrRequestForm)
	change := func(name string, want error, f func(*request)) {
		x := good()
		f(&x)
		t.add(name, cat(tRequest, t.requestBytes(x)), want)
	}
	form, size := consensus.ErrRequestForm, consensus.ErrRequestSize
	for _, kind := range []byte{0, 4, 255} {
		change(fmt.Sprint("kind ", kind), form, func(x *request) { x.kind = kind })
	}
	change("session 0", form, func(x *request) { x.session = 0 })
	change("timestamp 0", form, func(x *request) { x.stamp = 0 })
	change("done is the timestamp", form, func(x *request) { x.done = 2 })
	change("done is 2^64-1", form, func(x *request) { x.done = math.MaxUint64 })
	change("no operation", form, func(x *request) { x.operations = nil })
	change("an admin's without operation", form, func(x *request) { x.kind, x.operations = 3, nil })
	change("opens a session at a timestamp", form, func(x *request) { x.kind, x.operations = 2, nil })
	change("opens a session with an operation", form, func(x *request) { x.kind, x.stamp = 2, 0 })
	change("opens session 0", form, func(x *request) { x.kind, x.stamp, x.session, x.operations = 2, 0, 0, nil })
	change("opens a session that is done", form, func(x *request) { x.kind, x.stamp, x.done, x.operations = 2, 0, 1, nil })
	for _, n := range []int{-1, 1, 1 << 30} {
		change(fmt.Sprintf("an operation longer by %d", n), form, func(x *request) { x.longer = n })
	}
	for _, n := range []uint32{2, 4} {
		change(fmt.Sprintf("%d operations of 1", n), form, func(x *request) { x.count = n })
	}
	change("2^32-1 operations of 1", size, func(x *request) { x.count = math.MaxUint32 })
	change("more operations than a request may have", size, func(x *request) { x.operations = make([][]byte, 5) })
	change("larger than a request may be", size, func(x *request) { x.operations[0] = make([]byte, 600) })
	change("a byte more, which is signed", form, func(x *request) { x.beforeSignature = []byte{0} })
	change("the signature", errSignature, func(x *request) { x.bad = true })
	change("signed by another client", errSignature, func(x *request) { x.by = 1 })
	change("signed as another type", errSignature, func(x *request) { x.signedAs = 2 })
	t.elsewhere(func() []byte { return cat(tRequest, t.requestBytes(good())) })
}

func fetches(t *table) {
	a := t.batch("a")
	t.base("fetch of a batch", cat(tFetchBatch, a.Digest), wire.ErrForm)
	t.add("of a batch that nobody has", cat(tFetchBatch, crypto.Digest{1}), errIgnored)
	t.base("fetch of bodies", cat(tFetchRequests, a.Digest, a.Content.Requests[0]), wire.ErrForm)
	t.add("of none", cat(tFetchRequests, a.Digest), wire.ErrForm)
	many := cat(tFetchRequests, a.Digest)
	for i := range byte(9) {
		many = cat(many, crypto.Digest{i})
	}
	t.add("of more than a batch has", many, wire.ErrForm)
	t.add("of bodies that nobody has", cat(tFetchRequests, a.Digest, crypto.Digest{1}), errIgnored)
}

// batches spoils answers to fetches: the victim lacks the body of batch c.
func batches(t *table) {
	c := t.batch("c")
	body := c.Requests[0].Encoding()
	lacking := t.preprepare(2, 2, 6, c)
	framed := func(content []byte, bodies ...[]byte) []byte {
		b := cat(tBatch, uint32(len(content)), content)
		for _, x := range bodies {
			b = cat(b, uint32(len(x)), x)
		}
		return b
	}
	content := c.Content.Marshal()
	answer := func(kind string, frame []byte) {
		t.base(kind, frame, wire.ErrForm)
		t.valid[len(t.valid)-1].before = [][]byte{lacking}
	}
	add := func(name string, frame []byte, want error) { t.after(name, frame, want, lacking) }
	answer("batch", framed(content, body))
	add("without a body", framed(content), wire.ErrForm)
	add("a body too many", framed(content, body, body), wire.ErrForm)
	add("another body", framed(content, t.request("d").Encoding()), wire.ErrForm)
	add("a body with another signature", framed(content, flipped(body, -1)), wire.ErrForm)
	add("content without requests", framed(cat(uint64(1), uint32(0))), wire.ErrForm)
	add("content of 2^32-1 bytes", cat(tBatch, uint32(math.MaxUint32), content), wire.ErrForm)
	add("the null batch and a byte", cat(tBatch, uint32(0), 0), wire.ErrForm)
	add("a body of 2^32-1 bytes", cat(tBatch, uint32(len(content)), content, uint32(math.MaxUint32), body), wire.ErrForm)
	forged := flipped(body, -1)
	spoilt := cat(uint64(1), uint32(1), crypto.Hash(crypto.KindRequest, forged))
	add("a forged body under a digest of its own", framed(spoilt, forged), errSignature)
	big := t.requestBytes(request{kind: 1, session: 1, stamp: 2, operations: [][]byte{make([]byte, 400)}, signedAs: tRequest})
	var digests, bodies []byte
	for i := range byte(3) {
		x := cat(big)
		x[len(x)-100] = i
		digests, bodies = cat(digests, crypto.Hash(crypto.KindRequest, x)), cat(bodies, uint32(len(x)), x)
	}
	large := cat(uint64(1), uint32(3), digests)
	add("more bytes than a batch may have", cat(tBatch, uint32(len(large)), large, bodies), wire.ErrForm)
	add("of another digest than is lacking", framed(t.batch("e").Content.Marshal(), t.request("e").Encoding()), errIgnored)

	of := func(bodies ...[]byte) []byte {
		b := cat(tRequests)
		for _, x := range bodies {
			b = cat(b, uint32(len(x)), x)
		}
		return b
	}
	answer("bodies", of(body))
	t.rows = t.rows[:len(t.rows)-5] // a type byte alone is a valid answer: none
	add("a body cut off", of(body)[:100], wire.ErrForm)
	add("a byte more", cat(of(body), 0), wire.ErrForm)
	add("a body of 2^32-1 bytes", cat(tRequests, uint32(math.MaxUint32), body), wire.ErrForm)
	add("a body of 0 bytes", of(nil), consensus.ErrRequestForm)
	add("a body with a byte more", of(cat(body, 0)), consensus.ErrRequestForm)
	add("a body over the limit", of(make([]byte, 601)), consensus.ErrRequestSize)
	add("more bodies than a batch has", of(body, body, body, body, body, body, body, body, body), wire.ErrForm)
	add("more bytes than a batch has", of(make([]byte, 600), make([]byte, 600)), wire.ErrForm)
	add("a forged body", of(forged), errSignature)
	add("a forged body behind a good one", of(body, forged), errSignature)
}

func snapshots(t *table) {
	snapshot := func(n uint64, by int, field uint32) []byte {
		body := cat(n, chain(n), crypto.Digest{7})
		return cat(tSnapshot, body, field, t.sign(by, tSnapshot, body))
	}
	good := snapshot(64, 3, 3)
	t.base("SNAPSHOT", good, wire.ErrForm)
	t.valid[len(t.valid)-1].want = errIgnored // one alone moves nothing
	for _, id := range outsiders {
		t.add(fmt.Sprint("of replica ", id), snapshot(64, 3, id), wire.ErrForm)
	}
	t.add("signed by another member", snapshot(64, 0, 3), errSignature)
	t.add("the signature", flipped(good, -1), errSignature)
	t.add("another root", flipped(good, 50), errSignature)
	t.add("another chain", flipped(good, 20), errSignature)
	t.add("another sequence", flipped(good, 8), errSignature)
	t.add("signed as a CHECKPOINT", cat(good[:77], t.sign(3, tCheckpoint, good[1:73])), errSignature)
	t.elsewhere(func() []byte { return snapshot(64, 3, 3) })
}

func unknownTypes(t *table) {
	t.kind = "type"
	t.add("of nothing", nil, core.ErrUnknownType)
	for _, kind := range []byte{2, 4, 15, 68, 79, 96, 127, 128, 129, 130, 131, 132, 255} {
		t.add(fmt.Sprintf("%d from a replica", kind), cat(kind, make([]byte, 100)), core.ErrUnknownType)
	}
	for _, kind := range []byte{26, 27, 40, 62, 63} {
		t.add(fmt.Sprintf("%d of the engine", kind), cat(kind, make([]byte, 100)), pbft.ErrForm)
	}
	for _, kind := range []byte{85, 90, 95} {
		t.add(fmt.Sprintf("%d of state transfer", kind), cat(kind, make([]byte, 18)), wire.ErrForm)
	}
}
