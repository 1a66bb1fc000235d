package log_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"testing"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/store/log"
	"github.com/varangian-bft/varangian/store/log/logtest"
)

var identity = crypto.Hash(crypto.KindConfiguration, []byte("a group, replica 2, its key"))

func config() log.Config {
	return log.Config{Identity: identity, SegmentBytes: 64 << 10, Salt: log.Salt{1, 2, 3}}
}

// content is what the tests put at a position, so that each can tell what it
// reads back.
func content(p consensus.Position, size int) consensus.Record {
	data := make([]byte, max(size, 8))
	binary.BigEndian.PutUint64(data, uint64(p))
	for i := 8; i < len(data); i++ {
		data[i] = byte(7*i + 31*int(p) + size)
	}
	return consensus.Record{Position: p, Kind: consensus.RecordKind(p % 200), Data: data}
}

// appendAll appends records of the given sizes in one call.
func appendAll(l *log.Log, sizes ...int) error {
	records := make([]consensus.Record, len(sizes))
	for i, size := range sizes {
		records[i] = content(l.Next()+consensus.Position(i), size)
	}
	return l.Append(records)
}

// replayed opens a log and returns what it holds.
func replayed(fs log.FS, c log.Config) (l *log.Log, got []consensus.Record, err error) {
	l, err = log.Open(fs, c, func(r consensus.Record) error {
		got = append(got, r)
		return nil
	})
	return l, got, err
}

func mustOpen(t testing.TB, fs log.FS, c log.Config) (*log.Log, []consensus.Record) {
	t.Helper()
	l, got, err := replayed(fs, c)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	if err := genuine(got); err != nil {
		t.Fatal(err)
	}
	return l, got
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// genuine checks that records are as content made them, in order without gaps.
func genuine(got []consensus.Record) error {
	for i, r := range got {
		want := content(r.Position, len(r.Data))
		if r.Kind != want.Kind || !bytes.Equal(r.Data, want.Data) {
			return fmt.Errorf("record %d is not what was appended", r.Position)
		}
		if i > 0 && r.Position != got[i-1].Position+1 {
			return fmt.Errorf("record %d follows on %d", r.Position, got[i-1].Position)
		}
	}
	return nil
}

// written returns a disk with a log of several segments, all synced, its process
// killed, and how many records it holds.
func written(t testing.TB, rounds int) (*logtest.Disk, consensus.Position) {
	t.Helper()
	disk := logtest.NewDisk()
	l, _ := mustOpen(t, disk, config())
	for i := range rounds {
		must(t, appendAll(l, 100, 3000*(i%4), 17))
		must(t, l.Sync())
	}
	disk.Kill()
	return disk, l.Next() - 1
}

func wantDamage(t testing.TB, err error, file string) {
	t.Helper()
	var d *log.Damage
	if !errors.Is(err, log.ErrDamaged) || !errors.As(err, &d) {
		t.Fatalf("got %v, want damage", err)
	}
	if file != "" && d.File != file {
		t.Fatalf("got %v, want damage in %s", err, file)
	}
}
