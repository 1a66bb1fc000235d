package replica

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/replica/core"
	"github.com/varangian-bft/varangian/replica/transfer"
	"github.com/varangian-bft/varangian/statemachine"
)

// questionsMax bounds the questions of state transfer that wait; above it they go
// unanswered, and the asker turns to another replica (R96).
const questionsMax = 64

// flushedMax bounds the flushed windows that wait for the server; above it they are
// not kept at hand, and cost a scan when somebody asks for them.
const flushedMax = 64

// A server answers questions of state transfer, one at a time and beside
// everything else, so that they never delay a vote (R96).
type server struct {
	transfer  *transfer.Server
	questions chan core.Serve
	flushed   chan *statemachine.Window
	internal  *mailbox[core.Input]
	forgets   atomic.Bool // another state was installed
}

func newServer(g *consensus.Group, store statemachine.Store, spool transfer.Spool, internal *mailbox[core.Input]) *server {
	return &server{
		transfer: transfer.NewServer(g, store, spool), questions: make(chan core.Serve, questionsMax),
		flushed: make(chan *statemachine.Window, flushedMax), internal: internal,
	}
}

func (s *server) offer(q core.Serve) {
	select {
	case s.questions <- q:
	default:
	}
}

// keep hands over a window that was flushed.
func (s *server) keep(w *statemachine.Window) {
	select {
	case s.flushed <- w:
	default:
	}
}

// forget has the server drop what it holds of a state that was replaced.
func (s *server) forget() { s.forgets.Store(true) }

// forgot does that, also with the windows on their way, and reports whether it did.
func (s *server) forgot() bool {
	if !s.forgets.CompareAndSwap(true, false) {
		return false
	}
	for len(s.flushed) > 0 {
		<-s.flushed
	}
	s.transfer.Forget()
	return true
}

// take hands on a window that was flushed, unless the state is another one since.
func (s *server) take(w *statemachine.Window) {
	if !s.forgot() {
		s.transfer.Flushed(w)
	}
}

func (s *server) answer(q core.Serve) {
	s.forgot()
	began := time.Now()
	served := core.Served{To: q.From, Frames: s.transfer.Answer(q.Message)}
	if s.transfer.Scanned() {
		served.Took = time.Since(began)
	}
	s.internal.put(served)
}

func (s *server) run(ctx context.Context) {
	for ctx.Err() == nil {
		s.turn(ctx)
	}
}

// turn takes a question or a window, and does a step of what answers wait for. A
// question goes before each step, but not all of them before the first: one member that
// always asks would keep every snapshot from being made ready (R102).
func (s *server) turn(ctx context.Context) {
	s.forgot()
	if s.transfer.Work() {
		select {
		case q := <-s.questions:
			s.answer(q)
		case w := <-s.flushed:
			s.take(w)
		default:
		}
		return
	}
	select {
	case q := <-s.questions:
		s.answer(q)
	case w := <-s.flushed:
		s.take(w)
	case <-ctx.Done():
	}
}
