package pbft

import (
	"fmt"
	"maps"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
)

// checkpoints is what the engine knows about states.
type checkpoints struct {
	certified consensus.Sequence     // of the highest checkpoint with a quorum
	stable    *CheckpointCertificate // its certificate; nil at genesis
	stableAt  consensus.Position     // record of the certificate
	low       consensus.Sequence     // low water mark: certified, and the certificate durable
	known     []state                // certified lately, ascending

	flushed state // highest own state on disk
	votes   map[consensus.Sequence][]*Checkpoint
	far     []*Checkpoint // by replica, the highest one above the window (R53)

	transferring bool // between Behind and Installed
	suspect      bool // the state here is not believed, until Installed (R51)
	behind       alarm
	lagOrdered   consensus.Sequence // ordered when the lag was last looked at

	trim
}

// A state is a checkpoint's sequence and chain.
type state struct {
	sequence consensus.Sequence
	chain    crypto.Digest
}

func newCheckpoints(n int) checkpoints {
	return checkpoints{votes: make(map[consensus.Sequence][]*Checkpoint), far: make([]*Checkpoint, n)}
}

// onFlushed tells the others that the state at a checkpoint is on disk (R50). A
// state store that lost a checkpoint comes here with it a second time: what was
// said of it stands, and no other state is signed (R51, R80).
func (e *Engine) onFlushed(n consensus.Sequence, chain crypto.Digest, out *consensus.Effects) {
	if n <= e.flushed.sequence || e.suspect {
		return
	}
	assert(n%e.every == 0, "a checkpoint was taken between multiples of K (R48)")
	held := e.backlogged()
	e.flushed = state{n, chain}
	if e.diverged(n, chain, out) {
		return
	}
	e.stateCheckpoint(out)
	e.trimLog(out)
	if held {
		e.execute(out)
	}
}

// stateCheckpoint signs the highest own state that is on disk and not certified yet,
// unless this replica is mute: then it comes here again.
func (e *Engine) stateCheckpoint(out *consensus.Effects) {
	n, chain := e.flushed.sequence, e.flushed.chain
	own := e.ownCheckpoint(n)
	if own != nil && own.Chain != chain {
		e.distrust(fmt.Sprintf("the state after sequence %d is not the one that this replica signed a checkpoint for", n), out)
		return
	}
	if own == nil && n > e.certified && !e.mute() {
		c := newCheckpoint(n, chain, e.self, e.domain, e.cfg.Signer)
		c.at = e.record(recordCheckpoint, n, c.frame, out)
		out.Send = append(out.Send, consensus.Outbound{
			To: consensus.Everyone, Class: consensus.ClassVote, Frame: c.frame, After: c.at, State: true,
		})
		e.file(c, out)
	}
}

// diverged stops a replica from executing whose own state is not the certified one
// (R51).
func (e *Engine) diverged(n consensus.Sequence, chain crypto.Digest, out *consensus.Effects) bool {
	for _, k := range e.known {
		if k.sequence == n && k.chain != chain {
			e.distrust(fmt.Sprintf("the state after sequence %d has chain %x here, and a quorum certified %x", n, chain[:8], k.chain[:8]), out)
			return true
		}
	}
	return false
}

func (e *Engine) distrust(reason string, out *consensus.Effects) {
	if !e.suspect {
		out.Diverged = append(out.Diverged, reason)
		e.onSuspected()
	}
}

// onSuspected believes the state here no longer (R51): nothing is executed upon it,
// it is stated to nobody, and the log is not trimmed for it. Votes go on: they rest
// on the log alone.
func (e *Engine) onSuspected() {
	e.suspect, e.transferring = true, true
	e.flushed = state{}
}

// onCheckpoint counts another replica's checkpoint. One for each sender is kept at
// each boundary in the window, and the highest one above it (R53).
func (e *Engine) onCheckpoint(c *Checkpoint, out *consensus.Effects) {
	if c.Sequence <= e.certified {
		return
	}
	if c.Signer == e.self {
		if own := e.ownCheckpoint(c.Sequence); own == nil || own.Chain != c.Chain {
			e.forget(fmt.Sprintf("CHECKPOINT n=%d", c.Sequence), out)
		}
		return
	}
	if c.Sequence-e.certified > e.window {
		if old := e.far[c.Signer]; old == nil || old.Sequence < c.Sequence {
			e.far[c.Signer] = c
			e.lookFar(c, out)
		}
		return
	}
	e.file(c, out)
}

// lookFar finds out that the group is more than a window ahead: f+1 equal
// checkpoints show it, a quorum of them certifies it (R54).
func (e *Engine) lookFar(c *Checkpoint, out *consensus.Effects) {
	if votes := equalCheckpoints(e.far, c); len(votes) >= e.group.Quorum {
		e.stabilize(newCheckpointCertificate(c.Sequence, c.Chain, votes[:e.group.Quorum]), out)
	} else if len(votes) == e.group.Weak {
		e.statusAt = e.clock
	}
}

func (e *Engine) file(c *Checkpoint, out *consensus.Effects) {
	votes := e.votes[c.Sequence]
	if votes == nil {
		votes = make([]*Checkpoint, e.group.N)
		e.votes[c.Sequence] = votes
	}
	if votes[c.Signer] != nil {
		return
	}
	votes[c.Signer] = c
	if equal := equalCheckpoints(votes, c); len(equal) >= e.group.Quorum {
		e.stabilize(newCheckpointCertificate(c.Sequence, c.Chain, equal[:e.group.Quorum]), out)
	}
}

// ownCheckpoint is the own CHECKPOINT at a sequence above the certified one, or nil.
func (e *Engine) ownCheckpoint(n consensus.Sequence) *Checkpoint {
	votes := e.votes[n]
	if votes == nil {
		return nil
	}
	return votes[e.self]
}

func equalCheckpoints(votes []*Checkpoint, c *Checkpoint) (list []Signed) {
	for _, v := range votes {
		if v != nil && v.Sequence == c.Sequence && v.Chain == c.Chain {
			list = append(list, Signed{Replica: v.Signer, Signature: v.Signature})
		}
	}
	return list
}

func (e *Engine) onCheckpointCertificate(c *CheckpointCertificate, out *consensus.Effects) {
	if c.Sequence > e.certified && e.signedBySelf(c) {
		e.forget(fmt.Sprintf("CHECKPOINT n=%d", c.Sequence), out)
	}
	if !e.halted {
		e.stabilize(c, out)
	}
}

// signedBySelf reports whether a certificate holds an own checkpoint that the log
// lacks (R7).
func (e *Engine) signedBySelf(c *CheckpointCertificate) bool {
	for _, v := range c.Votes {
		if v.Replica == e.self {
			own := e.ownCheckpoint(c.Sequence)
			return own == nil || own.Chain != c.Chain
		}
	}
	return false
}

// stabilize adopts a certificate: the window moves at once, the low water mark
// when the certificate is durable (R50).
func (e *Engine) stabilize(c *CheckpointCertificate, out *consensus.Effects) {
	for _, k := range e.known {
		if k.sequence == c.Sequence && k.chain != c.Chain {
			e.contradicted(fmt.Sprintf("two states are certified for sequence %d", c.Sequence), c.frame, out)
			return
		}
	}
	if c.Sequence <= e.certified {
		return
	}
	e.adopt(c)
	e.stableAt = e.record(recordStable, c.Sequence, c.frame, out)
	if own := e.ownCheckpoint(c.Sequence); own != nil {
		e.diverged(c.Sequence, own.Chain, out)
	}
	if e.flushed.sequence == c.Sequence {
		e.diverged(c.Sequence, e.flushed.chain, out)
	}
	e.refile(out)
}

// adopt sets the certified checkpoint, as it is also done while the log is read.
func (e *Engine) adopt(c *CheckpointCertificate) {
	e.certified, e.stable = c.Sequence, c
	e.known = append(e.known, state{c.Sequence, c.Chain})
	if limit := 2 * int(e.window/e.every); len(e.known) > limit {
		e.known = append(e.known[:0], e.known[len(e.known)-limit:]...)
	}
}

// refile drops the votes that the certificate has made useless, and looks again at
// those that were above the window.
func (e *Engine) refile(out *consensus.Effects) {
	e.dropVotes()
	for i, c := range e.far {
		if c != nil && (c.Sequence <= e.certified || c.Sequence-e.certified <= e.window) {
			e.far[i] = nil
			e.onCheckpoint(c, out)
		}
	}
}

func (e *Engine) dropVotes() {
	maps.DeleteFunc(e.votes, func(n consensus.Sequence, _ []*Checkpoint) bool { return n <= e.certified })
}

// settle moves the low water mark to a certificate that has become durable.
func (e *Engine) settle(out *consensus.Effects) {
	if e.low == e.certified || e.stableAt > e.persisted {
		return
	}
	e.low = e.certified
	out.Stable = append(out.Stable, e.checkpoint())
	e.dropSlots()
	e.trimLog(out)
}

// checkpoint is the certified checkpoint as the core knows it.
func (e *Engine) checkpoint() consensus.Checkpoint {
	if e.stable == nil {
		return consensus.Checkpoint{}
	}
	return consensus.Checkpoint{Sequence: e.stable.Sequence, Chain: e.stable.Chain, Certificate: e.stable.frame}
}

// transfer starts state transfer when the group has certified a state that this
// replica does not reach by itself (R54): at once if the others have dropped the
// batches, else after some intervals without progress. It repeats itself until
// Installed.
func (e *Engine) transfer(out *consensus.Effects) {
	if e.certified <= e.ordered || e.low < e.certified {
		e.behind.set = false
		return
	}
	lost := e.certified-e.ordered > e.every
	if !e.behind.set || !e.transferring && !lost && e.lagOrdered != e.ordered {
		e.behind = alarm{set: true, at: e.clock}
		if !lost {
			e.behind.at += 4 * e.cfg.StatusInterval
		}
		e.lagOrdered = e.ordered
	}
	if e.behind.due(e.clock) {
		e.transferring = true
		e.behind.at = e.clock + 10*e.cfg.StatusInterval
		out.Behind = append(out.Behind, e.checkpoint())
	}
}

// onInstalled goes on from a state that came by transfer (R93). One that takes the
// place of a wrong state may lie before what was executed upon that: then what was
// ordered since is executed again (R51).
func (e *Engine) onInstalled(ev consensus.Installed, out *consensus.Effects) {
	if ev.Sequence <= e.ordered && !e.suspect {
		return
	}
	e.suspect = false
	if e.diverged(ev.Sequence, ev.Chain, out) {
		return
	}
	e.transferring, e.behind.set = false, false
	e.ordered = ev.Sequence
	e.flushed = state{ev.Sequence, ev.Chain}
	e.top = max(e.top, e.ordered)
	e.dropSlots()
	e.trimLog(out)
	e.execute(out)
}
