package sim

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/varangian-bft/varangian/consensus"
)

// callCountMax bounds a history of one key, since the search for an order can
// take exponential time. Histories of plans stay below.
const callCountMax = 400

// orderTimeout ends a search that explodes all the same, as one does where many
// operations overlap and some never ended. It moves nothing in the world: such a
// history is counted as undecided, and is no finding.
const orderTimeout = 5 * time.Second

// linearizable checks that what all correct clients saw can be explained by the
// key-value service executing their operations one by one, each between its call
// and its return. Keys are independent. Where a client lies, nobody knows what it
// wrote, and agreement and exactly-once have to do.
func (c *course) linearizable() {
	byKey := map[string][]porcupine.Operation{}
	for _, k := range c.workers {
		if k.client.behaviour != nil {
			return
		}
		for i := range k.history {
			h := &k.history[i]
			if h.void {
				continue
			}
			op := porcupine.Operation{ClientId: k.client.index, Input: h, Call: int64(h.began), Output: h.result, Return: int64(h.ended)}
			if h.ended == 0 {
				op.Return = int64(c.world.now) + 1 // it may have happened at any time, or not at all
			}
			byKey[h.key] = append(byKey[h.key], op)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(byKey)) {
		history := byKey[key]
		if len(history) > callCountMax {
			continue
		}
		switch porcupine.CheckOperationsTimeout(keyModel, history, orderTimeout) {
		case porcupine.Ok:
			c.world.coverage.count("history of a key checked")
		case porcupine.Unknown:
			c.world.coverage.count("history of a key undecided")
		case porcupine.Illegal:
			c.world.checks.fail("linearizable", "no order explains the %d operations on key %s", len(history), key)
			return
		}
	}
}

// keyModel is one key of the service: its state is the value, or absent.
var keyModel = porcupine.Model{
	Init: func() any { return absent },
	Step: func(state, input, output any) (bool, any) {
		c := input.(*call)
		result, next := c.apply(state.(string))
		if c.ended == 0 {
			return true, next
		}
		return result == output.(string), next
	},
	Equal:             func(a, b any) bool { return a == b },
	DescribeOperation: func(input, output any) string { return fmt.Sprint(input, output) },
}

// absent is the state of a key without a value; values are numbers.
const absent = "-"

// apply says what the service answers in a state, and what the state then is. It
// is written apart from the service, down to the bytes of the answers.
func (c *call) apply(state string) (result, next string) {
	ok := fmt.Sprintf("%d:", consensus.ResultOK)
	present := state != absent
	switch c.op {
	case opPut:
		return ok, c.value
	case opRead:
		if !present {
			return ok + "\x00", state
		}
		return ok + "\x01" + length24(state) + state, state
	case opAdd:
		n := int64(0)
		if present {
			n, _ = strconv.ParseInt(state, 10, 64)
		}
		n++
		sum := make([]byte, 8)
		for i := range sum {
			sum[i] = byte(uint64(n) >> (56 - 8*i))
		}
		return ok + string(sum), strconv.FormatInt(n, 10)
	case opDelete:
		if present {
			return ok + "\x01", absent
		}
		return ok + "\x00", absent
	case operations:
	}
	panic("sim: no such operation")
}

func length24(s string) string {
	return string([]byte{byte(len(s) >> 16), byte(len(s) >> 8), byte(len(s))})
}
