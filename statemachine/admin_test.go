package statemachine_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/statemachine"
)

// R34: the table of clients changes by ordered operations of operators alone, and
// a request is judged by the table in force when it executes.
func TestEnrolAndRemove(t *testing.T) {
	w := newWorld(t, script{}, parameters())
	enrol := w.admin(0, 1, 1, statemachine.EnrolOperation(w.enrolment(7)))
	open, count := w.request(7, 1, 0, 0), w.request(7, 1, 1, 0, "+n")
	x := w.execute(w.request(0, 1, 0, 0), open, enrol, open, count)
	got := []string{}
	for _, o := range x.Outcomes {
		got = append(got, w.text(o))
	}
	w.want(strings.Join(got, " "), "1: 5: 1: 1: 1:\x00\x00\x00\x00\x00\x00\x00\x01")
	if e, ok := w.machine.Enrolled(w.id(7)); !ok || e != w.enrolment(7) || !x.Clients || len(w.machine.Enrolments()) != 4 {
		t.Error("not enrolled")
	}
	remove := w.admin(0, 1, 2, statemachine.RemoveOperation(w.id(7)))
	x = w.execute(remove, w.request(7, 1, 2, 0, "+n"), count)
	w.want(w.text(x.Outcomes[1])+w.text(x.Outcomes[2]), "5:5:")
	w.checkpoint()
	w.restart()

	// R23: enrolled again, the key cannot have its old requests executed again.
	w.want(w.one(w.admin(0, 1, 3, statemachine.EnrolOperation(w.enrolment(7)))), "1:")
	x = w.execute(open, count)
	w.want(w.text(x.Outcomes[0])+w.text(x.Outcomes[1]), "6:6:")
	w.want(w.one(w.request(7, 2, 0, 0)), "1:")
	w.want(w.query("n"), "\x00\x00\x00\x00\x00\x00\x00\x01")
	w.checkpoint()
	w.restart()
	w.want(w.one(open), "6:")
	if got := w.machine.Enrolments(); len(got) != 4 || !slices.IsSortedFunc(got, func(a, b consensus.Enrolment) int {
		return bytes.Compare(a.Client[:], b.Client[:])
	}) {
		t.Error("table lost or not sorted")
	}
}

// R34: who is refused, and why.
func TestAdminRefusals(t *testing.T) {
	p := parameters()
	p.ClientsMax = 5
	w := newWorld(t, script{}, p)
	w.execute(w.request(1, 1, 0, 0))
	other := func(change func(*consensus.Enrolment)) []byte {
		e := w.enrolment(9)
		change(&e)
		return statemachine.EnrolOperation(e)
	}
	replica := w.group.Genesis.Replicas[2]
	cases := []struct {
		name string
		op   []byte
		want string
	}{
		{"last operator", statemachine.RemoveOperation(w.id(0)), "2:the last operator"},
		{"unknown", statemachine.RemoveOperation(w.id(9)), "2:client"},
		{"name", other(func(e *consensus.Enrolment) { e.Name = "c1" }), "2:a client named"},
		{"signing key", other(func(e *consensus.Enrolment) { e.Client = w.id(1) }), "2:c1 has key"},
		{"transport key", other(func(e *consensus.Enrolment) { e.Transport = w.enrolment(2).Transport }), "2:c2 has key"},
		{"key of a replica", other(func(e *consensus.Enrolment) { e.Transport = replica.Key }), "2:r2 has key"},
		{"one key twice", other(func(e *consensus.Enrolment) { e.Transport = crypto.PublicKey(e.Client) }), "2:signing and"},
		{"no key of the scheme", other(func(e *consensus.Enrolment) { e.Client = consensus.ClientID{1} }), "2:key "},
		{"trailing byte", append(other(func(*consensus.Enrolment) {}), 0), "2:not an operation"},
		{"empty", nil, "2:not an operation"},
		{"unknown code", []byte{9}, "2:not an operation"},
	}
	for i, c := range cases {
		session := uint64(i + 2)
		w.execute(w.request(0, session, 0, 0))
		got := w.one(w.admin(0, session, 1, c.op))
		if !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	before := w.machine.Enrolments()
	r := w.admin(1, 1, 1, statemachine.RemoveOperation(w.id(2)))
	w.want(w.one(r), "5:")
	w.want(w.one(r), "5:") // a final answer: it used the timestamp
	if a := w.machine.Fresh(r); a != statemachine.AdmissionRepeated {
		t.Errorf("Fresh says %d", a)
	}
	if !slices.Equal(before, w.machine.Enrolments()) {
		t.Error("a refused operation changed the table")
	}
	w.execute(w.request(0, 99, 0, 0))
	got := w.one(w.admin(0, 99, 1, statemachine.EnrolOperation(w.enrolment(7)), statemachine.EnrolOperation(w.enrolment(8)),
		statemachine.EnrolOperation(w.enrolment(9))))
	if !strings.HasPrefix(got, "1:, 1:, 2:the group has 5 clients") {
		t.Errorf("clients_max: %q", got)
	}
}

// R34: a client is re-keyed by one request, and an operator who removes itself
// has no further say.
func TestRekeyAndResign(t *testing.T) {
	w := newWorld(t, script{}, parameters())
	fresh := w.enrolment(8)
	fresh.Name, fresh.Operator = "c1", true
	got := w.one(w.request(0, 1, 0, 0))
	w.want(got, "1:")
	w.want(w.one(w.admin(0, 1, 1, statemachine.RemoveOperation(w.id(1)), statemachine.EnrolOperation(fresh))), "1:, 1:")
	w.want(w.one(w.admin(0, 1, 2, statemachine.RemoveOperation(w.id(0)), statemachine.RemoveOperation(w.id(2)))), "1:, 5:")
	w.want(w.one(w.admin(0, 1, 2, statemachine.RemoveOperation(w.id(2)))), "5:")
	w.want(w.one(w.request(8, 1, 0, 0)), "1:")
	w.want(w.one(w.admin(8, 1, 1, statemachine.RemoveOperation(w.id(8)))), "2:the last operator cannot be removed: enrol another one first")
	w.want(w.one(w.admin(8, 1, 2, statemachine.RemoveOperation(w.id(2)), statemachine.EnrolOperation(w.enrolment(2)))), "1:, 1:")
	w.checkpoint()
	w.restart()
	w.want(w.one(w.admin(8, 1, 3, statemachine.RemoveOperation(w.id(8)))), "2:the last operator cannot be removed: enrol another one first")
}

func FuzzReadAdminOperation(f *testing.F) {
	f.Add(statemachine.RemoveOperation(consensus.ClientID{1}))
	f.Add(statemachine.EnrolOperation(consensus.Enrolment{Name: "x", Operator: true}))
	f.Fuzz(func(t *testing.T, b []byte) {
		a, ok := statemachine.ReadAdminOperation(b)
		if !ok {
			return
		}
		again := statemachine.RemoveOperation(a.Remove)
		if a.Enrol != nil {
			again = statemachine.EnrolOperation(*a.Enrol)
		}
		if !bytes.Equal(again, b) {
			t.Errorf("%x decodes, but encodes to %x", b, again)
		}
	})
}
