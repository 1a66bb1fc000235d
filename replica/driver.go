package replica

import (
	"context"
	"time"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/replica/core"
)

// externalMax bounds the batches of verified messages that wait for the core;
// behind a full queue the verifiers wait, and behind them the streams.
const externalMax = 64

// A driver gives the core one input after the other, and carries out what it
// asks for. It is the only goroutine that touches the core, and never waits for
// the disk, the executor or the network.
type driver struct {
	core     *core.Core
	external chan []core.Input
	internal *mailbox[core.Input]
	out      core.Output
	carry    func(*core.Output)
	publish  func(*core.Core) // status and hint, after each round
}

func (d *driver) run(ctx context.Context) {
	ticker := time.NewTicker(tickInterval)
	defer ticker.Stop()
	for {
		select {
		case <-d.internal.wake:
			d.steps(d.internal.take())
		case inputs := <-d.external:
			d.steps(inputs)
		case now := <-ticker.C:
			d.steps([]core.Input{core.Tick{Now: now}})
		case <-ctx.Done():
			return
		}
		d.publish(d.core)
	}
}

func (d *driver) steps(inputs []core.Input) {
	for _, in := range inputs {
		d.core.Step(in, &d.out)
		d.carry(&d.out)
		d.out.Reset()
	}
}

// start ends the replay.
func (d *driver) start(found core.Durable) {
	d.core.Start(found, time.Now(), &d.out)
	d.carry(&d.out)
	d.out.Reset()
	d.publish(d.core)
}

// carry hands the parts of an output to those who do the work, in the order that
// package core asks for.
func (r *Replica) carry(out *core.Output) {
	r.alarms(out)
	records := append([]consensus.Record(nil), out.Persist...)
	if len(out.Halt) > 0 { // not before what proves it is on the disk (R52)
		r.writer.jobs.put(logJob{records: records, halt: haltError(out.Halt[0])})
		return
	}
	if len(records) > 0 {
		r.writer.jobs.put(logJob{records: records})
	}
	if len(out.Wanted) > 0 {
		r.verifiers.asked.note(out.Wanted)
	}
	for i := range out.Send {
		r.send(&out.Send[i])
	}
	r.replier.jobs.put(replyJobs(out.Reply)...)
	for _, x := range out.Execute {
		r.executor.jobs.put(executeJob{x})
	}
	for _, w := range out.Flush {
		r.storer.jobs.put(flushJob{w})
	}
	if len(out.Recheck) > 0 {
		r.executor.jobs.put(recheckJob{append([]*consensus.Request(nil), out.Recheck...)})
	}
	for _, s := range out.Store {
		r.storer.jobs.put(storeJob{s})
	}
	for _, s := range out.Serve {
		if r.scrubber.first.Load() { // else the asker turns to another replica (R56)
			r.server.offer(s)
		}
	}
	for _, p := range out.Trim {
		r.writer.jobs.put(logJob{trim: p})
	}
	for _, s := range out.Snapshot {
		r.storer.jobs.put(snapshotJob{s})
	}
	for _, c := range out.Save {
		r.storer.jobs.put(saveJob{c})
	}
	for _, s := range out.Retire {
		r.storer.jobs.put(retireJob{s})
	}
	for _, c := range out.Complain {
		r.complain(c)
	}
	for _, f := range out.Refuse {
		r.clients.refuse(f.Request, f.Reason)
	}
	for _, e := range out.Report {
		r.report(e)
	}
}

// send hands a frame to the network, which queues it and never blocks.
func (r *Replica) send(o *consensus.Outbound) {
	for id := range consensus.ReplicaID(r.cfg.Group.N) {
		switch {
		case id == r.self || o.To != consensus.Everyone && o.To != id:
		case r.say == nil:
			r.host.Send(id, o.Class, o.Frame)
		default:
			for _, frame := range r.say(id, o.Frame) {
				r.host.Send(id, o.Class, frame)
			}
		}
	}
}
