package statemachine

import (
	"errors"

	"github.com/varangian-bft/varangian/consensus"
)

// Names of limits, as results of class ResultLimit give them.
const (
	limitKey          = "key_bytes_max"
	limitValue        = "value_bytes_max"
	limitResult       = "result_bytes_max"
	limitResults      = consensus.LimitRequestResults
	limitWriteSet     = "write_set_bytes_max"
	limitBatchResults = consensus.LimitBatchResults
	limitBatchWrites  = consensus.LimitBatchWrites
	limitReads        = "reads_max"
	limitRequestReads = consensus.LimitRequestReads
	limitBatchReads   = consensus.LimitBatchReads
)

// errorBytesMax bounds the text of an application's error.
const errorBytesMax = 256

// panicsCountMax bounds how many panics of a batch are reported: a report, with a
// stack, costs far more than a poison request.
const panicsCountMax = 4

// errCut unwinds an application that may not go on.
var errCut = errors.New("statemachine: operation cut off")

// An access is one operation at work: what it has used, and how it was cut off.
type access struct {
	m       *Machine
	reads   uint64
	most    [3]uint64 // reads that the operation, its request and its batch have left
	writes  uint64
	results uint64 // how long the result may be
	limit   string // the limit that was hit
	ended   bool
}

// cut ends the operation for good, whatever the application makes of the panic
// (R110).
func (a *access) cut(limit string) {
	if a.limit == "" {
		a.limit = limit
	}
	panic(errCut)
}

// enter is called first by all methods that an application has.
func (a *access) enter() {
	switch {
	case a.ended:
		panic("statemachine: Reader or Writer used after the call that it was given to")
	case a.limit != "" || a.m.failed != nil:
		panic(errCut)
	}
}

func (a *access) count() {
	switch a.reads {
	case a.most[0]:
		a.cut(limitReads)
	case a.most[1]:
		a.cut(limitRequestReads)
	case a.most[2]:
		a.cut(limitBatchReads)
	}
	a.reads++
}

// broken ends the operation because the store is unreadable, which is no result
// but the end of the replica (R121).
func (a *access) broken(err error) {
	a.m.fail(err)
	panic(errCut)
}

// A reader is what Query is given. It is a type of its own so that no query can
// turn it into a Writer.
type reader struct{ *access }

func (r reader) Read(key []byte) ([]byte, bool) {
	r.enter()
	r.count()
	if uint64(len(key)) > r.m.limits.KeyBytesMax {
		return nil, false
	}
	r.m.key = append(append(r.m.key[:0], applicationPrefix), key...)
	value, found, err := r.m.overlay.read(r.m.key)
	if err != nil {
		r.broken(err)
	}
	return value, found
}

func (r reader) Scan(start, end []byte, yield func(key, value []byte) bool) {
	r.enter()
	r.count()
	from, to := ApplicationKey(start), []byte{applicationPrefix + 1}
	if end != nil {
		to = ApplicationKey(end)
	}
	if string(from) >= string(to) {
		return
	}
	err := r.m.overlay.scan(from, to, func(key, value []byte) bool {
		r.enter()
		r.count()
		return yield(key[1:], value)
	})
	if err != nil {
		r.broken(err)
	}
}

func (r reader) ResultBytesMax() uint64 { return r.results }

// A writer is what Apply is given.
type writer struct {
	reader
	client consensus.ClientID
}

func (w writer) Set(key, value []byte) {
	w.enter()
	if uint64(len(value)) > w.m.limits.ValueBytesMax {
		w.cut(limitValue)
	}
	w.put(key, cell{value: append(make([]byte, 0, len(value)), value...)})
}

func (w writer) Delete(key []byte) {
	w.enter()
	w.put(key, cell{deleted: true})
}

// put counts the full key, so that no write is free.
func (w writer) put(key []byte, c cell) {
	if uint64(len(key)) > w.m.limits.KeyBytesMax {
		w.cut(limitKey)
	}
	switch n := w.writes + 1 + uint64(len(key)) + uint64(len(c.value)); {
	case n > w.m.limits.WriteSetBytesMax:
		w.cut(limitWriteSet)
	case n > w.m.budget.writes:
		w.cut(limitBatchWrites)
	default:
		w.writes = n
	}
	w.m.key = append(append(w.m.key[:0], applicationPrefix), key...)
	w.m.overlay.put(string(w.m.key), c)
}

func (w writer) Sequence() consensus.Sequence { return w.m.meta.sequence }
func (w writer) Time() consensus.Time         { return w.m.meta.time }
func (w writer) Client() consensus.ClientID   { return w.client }

// apply executes one operation of the application, and rolls it back unless it
// ends well (R110). results is what is left for results of the request.
func (m *Machine) apply(client consensus.ClientID, op []byte, results uint64) consensus.Result {
	a := &access{
		m: m, results: min(m.limits.ResultBytesMax, results, m.budget.results),
		most: [3]uint64{m.limits.ReadsMax, m.budget.request, m.budget.reads},
	}
	res := a.run(func() ([]byte, error) {
		return m.application.Apply(writer{reader: reader{a}, client: client}, op)
	})
	m.budget.request -= a.reads // rolled back or not: it has cost as much
	m.budget.reads -= a.reads
	if res.Class == consensus.ResultOK && uint64(len(res.Value)) > a.results {
		res = consensus.Result{Class: consensus.ResultLimit, Value: []byte(resultLimit(m, len(res.Value), results))}
	}
	if res.Class != consensus.ResultOK {
		m.overlay.rollback()
		return res
	}
	m.budget.writes -= a.writes
	m.overlay.keep()
	return res
}

// resultLimit names the narrowest limit that a result is over.
func resultLimit(m *Machine, size int, request uint64) string {
	switch n := uint64(size); {
	case n > m.limits.ResultBytesMax:
		return limitResult
	case n > request:
		return limitResults
	}
	return limitBatchResults
}

// Query answers a read-only operation from the state after the last batch, which
// is Executed (R99). The error comes from the store and is final.
func (m *Machine) Query(op []byte) (consensus.Result, error) {
	if m.failed != nil {
		return consensus.Result{}, m.failed
	}
	n := m.limits.ReadsMax
	a := &access{m: m, results: m.limits.ResultBytesMax, most: [3]uint64{n, n, n}}
	res := a.run(func() ([]byte, error) { return m.application.Query(reader{a}, op) })
	if res.Class == consensus.ResultOK && uint64(len(res.Value)) > a.results {
		res = consensus.Result{Class: consensus.ResultLimit, Value: []byte(limitResult)}
	}
	return res, m.failed
}

// run calls the application and turns whatever it does into a result.
func (a *access) run(call func() ([]byte, error)) (res consensus.Result) {
	defer func() {
		a.ended = true
		p := recover()
		switch {
		case a.limit != "":
			res = consensus.Result{Class: consensus.ResultLimit, Value: []byte(a.limit)}
		case p != nil || a.m.failed != nil:
			res = consensus.Result{Class: consensus.ResultPanic}
			if a.m.failed == nil && a.m.onPanic != nil && a.m.panics < panicsCountMax {
				a.m.panics++
				a.m.onPanic(p)
			}
		}
	}()
	value, err := call()
	if err != nil {
		text := err.Error()
		return consensus.Result{Class: consensus.ResultError, Value: []byte(text[:min(len(text), errorBytesMax)])}
	}
	return consensus.Result{Class: consensus.ResultOK, Value: value}
}
