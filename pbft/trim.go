package pbft

import (
	"github.com/varangian-bft/varangian/consensus"
)

// trim is what the engine knows about the length of its log.
type trim struct {
	dropped consensus.Sequence // slots at and below are forgotten in memory
	trimmed consensus.Sequence // trim mark: the log is not needed at and below (R50)
	rootAt  consensus.Position // root record under way, or 0
	rootFor consensus.Sequence // the mark that it was written for
	keepAt  consensus.Position // first of the records that were written with it
	firsts  []firstRecord      // ascending interval
}

// A firstRecord is the lowest record of any sequence in one checkpoint interval.
type firstRecord struct {
	interval consensus.Sequence // (sequence - 1) / K
	at       consensus.Position
}

// record appends a record about a sequence, and keeps the log from being trimmed
// above it while the sequence is live.
func (e *Engine) record(kind consensus.RecordKind, n consensus.Sequence, data []byte, out *consensus.Effects) consensus.Position {
	at := out.Append(kind, data)
	e.noteRecord(n, at)
	return at
}

func (e *Engine) noteRecord(n consensus.Sequence, at consensus.Position) {
	interval := (n - 1) / e.every
	i := len(e.firsts)
	for i > 0 && e.firsts[i-1].interval > interval {
		i--
	}
	if i > 0 && e.firsts[i-1].interval == interval {
		return
	}
	e.firsts = append(e.firsts, firstRecord{})
	copy(e.firsts[i+1:], e.firsts[i:])
	e.firsts[i] = firstRecord{interval: interval, at: at}
}

// trimLog writes a root record when certificate and own state both cover a new
// checkpoint (R86): all that is promised and does not belong to one sequence
// (R123). The log is trimmed when that record is durable.
func (e *Engine) trimLog(out *consensus.Effects) {
	mark := min(e.low, e.flushed.sequence)
	if mark <= e.trimmed || e.rootAt != 0 {
		return
	}
	e.keepAt = 0
	if e.recovery.recordAt != 0 { // beside the root, and durable before it counts
		e.keepAt = e.logRecovery(out)
	}
	e.rootAt, e.rootFor = out.Append(recordRoot, e.root().marshal()), mark
	if e.keepAt == 0 {
		e.keepAt = e.rootAt
	}
}

// finishTrim says what the log may forget, once the root record is durable.
func (e *Engine) finishTrim(out *consensus.Effects) {
	if e.rootAt == 0 || e.rootAt > e.persisted {
		return
	}
	e.trimmed = e.rootFor
	for len(e.firsts) > 0 && e.firsts[0].interval < e.trimmed/e.every {
		e.firsts = e.firsts[1:]
	}
	position := e.keepAt
	for _, f := range e.firsts {
		position = min(position, f.at)
	}
	e.rootAt = 0
	out.Trim = append(out.Trim, position)
	e.trimLog(out)
}

func (e *Engine) onPersisted(through consensus.Position, out *consensus.Effects) {
	e.persisted = max(e.persisted, through)
	e.settle(out)
	e.finishTrim(out)
}
