package groupfile

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
)

// restored is a group that begins with the state of another one.
func restored() *File {
	f := example()
	f.Origin = consensus.Origin{Group: crypto.Digest{1}, Epoch: 1, Sequence: 2048, Chain: crypto.Digest{2}, Root: crypto.Digest{3}}
	return f
}

// R8: with which state a group begins is part of its id, down to each field, and
// survives the file.
func TestOrigin(t *testing.T) {
	id := func(f *File) crypto.Digest {
		g, err := f.Group(crypto.Ed25519)
		if err != nil {
			t.Fatal(err)
		}
		return g.ID
	}
	ids := map[crypto.Digest]string{id(example()): "without"}
	for name, change := range map[string]func(*consensus.Origin){
		"as it is": func(*consensus.Origin) {},
		"group":    func(o *consensus.Origin) { o.Group[0]++ },
		"epoch":    func(o *consensus.Origin) { o.Epoch++ },
		"sequence": func(o *consensus.Origin) { o.Sequence++ },
		"chain":    func(o *consensus.Origin) { o.Chain[0]++ },
		"root":     func(o *consensus.Origin) { o.Root[0]++ },
	} {
		f := restored()
		change(&f.Origin)
		if other, ok := ids[id(f)]; ok {
			t.Errorf("the group id is the same for %q and %q", name, other)
		}
		ids[id(f)] = name
		text, err := f.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		if again, err := Parse("", text); err != nil || !reflect.DeepEqual(again, f) {
			t.Errorf("%s: %v: %+v", name, err, again)
		}
	}
}

// A table that names no snapshot, or half of one, is refused: without it the same
// file would make another group.
func TestOriginRefused(t *testing.T) {
	text, err := restored().Marshal()
	if err != nil {
		t.Fatal(err)
	}
	for old, want := range map[string]string{
		"sequence = 2048\n": "[origin] lacks the key sequence",
		"chain = \"02":      "[origin] lacks the key chain",
		"epoch = 1\n":       "[origin] lacks the key epoch",
	} {
		begin := strings.Index(string(text), old)
		end := begin + strings.Index(string(text[begin:]), "\n") + 1
		_, err := Parse("", append(append([]byte{}, text[:begin]...), text[end:]...))
		if format := new(FormatError); !errors.As(err, &format) || !strings.Contains(err.Error(), want) {
			t.Errorf("without %q: %v", old, err)
		}
	}
	for old, changed := range map[string]string{"sequence = 2048": "sequence = 0", "epoch = 1": "epoch = 0"} {
		_, err := Parse("", []byte(strings.Replace(string(text), old, changed, 1)))
		if format := new(FormatError); !errors.As(err, &format) || !strings.Contains(err.Error(), "names no snapshot") {
			t.Errorf("%q: %v", changed, err)
		}
	}
	f := restored()
	f.Origin.Epoch = 0
	if _, err := f.Group(crypto.Ed25519); err == nil {
		t.Error("a group begins with a snapshot of no epoch")
	}
}
