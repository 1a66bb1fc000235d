package vectors_test

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/pbft"
)

// A packet is a frame on its way.
type packet struct {
	from, to consensus.ReplicaID
	frame    []byte
}

// A world drives four engines over a network that loses what cut says, and notes
// every frame that an engine sent.
type world struct {
	t       *testing.T
	now     time.Time
	engines []consensus.Engine
	effects []consensus.Effects
	cut     func(packet) bool
	queue   []packet
	sent    [][]byte
	logged  []consensus.Record
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, now: epoch, effects: make([]consensus.Effects, 4), cut: func(packet) bool { return false }}
	for i := range 4 {
		w.engines = append(w.engines, pbft.New(pbft.Config{Group: group, Self: consensus.ReplicaID(i), Signer: signers[i]}))
	}
	for i := range 4 {
		w.step(i, consensus.Tick{Now: w.now})
		w.step(i, consensus.Started{})
	}
	return w
}

// chainAt is what the state of these engines is said to be at a checkpoint.
func chainAt(s consensus.Sequence) crypto.Digest {
	return crypto.Hash(crypto.KindChain, binary.BigEndian.AppendUint64(nil, uint64(s)))
}

// step gives an engine an event, and at once what follows from it on its disk and
// in its state machine.
func (w *world) step(i int, ev consensus.Event) {
	e := &w.effects[i]
	e.Reset()
	w.engines[i].Step(ev, e)
	w.logged = append(w.logged, e.Persist...)
	var next []consensus.Event
	if n := len(e.Persist); n > 0 {
		next = append(next, consensus.Persisted{Through: e.Persist[n-1].Position})
	}
	for _, o := range e.Send {
		w.sent = append(w.sent, o.Frame)
		for to := range consensus.ReplicaID(4) {
			if to != consensus.ReplicaID(i) && (o.To == to || o.To == consensus.Everyone) {
				w.queue = append(w.queue, packet{consensus.ReplicaID(i), to, o.Frame})
			}
		}
	}
	for _, x := range e.Execute {
		next = append(next, consensus.Executed{Sequence: x.Sequence})
		if x.Sequence%2 == 0 {
			next = append(next, consensus.Flushed{Sequence: x.Sequence, Chain: chainAt(x.Sequence)})
		}
	}
	for _, want := range e.Fetch {
		for _, b := range batches {
			if b.Digest == want.Digest {
				next = append(next, consensus.Completed{Batch: b})
			}
		}
	}
	for _, h := range e.Halt {
		w.t.Fatalf("r%d halts: %s", i, h.Reason)
	}
	for _, ev := range next {
		w.step(i, ev)
	}
}

func (w *world) settle() {
	codec := pbft.NewCodec(group)
	for len(w.queue) > 0 {
		p := w.queue[0]
		w.queue = w.queue[1:]
		if w.cut(p) {
			continue
		}
		u, err := codec.Decode(p.frame, consensus.Hint{})
		if err != nil {
			w.t.Fatalf("an engine sent what none reads: %v", err)
		}
		crypto.VerifyAll(crypto.Ed25519, []crypto.Unverified[consensus.Message]{u}, func(_ int, m crypto.Verified[consensus.Message]) {
			w.step(int(p.to), consensus.Received{From: p.from, Message: m})
		}, func(int) { w.t.Fatalf("an engine's signature does not hold") })
	}
}

func (w *world) submit(b *consensus.Batch) {
	primary := int(w.engines[1].Status().Primary)
	w.step(primary, consensus.Submitted{Batch: b})
	w.settle()
}

// wait lets time pass in steps of a tick.
func (w *world) wait(ticks int) {
	for range ticks {
		w.now = w.now.Add(50 * time.Millisecond)
		for i := range w.engines {
			w.step(i, consensus.Tick{Now: w.now})
		}
		w.settle()
	}
}

// stands reports whether a frame is a vote of a type for a place in view 0.
func stands(frame []byte, messageType consensus.MessageType, n consensus.Sequence) bool {
	v, ok := pbft.ReadVote(frame)
	return ok && v.Kind == messageType && v.Header.View == 0 && v.Header.Sequence == n
}

// engineFrames tells a story that has every message of PBFT in it, and returns
// all frames in the order in which they were sent.
func engineFrames(t *testing.T) [][]byte {
	w := newWorld(t)
	w.cut = func(p packet) bool { return p.from == 3 || p.to == 3 }
	w.submit(batches[0])
	w.submit(batches[1]) // a checkpoint
	w.cut = func(packet) bool { return false }
	w.wait(40) // replica 3 is told what it missed
	// Sequence 3 does not prepare and 4 does not commit: the next view has to fill
	// a gap with the null batch, and to carry over what prepared.
	w.cut = func(p packet) bool {
		return stands(p.frame, pbft.TypePrepare, 3) || stands(p.frame, pbft.TypeCommit, 4)
	}
	w.submit(batches[2])
	w.submit(batches[3])
	w.wait(40)
	if v := w.engines[3].Status(); v.View != 1 || v.Ordered != 4 {
		t.Fatalf("replica 3 stands in view %d at %d, want the end of the story", v.View, v.Ordered)
	}
	// Replica 2 prepares two batches for one place.
	for _, b := range batches[3:] {
		u, err := pbft.NewCodec(group).Decode(vote(17, 1, 5, b.Digest, 2), consensus.Hint{})
		if err != nil {
			t.Fatal(err)
		}
		crypto.VerifyAll(crypto.Ed25519, []crypto.Unverified[consensus.Message]{u}, func(_ int, m crypto.Verified[consensus.Message]) {
			w.step(0, consensus.Received{From: 2, Message: m})
		}, func(int) { t.Fatal("the vote does not verify") })
	}
	return w.sent
}

// recovery has replica 3 forget all that it promised, and returns its question, what
// replica 0 holds of it, and what stands in its log.
func recovery(t *testing.T) (recall, recalled, record []byte) {
	w := newWorld(t)
	for _, b := range batches[:3] {
		w.submit(b)
	}
	w.engines[3] = pbft.New(pbft.Config{Group: group, Self: 3, Signer: signers[3]})
	w.effects[3], w.sent, w.logged = consensus.Effects{}, nil, nil
	w.step(3, consensus.Tick{Now: w.now})
	w.step(3, consensus.Started{Forgot: "the log is gone", Nonce: consensus.Nonce([]byte("a new life of r3"))})
	w.settle()
	for _, f := range w.sent {
		switch {
		case f[0] == 26 && recall == nil:
			recall = f
		case f[0] == 27 && recalled == nil:
			recalled = f
		}
	}
	for _, r := range w.logged {
		if r.Kind == 10 && record == nil {
			record = r.Data
		}
	}
	return recall, recalled, record
}

// vote writes a PRE-PREPARE without content, a PREPARE or a COMMIT.
func vote(messageType byte, view, sequence uint64, digest crypto.Digest, id uint32) []byte {
	b := []byte{messageType}
	b = binary.BigEndian.AppendUint64(b, view)
	b = binary.BigEndian.AppendUint64(b, sequence)
	b = append(b, digest[:]...)
	s := signers[id].Sign(statement(messageType, b[1:]))
	b = binary.BigEndian.AppendUint32(b, id)
	return append(b, s[:]...)
}
