package log_test

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/varangian-bft/varangian/store/log/logtest"
)

var rewrite = flag.Bool("rewrite", false, "record the goldens anew")

// TestOrderOfCalls: R78, R123. What is asked of the disk, and in which order, as
// a golden: nothing is written into a segment that the durable mark does not name,
// a round costs two writes and one sync, and a trim deletes last.
func TestOrderOfCalls(t *testing.T) {
	disk := logtest.NewDisk()
	var b strings.Builder
	disk.Watch = func(c logtest.Call) error {
		b.WriteString(c.String() + "\n")
		return nil
	}
	say := func(what string) { b.WriteString("\n# " + what + "\n") }
	c := config()
	c.SegmentBytes = 4 * 4096

	b.WriteString("# a new log\n")
	l, _ := mustOpen(t, disk, c)
	say("a round of two records")
	must(t, appendAll(l, 100, 200))
	must(t, l.Sync())
	say("a sync without a record before it")
	must(t, l.Sync())
	say("a round when the segment is half full: the next one is made ready")
	must(t, appendAll(l, 100))
	must(t, appendAll(l, 100))
	must(t, l.Sync())
	say("a round that goes into the next segment")
	must(t, appendAll(l, 100))
	must(t, l.Sync())
	say("trim: the first segment becomes the spare")
	must(t, l.Trim(l.Next()))
	say("a round of one unsynced record, and close")
	must(t, appendAll(l, 100))
	must(t, l.Close())
	say("open again")
	l, _ = mustOpen(t, disk, c)
	must(t, appendAll(l, 100))
	disk.Kill()
	say("open after a crash of the process: the unsynced round is written again")
	mustOpen(t, disk, c)

	const golden = "testdata/order.txt"
	if *rewrite {
		must(t, os.WriteFile(golden, []byte(b.String()), 0o644))
	}
	want, err := os.ReadFile(golden)
	must(t, err)
	if b.String() != string(want) {
		t.Fatalf("the order of calls changed; if that is right, run with -rewrite. Got:\n%s", b.String())
	}
}
