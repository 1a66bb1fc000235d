package core

import (
	"fmt"
	"time"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/internal/wire"
	"github.com/varangian-bft/varangian/statemachine"
)

// snapshotRetry is how often a replica repeats its SNAPSHOT while it has no
// certificate for it, and answers that of another at most (R105).
const snapshotRetry = 2 * time.Second

// snapshots collects SNAPSHOT statements until a quorum agrees (design, idea 8).
// Neither water marks nor trimming wait for it.
type snapshots struct {
	own       *wire.SignedSnapshot
	latest    []statements // of each replica
	certified wire.SnapshotCertificate
	answered  []time.Time // when each replica was last answered
	repeat    time.Time
}

// statements are a replica's two highest ones, newest first: arbitrary sequences make
// no entries (R53), and who is one snapshot ahead still counts for the one before.
type statements [2]*wire.SignedSnapshot

// at returns the statement of a sequence, or nil.
func (s statements) at(n consensus.Sequence) *wire.SignedSnapshot {
	for _, m := range s {
		if m != nil && m.Sequence == n {
			return m
		}
	}
	return nil
}

// snapshotEvery is the number of sequence numbers from one snapshot to the next.
func (c *Core) snapshotEvery() consensus.Sequence {
	p := &c.group.Genesis.Parameters
	return consensus.Sequence(p.CheckpointInterval * p.SnapshotInterval)
}

// snapshotDue asks for a snapshot if one falls on a checkpoint whose state is
// durable now. One that was missed is made up for by the next.
func (c *Core) snapshotDue(m statemachine.Marker, out *Output) {
	s := m.Version.Sequence()
	if s > 0 && s%c.snapshotEvery() == 0 && s > c.snapshots.certified.Sequence {
		out.Snapshot = append(out.Snapshot, m)
	}
}

// onSnapshotted states the snapshot to everyone. Its state is durable already, so
// the statement waits for nothing.
func (c *Core) onSnapshotted(m wire.Snapshot, out *Output) {
	if c.repair.reason != "" {
		return
	}
	own := m.Sign(c.group, c.self, c.signer)
	c.snapshots.own = &own
	if c.mute() { // what the others state is certified without it
		c.snapshots.repeat = c.now
		c.certify(out)
		return
	}
	c.stateSnapshot(out)
}

// stateSnapshot counts the own statement, as long as it does not, and sends it.
func (c *Core) stateSnapshot(out *Output) {
	s := &c.snapshots
	s.repeat = c.now.Add(snapshotRetry)
	if c.countSnapshot(*s.own, out); s.own != nil { // unless a quorum says otherwise (R51)
		c.sendSnapshot(consensus.Everyone, out)
	}
}

func (c *Core) sendSnapshot(to consensus.ReplicaID, out *Output) {
	c.send(consensus.Outbound{To: to, Class: consensus.ClassStatus, Frame: c.snapshots.own.Marshal()}, out)
}

// snapshotSigned counts another replica's statement. One who is behind repeats
// his, and gets ours, so that lost statements do not matter (R122).
func (c *Core) snapshotSigned(from consensus.ReplicaID, m wire.SignedSnapshot, out *Output) {
	s := &c.snapshots
	own := s.own
	if own != nil && m.Sequence <= s.certified.Sequence && own.Sequence == m.Sequence &&
		c.now.Sub(s.answered[from]) >= snapshotRetry && !c.mute() {
		s.answered[from] = c.now
		c.sendSnapshot(from, out)
	}
	c.countSnapshot(m, out)
}

func (c *Core) countSnapshot(m wire.SignedSnapshot, out *Output) {
	s := &c.snapshots
	old := s.latest[m.Replica]
	if m.Sequence <= s.certified.Sequence || (old[0] != nil && old[0].Sequence >= m.Sequence) {
		return
	}
	s.latest[m.Replica] = statements{&m, old[0]}
	c.certify(out)
}

// certify looks for a quorum at the sequence of the own snapshot. A quorum for
// another state means that this replica has diverged (R51).
func (c *Core) certify(out *Output) {
	own := c.snapshots.own
	if own == nil || own.Sequence <= c.snapshots.certified.Sequence {
		return
	}
	for _, of := range c.snapshots.latest {
		candidate := of.at(own.Sequence)
		if candidate == nil {
			continue
		}
		cert := wire.SnapshotCertificate{Snapshot: candidate.Snapshot}
		for id, of := range c.snapshots.latest {
			if v := of.at(own.Sequence); v != nil && v.Snapshot == candidate.Snapshot {
				cert.Signers = append(cert.Signers, wire.SnapshotSigner{Replica: consensus.ReplicaID(id), Signature: v.Signature})
			}
		}
		switch {
		case len(cert.Signers) < c.group.Quorum:
		case cert.Snapshot != own.Snapshot:
			c.diverged(cert.Sequence, out)
			return
		case own.Sequence > c.engine.Status().Low:
			// Who lags is led to the stable checkpoint, and what leads there goes with the
			// snapshot before: its successor waits (R55).
			return
		default:
			c.snapshots.certified = cert
			out.Save = append(out.Save, cert)
			c.tidy(out)
			c.retire(out)
			return
		}
	}
}

func (c *Core) diverged(s consensus.Sequence, out *Output) {
	c.suspect(fmt.Sprintf("the state at %d differs from the one that a quorum certified", s), out)
}

// snapshotTick repeats the own statement until it is certified, and makes it when this
// replica may sign again.
func (c *Core) snapshotTick(out *Output) {
	s := &c.snapshots
	if s.own == nil || s.own.Sequence <= s.certified.Sequence || c.now.Before(s.repeat) || c.mute() {
		return
	}
	c.stateSnapshot(out)
}
