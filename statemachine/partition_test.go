package statemachine_test

import (
	"bytes"
	"errors"
	"testing"

	"pgregory.net/rapid"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/statemachine"
	"github.com/varangian-bft/varangian/store/memory"
)

// Partitions that follow the changes are those of a full scan, at every version
// and over any span.
func TestNextPartitions(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := memory.New()
		known := []*statemachine.Partitions{}
		for n := range rapid.IntRange(1, 6).Draw(t, "windows") {
			byKey := map[byte]statemachine.Change{}
			for range rapid.IntRange(0, 8).Draw(t, "changes") {
				k := rapid.Byte().Draw(t, "key") % 16
				byKey[k] = statemachine.Change{Key: []byte{k}, Deleted: true}
				if rapid.Bool().Draw(t, "kept") {
					byKey[k] = statemachine.Change{Key: []byte{k}, Value: rapid.SampledFrom([][]byte{{}, {1}, {2}}).Draw(t, "value")}
				}
			}
			var changes []statemachine.Change
			for k := range byte(16) {
				if c, ok := byKey[k]; ok {
					changes = append(changes, c)
				}
			}
			v := statemachine.VersionAt(consensus.Sequence(n+1), 0)
			if err := s.Apply(changes, statemachine.Marker{Version: v}); err != nil {
				t.Fatal(err)
			}
			want, err := statemachine.ComputePartitions(s, v)
			if err != nil {
				t.Fatal(err)
			}
			for _, old := range known {
				got, err := statemachine.NextPartitions(s, old, v, nil)
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(got.Marshal(), want.Marshal()) || got.Root() != want.Root() {
					t.Fatalf("from %d to %d: other partitions than those of a scan", old.Version, v)
				}
			}
			known = append(known, want)
		}
	})
}

// R94: a partition is accepted only with exactly its entries, in order.
func TestCheckPartition(t *testing.T) {
	w := newWorld(t, script{}, parameters())
	w.execute(w.request(1, 1, 0, 0))
	w.execute(w.request(1, 1, 1, 0, "c", "sa1", "sb2", "sc3", "sd4", "se5"))
	w.checkpoint()
	m, _ := w.store.Marker()
	p, err := statemachine.ComputePartitions(w.store, m.Version)
	if err != nil {
		t.Fatal(err)
	}
	entries := map[uint8][]statemachine.Change{}
	if err := w.store.Scan(nil, nil, m.Version, func(k, v []byte) bool {
		i := statemachine.PartitionOf(k)
		entries[i] = append(entries[i], statemachine.Change{Key: bytes.Clone(k), Value: bytes.Clone(v)})
		return true
	}); err != nil {
		t.Fatal(err)
	}
	digests := p.Digests()
	if p.Root() != crypto.MerkleRoot(digests) || p.Count() == 0 {
		t.Error("root or count")
	}
	for i := range statemachine.PartitionCount {
		index, list := uint8(i), entries[uint8(i)]
		if !statemachine.CheckPartition(index, list, digests[i]) {
			t.Fatalf("partition %d: its own entries are refused", i)
		}
		if len(list) == 0 {
			continue
		}
		lies := map[string][]statemachine.Change{
			"one less": list[1:],
			"twice":    append(list[:1:1], list...),
			"value":    append([]statemachine.Change{{Key: list[0].Key, Value: []byte("x")}}, list[1:]...),
			"deleted":  append([]statemachine.Change{{Key: list[0].Key, Value: list[0].Value, Deleted: true}}, list[1:]...),
			"one more": append(list[:len(list):len(list)], other(index, list[len(list)-1].Key)),
		}
		for name, lie := range lies {
			if statemachine.CheckPartition(index, lie, digests[i]) {
				t.Errorf("partition %d: %s accepted", i, name)
			}
		}
		if c := statemachine.NewPartitionCheck(index); !c.Add(list[0].Key, list[0].Value) || c.Add(list[0].Key, list[0].Value) {
			t.Error("a key accepted twice")
		}
		if c := statemachine.NewPartitionCheck(index + 1); c.Add(list[0].Key, list[0].Value) || c.Add(list[0].Key, list[0].Value) {
			t.Error("a key of another partition accepted")
		}
	}
}

// A state keeps its digest when the next one is made from it and changed.
func TestPartitionsShareNothingThatChanges(t *testing.T) {
	s := memory.New()
	set := func(n consensus.Sequence, value string) statemachine.Version {
		v := statemachine.VersionAt(n, 0)
		changes := []statemachine.Change{{Key: []byte("k"), Value: []byte(value)}}
		if err := s.Apply(changes, statemachine.Marker{Version: v}); err != nil {
			t.Fatal(err)
		}
		return v
	}
	old, err := statemachine.ComputePartitions(s, set(1, "1"))
	if err != nil {
		t.Fatal(err)
	}
	root, encoded := old.Root(), old.Marshal()
	next, err := statemachine.NextPartitions(s, old, set(2, "2"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if next.Root() == root {
		t.Error("another value, and the same root")
	}
	if old.Root() != root || !bytes.Equal(old.Marshal(), encoded) {
		t.Error("the older state changed with the newer one")
	}
}

// other returns an entry of a partition above a key.
func other(index uint8, above []byte) statemachine.Change {
	key := append(bytes.Clone(above), 0, 0)
	for statemachine.PartitionOf(key) != index {
		key[len(key)-1]++
		if key[len(key)-1] == 0 {
			key[len(key)-2]++
		}
	}
	return statemachine.Change{Key: key}
}

func TestPartitionsEncoding(t *testing.T) {
	p := &statemachine.Partitions{Version: 7}
	p.Add([]byte("k"), []byte("v"))
	p.Add([]byte("l"), nil)
	b := p.Marshal()
	if want := 8 + 8*statemachine.PartitionCount + 2*crypto.LatticeSize; len(b) != want {
		t.Errorf("two partitions with entries take %d bytes, not %d", len(b), want)
	}
	if got, ok := statemachine.ReadPartitions(b); !ok || !bytes.Equal(got.Marshal(), b) || got.Root() != p.Root() || got.Version != 7 {
		t.Error("partitions do not survive encoding")
	}
	if got, ok := statemachine.ReadPartitions((&statemachine.Partitions{Version: 8}).Marshal()); !ok || got.Root() == p.Root() || got.Count() != 0 {
		t.Error("a state without entries does not survive encoding")
	}
	for _, bad := range [][]byte{nil, b[:7], b[1:], b[:len(b)-1], append(b[:len(b):len(b)], 0)} {
		if _, ok := statemachine.ReadPartitions(bad); ok {
			t.Errorf("%d bytes accepted", len(bad))
		}
	}
}

// R51: what the store has given back, or has lost, is an error.
func TestNextPartitionsErrors(t *testing.T) {
	w := newWorld(t, script{}, parameters())
	first, _ := w.store.Marker()
	old, err := statemachine.ComputePartitions(w.store, first.Version)
	if err != nil {
		t.Fatal(err)
	}
	w.checkpoint()
	m, _ := w.store.Marker()
	if _, err := statemachine.NextPartitions(w.store, &statemachine.Partitions{Version: old.Version}, m.Version, nil); !errors.Is(err, statemachine.ErrRot) {
		t.Errorf("more entries than were counted: %v", err)
	}
	if err := w.store.Retire(m.Version); err != nil {
		t.Fatal(err)
	}
	if _, err := statemachine.NextPartitions(w.store, old, m.Version, nil); !errors.Is(err, statemachine.ErrRetired) {
		t.Errorf("retired: %v", err)
	}
	if p, err := statemachine.ComputePartitions(w.store, m.Version); err != nil || p.Count() != 4 {
		t.Errorf("full scan: %v", err)
	}
}
