package transfer

import (
	"bytes"
	"slices"
	"testing"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/internal/wire"
)

// messages are one of each type, with the certificate of a snapshot where one goes.
func messages(t testing.TB) (*consensus.Group, [][]byte) {
	t.Helper()
	r := newRig(t)
	n := wire.Snapshot{Sequence: 8, Chain: crypto.Digest{1}, Root: crypto.Digest{2}}
	c := &wire.SnapshotCertificate{Snapshot: n}
	for id := range consensus.ReplicaID(3) {
		c.Signers = append(c.Signers, wire.SnapshotSigner{Replica: id, Signature: n.Sign(r.group, id, r.signers[id]).Signature})
	}
	windows := []planWindow{{Sequence: 12, WriteSet: crypto.Digest{3}}, {Sequence: 16, WriteSet: crypto.Digest{4}}}
	return r.group, [][]byte{
		askPlan{From: 4, Target: 16, Whole: true}.marshal(),
		plan{From: 4, Target: 16, Snapshot: c, Windows: windows}.marshal(),
		plan{From: 8, Target: 16, Windows: windows}.marshal(),
		askChunk{Item: item{Kind: itemList, At: 8, Index: 7}, Offset: 9}.marshal(),
		askEntries{At: 8, Index: 7, From: 70, Wanted: []byte{5, 0, 1}}.marshal(),
		askEntries{At: 8, Index: 7}.marshal(),
		entries{At: 8, Index: 7, From: 70, Data: []byte("data")}.marshal(),
		hold{At: 8}.marshal(),
		wait{Item: item{Kind: itemPartition, At: 8, Index: 7}}.marshal(),
		chunk{Item: item{Kind: itemWindow, At: 12}, Offset: 3, Last: true, Data: []byte("data")}.marshal(),
		gone{Item: item{Kind: itemTable, At: 8}}.marshal(),
		gone{}.marshal(),
	}
}

func again(m consensus.Message) []byte {
	switch m := m.(type) {
	case askPlan:
		return m.marshal()
	case plan:
		return m.marshal()
	case askChunk:
		return m.marshal()
	case chunk:
		return m.marshal()
	case gone:
		return m.marshal()
	case wait:
		return m.marshal()
	case hold:
		return m.marshal()
	case askEntries:
		return m.marshal()
	case entries:
		return m.marshal()
	}
	return nil
}

// R9, R16: one encoding, both ways; R19: a plan carries the checks of its certificate.
func TestMessages(t *testing.T) {
	g, frames := messages(t)
	for _, f := range frames {
		u, err := Decode(f, g)
		if err != nil || !bytes.Equal(again(u.Value), f) || u.Value.Type() != wire.Type(f) {
			t.Errorf("type %d: %v %+v", f[0], err, u.Value)
			continue
		}
		if p, ok := u.Value.(plan); ok && p.Snapshot != nil && len(u.Checks) != 3 {
			t.Errorf("%d checks of a certificate with 3 signatures", len(u.Checks))
		}
		if want := slices.Contains([]consensus.MessageType{typeAskPlan, typeAskChunk, typeAskEntries, typeHold}, u.Value.Type()); Question(u.Value) != want {
			t.Errorf("type %d is a question: %v", f[0], !want)
		}
		for n := range f {
			if u, err := Decode(f[:n], g); err == nil && u.Value.Type() != typeChunk && u.Value.Type() != typeEntries && u.Value.Type() != typeAskEntries {
				t.Errorf("type %d is read from its first %d bytes", f[0], n)
			}
		}
	}
}

// R15, R16, R103: what is not the one encoding of anything, or has no bound.
func TestDecodeRefuses(t *testing.T) {
	g, _ := messages(t)
	long := plan{Windows: make([]planWindow, planWindowsMax+1)}
	for name, f := range map[string][]byte{
		"nothing":                nil,
		"an unknown type":        {byte(wire.TypeStateLast)},
		"whole is 2":             append(askPlan{}.marshal()[:17], 2),
		"an unknown item":        askChunk{Item: item{Kind: 5}}.marshal(),
		"no item":                askChunk{}.marshal(),
		"a partition by bytes":   askChunk{Item: item{Kind: itemPartition}}.marshal(),
		"a chunk of one":         chunk{Item: item{Kind: itemPartition}}.marshal(),
		"no first position":      askEntries{Wanted: []byte{2}}.marshal(),
		"a zero at the end":      askEntries{Wanted: []byte{1, 0}}.marshal(),
		"too many positions":     askEntries{Wanted: bytes.Repeat([]byte{1}, wantedBytesMax+1)}.marshal(),
		"half a hold":            hold{}.marshal()[:5],
		"a window with an index": askChunk{Item: item{Kind: itemWindow, Index: 1}}.marshal(),
		"a chunk too large":      chunk{Item: item{Kind: itemWindow}, Data: make([]byte, chunkBytes+1)}.marshal(),
		"too many windows":       long.marshal(),
		"fewer than it says":     append(plan{}.marshal()[:18], 0, 0, 0, 1),
		"more than a frame":      append(plan{}.marshal()[:18], 255, 255, 255, 255),
		"trailing":               append(gone{}.marshal(), 0),
	} {
		if u, err := Decode(f, g); err == nil {
			t.Errorf("%s: read as %+v", name, u.Value)
		}
	}
}

func TestChanges(t *testing.T) {
	r := newRig(t)
	r.window(all, 20, 3)
	r.window(all, 20, 3)
	changes, err := r.servers[0].changes(8)
	if err != nil {
		t.Fatal(err)
	}
	var b []byte
	for _, c := range changes {
		b = appendChange(b, c)
	}
	back, ok := readChanges(b)
	if !ok || len(back) != len(changes) || !sorted(back) {
		t.Fatalf("%d changes were written, %d read", len(changes), len(back))
	}
	for i := range back {
		if !bytes.Equal(back[i].Key, changes[i].Key) || !bytes.Equal(back[i].Value, changes[i].Value) || back[i].Deleted != changes[i].Deleted {
			t.Errorf("change %d: %+v", i, back[i])
		}
	}
	for name, bad := range map[string][]byte{
		"a deletion with a value": {1, 0, 0, 0, 1, 'k', 0, 0, 0, 1, 'v'}, "flag 2": {2, 0, 0, 0, 1, 'k', 0, 0, 0, 0},
		"a key beyond the end": {0, 255, 255, 255, 255}, "no value": {0, 0, 0, 0, 1, 'k'},
	} {
		if _, ok := readChanges(bad); ok {
			t.Errorf("%s: accepted", name)
		}
	}
	if sorted(append(back, back[0])) || sorted(append(back[:1:1], back[0])) {
		t.Error("keys out of order, or twice, count as sorted")
	}
}

// R9, R16, R107: whatever decodes has one encoding, and nothing panics.
func FuzzDecode(f *testing.F) {
	g, frames := messages(f)
	for _, frame := range frames {
		f.Add(frame)
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		if u, err := Decode(frame, g); err == nil && !bytes.Equal(again(u.Value), frame) {
			t.Fatalf("%x was read as %+v", frame, u.Value)
		}
	})
}
