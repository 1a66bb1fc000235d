package log

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
)

// memory is a file for reading only.
type memory struct{ *bytes.Reader }

func (memory) WriteAt([]byte, int64) (int, error) { return 0, errors.New("read only") }
func (m memory) Size() (int64, error)             { return m.Reader.Size(), nil }
func (memory) Sync() error                        { return nil }
func (memory) Close() error                       { return nil }

var _ io.ReaderAt = memory{}

// FuzzRound reads anything as a round, with its checksum made right, so that what
// is behind the checksum is reached. R107: no panic; and whatever is read has one
// encoding, which is what was read.
func FuzzRound(f *testing.F) {
	records := []consensus.Record{{Position: 7, Kind: 3, Data: []byte("one")}, {Position: 8, Kind: 200}}
	r := round{segment: 2, life: 4, first: 7, synced: 6, bytes: 3, count: 2, salt: Salt{1}, previous: crypto.Digest{2}}
	b, _ := appendRound(nil, &r, records)
	f.Add(b)
	f.Add(b[:96])
	huge := bytes.Clone(b)
	order.PutUint32(huge[44:], 1<<32-1)
	f.Add(huge)
	f.Fuzz(func(t *testing.T, b []byte) {
		b = append(bytes.Clone(b), make([]byte, pages(int64(len(b)))-int64(len(b)))...)
		if head, ok := readRoundHeader(b); ok && head.tableBytes() <= len(b) {
			seal(b[:head.tableBytes()])
		}
		in := reader{file: memory{bytes.NewReader(b)}, size: int64(len(b))}
		head, table, records, found, err := in.round(0)
		if err != nil {
			t.Fatal(err)
		}
		if !found {
			return
		}
		again, digest := appendRound(nil, &head, records)
		used := int64(head.tableBytes()) + int64(head.bytes)
		if !bytes.Equal(again[:used], b[:used]) || int64(len(again)) != head.totalBytes() {
			t.Fatal("another encoding of the same round")
		}
		if digest != crypto.Hash(crypto.KindRecord, table[8:]) {
			t.Fatal("another digest of the same round")
		}
	})
}

// The lengths that doc.go writes down.
func TestFormatSizes(t *testing.T) {
	m := mark{serial: 1, identity: crypto.Digest{1}}
	if n := len(m.slot()); n != 144 {
		t.Errorf("a slot of the mark has %d bytes", n)
	}
	h := segmentHeader{number: 5, size: 8192, base: 9, previous: crypto.Digest{1}, identity: crypto.Digest{2}, salt: Salt{3}}
	if got, version, ok := readSegmentHeader(h.page()); !ok || version != 1 || got != h {
		t.Errorf("a header of a segment comes back as %v", got)
	}
	if got, version, ok := readMark(m.slot()); !ok || version != 1 || got != m {
		t.Errorf("a mark comes back as %v", got)
	}
	if recordHeaderBytes*roundRecordsMax > RecordBytesMax {
		t.Error("a table is larger than the largest record")
	}
}

// A format that this version does not know is refused, and not taken for damage.
func TestUnknownVersion(t *testing.T) {
	for _, name := range []string{markName, segmentName(1)} {
		path := t.TempDir()
		open := func() error {
			l, err := Open(OS(path), Config{SegmentBytes: SegmentBytesMin}, func(consensus.Record) error { return nil })
			if err != nil {
				return err
			}
			return l.Close()
		}
		if err := open(); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(filepath.Join(path, name))
		if err != nil {
			t.Fatal(err)
		}
		for at := 0; at < len(b); at += pageBytes {
			end := at + segmentHeaderBytes
			if name == markName {
				end = at + markSlotBytes
			}
			order.PutUint32(b[at+8:], Version+1)
			seal(b[at:end])
		}
		if err := os.WriteFile(filepath.Join(path, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := open(); !errors.Is(err, ErrVersion) {
			t.Errorf("%s of the next version: %v", name, err)
		}
	}
}

// R88: a full disk, a quota and a limit on file sizes are all lack of space, and
// the file that was not finished is gone.
func TestSpaceErrors(t *testing.T) {
	for _, err := range []error{syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG} {
		if !errors.Is(spaceError(&os.PathError{Op: "write", Err: err}), ErrNoSpace) {
			t.Errorf("%v is no lack of space", err)
		}
	}
	if errors.Is(spaceError(syscall.EIO), ErrNoSpace) {
		t.Error("EIO is a lack of space")
	}
	var stat unix.Statfs_t
	path := t.TempDir()
	if err := unix.Statfs(path, &stat); err != nil {
		t.Fatal(err)
	}
	more := (int64(stat.Bavail) + 1<<20) * int64(stat.Bsize)
	if _, err := OS(path).Create("spare", more); !errors.Is(err, ErrNoSpace) {
		t.Errorf("more than the disk has: %v", err)
	}
	if names, err := OS(path).List(); err != nil || len(names) > 0 {
		t.Errorf("left behind: %v, %v", names, err)
	}
}
