package core_test

import (
	"errors"
	"testing"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
)

// A counting scheme counts the signatures that are really verified.
type counting struct {
	crypto.Scheme
	count int
}

func (c *counting) Verify(checks []crypto.Check, valid []bool) {
	c.count += len(checks)
	c.Scheme.Verify(checks, valid)
}

// R17, R18: frames that are stale, far off or malformed cost no verification, and
// one that comes again none that was not done before: the cache under the verify
// pool has them all, those inside certificates too.
func TestNoSignatureCheckedInVain(t *testing.T) {
	p := newPen(t)
	tb := &table{pen: p}
	for _, fill := range []func(*table){
		votes, preprepares, checkpoints, commitCertificates, checkpointCertificates, viewChanges, newViews, evidence, requests, snapshots,
	} {
		fill(tb)
	}
	scheme := &counting{Scheme: p.scheme}
	v := newVictim(t, p)
	v.scheme = crypto.NewCache(scheme, 4096)
	useless := 0
	for _, row := range tb.rows {
		if row.before != nil || errors.Is(row.want, errSignature) || errors.Is(row.want, errIgnored) || errors.Is(row.want, errNextView) {
			continue
		}
		useless++
		if err := v.give(row.frame); err == errTaken || scheme.count != 0 {
			t.Fatalf("%s: ended with %v, %d signatures verified", row.name, err, scheme.count)
		}
	}
	if useless < 300 {
		t.Errorf("only %d useless frames", useless)
	}
	for _, row := range tb.valid {
		before := scheme.count
		_ = v.give(row.frame) // taken, or stale by what went before
		first := scheme.count - before
		if _ = v.give(row.frame); scheme.count != before+first {
			t.Errorf("%s: %d signatures verified again", row.name, scheme.count-before-first)
		}
	}
	if scheme.count == 0 {
		t.Error("no signature was ever verified")
	}
	scheme.count = 0
	for n := uint64(1000); n < 3000; n++ {
		for _, frame := range [][]byte{
			p.voteOf(tPrepare, 3, 3, n, crypto.Digest{}), p.voteOf(tCommit, 3, 3, n, crypto.Digest{}), p.preprepare(3, 3, n, p.batch("b")),
		} {
			if err := v.give(frame); err == errTaken {
				t.Fatalf("a vote at %d was taken", n)
			}
		}
	}
	if scheme.count != 0 {
		t.Errorf("%d signatures verified of votes far off", scheme.count)
	}
}

// R17: the decoder itself gives no check for what it refuses, so that no pool can
// verify it by mistake.
func TestRefusedFramesHaveNoChecks(t *testing.T) {
	p := newPen(t)
	tb := &table{pen: p}
	for _, fill := range []func(*table){votes, viewChanges, newViews, evidence, requests, batches, transfers} {
		fill(tb)
	}
	v := newVictim(t, p)
	for _, row := range tb.rows {
		u, err := v.decoder.Replica(row.frame, consensus.Hint{View: 2, Low: 4, High: 12})
		if err != nil && len(u.Checks) != 0 {
			t.Errorf("%s: refused with %d checks", row.name, len(u.Checks))
		}
	}
}
