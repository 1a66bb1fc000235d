package sim

import (
	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/replica/core"
)

// A writer is what a real replica's log writer is: one round at a time, each of all
// that waited when it began. What comes during a round is nowhere but in memory, and
// Persisted reports of it only after the next one.
type writer struct {
	records []consensus.Record // that wait for a round
	trim    consensus.Position // asked for since the last one; 0: nothing
	busy    bool
	done    func()
	through consensus.Position // last position of the round under way
	halt    *consensus.Halt    // when all that waits is durable
}

// persist hands records to the writer. It reports whether the replica goes on.
func (r *Replica) persist(records []consensus.Record) bool {
	for i := range records {
		r.world.trace.add(traceLogged, r.world.now, int(r.id), int(records[i].Kind), records[i].Data)
	}
	r.writer.records = append(r.writer.records, records...)
	return r.round()
}

// trim has the writer forget after its next round what is below a position.
func (r *Replica) trim(below consensus.Position) bool {
	r.kept.trimmed(below)
	r.writer.trim = max(r.writer.trim, below)
	return r.round()
}

// round begins one if none is under way: it appends, and syncs later, so that a
// crash in between forgets (R81). It reports whether the replica goes on.
func (r *Replica) round() bool {
	w := &r.writer
	switch {
	case w.busy:
		return true
	case len(w.records) > 0:
	case w.halt != nil:
		r.halt(*w.halt)
		return false
	default:
		return r.trimNow()
	}
	r.kept.appended(w.records)
	if !r.logged("append", r.log.Append(w.records)) {
		return false
	}
	w.through = w.records[len(w.records)-1].Position
	w.records, w.busy = w.records[:0], true
	r.later(r.world.cfg.SyncMax, w.done)
	return true
}

func (r *Replica) trimNow() bool {
	below := r.writer.trim
	r.writer.trim = 0
	return below == 0 || r.logged("trim", r.log.Trim(below))
}

func (r *Replica) onSynced() {
	if !r.logged("sync", r.log.Sync()) {
		return
	}
	through := r.writer.through
	r.kept.synced = through
	if !r.trimNow() {
		return
	}
	r.writer.busy = false
	if r.round() {
		r.step(core.Persisted{Through: through})
	}
}
