package log_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/store/log"
	"github.com/varangian-bft/varangian/store/log/logtest"
)

// A life is a log under a random schedule, and what it has promised.
type life struct {
	disk     *logtest.Disk
	log      *log.Log
	synced   consensus.Position // promised
	trimmed  consensus.Position // below may be gone
	appended map[consensus.Position][]int
}

// TestCrashSchedules: R78, R82, R86. After any crash everything that was synced is
// there, in order; what is there was appended; and no crash is damage.
func TestCrashSchedules(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := &life{disk: logtest.NewDisk(), trimmed: 1, appended: map[consensus.Position][]int{}}
		s.open(t)
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			s.step(t)
		}
	})
}

func (s *life) step(t *rapid.T) {
	var err error
	switch rapid.SampledFrom([]string{"append", "append", "append", "sync", "sync", "trim", "crash", "kill", "cut"}).Draw(t, "step") {
	case "append":
		err = s.append(t)
	case "sync":
		if err = s.log.Sync(); err == nil {
			s.synced = s.log.Next() - 1
		}
	case "trim":
		below := consensus.Position(rapid.Uint64Range(uint64(s.trimmed), uint64(s.log.Next())).Draw(t, "below"))
		s.trimmed = below
		if err = s.log.Trim(below); err == nil {
			s.synced = s.log.Next() - 1
		}
	case "crash":
		s.crash(t)
	case "kill":
		s.disk.Kill()
		s.open(t)
	case "cut":
		s.cutShort(rapid.IntRange(1, 20).Draw(t, "calls"))
	}
	if err != nil {
		if again := s.log.Sync(); again != err { // R81
			t.Fatalf("after %v comes %v", err, again)
		}
		s.disk.Watch = nil
		if rapid.Bool().Draw(t, "only the process ends") {
			s.disk.Kill() // the kernel may show what a failed sync never wrote
			s.reopen(t)
		} else {
			s.crash(t)
		}
	}
}

// cutShort makes the disk fail for good after so many calls from now.
func (s *life) cutShort(calls int) {
	s.disk.Watch = func(logtest.Call) error {
		if calls--; calls < 0 {
			return errors.New("input/output error")
		}
		return nil
	}
}

func (s *life) append(t *rapid.T) error {
	sizes := rapid.SliceOfN(rapid.SampledFrom([]int{0, 40, 400, 4000, 20000, 90000}), 1, 5).Draw(t, "sizes")
	for i, size := range sizes {
		p := s.log.Next() + consensus.Position(i)
		s.appended[p] = append(s.appended[p], max(size, 8))
	}
	return appendAll(s.log, sizes...)
}

func (s *life) crash(t *rapid.T) {
	s.disk.Watch = nil
	survives := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "survives"), 0))
	s.disk.Crash(survives.IntN)
	s.reopen(t)
}

// reopen opens the log again, and before that, it may be, opens it in vain.
func (s *life) reopen(t *rapid.T) {
	survives := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "survives again"), 0))
	if rapid.Bool().Draw(t, "crash while opening") {
		s.cutShort(rapid.IntRange(1, 30).Draw(t, "calls"))
		if l, _, err := replayed(s.disk, config()); err == nil {
			s.synced = l.Next() - 1
		} else if errors.Is(err, log.ErrDamaged) && s.disk.Watch(logtest.Call{}) == nil {
			t.Fatalf("a crash is no damage: %v", err)
		}
		s.disk.Watch = nil
		s.disk.Crash(survives.IntN)
	}
	s.open(t)
}

func (s *life) open(t *rapid.T) {
	s.disk.Watch = nil
	l, got, err := replayed(s.disk, config())
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	if err := s.check(got, l); err != nil {
		t.Fatal(err)
	}
	s.log = l
	s.synced = l.Next() - 1
	s.trimmed = min(s.trimmed, l.Next())
}

func (s *life) check(got []consensus.Record, l *log.Log) error {
	if err := genuine(got); err != nil {
		return err
	}
	if l.Next() <= s.synced {
		return fmt.Errorf("ends at %d, although %d was synced", l.Next()-1, s.synced)
	}
	if l.First() > s.trimmed {
		return fmt.Errorf("begins at %d, although %d was not trimmed", l.First(), s.trimmed)
	}
	if len(got) != int(l.Next()-l.First()) || len(got) > 0 && got[0].Position != l.First() {
		return fmt.Errorf("replayed %d records of %d to %d", len(got), l.First(), l.Next()-1)
	}
	for _, r := range got {
		found := false
		for _, size := range s.appended[r.Position] {
			found = found || size == len(r.Data)
		}
		if !found {
			return fmt.Errorf("record %d of %d bytes was never appended", r.Position, len(r.Data))
		}
	}
	return nil
}

// R82: a loss of power while the log is opened after a loss of power, wherever it
// cuts and whatever it tears, costs nothing, of the mark least of all.
func TestCrashWhileOpened(t *testing.T) {
	for seed := range uint64(40) {
		for calls := range 25 {
			r := rand.New(rand.NewPCG(81, seed))
			s := &life{disk: logtest.NewDisk()}
			l, _ := mustOpen(t, s.disk, config())
			must(t, appendAll(l, 60000))
			must(t, appendAll(l, 60000))
			must(t, l.Sync())
			s.disk.Crash(r.IntN)
			s.cutShort(calls)
			if l, _, err := replayed(s.disk, config()); err == nil {
				must(t, errors.Join(l.Append(nil), l.Sync()))
			}
			s.disk.Watch = nil
			s.disk.Crash(r.IntN)
			if _, got := mustOpen(t, s.disk, config()); len(got) != 2 {
				t.Fatalf("cut after %d calls: %d records of 2", calls, len(got))
			}
		}
	}
}

// A record of an earlier life that was cut off must not come back when the log
// grows over the place of the one before it, even if that is the same to the byte.
func TestCutRecordsStayCut(t *testing.T) {
	disk := logtest.NewDisk()
	l, _ := mustOpen(t, disk, config())
	must(t, appendAll(l, 20))
	must(t, appendAll(l, 20))
	// Not synced are a slot of the mark and two rounds, of which the second survives.
	writes := 0
	disk.Crash(func(n int) int {
		if n == 3 {
			writes++
		}
		return min(writes/3, n-1)
	})
	l, got := mustOpen(t, disk, config())
	if writes != 3 || len(got) != 0 {
		t.Fatalf("%d records came back", len(got))
	}
	must(t, appendAll(l, 20))
	must(t, l.Sync())
	disk.Crash(nil)
	if _, got := mustOpen(t, disk, config()); len(got) != 1 {
		t.Fatalf("%d records came back, 1 was appended in this life", len(got))
	}
}

// R81: an error of a write, a sync or a close is final, whatever the disk says later.
func TestErrorsAreFinal(t *testing.T) {
	for _, op := range []logtest.Op{logtest.OpWrite, logtest.OpSync, logtest.OpClose} {
		for _, name := range []string{"segment-0000000000000001", "mark"} {
			disk := logtest.NewDisk()
			l, _ := mustOpen(t, disk, config())
			must(t, appendAll(l, 10))
			must(t, l.Sync())
			eio, calls := errors.New("input/output error"), 0
			disk.Watch = func(c logtest.Call) error {
				if c.Op == op && c.Name == name {
					calls++
					return eio
				}
				return nil
			}
			err := errors.Join(appendAll(l, 10), l.Sync())
			if err == nil {
				err = l.Close()
			}
			if !errors.Is(err, eio) || calls != 1 {
				t.Fatalf("%s %s: got %v after %d calls", op, name, err, calls)
			}
			disk.Watch = func(c logtest.Call) error {
				if c.Op != logtest.OpClose {
					t.Fatalf("%s %s: the disk is asked again: %v", op, name, c)
				}
				return nil
			}
			for range 2 {
				for i, err := range []error{appendAll(l, 10), l.Sync(), l.Trim(1), l.Close()} {
					if !errors.Is(err, eio) {
						t.Fatalf("%s %s: call %d answers %v", op, name, i, err)
					}
				}
			}
		}
	}
}

// R81: the kernel may hold pages as clean that a failed sync never wrote. Whoever
// opens the log after that sees them, and has to write them again before anything
// rests on them.
func TestPagesOfFailedSyncAreWrittenAgain(t *testing.T) {
	disk := logtest.NewDisk()
	l, _ := mustOpen(t, disk, config())
	must(t, appendAll(l, 10, 20))
	disk.Watch = func(c logtest.Call) error {
		if c.Op == logtest.OpSync {
			return errors.New("input/output error")
		}
		return nil
	}
	if l.Sync() == nil {
		t.Fatal("the sync did not fail")
	}
	disk.Watch = nil
	disk.Kill()
	_, got := mustOpen(t, disk, config())
	disk.Crash(nil)
	_, after := mustOpen(t, disk, config())
	if len(got) != 2 || len(after) != 2 {
		t.Fatalf("replayed %d records after the failed sync, %d after the loss of power that followed", len(got), len(after))
	}
}

// R88: the disk is found to be full while the active segment has room, nothing is
// lost, the log says so again when it is opened, and goes on when room is made.
func TestNoSpace(t *testing.T) {
	disk := logtest.NewDisk()
	disk.BytesMax = 3*4096 + 2*64<<10
	l, _ := mustOpen(t, disk, config())
	var err error
	for synced := consensus.Position(0); err == nil; synced++ {
		if synced > 100 {
			t.Fatal("the disk never got full")
		}
		if err = appendAll(l, 3000); err == nil {
			must(t, l.Sync())
			continue
		}
		if !errors.Is(err, log.ErrNoSpace) {
			t.Fatalf("got %v", err)
		}
		disk.Kill()
		for range 2 {
			_, got, err := replayed(disk, config())
			if !errors.Is(err, log.ErrNoSpace) || len(got) != int(synced) {
				t.Fatalf("reopened with %d records of %d: %v", len(got), synced, err)
			}
		}
		disk.BytesMax = 0
		l, got := mustOpen(t, disk, config())
		if len(got) != int(synced) {
			t.Fatalf("%d records of %d", len(got), synced)
		}
		must(t, appendAll(l, 3000))
		must(t, l.Sync())
	}
}

// R81, R82: the sync of a mark fails that drops segments, and the kernel shows that
// mark nevertheless. Whoever opens the log then removes the segments; a loss of
// power in the middle of it must not leave the old mark without them.
func TestLeftoversOutliveTheirMark(t *testing.T) {
	for calls := range 40 {
		disk := logtest.NewDisk()
		l, _ := mustOpen(t, disk, config())
		for range 4 {
			must(t, appendAll(l, 50000))
			must(t, l.Sync())
		}
		disk.Watch = func(c logtest.Call) error {
			if c.String() == "sync mark" {
				return errors.New("input/output error")
			}
			return nil
		}
		if l.Trim(4) == nil {
			t.Fatal("the sync of the mark did not fail")
		}
		disk.Kill()
		s := &life{disk: disk}
		s.cutShort(calls)
		_, _, _ = replayed(disk, config()) // it may fail: its disk does
		disk.Watch = nil
		disk.Crash(func(n int) int { return n - 1 })
		if _, got := mustOpen(t, disk, config()); got[len(got)-1].Position != 4 {
			t.Fatalf("cut after %d calls: record 4 is gone", calls)
		}
	}
}
