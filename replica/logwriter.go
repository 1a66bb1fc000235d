package replica

import (
	"context"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/replica/core"
	"github.com/varangian-bft/varangian/store/log"
)

// A logJob is what the core wants of the log: records to append, and a position
// below which it may forget.
type logJob struct {
	records []consensus.Record
	trim    consensus.Position
	halt    error // the core's last word: with the records durable the replica ends
}

// A logWriter appends whatever waits and syncs once for all of it: while one sync
// is under way the core goes on, and the next round grows (group commit).
type logWriter struct {
	log  *log.Log
	jobs *mailbox[logJob]
	core *mailbox[core.Input]
	fail func(error)
}

func (w *logWriter) run(ctx context.Context) {
	for {
		select {
		case <-w.jobs.wake:
		case <-ctx.Done():
			return
		}
		jobs := w.jobs.take()
		if err := end(jobs, w.round(jobs)); err != nil {
			w.fail(err)
			return
		}
	}
}

// end returns what ends the replica after a round, if anything does. A halt of the
// core is graver news than an error of the disk: the replica must not start again.
func end(jobs []logJob, err error) error {
	if err != nil {
		err = logError(err)
	}
	for _, j := range jobs {
		switch {
		case j.halt != nil && err != nil:
			return failure(ExitCode(j.halt), "%w; its proof could not be kept: %w", j.halt, err)
		case j.halt != nil:
			return j.halt
		}
	}
	return err
}

// round makes the records of all jobs durable, and then trims (R123).
func (w *logWriter) round(jobs []logJob) error {
	var records []consensus.Record
	trim := consensus.Position(0)
	for _, j := range jobs {
		records = append(records, j.records...)
		trim = max(trim, j.trim)
	}
	if len(records) > 0 {
		if err := w.log.Append(records); err != nil {
			return err
		}
		if err := w.log.Sync(); err != nil {
			return err
		}
		w.core.put(core.Persisted{Through: records[len(records)-1].Position})
	}
	if trim > 0 {
		return w.log.Trim(trim)
	}
	return nil
}

// logError says what a failed log means: nothing that rests on it may leave (R81).
func logError(err error) error {
	err = diskError("log", err)
	if ExitCode(err) == ExitRoom {
		return err
	}
	return failure(ExitDisk, "%w; the replica stops before it breaks a promise", err)
}
