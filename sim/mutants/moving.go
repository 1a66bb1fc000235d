package main

// moving breaks state transfer.
var moving = []mutant{
	{
		name: "plan-not-checked", rule: "R93", file: "replica/transfer/fetcher.go",
		text:        `if at != f.target.Sequence || chain != f.target.Chain {`,
		replacement: `if at != f.target.Sequence {`,
		why:         "a state is installed that nobody certified",
		enemy:       `dark:inventor`,
	},
	{
		name: "write-set-not-checked", rule: "R94", file: "replica/transfer/take.go",
		text:        `if !ok || statemachine.WriteSetDigest(changes) != w.WriteSet || !sorted(changes) {`,
		replacement: `if !ok || !sorted(changes) {`,
		why:         "a source puts what it likes into the state",
		enemy:       `dark:state-.*`,
	},
	{
		name: "partition-not-checked", rule: "R94", file: "replica/transfer/take.go",
		text:        `if !check.Matches(f.table.Digest(f.partition)) {`,
		replacement: `if !check.Matches(f.table.Digest(f.partition)) && false {`,
		why:         "a source puts what it likes into the state",
		enemy:       `dark:falsifier`,
	},
	{
		name: "transfer-beside-execution", rule: "R95", file: "replica/core/moving.go",
		text:        `if m.target == nil || c.executing > 0 || c.flushing > 0 || c.halted {`,
		replacement: `if m.target == nil || c.halted {`,
		why:         "two writers at once make a state that nobody certified",
		masked:      `a replica is idle by the time that it finds out how far it is behind`,
		tests:       `Transfer|Park|Moving|Core`,
	},
	{
		name: "execution-beside-transfer", rule: "R95", file: "replica/core/execution.go",
		text:        `	if c.moving.active() {`,
		replacement: `	if c.moving.active() && false {`,
		why:         "batches are executed on a state that is half installed",
		masked:      `the engine hands out no batch while it waits for a state`,
		tests:       `Transfer|Park|Moving|Core`,
	},
	{
		name: "parked-executed-again", rule: "R95", file: "replica/core/moving.go",
		text:        `		if x.Sequence > c.executed {`,
		replacement: `		if x.Sequence > 0 {`,
		why:         "batches are executed that the installed state holds already",
		masked:      `the engine hands out no batch while it waits for a state`,
		tests:       `Transfer|Park|Moving|Core`,
	},
	{
		name: "never-behind", rule: "R54", file: "replica/core/core.go",
		text:        `		c.behind(p)`,
		replacement: `		_ = p`,
		why:         "a replica that was left in the dark never comes back",
	},
	{
		name: "source-never-changed", rule: "R94", file: "replica/transfer/fetcher.go",
		text:        `		f.source = (f.source + 1) % consensus.ReplicaID(f.group.N)`,
		replacement: `		f.source = (f.source + 0) % consensus.ReplicaID(f.group.N)`,
		why:         "one silent source stops a transfer for good",
		stalls:      true,
		enemy:       `dark:state-.*`,
	},
	{
		name: "deletions-not-moved", rule: "R124", file: "replica/transfer/entries.go",
		text:        "	if c.Deleted {\n		flag = 1\n	}",
		replacement: "	_ = c.Deleted",
		why:         "a write set without its deletions is another one",
	},
}
