package core_test

import (
	"bytes"
	"fmt"
	"math"

	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/internal/wire"
)

// transfers spoils frames of state transfer. The victim fetches nothing, so that
// answers reach it and change nothing; questions go to its server.
func transfers(t *table) {
	form := wire.ErrForm
	t.base("question for a plan", cat(tAskPlan, uint64(4), uint64(64), 0), form)
	t.add("a truth value of 2", cat(tAskPlan, uint64(4), uint64(64), 2), form)
	item := func(kind byte, at uint64, index byte) []byte { return cat(kind, at, index) }
	t.base("question for a chunk", cat(tAskChunk, item(4, 64, 9), uint64(0)), form)
	for _, kind := range []byte{0, 2, 5, 255} {
		t.add(fmt.Sprint("of item kind ", kind), cat(tAskChunk, item(kind, 64, 0), uint64(0)), form)
	}
	t.add("of a table with an index", cat(tAskChunk, item(1, 64, 1), uint64(0)), form)
	t.add("of a window with an index", cat(tAskChunk, item(3, 64, 255), uint64(0)), form)

	t.base("question for entries", cat(tAskEntries, uint64(64), 9, uint32(7), 5), form)
	t.rows = append(t.rows[:len(t.rows)-2:len(t.rows)-2], t.rows[len(t.rows)-1]) // a byte less is all positions
	t.add("of which the first is not wanted", cat(tAskEntries, uint64(64), 9, uint32(7), 4, 1), form)
	t.add("with a zero at the end", cat(tAskEntries, uint64(64), 9, uint32(7), 5, 0), form)
	t.add("of more than a question may name", cat(tAskEntries, uint64(64), 9, uint32(7), bytes.Repeat([]byte{1}, 128<<10+1)), form)
	t.base("request to hold a snapshot", cat(tHold, uint64(64)), form)

	answer := func(kind string, frame []byte) {
		t.base(kind, frame, form)
		t.valid[len(t.valid)-1].want = errIgnored
	}
	answer("chunk", cat(tChunk, item(3, 64, 0), uint64(0), 1))
	t.rows = t.rows[:len(t.rows)-1] // a byte more is data
	t.add("a truth value of 2", cat(tChunk, item(3, 64, 0), uint64(0), 2, make([]byte, 9)), form)
	t.add("of item kind 2", cat(tChunk, item(2, 64, 0), uint64(0), 1), form)
	t.add("of item kind 5", cat(tChunk, item(5, 64, 0), uint64(0), 1), form)
	t.add("of a table with an index", cat(tChunk, item(1, 64, 1), uint64(0), 1), form)
	t.add("more data than a chunk has", cat(tChunk, item(3, 64, 0), uint64(0), 1, make([]byte, 256<<10+1)), form)
	answer("refusal of an item", cat(tGone, item(2, 64, 9)))
	t.add("of item kind 5", cat(tGone, item(5, 64, 0)), form)
	t.add("of a window with an index", cat(tGone, item(3, 64, 1)), form)
	answer("delay of an item", cat(tWait, item(2, 64, 9)))
	t.add("of item kind 5", cat(tWait, item(5, 64, 0)), form)
	t.add("of a window with an index", cat(tWait, item(3, 64, 1)), form)
	answer("entries", cat(tEntries, uint64(64), 9, uint32(7)))
	t.rows = t.rows[:len(t.rows)-1] // a byte more is data
	plans(t, answer)
}

// plans spoils a plan and the snapshot certificate in it (R19, R93).
func plans(t *table, answer func(string, []byte)) {
	body := cat(uint64(64), chain(64), crypto.Digest{7})
	window := cat(uint64(68), crypto.Digest{1})
	plan := func(whole byte, certificate []byte, count uint32, windows ...[]byte) []byte {
		b := cat(tPlan, uint64(4), uint64(68), whole, certificate, count)
		for _, w := range windows {
			b = cat(b, w)
		}
		return b
	}
	good := list{kind: tSnapshot, by: []int{0, 2, 3}}
	answer("plan with a snapshot", plan(1, cat(body, t.list(good, body)), 1, window))
	for name, x := range spoiltLists(good) {
		if name == "a signature more than the quorum" {
			continue // all four may sign a snapshot, but in order
		}
		t.add(name, plan(1, cat(body, t.list(x.list, body)), 1, window), wireReason(x.want))
	}
	t.add("all four, not in order", plan(1, cat(body, t.list(list{kind: tSnapshot, by: []int{0, 2, 3, 1}}, body)), 1, window), wire.ErrForm)
	t.elsewhere(func() []byte { return plan(1, cat(body, t.list(good, body)), 1, window) })
	answer("plan", plan(0, nil, 1, window))
	t.add("a truth value of 2", plan(2, nil, 1, window), wire.ErrForm)
	for _, n := range []uint32{0, 2, 4097, math.MaxUint32} {
		t.add(fmt.Sprintf("%d windows of 1", n), plan(0, nil, n, window), wire.ErrForm)
	}
	many := make([][]byte, 4097)
	for i := range many {
		many[i] = window
	}
	t.add("more windows than a plan has", plan(0, nil, 4097, many...), wire.ErrForm)
}

// wireReason is what package wire calls a wrong form.
func wireReason(err error) error {
	if err == errSignature {
		return err
	}
	return wire.ErrForm
}
