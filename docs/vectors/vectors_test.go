// Package vectors_test holds the wire formats against their description: every
// file of this folder is what the code writes, is laid out as docs/wire-format.md
// says, and is read or refused as it says.
package vectors_test

import (
	"encoding/binary"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/internal/wire"
	"github.com/varangian-bft/varangian/statemachine"
	"github.com/varangian-bft/varangian/statemachine/kv"
	"github.com/varangian-bft/varangian/store/memory"
)

var update = flag.Bool("update", false, "write the vectors anew; read the diff")

// A vector is one file: bytes that the code writes, or, if its kind begins with
// "not ", bytes that it has to refuse.
type vector struct {
	name string
	kind string
	why  string
	data []byte
}

const refusedPrefix = "not "

// text is the file of a vector.
func (v vector) text(t *testing.T) string {
	var b strings.Builder
	name, refused := strings.CutPrefix(v.kind, refusedPrefix)
	fmt.Fprintf(&b, "# %s\nkind: %s\n", v.why, name)
	if refused {
		fmt.Fprintf(&b, "expect: invalid\nbytes: %x\n", v.data)
		return b.String()
	}
	b.WriteString("expect: valid\n")
	r := read(name, v.data)
	if r.bad || len(r.rest) > 0 {
		t.Fatalf("%s: the bytes are not laid out as described; %d bytes are left over", v.name, len(r.rest))
	}
	for _, f := range r.fields {
		b.WriteString(strings.TrimSuffix(fmt.Sprintf("%s %s: %s", f.kind, f.name, f.show()), " ") + "\n")
	}
	for _, c := range r.checks {
		fmt.Fprintf(&b, "check: %x %x %x\n", c.Key[:], c.Statement[:], c.Signature[:])
	}
	fmt.Fprintf(&b, "bytes: %x\n", v.data)
	return b.String()
}

func read(name string, data []byte) *reader {
	r := &reader{rest: data}
	kinds[name].layout(r)
	return r
}

func (f field) show() string {
	switch f.kind {
	case "b":
		return hex.EncodeToString(f.value)
	case "text":
		return string(f.value)
	}
	n := uint64(0)
	for _, x := range f.value {
		n = n<<8 | uint64(x)
	}
	return fmt.Sprint(n)
}

// R16: the code writes exactly these bytes.
func TestWritten(t *testing.T) {
	var names []string
	for _, v := range made(t) {
		path := v.name + ".txt"
		names = append(names, path)
		want := v.text(t)
		if *update {
			if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if have, err := os.ReadFile(path); err != nil || string(have) != want {
			t.Errorf("%s differs from what the code writes (%v): a change of the format needs a new version; "+
				"go test ./docs/vectors -update writes the files anew", path, err)
		}
	}
	files, err := filepath.Glob("*.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !slices.Contains(names, f) {
			t.Errorf("%s is made by nothing", f)
		}
	}
}

// R8, R9, R16, R19: the code reads each file as the description does, with the
// same signatures to check, and these hold.
func TestRead(t *testing.T) {
	files, err := filepath.Glob("*.txt")
	if err != nil || len(files) < 60 {
		t.Fatalf("%d vectors, %v", len(files), err)
	}
	for _, path := range files {
		t.Run(path, func(t *testing.T) {
			f := parse(t, path)
			k, ok := kinds[f.kind]
			if !ok {
				t.Fatalf("unknown kind %q", f.kind)
			}
			if !f.valid {
				checks, ok := k.decode(f.data)
				late := slices.Contains(bySignature, strings.TrimSuffix(strings.TrimPrefix(path, "refused_"), ".txt"))
				if ok && (!late || hold(checks)) {
					t.Error("the code takes what it has to refuse")
				}
				return
			}
			if string(f.joined) != string(f.data) {
				t.Errorf("the fields make %x", f.joined)
			}
			if k.decode == nil {
				return
			}
			checks, ok := k.decode(f.data)
			if !ok {
				t.Fatal("the code refuses it")
			}
			if !slices.Equal(checks, f.checks) {
				t.Errorf("the code has %d signatures checked, the file names %d, or others", len(checks), len(f.checks))
			}
			if !hold(checks) {
				t.Error("a signature does not hold")
			}
			if f.kind == "chunk" || f.kind == "entries" || f.kind == "ask entries" {
				return // its data end with the frame
			}
			if _, ok := k.decode(append(slices.Clone(f.data), 0)); ok {
				t.Error("the code takes a byte too many")
			}
			if _, ok := k.decode(f.data[:len(f.data)-1]); ok {
				t.Error("the code takes a byte too few")
			}
		})
	}
}

// R8, R13, R49: what the description says about hashes.
func TestHashes(t *testing.T) {
	if d := crypto.Hash(1, genesisBytes()); d != group.ID {
		t.Errorf("the group id is %s, the genesis hashes to %s", group.ID, d)
	}
	successor := group.Genesis
	successor.Origin = consensus.Origin{Group: group.ID, Epoch: 1, Sequence: 2, Chain: crypto.Digest{1}, Root: crypto.Digest{2}}
	named := originBytes(wire.Snapshot{Sequence: 2, Chain: crypto.Digest{1}, Root: crypto.Digest{2}})
	if g, err := consensus.NewGroup(successor, crypto.Ed25519); err != nil || g.ID != crypto.Hash(1, genesisBytes(), named) {
		t.Errorf("%v, or a group with an origin has another id", err)
	} else if statemachine.InheritedChain(g) != crypto.Hash(10, successor.Origin.Chain[:], make([]byte, 8), g.ID[:]) {
		t.Error("its chain begins otherwise")
	}
	if d := crypto.Hash(3, putTwice.Encoding()); d != putTwice.Digest() {
		t.Errorf("the request's digest is %s, not %s", putTwice.Digest(), d)
	}
	if d := crypto.Hash(4, batches[1].Content.Marshal()); d != batches[1].Digest {
		t.Errorf("the batch's digest is %s, not %s", batches[1].Digest, d)
	}
	if consensus.NullDigest != crypto.Hash(5) {
		t.Error("the null batch has another digest")
	}
	genesis, first := statemachine.Genesis(group)
	if d := chain(crypto.Digest{}, 0, genesis); d != first.Chain {
		t.Errorf("the chain begins with %s, not %s", first.Chain, d)
	}
	store := memory.New()
	machine, err := statemachine.NewMachine(kv.New(), group, store)
	if err != nil {
		t.Fatal(err)
	}
	history, previous := crypto.Digest{}, first.Chain
	for i, b := range batches[:2] {
		n := consensus.Sequence(i + 1)
		x, err := machine.Execute(b, n)
		if err != nil {
			t.Fatal(err)
		}
		history = crypto.Hash(13, history[:], u64of(uint64(n)), b.Digest[:], x.Root[:])
		if x.History != history {
			t.Errorf("the history at %d is %s, not %s", n, x.History, history)
		}
		if x.Window != nil && x.Window.Chain != chain(previous, n, x.Window.Changes) {
			t.Errorf("the chain at %d is %s", n, x.Window.Chain)
		}
	}
}

// chain is the write-set chain after a window.
func chain(previous crypto.Digest, n consensus.Sequence, changes []statemachine.Change) crypto.Digest {
	var parts [][]byte
	for _, c := range changes {
		kept := []byte{1}
		if c.Deleted {
			kept = []byte{0}
		}
		parts = append(parts, c.Key, kept, c.Value)
	}
	set := crypto.Hash(9, parts...)
	return crypto.Hash(10, previous[:], u64of(uint64(n)), set[:])
}

func u64of(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

func hold(checks []crypto.Check) bool {
	valid := make([]bool, len(checks))
	crypto.Ed25519.Verify(checks, valid)
	return !slices.Contains(valid, false)
}

// A file is a vector as another implementation reads it.
type file struct {
	kind   string
	valid  bool
	joined []byte // the fields, one after the other
	data   []byte
	checks []crypto.Check
}

func parse(t *testing.T, path string) (f file) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	unhex := func(s string) []byte {
		b, err := hex.DecodeString(s)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		return b
	}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		name, value, ok := strings.Cut(line, ": ")
		switch {
		case strings.HasPrefix(line, "#"):
		case strings.HasSuffix(line, ":"): // an empty value
		case !ok:
			t.Fatalf("%s: %q is no line of a vector", path, line)
		case name == "kind":
			f.kind = value
		case name == "expect":
			f.valid = value == "valid"
		case name == "bytes":
			f.data = unhex(value)
		case name == "check":
			var c crypto.Check
			parts := strings.Fields(value)
			copy(c.Key[:], unhex(parts[0]))
			copy(c.Statement[:], unhex(parts[1]))
			copy(c.Signature[:], unhex(parts[2]))
			f.checks = append(f.checks, c)
		case strings.HasPrefix(name, "b "):
			f.joined = append(f.joined, unhex(value)...)
		case strings.HasPrefix(name, "text "):
			f.joined = append(f.joined, value...)
		default:
			f.joined = append(f.joined, number(t, name, value)...)
		}
	}
	return f
}

// number writes a number as wide as its kind says.
func number(t *testing.T, name, value string) []byte {
	t.Helper()
	var bits int
	var n uint64
	if _, err := fmt.Sscanf(name, "u%d ", &bits); err != nil {
		t.Fatalf("field %q: %v", name, err)
	}
	if _, err := fmt.Sscan(value, &n); err != nil {
		t.Fatalf("field %q: %v", name, err)
	}
	b := make([]byte, bits/8)
	for i := range b {
		b[len(b)-1-i] = byte(n >> (8 * i))
	}
	return b
}
