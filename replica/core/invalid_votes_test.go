package core_test

import (
	"fmt"
	"math"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/pbft"
)

// numbers are those outside every range.
var numbers = []uint64{1 << 62, 1 << 63, math.MaxUint64 - 7, math.MaxUint64}

// outsiders are indices of no member.
var outsiders = []uint32{4, 5, 64, 1 << 31, math.MaxUint32}

// votes spoils PRE-PREPAREs without content, PREPAREs and COMMITs at 6.
func votes(t *table) {
	b := t.batch("b").Digest
	for _, base := range []vote{
		{tPrePrepare, tPrePrepare, 2, 6, b, 2, 2}, {tPrepare, tPrepare, 2, 6, b, 3, 3}, {tCommit, tCommit, 2, 6, b, 3, 3},
	} {
		name := map[byte]string{tPrePrepare: "PRE-PREPARE", tPrepare: "PREPARE", tCommit: "COMMIT"}[base.kind]
		if t.base(name, t.vote(base), pbft.ErrForm); base.kind == tPrePrepare {
			t.rows[len(t.rows)-1].name += " of content"
		}
		change := func(name string, want error, f func(*vote)) {
			x := base
			f(&x)
			t.add(name, t.vote(x), want)
		}
		for _, n := range append(numbers, 0) {
			change(fmt.Sprint("sequence ", n), pbft.ErrForm, func(x *vote) { x.n = n })
		}
		// The hint may be old, so that a window above the high mark is left to the engine.
		for n, want := range map[uint64]error{13: errIgnored, 20: errIgnored, 21: pbft.ErrStale, 1<<62 - 1: pbft.ErrStale} {
			change(fmt.Sprint("sequence ", n), want, func(x *vote) { x.n = n })
		}
		// A proof counts a window below the low mark, but here everything there is done.
		below := pbft.ErrStale
		if base.kind == tCommit {
			below = errIgnored
		}
		for _, n := range []uint64{1, 3, 4} {
			change(fmt.Sprint("sequence ", n), below, func(x *vote) { x.n = n })
		}
		for _, v := range numbers {
			change(fmt.Sprint("view ", v), pbft.ErrForm, func(x *vote) { x.v = v })
		}
		change("view 0", pbft.ErrStale, func(x *vote) { x.v = 0; x.by, x.field = int(x.field+2)%4, (x.field+2)%4 })
		for _, id := range outsiders {
			change(fmt.Sprint("of replica ", id), pbft.ErrForm, func(x *vote) { x.field = id })
		}
		signedBy(t, base, change)
	}
	t.kind = "PRE-PREPARE"
	t.add("by a backup", t.voteOf(tPrePrepare, 3, 2, 6, b), pbft.ErrForm)
	t.add("of the primary of another view", t.voteOf(tPrePrepare, 2, 3, 6, b), pbft.ErrForm)
	t.add("of the null batch", t.voteOf(tPrePrepare, 2, 2, 6, consensus.NullDigest), pbft.ErrForm)
	t.after("again", t.voteOf(tPrePrepare, 2, 2, 6, b), errIgnored, t.voteOf(tPrePrepare, 2, 2, 6, b))
	t.kind = "PREPARE"
	t.add("by the primary", t.voteOf(tPrepare, 2, 2, 6, b), pbft.ErrForm)
	t.after("again", t.voteOf(tPrepare, 3, 2, 6, b), errIgnored, t.voteOf(tPrepare, 3, 2, 6, b))
	t.add("of its own, come back", t.voteOf(tPrepare, 1, 2, 5, t.batch("a").Digest), errIgnored)
	t.kind = "COMMIT"
	t.after("again", t.voteOf(tCommit, 3, 2, 6, b), errIgnored, t.voteOf(tCommit, 3, 2, 6, b))
	t.add("of its own, come back", t.voteOf(tCommit, 1, 2, 5, t.batch("a").Digest), errIgnored)
}

// signedBy spoils what a vote's signature rests on (R4, R8).
func signedBy(t *table, base vote, change func(string, error, func(*vote))) {
	good := t.vote(base)
	t.add("first bit of the signature", flipped(good, -64), errSignature)
	t.add("last bit of the signature", flipped(good, -1), errSignature)
	t.add("a signature of zeros", cat(good[:len(good)-64], make([]byte, 64)), errSignature)
	change("signed by another member", errSignature, func(x *vote) { x.by = 0 })
	for _, kind := range []byte{tPrePrepare, tPrepare, tCommit, tCheckpoint} {
		if kind != base.kind {
			change(fmt.Sprint("signed as type ", kind), errSignature, func(x *vote) { x.signedAs = kind })
		}
	}
	sign := func(h []byte) []byte { return t.sign(base.by, base.kind, h) }
	body := good[:len(good)-64]
	t.add("signed for another view", cat(body, sign(header(6, 6, base.d))), errSignature)
	t.add("signed for another sequence", cat(body, sign(header(2, 7, base.d))), errSignature)
	t.add("signed for another batch", cat(body, sign(header(2, 6, crypto.Digest{1}))), errSignature)
	t.add("signed with the type byte", cat(body, sign(body)), errSignature)
	t.elsewhere(func() []byte { return t.vote(base) })
}

// elsewhere adds a frame signed in other domains (R8).
func (t *table) elsewhere(frame func() []byte) {
	domain := t.domain
	t.domain.Group = crypto.Digest{1}
	t.add("signed for another group", frame(), errSignature)
	t.domain = domain
	t.domain.Epoch++
	t.add("signed for a later epoch", frame(), errSignature)
	t.domain.Epoch -= 2
	t.add("signed for an earlier epoch", frame(), errSignature)
	t.domain = domain
}

// preprepares spoils the content beside the signed header.
func preprepares(t *table) {
	b := t.batch("b")
	t.base("content", t.preprepare(2, 2, 6, b), pbft.ErrForm)
	of := func(content []byte) []byte {
		return cat(t.voteOf(tPrePrepare, 2, 2, 6, crypto.Hash(crypto.KindBatch, content)), content)
	}
	r := b.Content.Requests[0]
	now := uint64(b.Content.Time)
	var many []byte
	for i := range byte(9) {
		many = cat(many, crypto.Digest{i})
	}
	for name, content := range map[string][]byte{
		"without requests":                cat(now, uint32(0)),
		"one request of two":              cat(now, uint32(2), r),
		"two requests of one":             cat(now, uint32(1), r, crypto.Digest{1}),
		"a request twice":                 cat(now, uint32(2), r, r),
		"more requests than a batch has":  cat(now, uint32(9), many),
		"2^32-1 requests":                 cat(now, uint32(math.MaxUint32), r),
		"a time before 1970":              cat(uint64(math.MaxUint64), uint32(1), r),
		"a time of 2^63":                  cat(uint64(1<<63), uint32(1), r),
		"a byte more, which is signed":    cat(now, uint32(1), r, 0),
		"a time alone":                    cat(now),
		"a request less by a byte":        cat(now, uint32(1), r[:31]),
		"a count that is no count of its": cat(now, uint32(1<<27+1), r),
	} {
		t.add(name, of(content), pbft.ErrForm)
	}
	header := t.voteOf(tPrePrepare, 2, 2, 6, b.Digest)
	t.add("of another batch", cat(header, t.batch("a").Content.Marshal()), pbft.ErrForm)
	t.add("of another time", cat(header, now+1, uint32(1), r), pbft.ErrForm)
	t.add("signed by another member", cat(t.vote(vote{tPrePrepare, tPrePrepare, 2, 6, b.Digest, 2, 3}), b.Content.Marshal()), errSignature)
}

// checkpoints spoils a CHECKPOINT at 8.
func checkpoints(t *table) {
	good := t.checkpoint(3, 8, chain(8))
	t.base("CHECKPOINT", good, pbft.ErrForm)
	for _, n := range append(numbers, 0, 1, 5, 7, 9, 11, 1<<62+4) {
		t.add(fmt.Sprint("sequence ", n), t.checkpoint(3, n, chain(8)), pbft.ErrForm)
	}
	t.add("at the low water mark", t.checkpoint(3, 4, chain(4)), pbft.ErrStale)
	for _, id := range outsiders {
		t.add(fmt.Sprint("of replica ", id), cat(good[:41], id, good[45:]), pbft.ErrForm)
	}
	t.add("signed by another member", cat(good[:41], uint32(0), good[45:]), errSignature)
	t.add("first bit of the signature", flipped(good, -64), errSignature)
	t.add("last bit of the signature", flipped(good, -1), errSignature)
	t.add("signed as a COMMIT", cat(good[:45], t.sign(3, tCommit, good[1:41])), errSignature)
	t.add("signed for another state", cat(good[:45], t.sign(3, tCheckpoint, cat(uint64(8), chain(4)))), errSignature)
	t.add("signed for another sequence", cat(good[:45], t.sign(3, tCheckpoint, cat(uint64(12), chain(8)))), errSignature)
	t.elsewhere(func() []byte { return t.checkpoint(3, 8, chain(8)) })
	t.after("again", good, errIgnored, good)
	t.after("of another state after the first", t.checkpoint(3, 8, chain(12)), errIgnored, good)
	t.after("below the highest one far off", t.checkpoint(3, 400, chain(12)), errIgnored, t.checkpoint(3, 404, chain(12)))
	t.add("far off and alone", t.checkpoint(3, 1<<40, chain(12)), errIgnored)
}

// evidence spoils a pair of COMMITs of replica 3.
func evidence(t *table) {
	a, b := crypto.Digest{1}, crypto.Digest{2}
	pair := func(x, y []byte) []byte { return cat(tEvidence, x, y) }
	first, second := t.voteOf(tCommit, 3, 2, 6, a), t.voteOf(tCommit, 3, 2, 6, b)
	t.base("evidence", pair(first, second), pbft.ErrForm)
	for name, frame := range map[string][]byte{
		"one vote twice":           pair(first, first),
		"in the other order":       pair(second, first),
		"of two views":             pair(first, t.voteOf(tCommit, 3, 3, 6, b)),
		"of two sequences":         pair(first, t.voteOf(tCommit, 3, 2, 7, b)),
		"of two types":             pair(first, t.voteOf(tPrepare, 3, 2, 6, b)),
		"of two replicas":          pair(first, t.voteOf(tCommit, 0, 2, 6, b)),
		"of no member":             pair(t.vote(vote{tCommit, tCommit, 2, 6, a, 4, 3}), t.vote(vote{tCommit, tCommit, 2, 6, b, 4, 3})),
		"prepares of the primary":  pair(t.voteOf(tPrepare, 2, 2, 6, a), t.voteOf(tPrepare, 2, 2, 6, b)),
		"proposals of a backup":    pair(t.voteOf(tPrePrepare, 3, 2, 6, a), t.voteOf(tPrePrepare, 3, 2, 6, b)),
		"votes of no type":         pair(t.vote(vote{99, tCommit, 2, 6, a, 3, 3}), t.vote(vote{99, tCommit, 2, 6, b, 3, 3})),
		"checkpoints":              pair(t.vote(vote{tCheckpoint, tCheckpoint, 2, 6, a, 3, 3}), t.vote(vote{tCheckpoint, tCheckpoint, 2, 6, b, 3, 3})),
		"of sequence 0":            pair(t.voteOf(tCommit, 3, 2, 0, a), t.voteOf(tCommit, 3, 2, 0, b)),
		"of view 2^62":             pair(t.voteOf(tCommit, 3, 1<<62, 6, a), t.voteOf(tCommit, 3, 1<<62, 6, b)),
		"one vote alone":           cat(tEvidence, first),
		"a pre-prepare in content": pair(cat(first, 0), second),
	} {
		t.add(name, frame, pbft.ErrForm)
	}
	t.add("the first signature", pair(flipped(first, -1), second), errSignature)
	t.add("the second signature", pair(first, flipped(second, -1)), errSignature)
	t.add("the first is of another member", pair(t.vote(vote{tCommit, tCommit, 2, 6, a, 3, 0}), second), errSignature)
	t.add("the second is signed as a PREPARE", pair(first, t.vote(vote{tCommit, tPrepare, 2, 6, b, 3, 3})), errSignature)
	t.elsewhere(func() []byte { return pair(t.voteOf(tCommit, 3, 2, 6, a), t.voteOf(tCommit, 3, 2, 6, b)) })
	t.after("again", pair(first, second), errIgnored, pair(first, second))
}
