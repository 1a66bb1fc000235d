package core

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/internal/wire"
	"github.com/varangian-bft/varangian/replica/transfer"
)

// TestServeLimits: R96, R105 – what one replica, and all together, are served in a
// second is bounded, nothing of it is lost, and one that takes much does not keep the
// budget of another.
func TestServeLimits(t *testing.T) {
	s := newStage(t, nil)
	s.core.serving = newServing(s.group.N, ServeLimits{BytesPerSecondEach: 1000, BytesPerSecondAll: 1500})
	served := func(out Output) (bytes [4]int) {
		for _, o := range out.Send {
			if o.Class == consensus.ClassState {
				bytes[o.To] += len(o.Frame)
			}
		}
		return bytes
	}
	var total [4]int
	count := func(out Output) {
		for i, n := range served(out) {
			total[i] += n
		}
	}
	s.after(time.Millisecond)
	for range transfer.QuestionsMax {
		s.receive(2, question(t, s, 8))
		count(s.step(Served{To: 2, Frames: [][]byte{make([]byte, 400)}}))
	}
	if total[2] != 1200 { // the last one overdraws the budget
		t.Errorf("%d bytes left at once", total[2])
	}
	s.receive(3, question(t, s, 8))
	count(s.step(Served{To: 3, Frames: [][]byte{make([]byte, 400)}}))
	if total[3] != 400 {
		t.Errorf("another replica was served %d bytes", total[3])
	}
	for range 10 {
		count(s.after(20 * time.Millisecond))
	}
	if total[2] != 1200 {
		t.Errorf("%d bytes left within 0.2 s, with a debt of 200", total[2])
	}
	for range 10 {
		count(s.after(20 * time.Millisecond))
	}
	if total[2] != 1600 {
		t.Errorf("%d bytes left in the end", total[2])
	}
	begin := total
	for range 500 { // ten seconds of two that take what they can get
		for to := range consensus.ReplicaID(2) {
			if out := s.receive(2+to, question(t, s, 8)); len(out.Serve) == 1 {
				count(s.step(Served{To: 2 + to, Frames: [][]byte{make([]byte, 100)}}))
			}
		}
		count(s.after(20 * time.Millisecond))
	}
	if all := total[2] + total[3] - begin[2] - begin[3]; all < 14_000 || all > 17_000 || total[3]-begin[3] < 4000 {
		t.Errorf("in 10 s at 1500 bytes a second %d left, of them %d to the second", all, total[3]-begin[3])
	}
}

// holds is a question that asks to keep a snapshot.
func holds(t *testing.T, s *stage, at consensus.Sequence) consensus.Message {
	t.Helper()
	u, err := transfer.Decode(binary.BigEndian.AppendUint64([]byte{byte(wire.TypeStateFirst) + 7}, uint64(at)), s.group)
	if err != nil {
		t.Fatal(err)
	}
	return u.Value
}

func (s *stage) certified(at consensus.Sequence) (retired []consensus.Sequence) {
	s.core.snapshots.certified.Sequence = at
	return s.after(time.Millisecond).Retire
}

// TestLease: R55, R96 – a snapshot that somebody fetches is kept while it is asked
// for, not longer than leaseMax, and not more than a few; then it is given back.
func TestLease(t *testing.T) {
	ask := func(s *stage, by consensus.ReplicaID, at consensus.Sequence) {
		for range transfer.QuestionsMax {
			s.step(Served{To: by})
		}
		s.receive(by, holds(t, s, at))
	}
	pass := func(s *stage, d time.Duration) (retired []consensus.Sequence) {
		for ; d > 0; d -= time.Second {
			retired = append(retired, s.after(time.Second).Retire...)
		}
		return retired
	}
	s := newStage(t, nil)
	if got := s.certified(8); len(got) != 1 || got[0] != 8 {
		t.Fatalf("with nobody asking %d are given back below", got)
	}
	ask(s, 2, 8)
	if got := s.certified(16); len(got) > 0 {
		t.Fatalf("a snapshot that is being fetched was given back: %d", got)
	}
	for range 4 {
		ask(s, 2, 8)
		if got := pass(s, leaseIdle-time.Second); len(got) > 0 {
			t.Fatalf("given back between two questions: %d", got)
		}
	}
	if got := pass(s, leaseIdle); len(got) != 1 || got[0] != 16 {
		t.Errorf("after the last question: %d", got)
	}
	ask(s, 2, 8)
	if ask(s, 2, 24); len(s.core.leases.list) > 0 {
		t.Error("a snapshot that is gone, or not there yet, is kept")
	}
	// However often it asks, one replica does not pin a snapshot for ever.
	ask(s, 2, 16)
	s.certified(24)
	var got []consensus.Sequence
	for kept := time.Duration(0); kept <= leaseMax; kept += 10 * time.Second {
		ask(s, 2, 16)
		got = append(got, pass(s, 10*time.Second)...)
	}
	if len(got) != 1 || got[0] != 24 {
		t.Errorf("after %v of questions: %d", leaseMax, got)
	}
	// Nor more than a few of them.
	for at := consensus.Sequence(24); at <= 80; at += 8 {
		got = s.certified(at)
		ask(s, 3, at)
	}
	if len(got) != 1 || got[0] != 80-8*transfer.HeldMax || len(s.core.leases.list) > transfer.HeldMax+1 {
		t.Errorf("at the bound: given back below %d, %d leases", got, len(s.core.leases.list))
	}
}

// TestSuspectServesNothing: R51 – what was read from a state before it was suspected,
// and is held back for its receiver's budget, does not leave any more.
func TestSuspectServesNothing(t *testing.T) {
	s := newStage(t, nil)
	s.core.serving = newServing(s.group.N, ServeLimits{BytesPerSecondEach: 1000, BytesPerSecondAll: 1000})
	s.after(time.Millisecond)
	for range 3 {
		s.receive(2, question(t, s, 8))
		s.step(Served{To: 2, Frames: [][]byte{make([]byte, 2000)}})
	}
	if n := len(s.core.serving.waits); n != 2 {
		t.Fatalf("%d answers are held back, want 2", n)
	}
	s.step(Suspected{Reason: "a value does not fit"})
	for range 20 {
		for _, o := range s.after(time.Second).Send {
			if len(o.Frame) >= 2000 {
				t.Fatal("an answer left")
			}
		}
	}
	if n := len(s.core.serving.waits) + len(s.core.serving.open[2]); n > 0 {
		t.Errorf("%d answers and questions are left", n)
	}
}

// TestScansAreCharged: R102 – who has the server read the state again and again gets its
// answers late, however short they are, and others get theirs at once.
func TestScansAreCharged(t *testing.T) {
	s := newStage(t, nil)
	s.after(time.Millisecond)
	sent := func(to consensus.ReplicaID, took time.Duration) int {
		return len(s.step(Served{To: to, Frames: [][]byte{{1}}, Took: took}).Send)
	}
	if sent(2, 2*time.Second) != 1 {
		t.Fatal("the first answer waits")
	}
	if sent(2, 0) != 0 || sent(3, 0) != 1 {
		t.Error("after a scan of 2 s its asker does not wait, or another one does")
	}
	for waited := time.Duration(0); ; waited += 100 * time.Millisecond {
		out := s.after(100 * time.Millisecond)
		left := 0
		for _, o := range out.Send {
			if o.Class == consensus.ClassState {
				left++
			}
		}
		if left == 0 && waited <= scanDebtMax {
			continue
		}
		// It had a second's worth of bytes.
		if waited < 3*time.Second || waited > scanDebtMax {
			t.Errorf("the next answer left after %v", waited)
		}
		return
	}
}
