package history

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/varangian-bft/varangian/client"
)

// A Verdict says what was checked.
type Verdict struct {
	Keys         int
	Acknowledged int // operations that were answered
	Unknown      int // operations without an answer; they may have taken effect at any time
	Undecided    int // keys for which the search did not end in time
}

// Check looks for an order of the operations on each key. An error names a key for
// which there is none.
func (b *Book) Check(timeout time.Duration) (Verdict, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	v := Verdict{}
	byKey := map[string][]porcupine.Operation{}
	for _, c := range b.calls {
		op := porcupine.Operation{ClientId: c.worker, Input: c, Call: c.began, Output: c, Return: c.ended}
		switch c.outcome {
		case client.OutcomeYes:
			v.Acknowledged++
		case client.OutcomeMaybe:
			v.Unknown++
			op.Return = math.MaxInt64
		case client.OutcomeNever:
			continue // had it happened all the same, others would see it
		}
		byKey[c.key] = append(byKey[c.key], op)
	}
	v.Keys = len(byKey)
	end := time.Now().Add(timeout)
	for _, key := range slices.Sorted(maps.Keys(byKey)) {
		switch porcupine.CheckOperationsTimeout(model, byKey[key], max(time.Until(end), time.Millisecond)) {
		case porcupine.Unknown:
			v.Undecided++
		case porcupine.Illegal:
			return v, fmt.Errorf("no order explains the %d operations under key %s: the history is not linearizable\n%s",
				len(byKey[key]), key, transcript(byKey[key]))
		case porcupine.Ok:
		}
	}
	return v, nil
}

// unknownShare is the part of all operations that may stay without an answer, beside
// one of each worker.
const unknownShare = 20

// MostlyAnswered fails if so many operations are without an answer that an order says
// little: one without an answer fits into every order.
func (v *Verdict) MostlyAnswered(workers int) error {
	if v.Acknowledged == 0 || v.Unknown > v.Acknowledged/unknownShare+workers {
		return fmt.Errorf("%d operations got an answer and %d did not, too many for an order of them to say anything", v.Acknowledged, v.Unknown)
	}
	return nil
}

// model is one key of the service: its state is the value.
var model = porcupine.Model{
	Init: func() any { return absent },
	Step: func(state, input, _ any) (bool, any) {
		possible, next := input.(*call).apply(state.(string))
		return possible, next
	},
	Equal: func(a, b any) bool { return a == b },
}

// transcript lists operations for a person to read, by when they began.
func transcript(ops []porcupine.Operation) string {
	slices.SortFunc(ops, func(a, b porcupine.Operation) int { return int(a.Call - b.Call) })
	var b strings.Builder
	for _, op := range ops {
		fmt.Fprintf(&b, "  %12.6f to %12.6f s  %s\n", time.Duration(op.Call).Seconds(), time.Duration(op.Return).Seconds(), op.Input)
	}
	return b.String()
}
