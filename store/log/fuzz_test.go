package log_test

import (
	"errors"
	"testing"

	"github.com/varangian-bft/varangian/store/log"
	"github.com/varangian-bft/varangian/store/log/logtest"
)

// FuzzSegment writes anything over any place of a segment or the mark, and renews
// no checksum. R82, R107: opening does not panic, and gives back all that was synced
// and nothing that was not appended, or reports damage.
func FuzzSegment(f *testing.F) {
	source := logtest.NewDisk()
	l, _ := mustOpen(f, source, config())
	for range 3 {
		must(f, appendAll(l, 20, 200))
		must(f, l.Sync())
	}
	source.Kill()
	for _, at := range []uint32{0, 4096, 4096 + 40, 4096 + 96, 4 * 4096} {
		f.Add(false, at, []byte{0xff, 0xff, 0xff, 0xff})
		f.Add(true, at, []byte("VGLM"))
	}
	f.Fuzz(func(t *testing.T, inMark bool, at uint32, over []byte) {
		name := "segment-0000000000000001"
		if inMark {
			name = "mark"
		}
		disk := source.Clone()
		contents := disk.Read(name)
		copy(contents[int64(at)%int64(len(contents)):], over)
		disk.Put(name, contents)
		_, got, err := replayed(disk, config())
		switch {
		case err == nil && len(got) != 6:
			t.Fatalf("opened clean with %d records of 6", len(got))
		case err != nil && !errors.Is(err, log.ErrDamaged):
			t.Fatalf("got %v", err)
		}
		if err := genuine(got); err != nil {
			t.Fatal(err)
		}
	})
}
