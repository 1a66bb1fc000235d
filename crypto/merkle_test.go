package crypto

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func testLeaves(count int) []Digest {
	leaves := make([]Digest, count)
	for i := range leaves {
		leaves[i] = Hash(KindResults, []byte{byte(i), byte(i >> 8)})
	}
	return leaves
}

// R14: in every tree each leaf has a path, and that path fits no other place.
func TestMerklePaths(t *testing.T) {
	for count := 1; count <= 40; count++ {
		leaves := testLeaves(count)
		tree := NewMerkleTree(leaves)
		if tree.Root() != MerkleRoot(leaves) {
			t.Errorf("%d leaves: two roots", count)
		}
		for i, leaf := range leaves {
			p := tree.Path(i)
			if !VerifyPath(tree.Root(), leaf, p) {
				t.Errorf("leaf %d of %d: refused", i, count)
			}
			for other := range 2 * count {
				q := p
				q.Index = uint32(other)
				if other != i && VerifyPath(tree.Root(), leaf, q) {
					t.Errorf("the path of leaf %d of %d is accepted for index %d", i, count, other)
				}
				q = p
				q.Count = uint32(other)
				if other != count && VerifyPath(tree.Root(), leaf, q) {
					t.Errorf("the path of leaf %d of %d is accepted for count %d", i, count, other)
				}
				if other < count && other != i && VerifyPath(tree.Root(), leaves[other], p) {
					t.Errorf("the path of leaf %d of %d is accepted for leaf %d", i, count, other)
				}
			}
		}
	}
}

// R14: two items that swap their proofs are both refused.
func TestMerkleSwappedPaths(t *testing.T) {
	leaves := testLeaves(6)
	tree := NewMerkleTree(leaves)
	if VerifyPath(tree.Root(), leaves[2], tree.Path(3)) || VerifyPath(tree.Root(), leaves[3], tree.Path(2)) {
		t.Error("swapped proofs are accepted")
	}
}

// R13: the root of one tree is that of no other.
func TestMerkleRootsDiffer(t *testing.T) {
	seen := map[Digest]string{}
	note := func(d Digest, what string) {
		if other, ok := seen[d]; ok {
			t.Errorf("%s and %s have one digest", what, other)
		}
		seen[d] = what
	}
	leaves := testLeaves(4)
	for i := range 5 {
		note(MerkleRoot(leaves[:i]), "a tree")
	}
	note(MerkleRoot([]Digest{MerkleRoot(leaves[:1])}), "a tree over a root")
	note(MerkleRoot([]Digest{leaves[0], leaves[0]}), "a leaf twice")
	note(leaves[0], "a leaf")
	note(hashLeaf(&leaves[0]), "a leaf's hash")
	note(hashNode(&leaves[0], &leaves[1]), "an inner hash")
}

// R13
func TestMerkleHashesAreHash(t *testing.T) {
	a, b := Digest{1}, Digest{2}
	if hashLeaf(&a) != Hash(KindLeaf, a[:]) || hashNode(&a, &b) != Hash(KindNode, a[:], b[:]) {
		t.Error("a short cut differs from Hash")
	}
}

func TestMerkleTreeOwnsItsLeaves(t *testing.T) {
	leaves := testLeaves(3)
	tree := NewMerkleTree(leaves)
	p := tree.Path(0)
	clear(p.Siblings)
	leaf := leaves[0]
	clear(leaves)
	if !VerifyPath(tree.Root(), leaf, tree.Path(0)) {
		t.Error("the tree shares memory with its caller")
	}
}

func TestMerklePathOfNoLeaf(t *testing.T) {
	for _, i := range []int{-1, 3, 1 << 40} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("leaf %d of 3 has a path", i)
				}
			}()
			NewMerkleTree(testLeaves(3)).Path(i)
		}()
	}
}

// R14, R108: no path of any shape but the right one is accepted, and none panics.
func TestMerkleRefusesOtherPaths(t *testing.T) {
	leaves := testLeaves(11)
	tree := NewMerkleTree(leaves)
	number := rapid.OneOf(rapid.Uint32Range(0, 20), rapid.SampledFrom([]uint32{1 << 31, math.MaxUint32 - 1, math.MaxUint32}))
	rapid.Check(t, func(t *rapid.T) {
		i := rapid.IntRange(0, 10).Draw(t, "leaf")
		right := tree.Path(i)
		p := Path{number.Draw(t, "index"), number.Draw(t, "count"), slices.Clone(right.Siblings)}
		switch rapid.IntRange(0, 2).Draw(t, "siblings") {
		case 0:
			p.Siblings = p.Siblings[:rapid.IntRange(0, len(p.Siblings)).Draw(t, "length")]
		case 1:
			p.Siblings = append(p.Siblings, make([]Digest, rapid.IntRange(0, 40).Draw(t, "more"))...)
		}
		same := p.Index == right.Index && p.Count == right.Count && slices.Equal(p.Siblings, right.Siblings)
		if got := VerifyPath(tree.Root(), leaves[i], p); got != same {
			t.Errorf("%v for leaf %d: %+v", got, i, p)
		}
	})
}

func TestMerklePathBound(t *testing.T) {
	if VerifyPath(Digest{}, Digest{}, Path{Index: 0, Count: math.MaxUint32, Siblings: make([]Digest, PathSiblingsMax+1)}) {
		t.Error("accepted")
	}
	for count := range uint32(70) {
		if count == 0 {
			continue
		}
		if p := NewMerkleTree(testLeaves(int(count))).Path(0); len(p.Siblings) > PathSiblingsMax || cap(p.Siblings) != len(p.Siblings) {
			t.Errorf("%d leaves: %d siblings in room for %d", count, len(p.Siblings), cap(p.Siblings))
		}
	}
}
