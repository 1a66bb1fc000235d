package main

// disks breaks what the log does when its disk fails, is full or rots.
var disks = []mutant{
	{
		name: "sync-error-ignored", rule: "R81", file: "store/log/log.go",
		text:        `if err := l.active.Sync(); err != nil {`,
		replacement: `if err := l.active.Sync(); err != nil && l.err != nil {`,
		why:         "what a failed sync lost is taken for durable",
		enemy:       `errors`,
	},
	{
		name: "sync-tried-again", rule: "R81", file: "store/log/log.go",
		text:        `if err := l.active.Sync(); err != nil {`,
		replacement: `if err := l.active.Sync(); err != nil && l.active.Sync() != nil {`,
		why:         "the second sync succeeds and has nothing to write any more",
		enemy:       `errors`,
	},
	{
		name: "write-tried-again", rule: "R81", file: "store/log/log.go",
		text: `	if _, err := l.active.WriteAt(l.buffer, l.offset); err != nil {
		return`,
		replacement: `	_, err := l.active.WriteAt(l.buffer, l.offset)
	if err != nil {
		_, err = l.active.WriteAt(l.buffer, l.offset)
	}
	if err != nil {
		return`,
		why:   "a log goes on after an error of its disk",
		enemy: `errors`,
	},
	{
		name: "mark-error-ignored", rule: "R81", file: "store/log/log.go",
		text:        "	if err := l.noteMark(); err != nil {\n		return l.fail(err)\n	}",
		replacement: "	_ = l.noteMark()",
		why:         "a log goes on whose mark no longer follows",
		enemy:       `errors`,
	},
	{
		name: "no-space-after-the-promise", rule: "R88", file: "store/log/log.go",
		text:        "	if err := l.reserve(); err != nil {\n		return l.fail(err)\n	}",
		replacement: "	if err := l.reserve(); err != nil {\n		return nil\n	}",
		why:         "records for which there is no room are reported as kept",
		enemy:       `errors`,
	},
	{
		name: "checkpoint-leaves-after-the-alarm", rule: "R51", file: "replica/core/outbox.go",
		text:        `		case h.send != nil && !h.send.State:`,
		replacement: `		case h.send != nil:`,
		why:         "a replica states a checkpoint that it does not believe",
		enemy:       `decay`,
	},
	{
		name: "answers-leave-after-the-alarm", rule: "R51", file: "replica/core/repair.go",
		text:        `	c.flushing -= c.box.forget()`,
		replacement: `	_ = c.box.forget`,
		why:         "results that were read from a state which is not believed reach clients",
		enemy:       `decay`,
	},
	{
		name: "ruin-repaired-in-place", rule: "R51", file: "replica/core/repair.go",
		text:        `	c.repair.ending, out.GiveUp = true, true`,
		replacement: ``,
		why:         "a repair that can come to no end is never given up",
		enemy:       `decay`,
	},
	{
		name: "tail-not-written-again", rule: "R81", file: "store/log/recover.go",
		text:        `	if err := c.rewrite(); err != nil {`,
		replacement: `	if err := error(nil); err != nil {`,
		why:         "pages of a failed sync are taken for durable because the kernel shows them",
		enemy:       `errors`,
	},
	{
		name: "leftovers-before-the-mark", rule: "R82", file: "store/log/open.go",
		text: `	if in.mark {
		if err := l.refreshMark(); err != nil {`,
		replacement: `	for _, name := range extra {
		if err := l.fs.Remove(name); err != nil {
			return err
		}
	}
	extra = nil
	if in.mark {
		if err := l.refreshMark(); err != nil {`,
		why:    "a loss of power while a log is opened looks like damage",
		masked: `a simulated disk loses power between the calls of a log, and this one needs it within`,
		tests:  `LeftoversOutliveTheirMark`,
	},
	{
		name: "damage-as-torn-tail", rule: "R82", file: "store/log/recover.go",
		text:        `	if l.next <= l.mark.synced {`,
		replacement: `	if l.next <= l.mark.synced && false {`,
		why:         "a log that rotted opens with fewer promises",
		enemy:       `rot`,
	},
	{
		name: "later-rounds-not-sought", rule: "R82", file: "store/log/recover.go",
		text:        `	return c.last.proof(l.offset, l.next, func(r *round) bool { return l.belongs(r, number) })`,
		replacement: "	_ = number\n	return nil",
		why:         "a log whose mark is behind opens with fewer promises",
		masked:      `only a disk that loses power and rots at once leaves a mark that is behind`,
		tests:       `LaterRoundProvesSync`,
	},
	{
		name: "mark-not-compared", rule: "R82", file: "store/log/recover.go",
		text:        `head.last() >= synced && (head.last() != synced || chain != l.mark.chain) {`,
		replacement: `head.last() >= synced && head.last() != synced {`,
		why:         "a log with another history, as long as the mark says, is taken for this one",
		masked:      `only a round that was cut off by a loss of power and comes back later is as long`,
		tests:       `OtherHistory`,
	},
	{
		name: "data-not-checked", rule: "R82", file: "store/log/format.go",
		text:        `		if crc(records[i].Data) != sums[i] {`,
		replacement: `		if crc(records[i].Data) != sums[i] && false {`,
		why:         "a vote that rotted is taken for the one that was cast",
		enemy:       `rot`,
	},
	{
		name: "seal-not-checked", rule: "R82", file: "store/log/format.go",
		text:        `return order.Uint32(b[4:]) == crc32.Checksum(b[8:], castagnoli)`,
		replacement: `return len(b) > 0`,
		why:         "the head of a round, a segment or the mark is believed whatever became of it",
		enemy:       `rot|power`,
	},
	{
		name: "chain-not-checked", rule: "R82", file: "store/log/recover.go",
		text:        ` || head.first != l.next || head.previous != l.chain {`,
		replacement: ` || head.first != l.next {`,
		why:         "what an earlier life wrote and a loss of power cut off comes back",
		enemy:       `blinks|power`,
	},
	{
		name: "segment-may-be-missing", rule: "R83", file: "store/log/open.go",
		text:        "	if want <= l.mark.last {\n		return",
		replacement: "	if l.mark.last = min(l.mark.last, want-1); want <= l.mark.last {\n		return",
		why:         "a log opens without its last segment",
		masked:      `the mark also says how far the records go`,
		tests:       `MissingFiles`,
	},
	{
		name: "identity-not-checked", rule: "R87", file: "store/log/mark.go",
		text:        `	case l.mark.identity != l.config.Identity:`,
		replacement: `	case l.mark.identity != l.config.Identity && false:`,
		why:         "a replica takes the log of another one for its own",
		masked:      `one file of another log does not fit the rest; only the whole folder would`,
		tests:       `Foreign|Identity`,
	},
	{
		name: "oldest-slot-holds", rule: "R82", file: "store/log/mark.go",
		text:        `		if whole && m.serial > l.mark.serial {`,
		replacement: `		if whole && (l.mark.serial == 0 || m.serial < l.mark.serial) {`,
		why:         "the mark is what it was some segments ago",
		enemy:       `rot`,
	},
}
