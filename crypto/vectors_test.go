package crypto

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// A vector is one file of testdata/vectors.
type vector struct {
	t      *testing.T
	fields map[string][]string
}

func readVector(t *testing.T, path string) vector {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	v := vector{t: t, fields: make(map[string][]string)}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(line, "#") {
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			t.Fatalf("no field in %q", line)
		}
		v.fields[name] = append(v.fields[name], strings.TrimPrefix(value, " "))
	}
	return v
}

func (v vector) text(name string) string {
	v.t.Helper()
	if len(v.fields[name]) != 1 {
		v.t.Fatalf("%d fields %q, want one", len(v.fields[name]), name)
	}
	return v.fields[name][0]
}

func (v vector) bytes(name string) []byte { v.t.Helper(); return unhex(v.t, v.text(name)) }

func (v vector) number(name string, bits int) uint64 {
	v.t.Helper()
	n, err := strconv.ParseUint(v.text(name), 10, bits)
	if err != nil {
		v.t.Fatal(err)
	}
	return n
}

func (v vector) digests(name string) []Digest {
	v.t.Helper()
	var all []Digest
	for _, s := range v.fields[name] {
		all = append(all, Digest(unhex(v.t, s)))
	}
	return all
}

// R8, R12, R13, R14, R80: another implementation agrees, case by case.
func TestVectors(t *testing.T) {
	paths, err := filepath.Glob("testdata/vectors/*.txt")
	if err != nil || len(paths) < 100 {
		t.Fatalf("%d vectors, %v", len(paths), err)
	}
	kinds := map[string]func(vector) bool{
		"hash": hashVector, "statement": statementVector, "sign": signVector, "signature": signatureVector,
		"key": keyVector, "merkle root": rootVector, "merkle path": pathVector, "lattice": latticeVector,
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			v := readVector(t, path)
			holds := kinds[v.text("kind")]
			if holds == nil {
				t.Fatalf("unknown kind %q", v.text("kind"))
			}
			want := map[bool]string{true: "valid", false: "invalid"}[holds(v)]
			if v.text("expect") != want {
				t.Errorf("it is %s, the file expects %s", want, v.text("expect"))
			}
		})
	}
}

func hashVector(v vector) bool {
	var parts [][]byte
	for _, p := range v.fields["part"] {
		parts = append(parts, unhex(v.t, p))
	}
	return Hash(Kind(v.number("number", 8)), parts...) == Digest(v.bytes("digest"))
}

func statementVector(v vector) bool {
	d := Domain{Group: Digest(v.bytes("group")), Epoch: v.number("epoch", 64)}
	return d.Statement(byte(v.number("type", 8)), v.bytes("body")) == Statement(v.bytes("statement"))
}

func signVector(v vector) bool {
	s := Ed25519.NewSigner(Seed(v.bytes("seed")))
	return s.Public() == PublicKey(v.bytes("key")) &&
		s.Sign(Statement(v.bytes("statement"))) == Signature(v.bytes("signature"))
}

func signatureVector(v vector) bool {
	return everyPath(v.t, PublicKey(v.bytes("key")), v.bytes("statement"), Signature(v.bytes("signature")))
}

func keyVector(v vector) bool {
	err := Ed25519.CheckKey(PublicKey(v.bytes("key")))
	reasons := map[string]error{"malformed": ErrKeyMalformed, "non-canonical": ErrKeyNonCanonical, "small order": ErrKeySmallOrder}
	if err != nil && !errors.Is(err, reasons[v.text("reason")]) {
		v.t.Errorf("refused with %q, the file says %q", err, v.text("reason"))
	}
	return err == nil
}

func rootVector(v vector) bool {
	return MerkleRoot(v.digests("leaf")) == Digest(v.bytes("root"))
}

func pathVector(v vector) bool {
	p := Path{Index: uint32(v.number("index", 32)), Count: uint32(v.number("count", 32)), Siblings: v.digests("sibling")}
	return VerifyPath(Digest(v.bytes("root")), Digest(v.bytes("leaf")), p)
}

func latticeVector(v vector) bool {
	var l Lattice
	for name, do := range map[string]func(Digest){"add": l.Add, "remove": l.Remove} {
		for _, entry := range v.fields[name] {
			key, value, _ := strings.Cut(entry, " ")
			do(Entry(unhex(v.t, key), unhex(v.t, value)))
		}
	}
	return l.Sum() == Digest(v.bytes("sum"))
}
