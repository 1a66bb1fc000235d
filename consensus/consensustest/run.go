package consensustest

import (
	"fmt"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"github.com/varangian-bft/varangian/consensus"
)

// step is how far one Tick of a script moves the clock.
const step = 50 * time.Millisecond

// Run runs every script in a folder. With the flag -rewrite it records what
// follows from the input instead of comparing it.
func Run(t *testing.T, folder string, protocol Protocol) {
	datadriven.Walk(t, folder, func(t *testing.T, path string) {
		s := script{protocol: protocol}
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			return s.command(&Line{t: t, d: d}) + "\n"
		})
	})
}

// A script is the group that a file's lines are about.
type script struct {
	protocol Protocol
	w        *World
}

func (s *script) command(l *Line) string {
	switch l.d.Cmd {
	case "group":
		return s.group(l)
	case "batch":
		s.w.define(l.Text("d", ""), l.Duration("after"))
		return "nothing"
	case "lack":
		for _, name := range l.List("d") {
			s.w.Batch(name)
			s.w.lacking[name] = true
		}
		return "nothing"
	}
	r := s.w.replica(l.replica(l.word(0)))
	switch l.d.Cmd {
	case "restart":
		return s.restart(r, l)
	case "status":
		return describeStatus(r.engine)
	}
	p := s.w.printer()
	p.showStatus = l.Flag("status")
	switch l.d.Cmd {
	case "deliver":
		s.deliver(r, l, p)
	case "tick":
		s.tick(r, l, p)
	case "persisted":
		r.persisted = consensus.Position(l.Number("through", uint64(len(r.log))))
		s.w.step(r, consensus.Persisted{Through: r.persisted}, p)
	default:
		s.w.step(r, s.event(l), p)
	}
	return p.String()
}

func (s *script) group(l *Line) string {
	parameters := consensus.DefaultParameters()
	parameters.CheckpointInterval, parameters.Window = l.Number("k", 4), l.Number("l", 8)
	w, err := NewWorld(s.protocol, int(l.Number("n", 4)), parameters)
	if err != nil {
		return err.Error()
	}
	s.w = w
	return fmt.Sprintf("f=%d quorum=%d primary=r%d", w.Group.F, w.Group.Quorum, w.Group.Primary(0))
}

// event reads the commands that are one plain event.
func (s *script) event(l *Line) consensus.Event {
	n := consensus.Sequence(l.Number("n", 0))
	switch l.d.Cmd {
	case "submit":
		return consensus.Submitted{Batch: s.w.Batch(l.Text("d", ""))}
	case "completed":
		return consensus.Completed{Batch: s.w.Batch(l.Text("d", ""))}
	case "executed":
		return consensus.Executed{Sequence: n}
	case "flushed":
		return consensus.Flushed{Sequence: n, Chain: s.w.Chain(l.Text("c", ""))}
	case "suspected":
		return consensus.Suspected{}
	case "installed":
		return consensus.Installed{Sequence: n, Chain: s.w.Chain(l.Text("c", ""))}
	case "overdue":
		return consensus.Overdue{}
	}
	l.fail(fmt.Errorf("unknown command %s", l.d.Cmd))
	return nil
}

func (s *script) deliver(r *replica, l *Line, p *printer) {
	frame, err := s.protocol.Craft(s.w, l.word(1), l)
	if err != nil {
		l.fail(err)
	}
	if l.Flag("corrupt") {
		frame = append([]byte(nil), frame...)
		frame[len(frame)-1] ^= 1
	}
	from := l.Text("via", l.Text("from", "r0"))
	s.w.deliver(r, l.replica(from), frame, p)
}

func (s *script) tick(r *replica, l *Line, p *printer) {
	d, err := time.ParseDuration(l.word(1))
	if err != nil {
		l.fail(err)
	}
	if l.Flag("jump") {
		r.now = r.now.Add(d)
		s.w.step(r, consensus.Tick{Now: r.now}, p)
		return
	}
	for passed := time.Duration(0); passed < d; passed += step {
		r.now = r.now.Add(step)
		s.w.step(r, consensus.Tick{Now: r.now}, p)
	}
}

func (s *script) restart(r *replica, l *Line) string {
	ev := consensus.Started{
		Executed: consensus.Sequence(l.Number("executed", 0)), Forgot: l.Text("forgot", ""), Nonce: consensus.Nonce{byte(l.Number("nonce", 0))},
	}
	if ev.Executed > 0 {
		ev.Chain = s.w.Chain(l.Text("c", ""))
	}
	if keep := l.Number("through", uint64(r.persisted)); keep < uint64(r.persisted) {
		r.persisted = consensus.Position(keep)
	}
	if r.trimmed > r.persisted+1 { // a copy from before that trim
		r.trimmed = 0
	}
	if l.Flag("wiped") {
		r.persisted, r.trimmed = 0, 0
	}
	return s.w.start(r, ev)
}

// A waiter says afresh why it waits; Status says what the last Tick saw.
type waiter interface{ Waiting() string }

func describeStatus(e consensus.Engine) string {
	st := e.Status()
	if w, ok := e.(waiter); ok {
		st.Waiting = w.Waiting()
	}
	text := fmt.Sprintf("view=%d primary=r%d low=%d high=%d ordered=%d room=%d timeout=%s", st.View, st.Primary, st.Low, st.High, st.Ordered, e.Room(), st.Timeout)
	if st.ChangingTo != st.View {
		text += fmt.Sprintf(" changing=%d", st.ChangingTo)
	}
	if st.VotesFrom > st.View {
		text += fmt.Sprintf(" votes-from=%d", st.VotesFrom)
	}
	for _, line := range []string{st.Recovering, st.Waiting} {
		if line != "" {
			text += "\n" + line
		}
	}
	return text
}
