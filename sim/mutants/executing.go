package main

// executing breaks the state machine and its table of clients.
var executing = []mutant{
	{
		name: "one-slot-per-request-digest", rule: "R11", file: "statemachine/request.go",
		text:        `	case !used:`,
		replacement: `	case !used || s.entries[i].request != r.Digest():`,
		why:         "two requests under one timestamp are both executed",
		enemy:       `lie:client-equivocate`,
	},
	{
		name: "executed-twice", rule: "R23", file: "statemachine/request.go",
		text:        "	case !used:\n",
		replacement: "	case !used || s.entries[i].request == r.Digest():\n",
		why:         "a request that a new view orders again is executed again",
	},
	{
		name: "answer-to-another-request", rule: "R25", file: "statemachine/request.go",
		text:        `case s.entries[i].request == r.Digest():`,
		replacement: `case used:`,
		why:         "a request is given the results of another with its timestamp",
		enemy:       `lie:client-equivocate`,
	},
	{
		name: "window-without-end", rule: "R26", file: "statemachine/request.go",
		text:        `case uint64(r.Timestamp-low) > m.limits.SessionWindow:`,
		replacement: `case uint64(r.Timestamp-low) > 1<<40:`,
		why:         "one far timestamp makes the table of clients unreadable",
		enemy:       `lie:client-jump`,
	},
	{
		name: "done-not-taken", rule: "R26", file: "statemachine/request.go",
		text:        `if s != nil && s.advance(r.Done) {`,
		replacement: `if s != nil && s.advance(0) {`,
		why:         "sessions grow without bound",
	},
	{
		name: "sessions-not-in-the-state", rule: "R27", file: "statemachine/machine.go",
		text:        `			m.overlay.put(sessionKey(s.client, s.number), cell{value: s.marshal()})`,
		replacement: `			_ = s.marshal()`,
		why:         "a restarted replica executes a retry again",
	},
	{
		name: "session-numbers-not-in-the-state", rule: "R49", file: "statemachine/request.go",
		text:        `	m.overlay.put(highestKey(r.Client), cell{value: binary.BigEndian.AppendUint64(nil, uint64(r.Session))})`,
		replacement: `	_ = binary.BigEndian`,
		why:         "a restarted replica opens sessions that were opened before",
	},
	{
		name: "history-not-in-the-state", rule: "R49", file: "statemachine/meta.go",
		text:        "	b.AddBytes(m.history[:])\n	return",
		replacement: "	b.AddBytes(make([]byte, crypto.DigestSize))\n	return",
		why:         "a checkpoint leaves out what later receipts rest on",
	},
	{
		name: "time-runs-back", rule: "R37", file: "statemachine/machine.go",
		text:        `return max(previous+1, proposed)`,
		replacement: `return proposed`,
		why:         "agreed time is not monotonic",
	},
	{
		name: "checkpoint-between", rule: "R48", file: "statemachine/machine.go",
		text:        `if uint64(s)%m.limits.CheckpointInterval == 0 {`,
		replacement: `if (uint64(s)+1)%m.limits.CheckpointInterval == 0 {`,
		why:         "checkpoints are taken elsewhere than at multiples of K",
	},
	{
		name: "error-without-rollback", rule: "R110", file: "statemachine/overlay.go",
		text:        `	for i := len(o.undo) - 1; i >= 0; i-- {`,
		replacement: `	for i := len(o.undo) - 1; i > 0; i-- {`,
		why:         "an operation that failed has changed the state",
	},
	{
		name: "unflushed-windows-dropped", rule: "R84", file: "statemachine/overlay.go",
		text:        `for n < len(o.layers)-1 && o.layers[n].sequence <= v.Sequence() {`,
		replacement: `for n < len(o.layers)-1 {`,
		why:         "writes between two checkpoints vanish while the first is stored",
	},
	{
		name: "older-write-wins", rule: "R84", file: "statemachine/overlay.go",
		text:        "	for i := len(o.layers) - 1; i >= 0; i-- {\n		if cells",
		replacement: "	for i := range o.layers {\n		if cells",
		why:         "a read sees the write of an older window, as long as it is not stored",
	},
	{
		name: "removed-client-goes-on", rule: "R34", file: "statemachine/clients.go",
		text:        `	delete(t.clients, id)`,
		replacement: `	_ = t.clients`,
		why:         "a removed client is still served, until the replica restarts",
		enemy:       `swarm`,
	},
	{
		name: "every-client-an-operator", rule: "R34", file: "statemachine/admin.go",
		text:        `if c := m.clients.clients[by]; c == nil || !c.enrolment.Operator {`,
		replacement: `if c := m.clients.clients[by]; c == nil {`,
		why:         "any client can remove the others",
		masked:      `the pool refuses such requests, and no primary orders what is in no pool`,
		tests:       `TestAdmin`,
	},
}
