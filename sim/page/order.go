package page

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// A course is how one batch got its place, over all replicas.
type course struct {
	sequence              uint64
	digest                string
	prepared              time.Duration // first COMMIT that anyone sent: it holds a prepared certificate
	preparer              int
	first, last           time.Duration // executions
	firstParty, lastParty int
	executions            int
	message               int // that first COMMIT
}

// order tells of each sequence number's first and last execution, and of the
// certificates on the way.
func (t *teller) order() {
	courses := map[uint64]*course{}
	for _, m := range t.rec.Marks {
		if m.Kind != MarkExecuted {
			continue
		}
		c := courses[m.Sequence]
		if c == nil {
			c = &course{sequence: m.Sequence, digest: m.Digest, first: m.At, firstParty: m.Party, message: -1}
			courses[m.Sequence] = c
		}
		c.executions++
		c.last, c.lastParty = m.At, m.Party
	}
	for i := range t.rec.Messages {
		m := &t.rec.Messages[i]
		if c := courses[m.Sequence]; c != nil && m.Type == "COMMIT" && m.Signer == "" && m.Digest == c.digest && c.message < 0 {
			c.prepared, c.preparer, c.message = m.Sent, m.From, i
		}
	}
	all := make([]*course, 0, len(courses))
	for _, c := range courses {
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b *course) int { return cmp.Compare(a.sequence, b.sequence) })
	for i, c := range all {
		if c.message >= 0 {
			t.tell(c.prepared, storyData{
				Kind: "order", Party: c.preparer, Sequence: c.sequence, Message: c.message,
				Text: fmt.Sprintf("%s holds the first prepared certificate at %d, for %s", t.name(c.preparer), c.sequence, c.digest),
			})
		}
		t.tell(c.first, storyData{
			Kind: "order", Party: c.firstParty, Sequence: c.sequence, Message: -1, Key: i == 0,
			Text: fmt.Sprintf("%s executes %s at %d, the first to do so", t.name(c.firstParty), c.digest, c.sequence),
		})
		if c.executions > 1 {
			t.tell(c.last, storyData{
				Kind: "order", Party: c.lastParty, Sequence: c.sequence, Message: -1,
				Text: fmt.Sprintf("%s executes at %d, the last of %d, %v after the first", t.name(c.lastParty), c.sequence, c.executions, (c.last - c.first).Round(time.Microsecond)),
			})
		}
	}
}

// checkpoints tells when each checkpoint was stable somewhere first.
func (t *teller) checkpoints() {
	seen := map[uint64]bool{}
	for _, m := range t.rec.Marks {
		if m.Kind == MarkStable && m.Sequence > 0 && !seen[m.Sequence] {
			seen[m.Sequence] = true
			t.tell(m.At, storyData{
				Kind: "checkpoint", Party: m.Party, Sequence: m.Sequence, Message: -1, Key: len(seen) == 1,
				Text: fmt.Sprintf("the checkpoint at %d is stable, at %s first: what lies below may be forgotten", m.Sequence, t.name(m.Party)),
			})
		}
	}
}
