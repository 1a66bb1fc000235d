package crypto

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// R8: the version that programs print and connections compare is that of the
// signatures.
func TestProtocolVersion(t *testing.T) {
	if want := fmt.Sprintf("varangian/%d", ProtocolVersion); protocol != want {
		t.Errorf("signatures cover %q, and the version makes it %q", protocol, want)
	}
}

// R8: each field of what a signature covers, changed alone, makes it invalid.
func TestStatementFields(t *testing.T) {
	s := Ed25519.NewSigner(Seed{1})
	domain, body := Domain{Group: Digest{1}, Epoch: 2}, []byte("body")
	sig := s.Sign(domain.Statement(3, body))
	if !validAlone(Check{s.Public(), domain.Statement(3, body), sig}) {
		t.Fatal("the signature is invalid")
	}
	for field, statement := range map[string]Statement{
		"group":       Domain{Group: Digest{2}, Epoch: 2}.Statement(3, body),
		"group's end": Domain{Group: Digest{1, 31: 1}, Epoch: 2}.Statement(3, body),
		"epoch":       Domain{Group: Digest{1}, Epoch: 3}.Statement(3, body),
		"epoch's top": Domain{Group: Digest{1}, Epoch: 2 | 1<<63}.Statement(3, body),
		"type":        domain.Statement(4, body),
		"body":        domain.Statement(3, []byte("bodY")),
		"longer body": domain.Statement(3, []byte("body\x00")),
		"no body":     domain.Statement(3, nil),
		"moved type":  domain.Statement('b', []byte("ody")),
	} {
		if validAlone(Check{s.Public(), statement, sig}) {
			t.Errorf("%s: another one is accepted", field)
		}
	}
}

// The bytes before the body have a fixed width and begin with kind and protocol,
// so that no two (group, epoch, type, body) share a pre-image (R8, R13).
func TestStatementsDiffer(t *testing.T) {
	type input struct {
		group, epoch, kind byte
		body               string
	}
	draw := rapid.Custom(func(t *rapid.T) input {
		return input{
			rapid.ByteRange(0, 3).Draw(t, "group"), rapid.ByteRange(0, 3).Draw(t, "epoch"),
			rapid.ByteRange(0, 3).Draw(t, "type"), rapid.StringOfN(rapid.SampledFrom([]rune{0, 1, 2}), 0, 3, -1).Draw(t, "body"),
		}
	})
	statement := func(i input) Statement {
		return Domain{Group: Digest{31: i.group}, Epoch: uint64(i.epoch)}.Statement(i.kind, []byte(i.body))
	}
	rapid.Check(t, func(t *rapid.T) {
		a, b := draw.Draw(t, "a"), draw.Draw(t, "b")
		if (a == b) != (statement(a) == statement(b)) {
			t.Errorf("%v and %v", a, b)
		}
	})
}

// R13: no two differently typed or split inputs share a digest.
func TestHashesDiffer(t *testing.T) {
	part := rapid.SliceOfN(rapid.SampledFrom([]byte{0, 1, 8}), 0, 12)
	parts := rapid.SliceOfN(part, 0, 4)
	kind := rapid.ByteRange(1, byte(KindLattice))
	rapid.Check(t, func(t *rapid.T) {
		k1, a := Kind(kind.Draw(t, "kind")), parts.Draw(t, "parts")
		k2, b := Kind(kind.Draw(t, "other kind")), parts.Draw(t, "other parts")
		if rapid.Bool().Draw(t, "split") { // the same bytes, split elsewhere
			k2 = k1
			all := slices.Concat(a...)
			cut := rapid.IntRange(0, len(all)).Draw(t, "cut")
			b = [][]byte{all[:cut], all[cut:]}
		}
		same := k1 == k2 && slices.EqualFunc(a, b, bytes.Equal)
		if same != (Hash(k1, a...) == Hash(k2, b...)) {
			t.Errorf("%d %q and %d %q", k1, a, k2, b)
		}
	})
}

// The numbers are part of the wire format.
func TestKindNumbers(t *testing.T) {
	for i, k := range []Kind{
		KindConfiguration, KindStatement, KindRequest, KindBatch, KindNullBatch, KindResults, KindLeaf, KindNode,
		KindWriteSet, KindChain, KindEntry, KindPartition, KindHistory, KindRecord, KindRoot, KindLattice,
	} {
		if int(k) != i+1 {
			t.Errorf("kind %d has the number %d", i+1, k)
		}
	}
}
