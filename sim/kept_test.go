package sim

import (
	"strings"
	"testing"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/store/log"
	"github.com/varangian-bft/varangian/store/log/logtest"
)

// R82, R83: what a log gives back when it is opened is held against what it was
// given: an older copy of the folder opens clean, and is noticed all the same.
func TestForgettingIsNoticed(t *testing.T) {
	disk, k := logtest.NewDisk(), kept{first: 1}
	open := func() (*log.Log, string) {
		t.Helper()
		var back []consensus.Record
		l, err := log.Open(disk, log.Config{SegmentBytes: segmentBytes}, func(r consensus.Record) error {
			back = append(back, r)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return l, k.opened(l, back)
	}
	write := func(l *log.Log, text string) {
		t.Helper()
		records := []consensus.Record{{Position: l.Next(), Data: []byte(text)}}
		k.appended(records)
		if err := l.Append(records); err != nil {
			t.Fatal(err)
		}
	}
	sync := func(l *log.Log) {
		t.Helper()
		if err := l.Sync(); err != nil {
			t.Fatal(err)
		}
		k.synced = l.Next() - 1
	}
	l, _ := open()
	write(l, "a")
	sync(l)
	older := disk.Clone()
	write(l, "b")
	sync(l)
	write(l, "c") // not synced
	disk.Crash(nil)
	l, wrong := open()
	if wrong != "" || l.Next() != 3 {
		t.Fatalf("a loss of power: next is %d, %q", l.Next(), wrong)
	}
	before := k
	disk = older.Clone()
	if _, wrong = open(); !strings.Contains(wrong, "ends at 1") {
		t.Errorf("an older copy of the folder: %q", wrong)
	}
	k, disk = before, older
	if l, _ = open(); l.Next() != 2 {
		t.Fatal("the older copy ends elsewhere")
	}
	write(l, "B")
	sync(l)
	k = before
	if _, wrong = open(); !strings.Contains(wrong, "another record 2") {
		t.Errorf("another history: %q", wrong)
	}
	k = kept{first: 1}
	if _, wrong = open(); !strings.Contains(wrong, "the last record that was appended is 0") {
		t.Errorf("records that nobody appended: %q", wrong)
	}
}
