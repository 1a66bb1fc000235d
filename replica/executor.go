package replica

import (
	"context"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/internal/wire"
	"github.com/varangian-bft/varangian/replica/core"
	"github.com/varangian-bft/varangian/statemachine"
)

// An execJob is something that the executor does in order.
//
//sumtype:decl
type execJob interface{ isExecJob() }

type (
	executeJob struct{ consensus.Execute }
	recheckJob struct{ requests []*consensus.Request }
	// flushedJob says that a window is durable: the overlay may drop it.
	flushedJob struct{ version statemachine.Version }
	// retiringJob says that the storer gives back what is older than a version. It comes
	// behind the flushedJob of that version: only what was read before it is given back.
	retiringJob struct{ below statemachine.Version }
	// reloadJob says that state transfer changed the state under the machine; done
	// gets the history and how many are enrolled where it stands then.
	reloadJob struct{ done chan<- reloaded }
)

func (executeJob) isExecJob()  {}
func (recheckJob) isExecJob()  {}
func (flushedJob) isExecJob()  {}
func (retiringJob) isExecJob() {}
func (reloadJob) isExecJob()   {}

// reloaded is where a machine stands that was loaded anew.
type reloaded struct {
	history  crypto.Digest
	enrolled int
}

// An executor runs the state machine beside the ordering. It is the only
// goroutine that touches the machine, so it also judges whether a request is
// worth ordering.
type executor struct {
	machine  *statemachine.Machine
	jobs     *mailbox[execJob]
	admit    chan []admission
	internal *mailbox[core.Input]
	storer   *mailbox[storeWork]
	external chan<- []core.Input
	refuse   func(r *consensus.Request, reason wire.RefusalReason)
	enrolled func([]consensus.Enrolment)
	fail     func(error)
}

func (e *executor) run(ctx context.Context) {
	for {
		select {
		case <-e.jobs.wake:
			for _, j := range e.jobs.take() {
				if err := e.do(j); err != nil {
					e.fail(failure(ExitDisk, "state: %w; the replica stops rather than answer from a state that it cannot read", err))
					return
				}
				select { // verifiers wait behind admit: not until all that is ordered is executed
				case requests := <-e.admit:
					e.admitted(ctx, requests)
				default:
				}
			}
		case requests := <-e.admit:
			e.admitted(ctx, requests)
		case <-ctx.Done():
			return
		}
	}
}

// admitted hands on which requests are worth ordering.
func (e *executor) admitted(ctx context.Context, requests []admission) {
	if inputs := e.judge(requests); len(inputs) > 0 {
		select {
		case e.external <- inputs:
		case <-ctx.Done():
		}
	}
}

func (e *executor) do(j execJob) error {
	switch j := j.(type) {
	case executeJob:
		return e.execute(j.Execute)
	case recheckJob:
		e.internal.put(core.Recheck(e.machine, j.requests))
	case flushedJob:
		e.machine.Flushed(j.version)
	case retiringJob:
		e.storer.put(retiredJob(j))
	case reloadJob:
		if err := e.machine.Reload(); err != nil {
			return err
		}
		table := e.machine.Enrolments()
		e.enrolled(table)
		j.done <- reloaded{e.machine.History(), len(table)}
	}
	return nil
}

func (e *executor) execute(x consensus.Execute) error {
	result, err := e.machine.Execute(x.Batch, x.Sequence)
	if suspected(err, e.internal) {
		e.internal.put(core.Executed{})
		return nil
	}
	if err != nil {
		return err
	}
	in := core.Executed{Execution: result}
	if result.Clients {
		table := e.machine.Enrolments()
		in.Enrolled = len(table)
		e.enrolled(table)
	}
	e.internal.put(in)
	return nil
}

// judge sorts verified requests into what is worth ordering, what was executed
// before, and what is refused (R31).
func (e *executor) judge(requests []admission) []core.Input {
	inputs := make([]core.Input, 0, len(requests))
	for _, a := range requests {
		in, reason := core.Judge(e.machine, a.request)
		switch {
		case in != nil:
			inputs = append(inputs, in)
		case a.arrival.fromClient:
			e.refuse(a.request.Value().(core.RequestMessage).Request, reason)
		}
	}
	return inputs
}
