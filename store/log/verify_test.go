package log_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/store/log"
)

// TestVerifyFlips: each bit of a log that is flipped is either named, or in no
// record: then everything is read as it was written (R82, R83). Nothing changes.
func TestVerifyFlips(t *testing.T) {
	folder := t.TempDir()
	id := crypto.Hash(crypto.KindConfiguration, []byte("verify"))
	l, err := log.Open(log.OS(folder), log.Config{Identity: id, SegmentBytes: 4 * 4096}, func(consensus.Record) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	const records = 12
	for i := range records {
		r := consensus.Record{Position: consensus.Position(i + 1), Kind: 1, Data: make([]byte, 700*i)}
		if err := errors.Join(l.Append([]consensus.Record{r}), l.Sync()); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	verify := func() (log.Report, int, error) {
		bytes := 0
		found, err := log.Verify(log.ReadOnly(folder), id, func(r consensus.Record) error { bytes += len(r.Data); return nil })
		return found, bytes, err
	}
	whole, bytes, err := verify()
	if err != nil || whole.Records != records || whole.Through != records || len(whole.Notes) > 0 {
		t.Fatalf("an untouched log: %+v, %v", whole, err)
	}
	files, err := filepath.Glob(filepath.Join(folder, "*"))
	if err != nil {
		t.Fatal(err)
	}
	named, clean := 0, 0
	for _, name := range files {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for at := 0; at < len(raw); at += 61 {
			flipped := append([]byte(nil), raw...)
			flipped[at] ^= 1 << (at % 8)
			if err := os.WriteFile(name, flipped, 0o600); err != nil {
				t.Fatal(err)
			}
			found, got, err := verify()
			var damage *log.Damage
			switch {
			case errors.As(err, &damage) && damage.File != "":
				named++
			case err != nil:
				t.Errorf("%s at %d: %v", name, at, err)
			case found.Records != records || got != bytes:
				t.Errorf("%s at %d: %d records with %d bytes, and no error", name, at, found.Records, got)
			default:
				clean++
			}
			if after, err := os.ReadFile(name); err != nil || string(after) != string(flipped) {
				t.Fatalf("%s was changed by its verification (%v)", name, err)
			}
		}
		if err := os.WriteFile(name, raw, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if named == 0 || clean == 0 {
		t.Errorf("%d flips were named, %d hit no record", named, clean)
	}
	t.Logf("%d flips named, %d in no record", named, clean)
	for _, name := range files {
		if filepath.Base(name) == "spare" {
			continue
		}
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(name, int64(len(raw)/2)); err != nil {
			t.Fatal(err)
		}
		if _, _, err := verify(); !errors.Is(err, log.ErrDamaged) {
			t.Errorf("%s cut to half: %v", name, err)
		}
		if err := os.WriteFile(name, raw, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := log.Verify(log.ReadOnly(folder), crypto.Hash(crypto.KindConfiguration, []byte("another")), func(consensus.Record) error { return nil }); !errors.Is(err, log.ErrForeign) {
		t.Errorf("another replica's log: %v", err)
	}
}

// TestReadOnly: what Verify reads through lets nobody write, so that it needs no
// right to.
func TestReadOnly(t *testing.T) {
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "mark"), []byte("x"), 0o400); err != nil {
		t.Fatal(err)
	}
	f, err := log.ReadOnly(folder).Open("mark")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte("y"), 0); err == nil {
		t.Error("it was written to")
	}
}
