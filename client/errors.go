package client

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/varangian-bft/varangian/client/session"
	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/internal/wire"
)

// An Outcome says whether an operation took effect.
type Outcome = session.Outcome

// The outcomes.
const (
	OutcomeNever = session.OutcomeNever // it changed nothing and never will
	OutcomeMaybe = session.OutcomeMaybe // it may have been executed, or still be
	OutcomeYes   = session.OutcomeYes   // it was executed, once
)

// What an *Error is: use errors.Is.
var (
	ErrTimeout    = errors.New("no answer in time")
	ErrOverloaded = errors.New("the group is overloaded")
	ErrRejected   = errors.New("refused")
	ErrTooLarge   = errors.New("over a limit of the group") // is ErrRejected, too
	ErrResultGone = errors.New("executed, but its result was not kept")
	ErrForgotten  = errors.New("the group has forgotten the session of this client")
	ErrCancelled  = errors.New("cancelled")

	// What f+1 replicas said by themselves when they closed the connection, and no
	// answer came in time. While none at all is connected, calls end after 3 s.
	ErrForeignGroup = errors.New("the replicas are of another group")
	ErrForeignKey   = errors.New("refused: the replicas do not list this key")

	ErrClosed = errors.New("the client was closed")
)

// An Error is why an operation has no good result, in one line that says what to
// do. It is one of the errors above or two, and context.DeadlineExceeded or
// context.Canceled if that was the cause.
type Error struct {
	kind    error
	cause   error // of the context, ErrTooLarge, or nil
	outcome Outcome
	text    string
}

// Error is one line.
func (e *Error) Error() string { return e.text }

// Outcome says whether the operation can have taken effect.
func (e *Error) Outcome() Outcome { return e.outcome }

// Unwrap returns what the error is.
func (e *Error) Unwrap() []error {
	if e.cause != nil {
		return []error{e.kind, e.cause}
	}
	return []error{e.kind}
}

// OutcomeOf returns whether the operation that gave this error can have taken
// effect: OutcomeYes without an error, OutcomeMaybe for errors of others.
func OutcomeOf(err error) Outcome {
	var e *Error
	switch {
	case err == nil:
		return OutcomeYes
	case errors.As(err, &e):
		return e.outcome
	}
	return OutcomeMaybe
}

func (c *Client) fail(kind error, outcome Outcome, format string, args ...any) *Error {
	text := fmt.Sprintf(format, args...)
	switch outcome {
	case OutcomeYes: // the texts of these errors say so themselves
	case OutcomeNever:
		text += "; the operation changed nothing"
	case OutcomeMaybe:
		text += "; the operation may have been executed or still be"
	}
	return &Error{kind: kind, outcome: outcome, text: text}
}

// answer turns what became of an operation into what its caller gets.
func (c *Client) answer(ctx context.Context, w *call, done *session.Completion) (Result, error) {
	r := Result{Class: done.Result.Class, Value: done.Result.Value, proof: done.Proof, client: c}
	if done.Proof != nil {
		r.Sequence = done.Proof.Leaf.Sequence
	}
	if w.readOnly && done.Outcome == session.OutcomeMaybe {
		done.Outcome = session.OutcomeNever
	}
	switch {
	case w.closed && done.Fate == session.Withdrawn:
		return r, c.fail(ErrClosed, done.Outcome, "%v", ErrClosed)
	case done.Fate == session.Executed:
		if done.Result.Class == consensus.ResultOK {
			return r, nil
		}
		return r, c.refused(w, done)
	}
	e := c.unanswered(ctx, w, done)
	if errors.Is(e.kind, ErrTimeout) || errors.Is(e.kind, ErrCancelled) {
		e.cause = ctx.Err()
	}
	if _, ok := ctx.Deadline(); ok && done.Fate == session.Expired {
		e.cause = context.DeadlineExceeded // the session may see it a moment before ctx does
	}
	return r, e
}

// unanswered says why an operation has no result.
func (c *Client) unanswered(ctx context.Context, w *call, done *session.Completion) *Error {
	p := &c.group.Genesis.Parameters
	switch done.Fate {
	case session.Gone:
		return c.fail(ErrResultGone, done.Outcome, "%v; ask for smaller results, or read the state anew", ErrResultGone)
	case session.Forgotten:
		return c.fail(ErrForgotten, done.Outcome, "%v; a key may have %d sessions at once", ErrForgotten, p.SessionsPerClient)
	case session.Full:
		return c.fail(ErrOverloaded, done.Outcome, "too many operations wait in this client; invoke fewer at once")
	case session.Oversized:
		return c.tooLarge(done.Outcome, "the operation does not fit into a request of %d bytes (request_bytes_max)", p.RequestBytesMax)
	case session.Refused:
		return c.fail(ErrRejected, done.Outcome, "refused: %s", refusalWords(w, done.Reason))
	case session.Expired, session.Withdrawn: // why depends on what was heard: below
	case session.Executed: // has a result, which answer reports
	}
	if done.Reason == wire.RefusedOverloaded || done.Reason == wire.RefusedStopping {
		return c.fail(ErrOverloaded, done.Outcome, "%s until the time was up; try again later", refusalWords(w, done.Reason))
	}
	kind := ErrTimeout
	if done.Fate == session.Withdrawn && errors.Is(ctx.Err(), context.Canceled) {
		kind = ErrCancelled
	}
	if foreign := c.links.foreign(); foreign != nil && errors.Is(kind, ErrTimeout) {
		kind = foreign
	}
	return c.fail(kind, done.Outcome, "%v: %s", kind, c.links.describe(done.Heard))
}

func refusalWords(w *call, r wire.RefusalReason) string {
	switch r {
	case wire.RefusedUnauthorised:
		return w.unauthorised()
	case wire.RefusedInvalid:
		return "the request does not keep the rules of the group; compare the group files and versions of both sides"
	case wire.RefusedSession:
		return "the group accepts no session number of this client; set the clock of this machine"
	case wire.RefusedStopping:
		return "the replicas are starting, stopping or catching up"
	case wire.RefusedOverloaded:
		return "the group refused it as overloaded"
	case wire.RefusedWindow: // makes the session forgotten, which is reported as that
	}
	return "the group does not take the request"
}

// unauthorised says what the client's key is not enough for (R34).
func (w *call) unauthorised() string {
	if w.kind == consensus.KindAdmin {
		return "this needs the key of an operator; use one, or have an operator add this key as one"
	}
	return "the group does not list this client's key; have an operator add it"
}

// refused says why an operation that was executed was refused.
func (c *Client) refused(w *call, done *session.Completion) *Error {
	if done.Result.Class == consensus.ResultLimit {
		return c.tooLarge(done.Outcome, "%v: %s", ErrTooLarge, c.limit(string(done.Result.Value)))
	}
	return c.fail(ErrRejected, done.Outcome, "%s", refusal(w, done.Result))
}

func (c *Client) tooLarge(outcome Outcome, format string, args ...any) *Error {
	e := c.fail(ErrRejected, outcome, "refused: "+format, args...)
	e.cause = ErrTooLarge
	return e
}

// limit adds to the name of a limit of one operation what it is in this group.
func (c *Client) limit(name string) string {
	p := &c.group.Genesis.Parameters
	value, ok := map[string]uint64{
		"key_bytes_max": p.KeyBytesMax, "value_bytes_max": p.ValueBytesMax, "result_bytes_max": p.ResultBytesMax,
		"write_set_bytes_max": p.WriteSetBytesMax, "reads_max": p.ReadsMax,
	}[name]
	if !ok {
		return printable([]byte(name))
	}
	return fmt.Sprintf("%s is %d", name, value)
}

// refusal says why an operation that was executed was refused.
func refusal(w *call, r consensus.Result) string {
	switch r.Class {
	case consensus.ResultError:
		return "refused by the application: " + printable(r.Value)
	case consensus.ResultPanic:
		return "refused: the application panicked over the operation"
	case consensus.ResultUnauthorised:
		return "refused: " + w.unauthorised()
	case consensus.ResultNoSession, consensus.ResultOutOfWindow, consensus.ResultTaken, consensus.ResultGone:
		// The session makes fates of them, or asks again.
	case consensus.ResultOK, consensus.ResultLimit: // not refused, or by tooLarge
	}
	return fmt.Sprintf("refused: result class %d", r.Class)
}

// printable keeps text of an application from breaking the line that it is
// shown in, or the terminal.
func printable(text []byte) string {
	const bytesMax = 512
	s := strings.ToValidUTF8(string(text[:min(len(text), bytesMax)]), "\uFFFD")
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, s)
}
