package client

import (
	"context"

	"github.com/varangian-bft/varangian/consensus"
)

// An InvokeOption changes how one call is carried out.
type InvokeOption func(*invocation)

type invocation struct{ receipt, readOnly bool }

// ReadOnly says that the operation changes nothing, whatever becomes of it, so
// that no error says that it may have.
func ReadOnly() InvokeOption { return func(i *invocation) { i.readOnly = true } }

// WithReceipt checks f+1 signatures before the result is returned, so that its
// Receipt is sure to hold.
func WithReceipt() InvokeOption { return func(i *invocation) { i.receipt = true } }

// Invoke has the group execute an operation, once, and returns its result. An
// error is an *Error, and says whether the operation can have taken effect; a
// result that is not of class ok gives both a Result and an error. It waits until
// ctx is done, without a deadline at most the time-out of the client.
func (c *Client) Invoke(ctx context.Context, op []byte, opts ...InvokeOption) (Result, error) {
	return c.one(ctx, consensus.KindOperations, op, opts)
}

// Query has the group answer a read-only operation from one executed state
// (R99). It is ordered as any other operation, and so linearizable.
func (c *Client) Query(ctx context.Context, op []byte, opts ...InvokeOption) (Result, error) {
	return c.one(ctx, consensus.KindOperations, op, opts)
}

// Admin has the group execute an operation on its table of clients. The key must
// be an operator's (R34).
func (c *Client) Admin(ctx context.Context, op []byte, opts ...InvokeOption) (Result, error) {
	return c.one(ctx, consensus.KindAdmin, op, opts)
}

func (c *Client) one(ctx context.Context, kind consensus.RequestKind, op []byte, opts []InvokeOption) (Result, error) {
	w := c.wait(ctx, kind, [][]byte{op}, chosen(opts))
	return c.answer(ctx, w, &w.completions[0])
}

// An Answer is the result of one of several operations.
type Answer struct {
	Result Result
	Err    error // as Invoke gives it
}

// InvokeAll has the group execute several operations, in any order and each on
// its own, and returns their answers in the order of ops. It costs less than as
// many calls of Invoke.
func (c *Client) InvokeAll(ctx context.Context, ops [][]byte, opts ...InvokeOption) []Answer {
	if len(ops) == 0 {
		return nil
	}
	w := c.wait(ctx, consensus.KindOperations, ops, chosen(opts))
	answers := make([]Answer, len(ops))
	for i := range answers {
		answers[i].Result, answers[i].Err = c.answer(ctx, w, &w.completions[i])
	}
	return answers
}

func chosen(opts []InvokeOption) (i invocation) {
	for _, opt := range opts {
		opt(&i)
	}
	return i
}
