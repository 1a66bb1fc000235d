package pbft

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
)

// opening is what a view has to open with, written from the paper's words
// (section 4.4) and not from the code: min-s is the sequence of the latest stable
// checkpoint in V, max-s the highest sequence in any P. For each sequence between
// them there is a certificate, and then the digest of one with the highest view
// stands there, or there is none, and then the null batch does.
//
// It gives all digests that the paper allows: more than one can prepare in one
// view only if more than f replicas lie.
func opening(v []*ViewChange) (minS consensus.Sequence, allowed [][]crypto.Digest) {
	maxS := consensus.Sequence(0)
	for _, change := range v {
		if change.Stable != nil && change.Stable.Sequence > minS {
			minS = change.Stable.Sequence
		}
		for _, p := range change.Prepared {
			if p.Header.Sequence > maxS {
				maxS = p.Header.Sequence
			}
		}
	}
	for s := minS + 1; s <= maxS; s++ {
		allowed = append(allowed, highestView(v, s))
	}
	return minS, allowed
}

func highestView(v []*ViewChange, s consensus.Sequence) []crypto.Digest {
	byView := map[consensus.ViewNumber][]crypto.Digest{}
	found, view := false, consensus.ViewNumber(0)
	for _, change := range v {
		for _, p := range change.Prepared {
			if p.Header.Sequence == s {
				byView[p.Header.View] = append(byView[p.Header.View], p.Header.Batch)
				if !found || p.Header.View > view {
					found, view = true, p.Header.View
				}
			}
		}
	}
	if !found {
		return []crypto.Digest{consensus.NullDigest}
	}
	return byView[view]
}

// agrees compares the code with the oracle. Where the paper leaves a choice, every
// order of the view changes has to come to the same one, or backups would refuse
// what the primary made.
func agrees(v []*ViewChange) error {
	minS, allowed := opening(v)
	low, batches := computeNewView(v)
	if low != minS || len(batches) != len(allowed) {
		return fmt.Errorf("opens above %d with %d batches, the oracle above %d with %d: %v", low, len(batches), minS, len(allowed), describe(v))
	}
	for i := range batches {
		if !slices.Contains(allowed[i], batches[i]) {
			return fmt.Errorf("opens with %x at %d: %v", batches[i][:1], low+consensus.Sequence(i)+1, describe(v))
		}
	}
	turned := slices.Clone(v)
	slices.Reverse(turned)
	if again, other := computeNewView(turned); again != low || !slices.Equal(other, batches) {
		return fmt.Errorf("opens otherwise when turned round: %v", describe(v))
	}
	return nil
}

func describe(v []*ViewChange) (text []string) {
	for _, c := range v {
		line := fmt.Sprintf("h=%d", c.low())
		for _, p := range c.Prepared {
			line += fmt.Sprintf(" %d:%x@%d", p.Header.Sequence, p.Header.Batch[:1], p.Header.View)
		}
		text = append(text, line)
	}
	return text
}

// A space is all that one replica can have prepared at some sequences, in views
// from 0 and with digests from 1, with a stable checkpoint at 0 or K.
type space struct {
	sequences      []consensus.Sequence
	views, digests int
}

const oracleK = 2

func (x space) changes() (list []*ViewChange) {
	for _, stable := range []*CheckpointCertificate{nil, {Sequence: oracleK}} {
		partial := []*ViewChange{{Stable: stable}}
		for _, s := range x.sequences {
			if stable != nil && s <= stable.Sequence {
				continue
			}
			for _, c := range slices.Clone(partial) {
				partial = append(partial, x.extended(c, s)...)
			}
		}
		list = append(list, partial...)
	}
	return list
}

func (x space) extended(c *ViewChange, s consensus.Sequence) (list []*ViewChange) {
	for view := range x.views {
		for digest := range x.digests {
			h := Header{View: consensus.ViewNumber(view), Sequence: s, Batch: crypto.Digest{byte(digest + 1)}}
			list = append(list, &ViewChange{Stable: c.Stable, Prepared: append(slices.Clone(c.Prepared), PreparedCertificate{Header: h})})
		}
	}
	return list
}

// R59, R62: for every quorum of three view changes of a small group, what the view
// opens with is what the oracle says. Sequences below and above a checkpoint, gaps,
// views that never opened and contradicting digests are all among them.
func TestNewViewAgainstOracle(t *testing.T) {
	spaces := []space{
		{sequences: []consensus.Sequence{oracleK, oracleK + 1}, views: 3, digests: 2},
		{sequences: []consensus.Sequence{1, oracleK + 2}, views: 3, digests: 2},
		{sequences: []consensus.Sequence{oracleK, oracleK + 1, oracleK + 2}, views: 3, digests: 1},
		{sequences: []consensus.Sequence{oracleK, oracleK + 1, oracleK + 3}, views: 2, digests: 2},
	}
	if testing.Short() {
		spaces = spaces[:2]
	}
	for _, x := range spaces {
		t.Run(fmt.Sprint(x), func(t *testing.T) {
			t.Parallel()
			list, count := x.changes(), 0
			for i, a := range list {
				for j, b := range list[i:] {
					for _, c := range list[i+j:] {
						count++
						if err := agrees([]*ViewChange{b, c, a}); err != nil {
							t.Fatal(err)
						}
					}
				}
			}
			if count < 10_000 {
				t.Errorf("only %d cases", count)
			}
		})
	}
}

// R59, R62: the same for large groups and windows.
func TestLargeNewViewAgainstOracle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := consensus.QuorumsOf(rapid.IntRange(4, 64).Draw(t, "n"))
		window := rapid.IntRange(2, 64).Draw(t, "window")
		var v []*ViewChange
		for range q.Quorum {
			v = append(v, drawChange(t, window))
		}
		if err := agrees(v); err != nil {
			t.Fatal(err)
		}
	})
}

func drawChange(t *rapid.T, window int) *ViewChange {
	c := &ViewChange{}
	h := rapid.IntRange(0, 3).Draw(t, "h") * window / 2
	if h > 0 {
		c.Stable = &CheckpointCertificate{Sequence: consensus.Sequence(h)}
	}
	for _, s := range rapid.SliceOfNDistinct(rapid.IntRange(h+1, h+window), 0, window, rapid.ID).Draw(t, "sequences") {
		c.Prepared = append(c.Prepared, PreparedCertificate{Header: Header{
			View: consensus.ViewNumber(rapid.IntRange(0, 4).Draw(t, "view")), Sequence: consensus.Sequence(s),
			Batch: crypto.Digest{byte(rapid.IntRange(1, 3).Draw(t, "digest"))},
		}})
	}
	slices.SortFunc(c.Prepared, func(a, b PreparedCertificate) int { return int(a.Header.Sequence) - int(b.Header.Sequence) })
	return c
}
