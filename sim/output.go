package sim

import (
	"time"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/internal/wire"
	"github.com/varangian-bft/varangian/replica/core"
)

// tickInterval is that of the real replica.
const tickInterval = 20 * time.Millisecond

// carry does what the I/O shell of a real replica does with an output.
func (r *Replica) carry() {
	out := r.out
	r.out = core.Output{}
	for _, h := range out.Halt {
		r.halt(h)
		return
	}
	r.persist(out.Persist)
	for i := range out.Send {
		r.send(out.Send[i])
	}
	for _, reply := range out.Reply {
		r.release(reply)
	}
	for _, x := range out.Execute {
		r.storer.executions = append(r.storer.executions, x)
		r.later(0, r.world.cfg.SyncMax/2, r.executeNext)
	}
	for _, f := range out.Flush {
		r.storer.put(func() { r.storer.flush(f) })
	}
	if len(out.Recheck) > 0 {
		r.later(0, time.Millisecond, func() { r.step(core.Recheck(r.machine, out.Recheck)) })
	}
	for _, s := range out.Store {
		r.storer.put(func() { r.storer.install(s) })
	}
	for _, q := range out.Serve {
		r.later(0, time.Millisecond, func() {
			r.step(core.Served{To: q.From, Frames: r.server.Answer(q.Message)})
		})
	}
	for _, p := range out.Trim {
		r.trim(p)
	}
	for _, s := range out.Snapshot {
		r.storer.put(func() { r.storer.snapshot(s) })
	}
	for _, c := range out.Save {
		r.storer.put(func() { r.storer.save(c) })
	}
	for _, f := range out.Refuse {
		if i, ok := r.world.clientOf(f.Request.Client); ok {
			r.reply(i, wire.Refusal{Request: f.Request.Digest(), Reason: f.Reason}.Marshal())
		}
	}
	for _, e := range out.Report {
		if r.behaviour == nil && r.world.correct(e.Against) {
			r.world.checks.accused(r.id, e)
		}
	}
}

func (r *Replica) halt(h consensus.Halt) {
	r.Halted = &h
	r.up = false
	r.life++
	if r.world.correct(r.id) {
		r.world.checks.halted(r.id, h)
	}
}

func (r *Replica) send(o consensus.Outbound) {
	if r.behaviour == nil {
		r.world.checks.sent(r.id, o.Frame)
	}
	self := party{index: int(r.id)}
	for i := range r.world.replicas {
		to := consensus.ReplicaID(i)
		switch {
		case to == r.id || o.To != consensus.Everyone && o.To != to:
		case r.behaviour == nil:
			r.world.carry(self, party{index: i}, o.Frame)
		default:
			for _, f := range r.behaviour.Say(to, o.Frame) {
				r.world.carry(self, party{index: i}, f)
			}
		}
	}
}

// persist appends at once and syncs later, one sync at a time, as the log writer
// does: a crash in between forgets.
func (r *Replica) persist(records []consensus.Record) {
	if len(records) == 0 {
		return
	}
	if err := r.log.Append(records); err != nil {
		r.world.checks.fail("%s: append: %v", replicaName(int(r.id)), err)
		return
	}
	r.pending = append(r.pending, records...)
	r.sync()
}

func (r *Replica) sync() {
	if r.syncing || len(r.pending) == 0 {
		return
	}
	r.syncing = true
	r.later(0, r.world.cfg.SyncMax, func() {
		r.syncing = false
		if err := r.log.Sync(); err != nil {
			r.world.checks.fail("%s: sync: %v", replicaName(int(r.id)), err)
			return
		}
		through := r.pending[len(r.pending)-1].Position
		r.pending = nil
		r.step(core.Persisted{Through: through})
	})
}

func (r *Replica) trim(below consensus.Position) {
	if err := r.log.Trim(below); err != nil {
		r.world.checks.fail("%s: trim: %v", replicaName(int(r.id)), err)
	}
}

func (r *Replica) executeNext() {
	x := r.storer.executions[0]
	r.storer.executions = r.storer.executions[1:]
	result, err := r.machine.Execute(x.Batch, x.Sequence)
	if err != nil {
		r.world.checks.fail("%s: execute %d: %v", replicaName(int(r.id)), x.Sequence, err)
		return
	}
	if r.behaviour == nil {
		r.world.checks.executed(r.id, x.Batch, result)
	}
	in := core.Executed{Execution: result}
	if result.Clients {
		in.Enrolled = len(r.machine.Enrolments())
	}
	r.step(in)
}

// release sends each client its part of a signed root.
func (r *Replica) release(reply core.Reply) {
	reply.Frames(func(consensus.ClientID) bool { return true }, func(id consensus.ClientID, frame []byte) {
		if i, ok := r.world.clientOf(id); ok {
			r.reply(i, frame)
		}
	})
}
