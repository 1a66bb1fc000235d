package main

// ordering breaks quorums, certificates and the normal case.
var ordering = []mutant{
	{
		name: "quorum-of-2f+1", rule: "R1", file: "consensus/group.go",
		text:        `Quorum: (n + f + 2) / 2, Weak`,
		replacement: `Quorum: 2*f + 1, Weak`,
		why:         "with five or six replicas, two quorums of 2f+1 may meet in a liar only",
		enemy:       `split`,
	},
	{
		name: "signer-counted-twice", rule: "R2", file: "pbft/certificate.go",
		text:        `x.Replica == except || uint64(x.Replica) < next {`,
		replacement: `x.Replica == except || uint64(x.Replica)+1 < next {`,
		why:         "a liar fills a certificate with the signature of one replica",
		enemy:       `lie:stuffer`,
	},
	{
		name: "votes-of-any-digest", rule: "R3", file: "pbft/slot.go",
		text:        `if v != nil && v.Header.Batch == d && consensus.ReplicaID(i) != self {`,
		replacement: `if v != nil && consensus.ReplicaID(i) != self {`,
		why:         "votes for another batch are counted for this one",
		enemy:       `lie:double-vote|lie:equivocate`,
	},
	{
		name: "primary-prepares", rule: "R5", file: "pbft/decode.go",
		text:        `!primary || v.Kind == TypePrepare && primary {`,
		replacement: `!primary {`,
		why:         "a primary that also prepares is counted twice, and a quorum is one too small",
		enemy:       `lie:double-vote|lie:absurd|lie:flood|lie:mutate`,
	},
	{
		name: "pre-prepare-of-anyone", rule: "R5", file: "pbft/decode.go",
		text:        `!ok || v.Kind == TypePrePrepare && !primary || v.Kind`,
		replacement: `!ok || v.Kind`,
		why:         "any replica can propose in any view",
		enemy:       `lie:flood|lie:absurd|lie:double-vote`,
	},
	{
		name: "own-unsynced-commit-counts", rule: "R6", file: "pbft/normal.go",
		text:        "			if own {\n				after = s.commitAt\n			}\n",
		replacement: "			_ = own\n",
		why:         "a result rests on a commit that this replica may forget",
		enemy:       `blinks|power`,
	},
	{
		name: "batch-not-logged", rule: "R21", file: "pbft/normal.go",
		text:        `proposalRecord(&s.proposal.Vote, own, body), out)`,
		replacement: `proposalRecord(&s.proposal.Vote, own, nil), out)`,
		why:         "after a power failure nobody has the batch that prepared",
	},
	{
		name: "carried-over-judged-by-clock", rule: "R37", file: "pbft/normal.go",
		text:        `if !ok || s.fresh && !e.timely(held.batch.Content.Time) ||`,
		replacement: `if !ok || !e.timely(held.batch.Content.Time) ||`,
		why:         "a new view waits for ever for a batch whose time is another's",
		enemy:       `churn`,
	},
	{
		name: "prepared-one-too-few", rule: "R38", file: "pbft/normal.go",
		text:        `agreeing(s.prepares, h.Batch, e.self, e.group.Quorum-1)`,
		replacement: `agreeing(s.prepares, h.Batch, e.self, e.group.Quorum-2)`,
		why:         "two batches can be prepared in one view",
	},
	{
		name: "commit-before-its-record", rule: "R38", file: "pbft/normal.go",
		text:        `e.send(v.frame, s.commitAt, out)`,
		replacement: `e.send(v.frame, 0, out)`,
		why:         "after a crash nothing shows that the batch prepared",
	},
	{
		name: "commit-not-logged", rule: "R38", file: "pbft/normal.go",
		text:        `s.commitAt = e.record(recordPrepared, s.sequence, preparedRecord(s.prepared, v), out)`,
		replacement: `s.commitAt = s.votedAt`,
		why:         "after a restart nothing shows that the batch prepared",
	},
	{
		name: "commits-of-two-views", rule: "R39", file: "pbft/slot.go",
		text:        "	clear(s.prepares)\n	clear(s.commits)\n",
		replacement: "	clear(s.prepares)\n",
		why:         "commits of different views make no quorum",
	},
	{
		name: "gap-skipped", rule: "R40", file: "pbft/normal.go",
		text: `		s := e.slots[e.ordered+1]
		if s == nil || s.certificate == nil {
			return
		}
		held`,
		replacement: `		s := e.slots[e.ordered+1]
		if s == nil || s.certificate == nil {
			if s = e.slots[e.ordered+2]; s == nil || s.certificate == nil {
				return
			}
			e.ordered++
		}
		held`,
		why: "a batch is executed before the one under it",
	},
	{
		name: "no-high-water-mark", rule: "R41", file: "pbft/window.go",
		text:        `return n > e.certified && n-e.certified <= e.window`,
		replacement: `return n > e.certified`,
		why:         "a primary can exhaust memory and sequence numbers",
		masked:      `the decoder refuses nearly the same frames by a hint`,
		tests:       `TestScripts`,
	},
	{
		name: "proposes-above-the-mark", rule: "R43", file: "pbft/normal.go",
		text:        `return max(0, min(int(e.high()-min(next-1, e.high())), e.cfg.BatchesInFlight-open))`,
		replacement: `return max(0, e.cfg.BatchesInFlight-open)`,
		why:         "a primary does not stop at the high water mark",
	},
	{
		name: "votes-in-a-view-it-left", rule: "R45", file: "pbft/normal.go",
		text:        `return e.started && !e.halted && e.active() && s.view`,
		replacement: `return e.started && !e.halted && s.view`,
		why:         "what prepares after the VIEW-CHANGE is not in it",
		enemy:       `churn`,
	},
	{
		name: "prepare-before-its-record", rule: "R78", file: "pbft/normal.go",
		text:        "	e.accept(s, v, out)\n	e.send(v.frame, s.votedAt, out)",
		replacement: "	e.accept(s, v, out)\n	e.send(v.frame, 0, out)",
		why:         "a replica that forgets what it said is a liar",
	},
	{
		name: "evidence-over-views", rule: "R47", file: "pbft/evidence.go",
		text:        `a.Signer == b.Signer && a.Header.View == b.Header.View &&`,
		replacement: `a.Signer == b.Signer &&`,
		why:         "two views may well order two batches: a correct replica is framed",
		enemy:       `lie:frame-up`,
	},
	{
		name: "unsigned-requests", rule: "R20", file: "consensus/request.go",
		text:        `return crypto.Unverified[*Request]{Value: r, Checks: []crypto.Check{check}}, nil`,
		replacement: "_ = check\n	return crypto.Unverified[*Request]{Value: r}, nil",
		why:         "any replica can act for any client",
		enemy:       `lie:unsigned|lie:client-unsigned`,
	},
}
