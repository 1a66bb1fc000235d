package log_test

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/store/log"
	"github.com/varangian-bft/varangian/store/log/logtest"
)

// opensWhole is the law of R82 and R83: a log either opens with everything that
// was synced, or does not open at all, and then nothing of it was changed.
func opensWhole(t *testing.T, disk *logtest.Disk, synced consensus.Position, what string) (damaged bool) {
	t.Helper()
	before := disk.Clone()
	l, got, err := replayed(disk, config())
	if err != nil {
		if !errors.Is(err, log.ErrDamaged) {
			t.Fatalf("%s: %v", what, err)
		}
		if !slices.Equal(before.Names(), disk.Names()) {
			t.Fatalf("%s: %v became %v although the log is damaged", what, before.Names(), disk.Names())
		}
		for _, name := range before.Names() {
			if string(before.Read(name)) != string(disk.Read(name)) {
				t.Fatalf("%s: %s was changed although the log is damaged", what, name)
			}
		}
		return true
	}
	if err := genuine(got); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	if l.Next() <= synced {
		t.Fatalf("%s: opened clean and ends at %d, although %d was synced", what, l.Next()-1, synced)
	}
	if len(got) == 0 || got[0].Position != 1 {
		t.Fatalf("%s: opened clean without its beginning", what)
	}
	return false
}

// R82: single bits, anywhere. A bit in a header, table or data of a round has to
// be noticed; in padding, in the spare and in one slot of the mark it may go
// unnoticed, since nothing is lost.
func TestBitFlips(t *testing.T) {
	source, synced := written(t, 60)
	r := rand.New(rand.NewPCG(82, 1))
	found := 0
	for range 200 {
		disk := source.Clone()
		names := disk.Names()
		name := names[r.IntN(len(names))]
		disk.Flip(name, r.Int64N(8*disk.Size(name)))
		if opensWhole(t, disk, synced, "bit flip in "+name) {
			found++
		}
	}
	if found < 20 {
		t.Fatalf("only %d of 200 flips were in what counts: the test is too weak", found)
	}
}

// R82: every single bit of the last round, the one that a torn tail resembles.
func TestBitFlipsInLastRound(t *testing.T) {
	disk := logtest.NewDisk()
	l, _ := mustOpen(t, disk, config())
	must(t, appendAll(l, 20))
	must(t, l.Sync())
	must(t, appendAll(l, 20, 20))
	must(t, l.Sync())
	disk.Kill()
	used := int64(96 + 2*17 + 40)
	for bit := int64(0); bit < 8*used; bit++ {
		c := disk.Clone()
		c.Flip("segment-0000000000000001", 8*8192+bit)
		if !opensWhole(t, c, 4, "bit flip") {
			t.Fatalf("bit %d of the last round was not noticed", bit)
		}
	}
}

// R82: a round that is damaged in the middle is damage even if the mark is far
// behind, since a later round says that it was synced.
func TestLaterRoundProvesSync(t *testing.T) {
	disk := logtest.NewDisk()
	l, _ := mustOpen(t, disk, config())
	for range 5 {
		must(t, appendAll(l, 20))
		must(t, l.Sync())
	}
	disk.Crash(nil) // the mark on the disk is the one of Open
	for i := range int64(5) {
		c := disk.Clone()
		c.Flip("segment-0000000000000001", 8*(4096*(i+1)+100))
		damaged := opensWhole(t, c, 0, "bit flip")
		// The last round has no later one: that is the bound on what may pass.
		if damaged != (i < 4) {
			t.Fatalf("round %d: damaged is %v", i, damaged)
		}
	}
}

// The mark is behind by no more than MarkLagSyncs after a loss of power, here with
// everything that was written after the last sync of the mark wiped out.
func TestMarkLag(t *testing.T) {
	disk := logtest.NewDisk()
	c := config()
	c.SegmentBytes = 4 << 20
	l, _ := mustOpen(t, disk, c)
	for i := range int64(300) {
		must(t, appendAll(l, 20))
		must(t, l.Sync())
		if (i+1)%50 != 0 {
			continue
		}
		powerless := disk.Clone()
		powerless.Put("mark", zeroThirdSlot(disk.Read("mark")))
		contents := disk.Read("segment-0000000000000001")
		keep := max(i+1-log.MarkLagSyncs, 0)
		clear(contents[4096*(1+keep):])
		powerless.Put("segment-0000000000000001", contents)
		_, _, err := replayed(powerless, c)
		if covered := (i + 1) / log.MarkLagSyncs * log.MarkLagSyncs; covered > keep {
			wantDamage(t, err, "segment-0000000000000001")
		}
	}
}

func zeroThirdSlot(mark []byte) []byte {
	clear(mark[8192:])
	return mark
}

// R82, R83: shorter files.
func TestTruncations(t *testing.T) {
	source, synced := written(t, 60)
	r := rand.New(rand.NewPCG(82, 2))
	for range 200 {
		disk := source.Clone()
		names := disk.Names()
		name := names[r.IntN(len(names))]
		disk.Truncate(name, r.Int64N(disk.Size(name)))
		damaged := opensWhole(t, disk, synced, "truncation of "+name)
		if !damaged && name != "spare" {
			t.Fatalf("truncation of %s was not noticed", name)
		}
	}
}

// R82: zeros from any page on, as of a lost write to the end of a file.
func TestZeroedTails(t *testing.T) {
	source, synced := written(t, 60)
	for _, name := range source.Names() {
		contents := source.Read(name)
		for at := 0; at < len(contents); at += 4096 {
			disk := source.Clone()
			cut := disk.Read(name)
			clear(cut[at:])
			disk.Put(name, cut)
			opensWhole(t, disk, synced, "zeros in "+name)
		}
	}
}

// R83
func TestMissingFiles(t *testing.T) {
	source, synced := written(t, 60)
	if len(source.Names()) < 6 {
		t.Fatalf("only %v: the test has too few segments", source.Names())
	}
	for _, name := range source.Names() {
		disk := source.Clone()
		disk.Delete(name)
		if name == "spare" {
			opensWhole(t, disk, synced, "without the spare")
			continue
		}
		_, _, err := replayed(disk, config())
		wantDamage(t, err, name)
		if !strings.Contains(err.Error(), "is missing") {
			t.Fatalf("%s is missing, and the error says: %v", name, err)
		}
		opensWhole(t, disk, synced, "without "+name)
	}
}

// R83: a segment in the place of another, an older copy of a segment or of the
// mark, and a segment that nobody made.
func TestExchangedFiles(t *testing.T) {
	source, synced := written(t, 60)
	older, _ := written(t, 20)
	segments := slices.DeleteFunc(older.Names(), func(name string) bool { return !strings.HasPrefix(name, "segment-") })
	growing := segments[len(segments)-1]
	const second, third = "segment-0000000000000002", "segment-0000000000000003"
	for what, c := range map[string]struct {
		change func(*logtest.Disk)
		names  string
	}{
		"a segment in another's place": {func(d *logtest.Disk) { d.Put(third, d.Read(second)) }, third},
		"older copy of a segment":      {func(d *logtest.Disk) { d.Put(growing, older.Read(growing)) }, growing},
		"older copy of the mark":       {func(d *logtest.Disk) { d.Put("mark", older.Read("mark")) }, ""},
		"a segment from elsewhere":     {func(d *logtest.Disk) { d.Put("segment-0000000000000077", d.Read(second)) }, "segment-0000000000000077"},
	} {
		disk := source.Clone()
		c.change(disk)
		_, _, err := replayed(disk, config())
		wantDamage(t, err, c.names)
		opensWhole(t, disk, synced, what)
	}
}

// R83: the segment that lost something is the one that is named, although it is the
// next one that does not fit.
func TestDamageIsNamed(t *testing.T) {
	disk, _ := written(t, 60)
	const second = "segment-0000000000000002"
	disk.Flip(second, 8*(2*4096+100))
	_, _, err := replayed(disk, config())
	wantDamage(t, err, second)
	if !strings.Contains(err.Error(), "offset 8192") {
		t.Fatalf("damage at offset 8192, and the error says: %v", err)
	}
}

// R83: with the mark of just before the last change of segments, the last segment
// is not taken for one that was never used.
func TestMarkOlderByOneSegment(t *testing.T) {
	disk := logtest.NewDisk()
	l, _ := mustOpen(t, disk, config())
	var before []byte
	const second = "segment-0000000000000002"
	for disk.Size(second) == 0 {
		before = disk.Read("mark")
		must(t, appendAll(l, 3000))
		must(t, l.Sync())
	}
	disk.Put("mark", before)
	_, _, err := replayed(disk, config())
	wantDamage(t, err, second)
	opensWhole(t, disk, l.Next()-1, "older mark")
}

// R82: a log that is whole, as long as the mark says, and has another history.
func TestOtherHistory(t *testing.T) {
	var disks [2]*logtest.Disk
	for i := range disks {
		disks[i] = logtest.NewDisk()
		l, _ := mustOpen(t, disks[i], config())
		for n := range 3 {
			must(t, appendAll(l, 20+i*n))
			must(t, l.Sync())
		}
		disks[i].Kill()
	}
	disks[0].Put("mark", disks[1].Read("mark"))
	_, _, err := replayed(disks[0], config())
	wantDamage(t, err, "segment-0000000000000001")
}

// R82: an unsynced tail that is cut at any byte is no damage.
func TestTornTailAtEveryByte(t *testing.T) {
	disk := logtest.NewDisk()
	l, _ := mustOpen(t, disk, config())
	must(t, appendAll(l, 50))
	must(t, l.Sync())
	must(t, appendAll(l, 300, 4000, 10))
	whole := disk.Read("segment-0000000000000001")
	disk.Crash(nil)
	const start = 2 * 4096
	used := 96 + 3*17 + 4310
	for n := range used + 1 {
		c := disk.Clone()
		torn := disk.Read("segment-0000000000000001")
		copy(torn[start:start+n], whole[start:])
		c.Put("segment-0000000000000001", torn)
		reopened, got := mustOpen(t, c, config())
		want := 1
		if n >= used {
			want = 4
		}
		// The last bytes may happen to be what was there before.
		if len(got) != want && n < used-1 || n == used && len(got) != 4 {
			t.Fatalf("cut at byte %d: %d records, want %d", n, len(got), want)
		}
		must(t, appendAll(reopened, 60))
		must(t, reopened.Sync())
		c.Crash(nil)
		if _, again := mustOpen(t, c, config()); len(again) != len(got)+1 {
			t.Fatalf("cut at byte %d: %d records after one more", n, len(again))
		}
	}
}

// A client cannot make a torn tail look like damage: what looks like a later round
// in its request lacks the salt.
func TestForgedRoundInsideRequest(t *testing.T) {
	for _, known := range []bool{false, true} {
		forger := config()
		if !known {
			forger.Salt = log.Salt{9}
		}
		fake := logtest.NewDisk()
		l, _ := mustOpen(t, fake, forger)
		for range 5 {
			must(t, appendAll(l, 10))
			must(t, l.Sync())
		}
		forged := fake.Read("segment-0000000000000001")[5*4096 : 6*4096]

		disk := logtest.NewDisk()
		l, _ = mustOpen(t, disk, config())
		data := make([]byte, 3*4096)
		copy(data[4096-96-17:], forged)
		must(t, l.Append([]consensus.Record{{Position: 1, Data: data}}))
		disk.Kill()
		c := disk.Clone()
		c.Flip("segment-0000000000000001", 8*4096) // its first page is torn
		_, got, err := replayed(c, config())
		switch {
		case known: // the test would be worth nothing if this did not work
			wantDamage(t, err, "segment-0000000000000001")
		case err != nil || len(got) != 0:
			t.Fatalf("got %d records, %v", len(got), err)
		}
	}
}
