package main

// durability breaks the log and what is told from it after a crash.
var durability = []mutant{
	{
		name: "outbox-waits-for-nothing", rule: "R78", file: "replica/core/outbox.go",
		text:        `if h.after <= b.through {`,
		replacement: `if h.after <= b.through || h.send != nil {`,
		why:         "messages leave before the log holds what they promise",
	},
	{
		name: "outbox-believes-any-sync", rule: "R78", file: "replica/core/outbox.go",
		text:        `		if h.after <= through {`,
		replacement: `		if h.after <= through || h.send != nil {`,
		why:         "messages leave when any round of the log is durable, and not that of what they promise",
	},
	{
		name: "sync-does-nothing", rule: "R79", file: "store/log/log.go",
		text:        `if err := l.active.Sync(); err != nil {`,
		replacement: `if err := error(nil); err != nil {`,
		why:         "a power failure takes what was acknowledged",
	},
	{
		name: "proposals-not-replayed", rule: "R36", file: "pbft/restore.go",
		text:        "	case recordProposal:\n		return e.replayProposal(r)",
		replacement: "	case recordProposal:\n		return nil",
		why:         "a restarted replica votes again, and for another batch",
	},
	{
		name: "prepared-not-replayed", rule: "R71", file: "pbft/restore.go",
		text:        "	case recordPrepared:\n		return e.replayPrepared(r)",
		replacement: "	case recordPrepared:\n		return nil",
		why:         "a restarted replica's VIEW-CHANGE leaves out what prepared",
	},
	{
		name: "view-change-not-replayed", rule: "R71", file: "pbft/restore.go",
		text:        `if err == nil && c.To > e.changing {`,
		replacement: `if err == nil && c.To > e.changing && false {`,
		why:         "a restarted replica returns to the view that it left",
	},
	{
		name: "new-view-not-replayed", rule: "R72", file: "pbft/restore.go",
		text:        `if err == nil && m.View > e.view {`,
		replacement: `if err == nil && m.View > e.view && false {`,
		why:         "a restarted replica is not bound by the NEW-VIEW that it took",
	},
	{
		name: "votes-made-anew", rule: "R80", file: "pbft/restore.go",
		text:        `s.fresh, s.votedAt = false, r.Position`,
		replacement: `s.fresh, s.votedAt = false, 0`,
		why:         "a restarted replica votes again instead of repeating what it said",
	},
	{
		name: "executed-again-after-restart", rule: "R85", file: "pbft/restore.go",
		text:        `	e.ordered = ev.Executed`,
		replacement: `	e.ordered = min(ev.Executed, e.certified)`,
		why:         "what the state holds already is executed on top of it",
	},
	{
		name: "trim-before-own-state", rule: "R86", file: "pbft/trim.go",
		text:        `mark := min(e.low, e.flushed.sequence)`,
		replacement: `mark := e.low`,
		why:         "the log forgets batches that are in no state here yet",
		masked:      `the others hold the state, and whoever lacks it fetches it`,
		tests:       `TestScripts`,
	},
	{
		name: "trim-of-live-records", rule: "R123", file: "pbft/trim.go",
		text:        `		position = min(position, f.at)`,
		replacement: `		_ = f.at`,
		why:         "the log forgets votes above the checkpoint",
	},
	{
		name: "root-without-changing", rule: "R123", file: "pbft/record.go",
		text:        `r := root{view: e.view, changing: e.changing}`,
		replacement: `r := root{view: e.view, changing: e.view}`,
		why:         "a trim makes a replica forget that it left its view",
		enemy:       `blinks|churn`,
	},
	{
		name: "root-without-new-view", rule: "R123", file: "pbft/record.go",
		text:        `		r.newView = e.newView.frame`,
		replacement: `		r.newView = nil`,
		why:         "a trim makes a replica forget the NEW-VIEW that binds it",
		masked:      `the others hold the NEW-VIEW, and its view stands in the record by itself`,
		tests:       `TestScripts`,
	},
	{
		name: "root-without-checkpoint", rule: "R123", file: "pbft/record.go",
		text:        `		r.stable = e.stable.frame`,
		replacement: `		r.stable = nil`,
		why:         "a trim makes a replica forget where its window begins",
	},
	{
		name: "log-drops-a-segment-too-many", rule: "R123", file: "store/log/log.go",
		text:        `l.segments[count+1].base <= below {`,
		replacement: `l.segments[count].base <= below {`,
		why:         "a segment goes whose records are still promised",
	},
	{
		name: "mark-not-synced", rule: "R82", file: "store/log/mark.go",
		text: `	if err := l.markFile.Sync(); err != nil {
		return err
	}
	l.turn`,
		replacement: `	l.turn`,
		why:         "the mark may name segments that a crash takes, or miss those that it leaves",
	},
	{
		name: "checkpoint-before-its-state", rule: "R50", file: "replica/core/execution.go",
		text:        "		c.flushing++\n",
		replacement: "		c.flushing++\n		c.step(consensus.Flushed{Sequence: x.Window.Sequence, Chain: x.Window.Chain}, out)\n",
		why:         "a certificate no longer means that the state is on a disk",
		enemy:       `blinks|power`,
	},
	{
		name: "flush-before-the-log", rule: "R125", file: "replica/core/execution.go",
		text:        `c.box.add(held{after: after, flush: x.Window}, out)`,
		replacement: `c.box.add(held{flush: x.Window}, out)`,
		why:         "the state becomes durable before the votes that it rests on",
		enemy:       `blinks`,
	},
	{
		name: "reply-before-the-log", rule: "R6", file: "replica/core/execution.go",
		text:        `c.box.add(held{after: after, reply: &reply}, out)`,
		replacement: `c.box.add(held{reply: &reply}, out)`,
		why:         "a client is told what a power failure takes back",
		enemy:       `blinks`,
	},
	{
		name: "proof-not-logged", rule: "R52", file: "pbft/evidence.go",
		text: `	out.Append(recordProof, frame)
`,
		replacement: `	_ = frame
`,
		why:    "a replica that met a contradiction starts again and chooses a side",
		masked: `no schedule has more than f liars`,
		tests:  `TestScripts`,
	},
	{
		name: "starts-after-a-proof", rule: "R52", file: "pbft/restore.go",
		text:        `		return ErrProof`,
		replacement: `		return nil`,
		why:         "a replica that met a contradiction starts again and chooses a side",
		masked:      `no schedule has more than f liars`,
		tests:       `TestScripts`,
	},
	{
		name: "halts-before-its-proof", rule: "R52", file: "replica/driver.go",
		text:        `logJob{records: records, halt: haltError(out.Halt[0])}`,
		replacement: `logJob{halt: haltError(out.Halt[0])}`,
		why:         "a replica that met a contradiction starts again and chooses a side",
		masked:      `the simulator has a writer of its own`,
		tests:       `TestProofIsKept`,
	},
}
