package backup_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/internal/backup"
	"github.com/varangian-bft/varangian/statemachine"
)

const headBytes = 8 + 2 + 32 + 8

// at returns where the entries begin.
func at(s *state) int { return headBytes + 4 + len(s.head().Certificate) + 4 + len(s.head().Table) }

// packed returns a piece as a writer makes it, with sizes of the caller's choice.
func packed(t *testing.T, plain []byte, size int) []byte {
	t.Helper()
	e, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	c := e.EncodeAll(plain, nil)
	b := binary.BigEndian.AppendUint32([]byte{1}, uint32(size))
	return append(binary.BigEndian.AppendUint32(b, uint32(len(c))), c...)
}

// ended puts pieces behind a head, with a right end that counts as the caller says.
func ended(s *state, count, size int, pieces ...[]byte) []byte {
	b := slices.Clone(s.front[:at(s)])
	b = append(b, bytes.Join(pieces, nil)...)
	b = binary.BigEndian.AppendUint64(append(b, 2), uint64(count))
	b = binary.BigEndian.AppendUint64(b, uint64(size))
	sum := sha256.Sum256(b)
	return append(b, sum[:]...)
}

func plain(entries ...statemachine.Change) (b []byte) {
	for _, e := range entries {
		b = binary.BigEndian.AppendUint32(b, uint32(len(e.Key)))
		b = append(b, e.Key...)
		b = binary.BigEndian.AppendUint32(b, uint32(len(e.Value)))
		b = append(b, e.Value...)
	}
	return b
}

// A lie is one way to change a backup.
type lie struct {
	name    string
	make    func(t *testing.T, s *state) []byte
	want    string
	foreign bool
}

// edit changes the finished bytes.
func edit(change func(s *state, b []byte) []byte) func(*testing.T, *state) []byte {
	return func(t *testing.T, s *state) []byte { return change(s, s.file(t)) }
}

// restate changes what the file is made of.
func restate(change func(s *state)) func(*testing.T, *state) []byte {
	return func(t *testing.T, s *state) []byte {
		change(s)
		return s.file(t)
	}
}

var lies = []lie{
	{"empty file", edit(func(_ *state, b []byte) []byte { return b[:0] }), "the backup was cut: it ends before its head ends", false},
	{"no backup", edit(func(_ *state, b []byte) []byte { return append([]byte("<html>"), b...) }), "this is no backup", false},
	{"later version", edit(func(_ *state, b []byte) []byte { b[9] = 2; return whole(b) }), "format version 2, and this program reads version 1", false},
	{"other group's id", edit(func(_ *state, b []byte) []byte { b[10]++; return whole(b) }), "it is of group", true},
	{"other epoch", edit(func(_ *state, b []byte) []byte { b[49]++; return whole(b) }), "epoch 2; this is group", true},
	{"cut in the certificate", edit(func(_ *state, b []byte) []byte { return b[:headBytes+40] }), "it ends inside its certificate", false},
	{"cut in the table", edit(func(s *state, b []byte) []byte { return b[:at(s)-1] }), "it ends inside its partition table", false},
	{"cut before the entries", edit(func(s *state, b []byte) []byte { return b[:at(s)] }), "it ends before its end is marked", false},
	{"cut in a piece", edit(func(s *state, b []byte) []byte { return b[:at(s)+50] }), "it ends inside a piece of entries", false},
	{"cut in the end", edit(func(_ *state, b []byte) []byte { return b[:len(b)-1] }), "it ends inside its last piece", false},
	{"end missing", edit(func(_ *state, b []byte) []byte { return b[:len(b)-49] }), "it ends before its end is marked", false},
	{"extended", edit(func(_ *state, b []byte) []byte { return append(b, 0) }), "something follows the end", false},
	{"two in one file", edit(func(_ *state, b []byte) []byte { return append(b, b...) }), "something follows the end", false},
	{"no certificate", func(t *testing.T, s *state) []byte {
		h := s.head()
		h.Certificate = nil
		return written(t, h, s.entries)
	}, "the backup has no certificate", false},
	{"certificate too long", edit(func(_ *state, b []byte) []byte { b[headBytes+1]++; return whole(b) }), "its certificate would have", false},
	{"table too long", edit(func(s *state, b []byte) []byte {
		b[headBytes+4+len(s.head().Certificate)] = 0xff
		return whole(b)
	}), "its partition table would have", false},
	{"two signers of three", restate(func(s *state) { s.signers = []byte{0, 1} }), "does not have the form of 3 signatures", false},
	{"one signer three times", restate(func(s *state) { s.signers = []byte{1, 1, 1} }), "does not have the form of 3 signatures", false},
	{"signers out of order", restate(func(s *state) { s.signers = []byte{3, 1, 0} }), "does not have the form of 3 signatures", false},
	{"a signer who is no member", restate(func(s *state) { s.signers = []byte{0, 1, 4} }), "does not have the form of 3 signatures", false},
	{"byte after the certificate", func(t *testing.T, s *state) []byte {
		h := s.head()
		h.Certificate = append(h.Certificate, 0)
		return written(t, h, s.entries)
	}, "does not have the form", false},
	{"flipped signature", edit(func(_ *state, b []byte) []byte { b[headBytes+4+72+1+4+68+5] ^= 1; return whole(b) }), "the signature of replica 1 (r1) in its certificate does not hold", false},
	{"higher sequence", edit(func(_ *state, b []byte) []byte { b[headBytes+4+6]++; return whole(b) }), "the signature of replica 0 (r0)", false},
	{"other root under the signatures", edit(func(_ *state, b []byte) []byte { b[headBytes+4+8+32] ^= 1; return whole(b) }), "the signature of replica 0 (r0)", false},
	{"other table", func(t *testing.T, s *state) []byte {
		h := s.head()
		s.table.Add([]byte("more"), nil)
		h.Table = s.table.Marshal()
		return written(t, h, append(s.entries, statemachine.Change{Key: []byte("more")}))
	}, "its partition table has root", false},
	{"table of a store's version", restate(func(s *state) { s.table.Version = 5 }), "its partition table is malformed", false},
	{"half a table", func(t *testing.T, s *state) []byte {
		h := s.head()
		h.Table = h.Table[:len(h.Table)-1]
		return written(t, h, s.entries)
	}, "its partition table is malformed", false},
	{"flipped bit in the entries", edit(func(s *state, b []byte) []byte { b[len(b)-300] ^= 4; return b }), "", false},
	{"flipped bit in the hash", edit(func(_ *state, b []byte) []byte { b[len(b)-1] ^= 4; return b }), "the hash over the file differs", false},
	{"changed value", restate(func(s *state) { s.entries[5].Value = []byte("mine") }), "are not those that are certified", false},
	{"changed key", restate(func(s *state) { s.entries[5].Key = append(s.entries[5].Key, 'x') }), "entries, and", false},
	{"entry left out", restate(func(s *state) { s.entries = s.entries[1:] }), "entries, and", false},
	{"entry added", restate(func(s *state) { s.entries = append(s.entries, statemachine.Change{Key: []byte("z")}) }), "entries, and", false},
	{"no entries", restate(func(s *state) { s.entries = nil }), "has 0 entries", false},
	{"two entries swapped", restate(func(s *state) { s.entries[3], s.entries[4] = s.entries[4], s.entries[3] }), "stands out of order", false},
	{"entry twice", restate(func(s *state) { s.entries = slices.Insert(s.entries, 3, s.entries[3]) }), "stands out of order", false},
	{"end counts one more", func(t *testing.T, s *state) []byte {
		p := plain(s.entries[:9]...)
		return ended(s, 10, len(p), packed(t, p, len(p)))
	}, "the end names 10 entries, and 9 are there", false},
	{"end counts other bytes", func(t *testing.T, s *state) []byte {
		p := plain(s.entries[:9]...)
		return ended(s, 9, len(p)+1, packed(t, p, len(p)))
	}, "bytes of entries", false},
	{"unknown piece", func(_ *testing.T, s *state) []byte { return ended(s, 0, 0, []byte{9}) }, "a piece of kind 9", false},
	{"empty piece", func(t *testing.T, s *state) []byte { return ended(s, 0, 0, packed(t, nil, 0)) }, "does not decompress to its 0 bytes", false},
	{"piece larger than it says", func(t *testing.T, s *state) []byte {
		p := plain(s.entries[:9]...)
		return ended(s, 9, len(p), packed(t, p, len(p)-1))
	}, "does not decompress", false},
	{"piece smaller than it says", func(t *testing.T, s *state) []byte {
		p := plain(s.entries[:9]...)
		return ended(s, 9, len(p), packed(t, p, len(p)+1))
	}, "does not decompress", false},
	{"a small piece that grows", func(t *testing.T, s *state) []byte { // R103: 64 MiB of zeros in 2 KiB
		return ended(s, 9, 9, packed(t, make([]byte, 64<<20), 100))
	}, "does not decompress to its 100 bytes", false},
	{"piece above the bound", func(t *testing.T, s *state) []byte { return ended(s, 9, 9, packed(t, []byte("x"), 3<<20)) }, "would have 3145728 bytes", false},
	{"half an entry in a piece", func(t *testing.T, s *state) []byte {
		p := plain(s.entries[:9]...)
		p = p[:len(p)-1]
		return ended(s, 9, len(p), packed(t, p, len(p)))
	}, "does not hold whole entries", false},
	{"length beyond the piece", func(t *testing.T, s *state) []byte {
		return ended(s, 1, 8, packed(t, []byte{0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0}, 8))
	}, "does not hold whole entries", false},
}

// R93, R94: a backup that was tampered with, cut, extended or is foreign is refused,
// each with its own reason in one line, and never believed.
func TestTampered(t *testing.T) {
	if len(lies) < 20 {
		t.Fatal("too few")
	}
	for _, l := range lies {
		t.Run(l.name, func(t *testing.T) {
			s := newState(t, some()...)
			s.front = s.file(t)
			if _, err := backup.Verify(bytes.NewReader(s.front), s.group, crypto.Ed25519); err != nil {
				t.Fatal(err)
			}
			b := l.make(t, s)
			_, err := backup.Verify(bytes.NewReader(b), s.group, crypto.Ed25519)
			if err == nil || !strings.Contains(err.Error(), l.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%v, want %s", err, l.want)
			}
			if fault := new(backup.Fault); errors.Is(err, backup.ErrForeign) != l.foreign || errors.As(err, &fault) == l.foreign {
				t.Errorf("%v is of the wrong sort", err)
			}
		})
	}
}

// Whichever bit is flipped, and wherever the file is cut, it is refused.
func TestFlippedBits(t *testing.T) {
	s := newState(t, some()[:3]...)
	file := s.file(t)
	check := func(b []byte, what string, i int) {
		if _, err := backup.Verify(bytes.NewReader(b), s.group, crypto.Ed25519); err == nil {
			t.Errorf("%s %d passes", what, i)
		}
	}
	for i := 0; i < len(file); i += 1 + i%4 {
		b := slices.Clone(file)
		b[i] ^= 1 << (i % 8)
		check(b, "a flipped bit in byte", i)
		if i%7 == 0 {
			check(file[:i], "a cut at", i)
		}
	}
}

// A group whose members have the same keys but other parameters is another one.
func TestForeign(t *testing.T) {
	s := newState(t, some()...)
	for name, g := range map[string]*consensus.Group{
		"other members": newGroup(t, 50, consensus.Origin{}),
		"a successor":   newGroup(t, 1, consensus.Origin{Group: crypto.Digest{1}, Epoch: 1, Sequence: 1}),
	} {
		if _, err := backup.Verify(bytes.NewReader(s.file(t)), g, crypto.Ed25519); !errors.Is(err, backup.ErrForeign) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
