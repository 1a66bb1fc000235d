package backup_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/internal/backup"
	"github.com/varangian-bft/varangian/internal/wire"
	"github.com/varangian-bft/varangian/statemachine"
)

func signer(n byte) crypto.Signer { return crypto.Ed25519.NewSigner(crypto.Seed{n}) }

// newGroup returns a group of four whose keys come from the seeds from first on.
func newGroup(t testing.TB, first byte, origin consensus.Origin) *consensus.Group {
	t.Helper()
	g := consensus.Genesis{Name: "g", Engine: "pbft", Faults: 1, Parameters: consensus.DefaultParameters(), Origin: origin}
	for i := range byte(4) {
		g.Replicas = append(g.Replicas, consensus.Member{
			Name: fmt.Sprint("r", i), Key: signer(first + i).Public(), Transport: signer(first + 100 + i).Public(),
		})
	}
	out, err := consensus.NewGroup(g, crypto.Ed25519)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// A state is what a backup is made of, in parts that tests change.
type state struct {
	group   *consensus.Group
	epoch   consensus.Epoch
	entries []statemachine.Change
	stated  wire.Snapshot
	signers []byte // of the certificate; replica i signs with seed 1+i
	table   *statemachine.Partitions
	front   []byte // an honest file of it, whose front liars use
}

func newState(t testing.TB, entries ...statemachine.Change) *state {
	s := &state{group: newGroup(t, 1, consensus.Origin{}), epoch: 1, entries: entries, signers: []byte{0, 1, 3}, table: new(statemachine.Partitions)}
	for _, e := range entries {
		s.table.Add(e.Key, e.Value)
	}
	s.stated = wire.Snapshot{Sequence: 2048, Chain: crypto.Digest{7}, Root: s.table.Root()}
	return s
}

// some entries, of several pieces.
func some() (out []statemachine.Change) {
	for i := range 3000 {
		value := bytes.Repeat([]byte{byte(i)}, 1+i%700)
		out = append(out, statemachine.Change{Key: fmt.Appendf(nil, "a%06d", i), Value: value})
	}
	return append(out, statemachine.Change{Key: []byte("b"), Value: bytes.Repeat([]byte("large"), 200_000)})
}

func (s *state) certificate() wire.SnapshotCertificate {
	c := wire.SnapshotCertificate{Snapshot: s.stated}
	for _, i := range s.signers {
		id := consensus.ReplicaID(i)
		signed := s.stated.Sign(s.group, id, signer(1+i))
		c.Signers = append(c.Signers, wire.SnapshotSigner{Replica: id, Signature: signed.Signature})
	}
	return c
}

func (s *state) head() backup.Head {
	return backup.Head{Group: s.group.ID, Epoch: s.epoch, Certificate: s.certificate().Marshal(), Table: s.table.Marshal()}
}

func (s *state) file(t testing.TB) []byte { return written(t, s.head(), s.entries) }

func written(t testing.TB, h backup.Head, entries []statemachine.Change) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := backup.NewWriter(&b, h)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if err := w.Add(e.Key, e.Value); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// whole writes the right hash at the end of a file that was changed.
func whole(file []byte) []byte {
	sum := sha256.Sum256(file[:len(file)-32])
	return append(file[:len(file)-32:len(file)-32], sum[:]...)
}

// A backup gives back what was put in, in whatever bits it arrives.
func TestRoundTrip(t *testing.T) {
	s := newState(t, some()...)
	file := s.file(t)
	for name, from := range map[string]io.Reader{"at once": bytes.NewReader(file), "in halves": iotest.HalfReader(bytes.NewReader(file))} {
		r, err := backup.Open(from, s.group, crypto.Ed25519)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; ; i++ {
			c, ok, err := r.Next()
			if err != nil {
				t.Fatal(name, err)
			}
			if !ok {
				if i != len(s.entries) {
					t.Fatalf("%s: %d entries of %d", name, i, len(s.entries))
				}
				break
			}
			if !bytes.Equal(c.Key, s.entries[i].Key) || !bytes.Equal(c.Value, s.entries[i].Value) {
				t.Fatalf("%s: entry %d is %q", name, i, c.Key)
			}
		}
		c := r.Contents()
		if c.Snapshot != s.stated || !slices.Equal(c.Signers, []consensus.ReplicaID{0, 1, 3}) || c.Entries != 3001 || c.Certain != 3001 ||
			!bytes.Equal(c.Saved, append(s.head().Certificate, s.head().Table...)) {
			t.Errorf("%s: contents %+v", name, c)
		}
		if _, ok, err := r.Next(); ok || err != nil {
			t.Errorf("%s: after the end: %v %v", name, ok, err)
		}
	}
	if len(file) > 800_000 { // of 2 MB that repeat themselves, beside a table of half a megabyte
		t.Errorf("%d bytes", len(file))
	}
}

func TestRoundTripAny(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		m := rapid.MapOfN(rapid.StringN(1, 20, 40), rapid.SliceOfN(rapid.Byte(), 0, 3000), 1, 40).Draw(r, "entries")
		var entries []statemachine.Change
		for k, v := range m {
			entries = append(entries, statemachine.Change{Key: []byte(k), Value: v})
		}
		slices.SortFunc(entries, func(a, b statemachine.Change) int { return bytes.Compare(a.Key, b.Key) })
		table := new(statemachine.Partitions)
		for _, e := range entries {
			table.Add(e.Key, e.Value)
		}
		s := newState(t, entries...)
		if c, err := backup.Verify(bytes.NewReader(s.file(t)), s.group, crypto.Ed25519); err != nil || c.Snapshot.Root != table.Root() {
			r.Fatal(err)
		}
	})
}

// A successor names the snapshot: the digest is then what it is checked against,
// and another snapshot, or another group's, is refused.
func TestOrigin(t *testing.T) {
	s := newState(t, some()...)
	file := s.file(t)
	c, err := backup.Verify(bytes.NewReader(file), s.group, crypto.Ed25519)
	if err != nil {
		t.Fatal(err)
	}
	next := newGroup(t, 50, c.Origin())
	if got, err := backup.Verify(bytes.NewReader(file), next, crypto.Ed25519); err != nil || len(got.Signers) != 0 || got.Snapshot != s.stated {
		t.Errorf("%v: %+v", err, got)
	}
	s.entries[0].Value = []byte("other")
	if _, err := backup.Verify(bytes.NewReader(s.file(t)), next, crypto.Ed25519); err == nil {
		t.Error("other entries under the same certificate")
	}
	other := newState(t, s.entries...)
	if _, err := backup.Verify(bytes.NewReader(other.file(t)), next, crypto.Ed25519); !errors.Is(err, backup.ErrForeign) {
		t.Errorf("another snapshot of the right group: %v", err)
	}
	if _, err := backup.Verify(bytes.NewReader(file), newGroup(t, 50, consensus.Origin{}), crypto.Ed25519); !errors.Is(err, backup.ErrForeign) {
		t.Errorf("a group that does not begin with it: %v", err)
	}
}

// A source or a target that fails is reported as it is, not taken for the end.
func TestErrorsPass(t *testing.T) {
	s := newState(t, some()...)
	file := s.file(t)
	broken := errors.New("broken")
	for n := 0; n < len(file); n += 40_000 {
		from := io.MultiReader(bytes.NewReader(file[:n]), iotest.ErrReader(broken))
		if _, err := backup.Verify(from, s.group, crypto.Ed25519); !errors.Is(err, broken) {
			t.Errorf("after %d bytes: %v", n, err)
		}
		to := &stingy{left: n}
		w, err := backup.NewWriter(to, s.head())
		for i := 0; err == nil && i < len(s.entries); i++ {
			err = w.Add(s.entries[i].Key, s.entries[i].Value)
		}
		if err == nil {
			err = w.Close()
		}
		if !errors.Is(err, errFull) {
			t.Errorf("with room for %d bytes: %v", n, err)
		}
	}
	w, err := backup.NewWriter(io.Discard, s.head())
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Add([]byte("k"), make([]byte, 3<<20)); err == nil {
		t.Error("an entry above the largest piece was written")
	}
	if _, err := backup.NewWriter(io.Discard, backup.Head{Table: make([]byte, 2<<20)}); err == nil {
		t.Error("a table that no reader takes was written")
	}
}

var errFull = errors.New("full")

// A stingy writer has room for a few bytes.
type stingy struct{ left int }

func (s *stingy) Write(p []byte) (int, error) {
	if s.left -= len(p); s.left < 0 {
		return 0, errFull
	}
	return len(p), nil
}

// FuzzReader: whatever the bytes, a reader ends with a fault or has seen exactly
// what was certified; it takes no memory for what the bytes only claim (R103).
func FuzzReader(f *testing.F) {
	s := newState(f, some()[:20]...)
	file := s.file(f)
	f.Add(file)
	f.Add(file[:len(file)/2])
	f.Add(whole(append(slices.Clone(file), make([]byte, 32)...)))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := backup.Open(bytes.NewReader(b), s.group, crypto.Ed25519)
		var got []statemachine.Change
		for ok := true; ok && err == nil; {
			var c statemachine.Change
			if c, ok, err = r.Next(); ok {
				got = append(got, statemachine.Change{Key: bytes.Clone(c.Key), Value: bytes.Clone(c.Value)})
			}
		}
		if fault := new(backup.Fault); err != nil {
			if !errors.As(err, &fault) && !errors.Is(err, backup.ErrForeign) || strings.Contains(err.Error(), "\n") {
				t.Fatalf("refused without a reason of its own: %v", err)
			}
			return
		}
		if !bytes.Equal(encoded(got), encoded(s.entries)) {
			t.Fatalf("%d entries pass for those that are certified", len(got))
		}
	})
}

func encoded(entries []statemachine.Change) (b []byte) {
	for _, e := range entries {
		b = binary.BigEndian.AppendUint32(b, uint32(len(e.Key)))
		b = append(append(b, e.Key...), e.Value...)
	}
	return b
}
