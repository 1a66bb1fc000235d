package crypto

import (
	"crypto/sha256"
	"encoding/binary"
	"math/bits"
)

// PathSiblingsMax is how many siblings a Path of the largest tree has.
const PathSiblingsMax = 32

// A Path proves that a leaf is the one at Index of a tree of Count leaves. The
// root covers the count, and the two together fix how many siblings there are
// and on which side each one stands, so no other index or count goes with the
// same proof (R14). Whoever knows which index it asked for compares it.
type Path struct {
	Index, Count uint32
	Siblings     []Digest // from the leaf upwards
}

// A MerkleTree holds every hash of a tree, so that paths cost only copying. It
// is immutable and safe for concurrent use.
type MerkleTree struct {
	levels [][]Digest // from the leaves' hashes up to the top
	root   Digest
}

// NewMerkleTree builds the tree over the leaves, in about two hashes for each.
// There are at most 2^32-1 leaves. It keeps no reference to the slice.
func NewMerkleTree(leaves []Digest) *MerkleTree {
	t := &MerkleTree{}
	nodes := make([]Digest, 0, 2*len(leaves)+PathSiblingsMax)
	for i := range leaves {
		nodes = append(nodes, hashLeaf(&leaves[i]))
	}
	level := nodes
	for len(level) > 1 {
		t.levels = append(t.levels, level)
		start := len(nodes)
		for i := 0; i+1 < len(level); i += 2 {
			nodes = append(nodes, hashNode(&level[i], &level[i+1]))
		}
		if len(level)%2 == 1 {
			nodes = append(nodes, level[len(level)-1])
		}
		level = nodes[start:]
	}
	t.levels = append(t.levels, level)
	t.root = hashRoot(uint32(len(leaves)), level)
	return t
}

// MerkleRoot returns the root of the tree over the leaves. No leaves have a root
// too, under which no path is valid.
func MerkleRoot(leaves []Digest) Digest { return NewMerkleTree(leaves).root }

// Root returns the root.
func (t *MerkleTree) Root() Digest { return t.root }

// Path returns the path of leaf i, which the caller owns. It panics if there is
// no such leaf.
func (t *MerkleTree) Path(i int) Path {
	p := Path{Index: uint32(i), Count: uint32(len(t.levels[0]))}
	_ = t.levels[0][i]
	p.Siblings = make([]Digest, 0, bits.Len32(p.Count-1))
	for _, level := range t.levels[:len(t.levels)-1] {
		if sibling := i ^ 1; sibling < len(level) {
			p.Siblings = append(p.Siblings, level[sibling])
		}
		i /= 2
	}
	return p
}

// VerifyPath reports whether the leaf stands at p.Index of p.Count leaves under
// the root. It accepts any bytes, and hashes at most PathSiblingsMax+2 times.
func VerifyPath(root, leaf Digest, p Path) bool {
	if p.Index >= p.Count || len(p.Siblings) > PathSiblingsMax {
		return false
	}
	h := hashLeaf(&leaf)
	siblings := p.Siblings
	for i, last := p.Index, p.Count-1; last > 0; i, last = i/2, last/2 {
		if i == last && i%2 == 0 {
			continue // the last of an odd level rises as it is
		}
		if len(siblings) == 0 {
			return false
		}
		if i%2 == 0 {
			h = hashNode(&h, &siblings[0])
		} else {
			h = hashNode(&siblings[0], &h)
		}
		siblings = siblings[1:]
	}
	return len(siblings) == 0 && hashRoot(p.Count, []Digest{h}) == root
}

// The three below equal Hash with the kind and the parts, without its general
// loop: they are most of what a receipt costs.

func hashLeaf(leaf *Digest) Digest {
	var b [9 + DigestSize]byte
	b[0] = byte(KindLeaf)
	b[8] = DigestSize
	copy(b[9:], leaf[:])
	return sha256.Sum256(b[:])
}

func hashNode(left, right *Digest) Digest {
	var b [1 + 2*(8+DigestSize)]byte
	b[0] = byte(KindNode)
	b[8] = DigestSize
	copy(b[9:], left[:])
	b[16+DigestSize] = DigestSize
	copy(b[17+DigestSize:], right[:])
	return sha256.Sum256(b[:])
}

func hashRoot(count uint32, top []Digest) Digest {
	var n [4]byte
	binary.BigEndian.PutUint32(n[:], count)
	if count == 0 {
		return Hash(KindRoot, n[:])
	}
	return Hash(KindRoot, n[:], top[0][:])
}
