package statemachine_test

import (
	"strings"
	"testing"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/statemachine"
)

// R34: operators, and nobody else, read the whole table page by page; a page
// stays within the limit of a result.
func TestListClients(t *testing.T) {
	p := parameters()
	p.ResultBytesMax = 300 // two enrolments
	w := newWorld(t, script{}, p)
	w.execute(w.request(0, 1, 0, 0), w.request(1, 1, 0, 0))
	var after consensus.ClientID
	var got []consensus.Enrolment
	ts := uint64(1)
	for ; ; ts++ {
		text := w.one(w.admin(0, 1, ts, statemachine.ListOperation(after)))
		value, ok := strings.CutPrefix(text, "1:")
		if !ok || uint64(len(value)) > p.ResultBytesMax {
			t.Fatalf("page %d: %q", ts, text)
		}
		page, more, ok := statemachine.DecodeClients([]byte(value))
		if !ok || len(page) == 0 {
			t.Fatalf("page %d: %q", ts, text)
		}
		got = append(got, page...)
		if !more {
			break
		}
		after = page[len(page)-1].Client
	}
	if want := w.machine.Enrolments(); len(got) != len(want) {
		t.Errorf("%d clients, want %d", len(got), len(want))
	} else {
		for i := range want {
			if got[i] != want[i] {
				t.Errorf("client %d is %v, want %v", i, got[i], want[i])
			}
		}
	}
	w.want(w.one(w.admin(1, 1, 1, statemachine.ListOperation(after))), "5:")
	w.want(w.one(w.admin(0, 1, ts+1, statemachine.ListOperation(after)[:32])), "2:not an operation on the table of clients")
}

func FuzzDecodeClients(f *testing.F) {
	f.Add([]byte{0})
	f.Add([]byte{1, 1, 'x'})
	f.Fuzz(func(t *testing.T, b []byte) {
		if clients, more, ok := statemachine.DecodeClients(b); ok && more && len(clients) == 0 {
			t.Error("more, after nobody")
		}
	})
}
