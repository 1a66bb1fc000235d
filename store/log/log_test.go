package log_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/store/log"
	"github.com/varangian-bft/varangian/store/log/logtest"
)

func TestReopenGivesBackEverything(t *testing.T) {
	for _, background := range []func(func()){nil, func(work func()) { go work() }} {
		folder := log.OS(t.TempDir())
		c := config()
		c.Background = background
		l, got := mustOpen(t, folder, c)
		if len(got) != 0 || l.Next() != 1 {
			t.Fatalf("a new log holds %d records and goes on at %d", len(got), l.Next())
		}
		for life := range 4 {
			for range 20 {
				must(t, appendAll(l, 0, 5000, 70, 300))
				must(t, l.Sync())
			}
			must(t, l.Close())
			l, got = mustOpen(t, folder, c)
			if want := 80 * (life + 1); len(got) != want || got[0].Position != 1 || int(l.Next()) != want+1 {
				t.Fatalf("life %d: %d records, next %d; want %d", life, len(got), l.Next(), want)
			}
		}
		must(t, l.Close())
		if err := l.Append(nil); !errors.Is(err, log.ErrClosed) {
			t.Fatalf("append to a closed log: %v", err)
		}
	}
}

// Files never change their size, which is what spares the journal, and Bytes is
// what they take.
func TestFilesAreAllocatedWhole(t *testing.T) {
	path := t.TempDir()
	l, _ := mustOpen(t, log.OS(path), config())
	defer l.Close()
	sizes := map[string]int64{}
	for range 40 {
		must(t, appendAll(l, 5000))
		must(t, l.Sync())
		total := int64(0)
		must(t, filepath.WalkDir(path, func(name string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			info, err := e.Info()
			if err != nil {
				return err
			}
			if old, ok := sizes[name]; ok && old != info.Size() {
				t.Fatalf("%s grew from %d to %d bytes", name, old, info.Size())
			}
			sizes[name] = info.Size()
			total += info.Size()
			return nil
		}))
		if total != l.Bytes() {
			t.Fatalf("the files have %d bytes, Bytes says %d", total, l.Bytes())
		}
	}
	if len(sizes) < 4 {
		t.Fatalf("only %d files: the test writes no second segment", len(sizes))
	}
}

// Records larger than a segment, and more records than a round takes.
func TestLargeAndMany(t *testing.T) {
	disk := logtest.NewDisk()
	l, _ := mustOpen(t, disk, config())
	must(t, appendAll(l, 10))
	must(t, appendAll(l, 10, 3<<20, 10, 200<<10, 900<<10))
	must(t, appendAll(l, make([]int, 40000)...))
	must(t, l.Sync())
	must(t, l.Append([]consensus.Record{{Position: l.Next(), Data: make([]byte, log.RecordBytesMax)}}))
	must(t, l.Sync())
	disk.Crash(nil)
	l, got, err := replayed(disk, config())
	must(t, err)
	if len(got) != 40007 || len(got[40006].Data) != log.RecordBytesMax {
		t.Fatalf("%d records came back", len(got))
	}
	must(t, genuine(got[:40006]))
	err = l.Append([]consensus.Record{{Position: l.Next(), Data: make([]byte, log.RecordBytesMax+1)}})
	if !errors.Is(err, log.ErrTooLarge) {
		t.Fatalf("one byte above the maximum: %v", err)
	}
}

func TestPositionsFollow(t *testing.T) {
	for _, wrong := range []consensus.Position{0, 1, 3} {
		l, _ := mustOpen(t, logtest.NewDisk(), config())
		must(t, appendAll(l, 10))
		if err := l.Append([]consensus.Record{{Position: wrong}}); err == nil {
			t.Fatalf("position %d was appended after 1", wrong)
		}
	}
}

// R86, R123: what is trimmed goes in whole segments from the front; the rest, and
// the record that stands for what went, is there after a restart.
func TestTrim(t *testing.T) {
	disk := logtest.NewDisk()
	l, _ := mustOpen(t, disk, config())
	trimmed := false
	for range 60 {
		root := l.Next()
		must(t, appendAll(l, 9000, 2000))
		must(t, l.Trim(root))
		if l.First() > root {
			t.Fatalf("trim below %d took %d", root, l.First()-1)
		}
		disk.Crash(nil)
		var got []consensus.Record
		l, got = mustOpen(t, disk, config())
		if l.Next() != root+2 || got[0].Position > root || got[len(got)-1].Position != root+1 {
			t.Fatalf("after trim below %d the log holds %d to %d", root, got[0].Position, got[len(got)-1].Position)
		}
		trimmed = trimmed || got[0].Position > 1
		if l.Bytes() > 4*64<<10 {
			t.Fatalf("the log takes %d bytes: nothing is deleted", l.Bytes())
		}
	}
	if !trimmed {
		t.Fatal("nothing was ever trimmed")
	}
	if err := l.Trim(l.Next() + 1); err == nil {
		t.Fatal("trimmed what was never appended")
	}
}

// A trimmed segment is used again, with all its old rounds in it, and none of
// them comes back.
func TestRecycledSegmentsHoldNothingOld(t *testing.T) {
	disk := logtest.NewDisk()
	renames := 0
	disk.Watch = func(c logtest.Call) error {
		if c.Op == logtest.OpRename && c.To == "spare" && c.Name != "spare.new" {
			renames++
		}
		return nil
	}
	l, _ := mustOpen(t, disk, config())
	for i := range 300 {
		must(t, appendAll(l, 4000))
		must(t, l.Sync())
		if i%30 == 29 {
			must(t, l.Trim(l.Next()))
		}
		next := l.Next()
		copied, got := mustOpen(t, disk.Clone(), config())
		if copied.Next() != next || got[len(got)-1].Position != next-1 {
			t.Fatalf("round %d: reopened at %d, want %d", i, copied.Next(), next)
		}
	}
	if renames == 0 {
		t.Fatal("no segment was used again")
	}
}

// R87
func TestForeign(t *testing.T) {
	disk, _ := written(t, 3)
	c := config()
	c.Identity = crypto.Hash(crypto.KindConfiguration, []byte("another replica"))
	if _, _, err := replayed(disk, c); !errors.Is(err, log.ErrForeign) {
		t.Fatalf("got %v", err)
	}
	// R83: a segment of another log in this one's folder.
	other := logtest.NewDisk()
	mustOpen(t, other, c)
	disk.Put("segment-0000000000000001", other.Read("segment-0000000000000001"))
	_, _, err := replayed(disk, config())
	wantDamage(t, err, "segment-0000000000000001")
}

func TestMustExist(t *testing.T) {
	c := config()
	c.MustExist = true
	_, _, err := replayed(logtest.NewDisk(), c) // R83
	wantDamage(t, err, "mark")
	disk, _ := written(t, 1)
	mustOpen(t, disk, c)
}

func TestReplayErrorEndsOpen(t *testing.T) {
	disk, _ := written(t, 3)
	stop := errors.New("stop")
	_, err := log.Open(disk, config(), func(r consensus.Record) error {
		if r.Position == 5 {
			return stop
		}
		return nil
	})
	if !errors.Is(err, stop) {
		t.Fatalf("got %v", err)
	}
}

// What a failed start of a log leaves must not look like damage, wherever it fails.
func TestCrashWhileMade(t *testing.T) {
	for _, keep := range []func(int) int{nil, func(n int) int { return n - 1 }} {
		for fail, made := 1, false; !made; fail++ {
			disk := logtest.NewDisk()
			calls := 0
			disk.Watch = func(logtest.Call) error {
				if calls++; calls >= fail {
					return errors.New("cut")
				}
				return nil
			}
			_, _, err := replayed(disk, config())
			made = err == nil
			disk.Watch = nil
			disk.Crash(keep)
			l, got := mustOpen(t, disk, config())
			if len(got) != 0 {
				t.Fatal("records out of nothing")
			}
			must(t, appendAll(l, 10))
			must(t, l.Sync())
		}
	}
}

func TestNamesInTheFolder(t *testing.T) {
	path := t.TempDir()
	l, _ := mustOpen(t, log.OS(path), config())
	must(t, l.Close())
	entries, err := os.ReadDir(path)
	must(t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if want := []string{"mark", "segment-0000000000000001"}; !slices.Equal(names, want) {
		t.Fatalf("got %v, want %v", names, want)
	}
}
