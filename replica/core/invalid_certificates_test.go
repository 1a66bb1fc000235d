package core_test

import (
	"fmt"
	"math"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/pbft"
)

// spoiltLists are what can be wrong with the signatures of a certificate in which
// replicas in `by` sign, and with what reason it is refused (R2, R3, R15, R19).
func spoiltLists(good list) map[string]struct {
	list
	want error
} {
	type spoilt = struct {
		list
		want error
	}
	out := map[string]spoilt{}
	change := func(name string, want error, f func(*list)) {
		x := good
		x.by = append([]int(nil), good.by...)
		for _, by := range x.by {
			x.fields = append(x.fields, uint32(by))
		}
		f(&x)
		out[name] = spoilt{x, want}
	}
	last := len(good.by) - 1
	for _, n := range []int{1, len(good.by) - 1, len(good.by) + 1, 255} {
		if n > 0 {
			change(fmt.Sprintf("%d signatures of %d", n, len(good.by)), pbft.ErrForm, func(x *list) { x.count = n })
		}
	}
	change("a signature less than the quorum", pbft.ErrForm, func(x *list) { x.by = x.by[:last] })
	change("a signature more than the quorum", pbft.ErrForm, func(x *list) { x.by, x.fields = append(x.by, 1), append(x.fields, 1) })
	change("one signer twice", pbft.ErrForm, func(x *list) { x.by[last], x.fields[last] = x.by[0], x.fields[0] })
	change("one signer twice in a row", pbft.ErrForm, func(x *list) { x.by[1], x.fields[1] = x.by[0], x.fields[0] })
	change("signers that descend", pbft.ErrForm, func(x *list) {
		x.by[0], x.by[last], x.fields[0], x.fields[last] = x.by[last], x.by[0], x.fields[last], x.fields[0]
	})
	for _, id := range outsiders {
		change(fmt.Sprint("a signature of replica ", id), pbft.ErrForm, func(x *list) { x.fields[last] = id })
	}
	for i := range good.by {
		change(fmt.Sprint("signature ", i), errSignature, func(x *list) { x.bad = i + 1 })
		change(fmt.Sprintf("signature %d by somebody else", i), errSignature, func(x *list) { x.by[i] = 1 })
	}
	change("signed under another type", errSignature, func(x *list) { x.kind++ })
	return out
}

// committed is a commit certificate.
func committed(t *table, v, n uint64, d crypto.Digest, x list) []byte {
	h := header(v, n, d)
	return cat(tCommitted, h, t.list(x, h))
}

func commitCertificates(t *table) {
	b := t.batch("b").Digest
	good := others(tCommit)
	t.base("commit certificate", committed(t, 2, 6, b, good), pbft.ErrForm)
	for name, x := range spoiltLists(good) {
		t.add(name, committed(t, 2, 6, b, x.list), x.want)
	}
	for _, n := range append(numbers, 0) {
		t.add(fmt.Sprint("sequence ", n), committed(t, 2, n, b, good), pbft.ErrForm)
		if n != 0 {
			t.add(fmt.Sprint("view ", n), committed(t, n, 6, b, good), pbft.ErrForm)
		}
	}
	for n, want := range map[uint64]error{1: errIgnored, 4: errIgnored, 13: errIgnored, 20: errIgnored, 21: pbft.ErrStale, 1<<62 - 1: pbft.ErrStale} {
		t.add(fmt.Sprint("sequence ", n), committed(t, 2, n, b, good), want)
	}
	h, other := header(2, 6, b), header(0, 6, b)
	two := cat(tCommitted, h, t.list(good, h)[:1+2*68], uint32(3), t.sign(3, tCommit, other))
	t.add("commits of two views", two, errSignature)
	t.add("commits of two batches", cat(two[:len(two)-64], t.sign(3, tCommit, header(2, 6, crypto.Digest{1}))), errSignature)
	t.elsewhere(func() []byte { return committed(t, 2, 6, b, good) })
	t.after("again", committed(t, 2, 6, b, good), errIgnored, committed(t, 2, 6, b, good))
}

func checkpointCertificates(t *table) {
	good := others(tCheckpoint)
	certificate := func(n uint64, x list) []byte { return cat(tStable, t.stable(n, x)) }
	t.base("checkpoint certificate", certificate(8, good), pbft.ErrForm)
	for name, x := range spoiltLists(good) {
		t.add(name, certificate(8, x.list), x.want)
	}
	for _, n := range append(numbers, 0, 1, 5, 7, 9, 1<<62+4) {
		t.add(fmt.Sprint("sequence ", n), certificate(n, good), pbft.ErrForm)
	}
	t.add("at the low water mark", certificate(4, good), pbft.ErrStale)
	body := cat(uint64(8), chain(4))
	t.add("of two states", cat(tStable, body, t.list(good, body)[:1+2*68], uint32(3), t.sign(3, tCheckpoint, cat(uint64(8), chain(8)))), errSignature)
	t.elsewhere(func() []byte { return certificate(8, good) })
	t.after("again", certificate(8, good), pbft.ErrStale, certificate(8, good))
}

// goodChange is a VIEW-CHANGE of replica 3 to view 3, with two prepared batches.
func goodChange(t *table) viewChange {
	return viewChange{to: 3, h: 4, by: 3, field: 3, prepared: []prepared{
		{v: 2, n: 5, d: t.batch("a").Digest, by: 2, prepares: list{kind: tPrepare, by: []int{0, 3}}},
		{v: 0, n: 6, d: t.batch("b").Digest, by: 0, prepares: list{kind: tPrepare, by: []int{2, 3}}},
	}}
}

// spoiltChanges are what can be wrong inside a VIEW-CHANGE (R19, R60, R61).
func spoiltChanges(t *table, add func(string, viewChange, error)) {
	change := func(name string, want error, f func(*viewChange)) {
		x := goodChange(t)
		f(&x)
		add(name, x, want)
	}
	for _, v := range append(numbers, 0) {
		change(fmt.Sprint("to view ", v), pbft.ErrForm, func(x *viewChange) { x.to = v })
	}
	for _, n := range append(numbers, 1, 3, 5) {
		change(fmt.Sprint("a stable checkpoint at ", n), pbft.ErrForm, func(x *viewChange) { x.h = n })
	}
	for name, bad := range spoiltLists(others(tCheckpoint)) {
		change("stable checkpoint with "+name, bad.want, func(x *viewChange) { x.stable = &bad.list })
	}
	for name, bad := range spoiltLists(list{kind: tPrepare, by: []int{0, 3}}) {
		change("prepares with "+name, bad.want, func(x *viewChange) { x.prepared[0].prepares = bad.list })
	}
	change("a prepare of the primary", pbft.ErrForm, func(x *viewChange) { x.prepared[0].prepares.by = []int{0, 2} })
	for i := range 2 {
		change(fmt.Sprint("pre-prepare ", i), errSignature, func(x *viewChange) { x.prepared[i].bad = true })
		change(fmt.Sprintf("pre-prepare %d by a backup", i), errSignature, func(x *viewChange) { x.prepared[i].by = 3 })
		change(fmt.Sprintf("prepare 1 of %d", i), errSignature, func(x *viewChange) { x.prepared[i].prepares.bad = 2 })
	}
	for _, n := range append(numbers, 0, 1, 4, 13, 14) {
		change(fmt.Sprint("prepared at ", n), pbft.ErrForm, func(x *viewChange) { x.prepared = x.prepared[:1]; x.prepared[0].n = n })
	}
	for _, v := range append(numbers, 3, 4) {
		change(fmt.Sprint("prepared in view ", v), pbft.ErrForm, func(x *viewChange) {
			x.prepared = x.prepared[:1]
			p := &x.prepared[0]
			p.v, p.by = v, int(v%4)
			p.prepares.by = []int{(p.by + 1) % 4, (p.by + 2) % 4}
			if p.prepares.by[0] > p.prepares.by[1] {
				p.prepares.by[0], p.prepares.by[1] = p.prepares.by[1], p.prepares.by[0]
			}
		})
	}
	change("two certificates at one sequence", pbft.ErrForm, func(x *viewChange) { x.prepared[1].n = 5 })
	change("certificates that descend", pbft.ErrForm, func(x *viewChange) { x.prepared[0], x.prepared[1] = x.prepared[1], x.prepared[0] })
	change("more certificates than the window", pbft.ErrForm, func(x *viewChange) {
		for n := uint64(7); len(x.prepared) < 9; n++ {
			c := x.prepared[0]
			c.n = n
			x.prepared = append(x.prepared, c)
		}
	})
	for _, n := range []uint32{1, 3, 8, math.MaxUint32} {
		change(fmt.Sprintf("%d certificates of 2", n), pbft.ErrForm, func(x *viewChange) { x.count = n })
	}
	for _, id := range outsiders {
		change(fmt.Sprint("of replica ", id), pbft.ErrForm, func(x *viewChange) { x.field = id })
	}
	change("signed by another member", errSignature, func(x *viewChange) { x.by = 0 })
	change("the signature", errSignature, func(x *viewChange) { x.bad = true })
	change("signed as a NEW-VIEW", errSignature, func(x *viewChange) { x.signedAs = tNewView })
}

func viewChanges(t *table) {
	good := t.viewChange(goodChange(t))
	t.base("VIEW-CHANGE", good, pbft.ErrForm)
	spoiltChanges(t, func(name string, x viewChange, want error) {
		if x.to == 0 {
			want = pbft.ErrStale
		}
		t.add(name, t.viewChange(x), want)
	})
	for _, v := range []uint64{1, 2} {
		x := goodChange(t)
		x.to, x.prepared = v, nil
		t.add(fmt.Sprint("to view ", v), t.viewChange(x), pbft.ErrStale)
	}
	x := goodChange(t)
	x.h, x.prepared[1].n = 0, 9
	t.add("prepared above the window of genesis", t.viewChange(x), pbft.ErrForm)
	t.elsewhere(func() []byte { return t.viewChange(goodChange(t)) })
	later := goodChange(t)
	later.to = 9
	t.after("again", good, errIgnored, good)
	t.after("to a lower view than before", good, errIgnored, t.viewChange(later))
}

// goodNewView opens view 3 with a at 5 and b at 6.
func goodNewView(t *table) newView {
	return newView{v: 3, by: 3, low: 4, proposals: []crypto.Digest{t.batch("a").Digest, t.batch("b").Digest}, changes: []viewChange{
		{to: 3, h: 4, by: 0, field: 0}, {to: 3, h: 4, by: 2, field: 2}, goodChange(t),
	}}
}

func newViews(t *table) {
	t.base("NEW-VIEW", t.newView(goodNewView(t)), pbft.ErrForm)
	change := func(name string, want error, f func(*newView)) {
		x := goodNewView(t)
		f(&x)
		t.add(name, t.newView(x), want)
	}
	spoiltChanges(t, func(name string, bad viewChange, want error) {
		change("a VIEW-CHANGE with: "+name, want, func(x *newView) { x.changes[2] = bad })
	})
	to := func(v uint64) func(*newView) {
		return func(x *newView) {
			x.v, x.by = v, int(v%4)
			for i := range x.changes {
				x.changes[i].to, x.changes[i].prepared = v, nil
			}
			x.proposals = nil
		}
	}
	for _, v := range append(numbers, 0) {
		change(fmt.Sprint("of view ", v), pbft.ErrForm, to(v))
	}
	change("of the present view", pbft.ErrStale, to(2))
	change("of a view gone by", pbft.ErrStale, func(x *newView) { to(1)(x); x.by = 1 })
	change("a VIEW-CHANGE to another view", pbft.ErrForm, func(x *newView) { x.changes[0].to = 4 })
	for _, n := range []int{2, 4, 255} {
		change(fmt.Sprintf("%d VIEW-CHANGEs of 3", n), pbft.ErrForm, func(x *newView) { x.count = n })
	}
	change("a VIEW-CHANGE less than the quorum", pbft.ErrForm, func(x *newView) { x.changes = x.changes[1:] })
	change("VIEW-CHANGEs of one replica", pbft.ErrForm, func(x *newView) { x.changes[1] = x.changes[0] })
	change("VIEW-CHANGEs that descend", pbft.ErrForm, func(x *newView) { x.changes[0], x.changes[1] = x.changes[1], x.changes[0] })
	for _, d := range []int{-1, 1, 1 << 30} {
		change(fmt.Sprintf("a VIEW-CHANGE longer by %d", d), pbft.ErrForm, func(x *newView) { x.longer = d })
	}
	for _, n := range []uint32{1, 3, 9, math.MaxUint32} {
		change(fmt.Sprintf("%d proposals of 2", n), pbft.ErrForm, func(x *newView) { x.proposed = n })
	}
	change("more proposals than the window", pbft.ErrForm, func(x *newView) { x.proposals = make([]crypto.Digest, 9) })
	change("proposal 0", errSignature, func(x *newView) { x.spoilt = 1 })
	change("proposal 1", errSignature, func(x *newView) { x.spoilt = 2 })
	change("proposals of a backup", errSignature, func(x *newView) { x.signer = 2 })
	change("proposals for other sequences", errSignature, func(x *newView) { x.low = 5 })
	change("by a backup", errSignature, func(x *newView) { x.by, x.signer = 2, 3 })
	change("the signature", errSignature, func(x *newView) { x.bad = true })
	change("signed as a VIEW-CHANGE", errSignature, func(x *newView) { x.signedAs = tViewChange })
	t.elsewhere(func() []byte { return t.newView(goodNewView(t)) })
	wrongProposals(t, change)
}

// wrongProposals are well-formed and signed, and do not follow from V (R63).
func wrongProposals(t *table, change func(string, error, func(*newView))) {
	a, b := t.batch("a").Digest, t.batch("b").Digest
	for name, list := range map[string][]crypto.Digest{
		"no proposal":                   nil,
		"a proposal missing":            {a},
		"a proposal too many":           {a, b, b},
		"a null batch too many":         {a, b, consensus.NullDigest},
		"proposals swapped":             {b, a},
		"null in place of a batch":      {a, consensus.NullDigest},
		"another batch":                 {a, crypto.Digest{1}},
		"the batch in place of another": {a, a},
	} {
		change(name, errNextView, func(x *newView) { x.proposals = list })
	}
	change("a batch in place of null", errNextView, func(x *newView) { x.changes[2].prepared = x.changes[2].prepared[1:] })
}
