package adversary

import (
	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/pbft"
)

// floodFrames is how many frames a flooder adds at each tick, for each receiver.
const floodFrames = 12

// A flooder votes for random batches at every sequence in and around the window,
// in this view and in later ones (R41, R44, R101).
type flooder struct{ stage }

func newFlooder(s stage) lie { return &flooder{s} }

// Tick implements sim.Behaviour.
func (f *flooder) Tick() {
	st := f.Status().Engine
	for range floodFrames {
		h := pbft.Header{
			View:     st.View + consensus.ViewNumber(f.random(4)),
			Sequence: st.Low + consensus.Sequence(f.random(int(st.High-st.Low)+4)),
		}
		h.Batch[0] = byte(f.random(256))
		f.tell(f.forger.Vote([]consensus.MessageType{pbft.TypePrePrepare, pbft.TypePrepare, pbft.TypeCommit}[f.random(3)], h))
	}
}

// A beggar says at every tick that it has nothing at all, so that others send it
// everything again (R105, R122).
type beggar struct{ stage }

func newBeggar(s stage) lie { return &beggar{s} }

// Tick implements sim.Behaviour.
func (b *beggar) Tick() {
	st := b.Status().Engine
	poor := &pbft.Status{Changes: make([]consensus.ViewNumber, b.Group().N)}
	if b.random(2) == 0 {
		poor.View, poor.ChangingTo = st.View, st.View
		poor.Low, poor.Ordered = st.Low, st.Low
	}
	b.tell(b.forger.Status(poor))
}

// A nagger passes requests on that were executed long ago, again and again, as if
// they waited (R30, R31).
type nagger struct {
	stage
	heard [][]byte
}

func newNagger(s stage) lie { return &nagger{stage: s} }

// Hear implements sim.Listener.
func (n *nagger) Hear(_ int, _ bool, frame []byte) bool {
	if kind(frame) == consensus.TypeRequest && len(n.heard) < memoryMax {
		n.heard = append(n.heard, frame)
	}
	return true
}

// Tick implements sim.Behaviour.
func (n *nagger) Tick() {
	for range min(4, len(n.heard)) {
		n.tell(n.heard[n.random(len(n.heard))])
	}
}

// A replayer sends old frames again, its own and those of others, of whatever
// view they are (R44, R45, R78).
type replayer struct {
	stage
	frames [][]byte
}

func newReplayer(s stage) lie { return &replayer{stage: s} }

func (r *replayer) keep(frame []byte) {
	if len(r.frames) < memoryMax {
		r.frames = append(r.frames, frame)
		return
	}
	r.frames[r.random(memoryMax)] = frame
}

// Say implements sim.Behaviour.
func (r *replayer) Say(_ consensus.ReplicaID, frame []byte) [][]byte {
	r.keep(frame)
	return [][]byte{frame}
}

// Hear implements sim.Listener.
func (r *replayer) Hear(_ int, client bool, frame []byte) bool {
	if !client {
		r.keep(frame)
	}
	return true
}

// Tick implements sim.Behaviour.
func (r *replayer) Tick() {
	for range min(4, len(r.frames)) {
		r.tell(r.frames[r.random(len(r.frames))])
	}
}

// A foreigner says beside each vote another one, signed with the same key for
// another group or another epoch: a replay of what it may say there (R8).
type foreigner struct {
	stage
	abroad, later pbft.Forger
}

func newForeigner(s stage) lie {
	group, epoch := *s.Group(), *s.Group()
	group.ID[0]++
	epoch.Epoch++
	f := &foreigner{stage: s, abroad: s.forger, later: s.forger}
	f.abroad.Group, f.later.Group = &group, &epoch
	return f
}

// Say implements sim.Behaviour.
func (f *foreigner) Say(_ consensus.ReplicaID, frame []byte) [][]byte {
	v, ok := pbft.ReadVote(frame)
	if !ok {
		return [][]byte{frame}
	}
	h := v.Header
	h.Batch[0]++
	return f.instead(f.abroad.Vote(v.Kind, h), f.later.Vote(v.Kind, h), frame)
}
