package main

// talking breaks what clients and replicas make of each other's frames.
var talking = []mutant{
	{
		name: "one-reply-is-enough", rule: "R28", file: "client/session/reply.go",
		text:        `if count < s.cfg.Group.Weak {`,
		replacement: `if count < s.cfg.Group.F {`,
		why:         "a client believes one liar",
		enemy:       `lie:reply-.*`,
	},
	{
		name: "results-not-compared", rule: "R28", file: "client/session/reply.go",
		text:        `if len(e.Results) > 0 && !r.holds(e.Results, e.Leaf.Results) {`,
		replacement: `if len(e.Results) > 0 && !r.holds(e.Results, e.Leaf.Results) && false {`,
		why:         "a liar names the agreed digest and sends other results",
		enemy:       `lie:prompter`,
	},
	{
		name: "done-too-early", rule: "R26", file: "client/session/pack.go",
		text:        `Timestamp: n.next, Done: n.done, Operations`,
		replacement: `Timestamp: n.next, Done: n.next - 1, Operations`,
		why:         "the group forgets results that are still waited for",
	},
	{
		name: "never-asks-again", rule: "R30", file: "client/session/time.go",
		text:        `			out.Send = append(out.Send, Outbound{To: consensus.ReplicaID(i), Frame: r.frame})`,
		replacement: `			_ = i`,
		why:         "a lost request, or a lost reply, is never made up for",
	},
	{
		name: "asked-under-a-new-timestamp", rule: "R11", file: "client/session/time.go",
		text:        `	r.attempt++`,
		replacement: "	if !r.opens() {\n		s.drop(r)\n		s.send(r.operations, out)\n		return\n	}\n	r.attempt++",
		why:         "an operation that is sent again becomes another one, and is executed twice",
	},
	{
		name: "bodies-not-compared", rule: "R22", file: "consensus/batch.go",
		text:        `if err != nil || r.Value.digest != want {`,
		replacement: `if err != nil || r.Value.digest == want && false {`,
		why:         "a fetched body may be any other request",
		enemy:       `lie:fetch-.*`,
	},
	{
		name: "fetches-not-answered", rule: "R21", file: "replica/core/fetch.go",
		text:        `	if len(found) == 0 || !c.budget.spend(from, total-min(total, questionCost)) {`,
		replacement: `	if len(found) >= 0 || !c.budget.spend(from, total-min(total, questionCost)) {`,
		why:         "who lacks a body can never vote for its batch",
	},
	{
		name: "batches-not-answered", rule: "R66", file: "replica/core/fetch.go",
		text:        `	if !ok || !c.budget.spend(from, b.Bytes()-min(b.Bytes(), questionCost)) {`,
		replacement: `	if !ok || b.Bytes() >= 0 {`,
		why:         "a new primary cannot obtain the batch that it has to carry over",
		enemy:       `churn`,
	},
	{
		name: "pool-forgets-a-new-view", rule: "R30", file: "replica/core/pool.go",
		text:        `			p.enqueue(p.lines[e.request.Client], e)`,
		replacement: `			_ = p.lines`,
		why:         "requests that a fallen view had proposed are never proposed again",
		masked:      `the primaries of other views propose these requests`,
		tests:       `TestPool`,
	},
}
