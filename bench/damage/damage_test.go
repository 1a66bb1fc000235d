package damage

import (
	"bytes"
	"math/bits"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

var content = append(bytes.Repeat([]byte("abcdefgh"), 100), make([]byte, 4096)...)

// folder makes one with a file of each class.
func folder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{
		"LOCK", "VERSION", "log/mark", "log/segment-0000000000000001", "state/000001.vlog", "state/00001.mem", "state/000007.sst",
		"state/MANIFEST", "state/DISCARD", "state/LOCK", "fetched/1", "evidence/2", "log.damaged-1/mark",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// Each class and each kind comes up, and each harm changes what it says and no
// other file.
func TestDraw(t *testing.T) {
	dir := folder(t)
	random := rand.New(rand.NewPCG(1, 2))
	classes, kinds := map[Class]int{}, map[Kind]int{}
	for range 400 {
		h, err := Draw(random, dir)
		if err != nil {
			t.Fatal(err)
		}
		classes[h.Class]++
		kinds[h.Kind]++
		if err := h.Do(); err != nil {
			t.Fatal(err)
		}
		judge(t, h)
		if h.Path == "log.damaged-1/mark" {
			t.Errorf("%v: it was set aside", h)
		}
		if err := os.WriteFile(filepath.Join(dir, h.Path), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if len(classes) != len(weights) || len(kinds) != 3 {
		t.Errorf("drew %v and %v", classes, kinds)
	}
	if err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		if have, err := os.ReadFile(path); err != nil || !bytes.Equal(have, content) {
			t.Errorf("%s was changed, too (%v)", path, err)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

func judge(t *testing.T, h Harm) {
	t.Helper()
	have, err := os.ReadFile(filepath.Join(h.dir, h.Path))
	switch h.Kind {
	case Delete:
		if !os.IsNotExist(err) {
			t.Errorf("%v: it is there (%v)", h, err)
		}
	case Cut:
		if int64(len(have)) != h.At || !bytes.Equal(have, content[:h.At]) {
			t.Errorf("%v: %d bytes are left (%v)", h, len(have), err)
		}
	case Flip:
		changed := 0
		for i := range have {
			changed += bits.OnesCount8(have[i] ^ content[i])
		}
		if changed != 1 || len(have) != len(content) || have[h.At] == content[h.At] {
			t.Errorf("%v: %d bits changed (%v)", h, changed, err)
		}
	}
}

func TestNothingToHarm(t *testing.T) {
	if h, err := Draw(rand.New(rand.NewPCG(1, 2)), t.TempDir()); err == nil {
		t.Errorf("drew %v", h)
	}
}
