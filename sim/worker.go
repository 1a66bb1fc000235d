package sim

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/varangian-bft/varangian/client/session"
	"github.com/varangian-bft/varangian/statemachine/kv"
)

// A worker drives one client with operations of its own chance, and keeps what it
// asked and what it heard.
type worker struct {
	client  *Client
	load    Load
	chance  *rand.Rand
	left    int // operations not yet submitted
	flight  int
	given   [][]byte // if set, these are submitted, and no history is kept
	history []call
}

// A call is one operation of a client's history.
type call struct {
	key       string
	op        operation
	value     string // written, or added
	began     time.Duration
	ended     time.Duration // 0 as long as no result was believed
	result    string
	completed session.Fate
	void      bool // it changed nothing and never will
}

type operation uint8

const (
	opPut operation = iota
	opRead
	opAdd
	opDelete
	operations
)

func newWorker(w *World, i int, l Load) *worker {
	return &worker{client: w.clients[i], load: l, chance: w.cfg.stream(streamClient, i), left: l.Operations}
}

func (k *worker) done() bool { return k.left == 0 && k.flight == 0 }

func (k *worker) begin() {
	for range k.load.InFlight {
		k.later()
	}
}

// later submits the next operation after a while.
func (k *worker) later() {
	pause := time.Duration(0)
	if k.load.Pause > 0 {
		pause = time.Duration(k.chance.Int64N(int64(2 * k.load.Pause)))
	}
	k.client.world.after(pause, k.submit)
}

func (k *worker) submit() {
	if k.left == 0 {
		return
	}
	k.left--
	k.flight++
	if k.given != nil {
		op := k.given[0]
		k.given = k.given[1:]
		k.client.Invoke(op, func(session.Completion) {
			k.flight--
			k.later()
		})
		return
	}
	i := len(k.history)
	c := call{key: fmt.Sprintf("k%d", k.chance.IntN(k.load.Keys)), op: operation(k.chance.IntN(int(operations))), began: k.client.world.now}
	c.value = fmt.Sprint(k.client.index*10_000 + i)
	k.history = append(k.history, c)
	k.client.Invoke(c.encode(), func(done session.Completion) {
		k.flight--
		k.history[i].end(done, k.client.world.now)
		k.later()
	})
}

func (c *call) encode() []byte {
	key := []byte(c.key)
	switch c.op {
	case opPut:
		return kv.Put(key, []byte(c.value))
	case opRead:
		return kv.Get(key)
	case opAdd:
		return kv.Increment(key, 1)
	case opDelete:
		return kv.Delete(key)
	case operations:
	}
	panic("sim: no such operation")
}

// end keeps the result of an operation. One of which its client does not know
// whether it was executed may have been, or may still be.
func (c *call) end(done session.Completion, now time.Duration) {
	c.completed = done.Fate
	switch done.Outcome {
	case session.OutcomeNever:
		c.void = true
	case session.OutcomeYes:
		if done.Fate == session.Executed {
			c.ended, c.result = now, fmt.Sprintf("%d:%s", done.Result.Class, done.Result.Value)
		}
	case session.OutcomeMaybe:
	}
}
