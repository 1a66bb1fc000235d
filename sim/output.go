package sim

import (
	"slices"
	"time"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/replica/core"
)

// carry does what the I/O shell of a real replica does with an output.
func (r *Replica) carry() {
	out := &r.out
	w := r.world
	w.coverage.output(out)
	if r.ashamed() {
		return
	}
	for _, x := range out.Wanted {
		x.Note(r.asked)
	}
	r.alarms(out)
	if len(out.Halt) > 0 {
		h := out.Halt[0]
		r.writer.halt = &h
		r.persist(out.Persist)
		r.out = core.Output{}
		return
	}
	if !r.persist(out.Persist) {
		r.out = core.Output{}
		return
	}
	for i := range out.Send {
		r.send(out.Send[i])
	}
	for i := range out.Reply {
		r.release(out.Reply[i])
	}
	for _, x := range out.Execute {
		r.storer.executions = append(r.storer.executions, execution{Execute: x})
		r.later(w.cfg.SyncMax/2, r.executeNext)
	}
	if !r.beside(out) {
		r.out = core.Output{}
		return
	}
	for _, f := range out.Refuse {
		if i, ok := w.clientOf(f.Request.Client); ok {
			r.refuse(i, f.Request, f.Reason)
		}
	}
	for _, e := range out.Report {
		w.coverage.count("evidence reported")
		if w.cfg.Observe != nil {
			w.note(Event{Kind: EventProof, From: int(r.id), To: int(e.Against)})
		}
		if r.behaviour == nil && w.correct(e.Against) {
			w.checks.accused(r.id, e)
		}
	}
	if w.cfg.Observe != nil {
		r.noteStatus()
	}
	out.Reset()
}

// beside hands on what happens beside the core: to the state, its readers and the
// log. It reports whether the replica goes on.
func (r *Replica) beside(out *core.Output) bool {
	for _, f := range out.Flush {
		if r.trusted() {
			r.world.checks.flushes(r.id, f)
		}
		r.storer.put(job{write: func() error { return r.storer.flush(f) }})
	}
	if len(out.Recheck) > 0 {
		requests := slices.Clone(out.Recheck)
		r.later(time.Millisecond, func() { r.step(core.Recheck(r.machine, requests)) })
	}
	for _, s := range out.Store {
		r.storer.put(job{write: func() error { return r.storer.install(s) }, installs: s.Install != nil})
	}
	for _, q := range out.Serve {
		r.later(time.Millisecond, func() {
			r.step(core.Served{To: q.From, Frames: r.server.Answer(q.Message)})
			r.work()
		})
	}
	for _, p := range out.Trim {
		if !r.trim(p) {
			return false
		}
	}
	for _, s := range out.Snapshot {
		r.storer.put(job{read: func() error { return r.storer.snapshot(s) }})
	}
	if save, retire := slices.Clone(out.Save), slices.Clone(out.Retire); len(save)+len(retire) > 0 {
		r.storer.put(job{write: func() error { return r.storer.save(save, retire) }})
	}
	return true
}

// work lets the server of states go on with what answers wait for.
func (r *Replica) work() {
	if r.server.Work() {
		r.later(time.Millisecond, r.work)
	}
}

func (r *Replica) halt(h consensus.Halt) {
	r.Halted, r.proof = &h, h.Cause == consensus.CauseFaults
	r.stop()
	r.out = core.Output{}
	r.world.fault(int(r.id), "halt", ": %s", h.Reason)
	if r.behaviour == nil {
		r.world.checks.fail("halt", "%s stopped: %s", replicaName(int(r.id)), h.Reason)
	}
}

func (r *Replica) send(o consensus.Outbound) {
	w := r.world
	if r.behaviour == nil {
		w.trace.add(traceSent, w.now, int(r.id), int(o.To&0xffff), o.Frame)
		w.checks.sent(r.id, o.Frame)
	}
	for i := range w.replicas {
		to := consensus.ReplicaID(i)
		switch {
		case to == r.id || o.To != consensus.Everyone && o.To != to:
		case r.behaviour == nil:
			w.carry(int(r.id), i, o.Frame)
		default:
			said := r.behaviour.Say(to, o.Frame)
			w.noteWithheld(int(r.id), i, o.Frame, said)
			for _, f := range said {
				w.noteAltered(int(r.id), i, o.Frame, f)
				w.carry(int(r.id), i, f)
			}
		}
	}
}

func (r *Replica) executeNext() {
	w := r.world
	x := r.storer.executions[0]
	r.storer.executions = r.storer.executions[1:]
	defer func() {
		for _, do := range x.then {
			do()
		}
	}()
	result, err := r.machine.Execute(x.Batch, x.Sequence)
	if r.suspected(err) {
		r.step(core.Executed{})
		return
	}
	if err != nil {
		w.checks.fail("execution", "%s: %v", replicaName(int(r.id)), err)
		return
	}
	w.trace.add(traceExecuted, w.now, int(r.id), int(x.Sequence&0xffff), result.History[:])
	if r.trusted() {
		w.checks.executed(r.id, x.Batch, result)
	} else if r.behaviour == nil {
		w.checks.order[r.id] = x.Sequence
	}
	if w.cfg.Observe != nil {
		w.note(Event{Kind: EventExecuted, From: int(r.id), Sequence: x.Sequence, Digest: x.Batch.Digest.Short()})
	}
	in := core.Executed{Execution: result}
	if result.Clients {
		in.Enrolled = len(r.machine.Enrolments())
	}
	r.step(in)
}

// release sends each client its part of a signed root.
func (r *Replica) release(reply core.Reply) {
	if r.behaviour == nil {
		r.world.checks.quiet(r.id, "answers clients")
	}
	if r.rot.alarm != "" && r.behaviour == nil {
		r.world.checks.fail("silence about a suspect state", "%s answers clients", replicaName(int(r.id)))
	}
	if r.trusted() {
		r.world.checks.replied(r.id, reply)
	}
	reply.Frames(func(consensus.ClientID) bool { return true }, func(id consensus.ClientID, frame []byte) {
		if i, ok := r.world.clientOf(id); ok {
			r.reply(i, frame)
		}
	})
}

// noteStatus tells the observer of new views and low water marks.
func (r *Replica) noteStatus() {
	s, old := r.core.Status().Engine, r.seen
	r.seen = s
	if s.View != old.View {
		r.world.note(Event{Kind: EventView, From: int(r.id), View: s.View})
	}
	if s.ChangingTo != old.ChangingTo && s.ChangingTo > s.View {
		r.world.note(Event{Kind: EventView, From: int(r.id), View: s.ChangingTo, Text: "asked for"})
	}
	if s.Low != old.Low {
		r.world.note(Event{Kind: EventStable, From: int(r.id), Sequence: s.Low})
	}
}
