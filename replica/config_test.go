package replica_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/internal/groupfile"
	"github.com/varangian-bft/varangian/replica"
	"github.com/varangian-bft/varangian/statemachine/kv"
)

// An embedder needs no more than the files that replica init makes.
func TestGroupFile(t *testing.T) {
	folder := t.TempDir()
	keys := generate(t)
	public := keys.Public()
	path := filepath.Join(folder, "group.toml")
	err := groupfile.Write(path, &groupfile.File{
		Name: "alone", Engine: "pbft", Parameters: consensus.DefaultParameters(),
		Replicas: []groupfile.Replica{{Name: "r0", Key: public.Signing, Transport: public.Transport, Address: freeAddress(t)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	r, err := replica.New(replica.Config{GroupFile: path, Keys: keys, DataDir: filepath.Join(folder, "data"), FirstStart: true}, kv.New())
	if err != nil {
		t.Fatal(err)
	}
	r.Close()

	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	broken := filepath.Join(folder, "broken.toml")
	if err := os.WriteFile(broken, []byte(strings.Replace(string(text), "engine", "motor", 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		config replica.Config
		status int
	}{
		"a file that is wrong in itself": {replica.Config{GroupFile: broken, Keys: keys, DataDir: folder}, replica.ExitUsage},
		"no file":                        {replica.Config{GroupFile: path + ".missing", Keys: keys, DataDir: folder}, replica.ExitSurroundings},
		"another's keys":                 {replica.Config{GroupFile: path, Keys: generate(t), DataDir: folder}, replica.ExitSurroundings},
	} {
		if _, err := replica.New(c.config, kv.New()); replica.ExitCode(err) != c.status {
			t.Errorf("%s: exit status %d, want %d: %v", name, replica.ExitCode(err), c.status, err)
		}
	}
}

// Why a folder cannot be said to be new is told as it is.
func TestMarkNew(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	if err := replica.MarkNew(dir); err != nil {
		t.Fatal(err)
	}
	if err := replica.MarkNew(dir); err == nil || err.Error() != "data folder "+dir+" is not empty (it has NEW)" {
		t.Error(err)
	}
	file := filepath.Join(dir, "NEW")
	if err := replica.MarkNew(file); err == nil || strings.Contains(err.Error(), "empty") || strings.Contains(err.Error(), "nil") {
		t.Error(err)
	}
}
