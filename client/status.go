package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/internal/wire"
)

// statusRetry is how long an answer may take before the question is repeated: a
// replica drops what it has no room for.
const statusRetry = time.Second

// Status asks one replica where it stands, and returns its answer as JSON. It is
// one replica's word, for people: it may lie.
func (c *Client) Status(ctx context.Context, id consensus.ReplicaID) (json.RawMessage, error) {
	if _, ok := c.group.Member(id); !ok {
		return nil, fmt.Errorf("client: the group has no replica %d; ids are 0 to %d", id, c.group.N-1)
	}
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.timeout)
		defer cancel()
	}
	answer := c.queries.ask(id)
	defer c.queries.leave(id, answer)
	for {
		state, moved := c.links.at(id)
		if state.up {
			c.transport.Send(id, wire.StatusQueryFrame())
		}
		timer := time.NewTimer(statusRetry)
		select {
		case text := <-answer:
			timer.Stop()
			if !json.Valid(text) {
				return nil, fmt.Errorf("client: %s answered with a status that is not JSON", c.group.Genesis.Replicas[id].Name)
			}
			return text, nil
		case <-moved:
		case <-timer.C:
		case <-c.closing:
			timer.Stop()
			return nil, c.fail(ErrClosed, OutcomeNever, "%v", ErrClosed)
		case <-ctx.Done():
			timer.Stop()
			return nil, c.noStatus(ctx, id)
		}
		timer.Stop()
	}
}

// noStatus says why a replica said nothing until ctx was done.
func (c *Client) noStatus(ctx context.Context, id consensus.ReplicaID) error {
	kind := ErrTimeout
	if errors.Is(ctx.Err(), context.Canceled) {
		kind = ErrCancelled
	}
	why := "connected, no answer"
	if state, _ := c.links.at(id); !state.up {
		why = reason(state.cause)
	}
	return &Error{
		kind: kind, cause: ctx.Err(), outcome: OutcomeNever,
		text: fmt.Sprintf("%v: %s %s", kind, c.group.Genesis.Replicas[id].Name, why),
	}
}

// statusQueries are the callers that wait for a status.
type statusQueries struct {
	mu      sync.Mutex
	waiting map[consensus.ReplicaID][]chan []byte
}

func (q *statusQueries) ask(id consensus.ReplicaID) chan []byte {
	ch := make(chan []byte, 1)
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.waiting == nil {
		q.waiting = map[consensus.ReplicaID][]chan []byte{}
	}
	q.waiting[id] = append(q.waiting[id], ch)
	return ch
}

// answer gives a status to all that wait for it. One that nobody asked for is
// dropped.
func (q *statusQueries) answer(id consensus.ReplicaID, text []byte) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, ch := range q.waiting[id] {
		select {
		case ch <- text:
		default: // it has one already
		}
	}
}

func (q *statusQueries) leave(id consensus.ReplicaID, ch chan []byte) {
	q.mu.Lock()
	defer q.mu.Unlock()
	all := q.waiting[id]
	for i := range all {
		if all[i] == ch {
			q.waiting[id] = append(all[:i:i], all[i+1:]...)
			return
		}
	}
}
