package ledger_test

import (
	"encoding/binary"
	"testing"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/examples/ledger"
	"github.com/varangian-bft/varangian/statemachine"
	"github.com/varangian-bft/varangian/store/memory"
)

// A bank is a group of one replica with two clients, and its machine.
type bank struct {
	t       *testing.T
	group   *consensus.Group
	store   *memory.Store
	machine *statemachine.Machine
	clients []crypto.Signer
	next    consensus.Timestamp
}

func newBank(t *testing.T) *bank {
	b := &bank{t: t, store: memory.New()}
	seed := byte(0)
	signer := func() crypto.Signer { seed++; return crypto.Ed25519.NewSigner(crypto.Seed{seed}) }
	g := consensus.Genesis{
		Name: "bank", Engine: "pbft", Parameters: consensus.DefaultParameters(),
		Replicas: []consensus.Member{{Name: "r0", Key: signer().Public(), Transport: signer().Public()}},
	}
	for _, name := range []string{"alice", "bob", "carol"} {
		s := signer()
		b.clients = append(b.clients, s)
		g.Clients = append(g.Clients, consensus.Enrolment{
			Name: name, Client: consensus.ClientID(s.Public()), Transport: signer().Public(),
		})
	}
	var err error
	if b.group, err = consensus.NewGroup(g, crypto.Ed25519); err != nil {
		t.Fatal(err)
	}
	b.restart()
	for i := range b.clients {
		b.execute(i, consensus.Request{Kind: consensus.KindOpenSession, Session: 1})
	}
	return b
}

func (b *bank) restart() {
	m, err := statemachine.NewMachine(ledger.Ledger{}, b.group, b.store)
	if err != nil {
		b.t.Fatal(err)
	}
	b.machine = m
}

func (b *bank) account(i int) ledger.Account { return ledger.Account(b.clients[i].Public()) }

func (b *bank) execute(i int, r consensus.Request) []consensus.Result {
	b.t.Helper()
	signed := consensus.SignRequest(r, b.group.Domain(), b.clients[i])
	x, err := b.machine.Execute(consensus.NewBatch(1, []*consensus.Request{signed}), b.machine.Executed()+1)
	if err != nil {
		b.t.Fatal(err)
	}
	if x.Window != nil {
		m := statemachine.Marker{Version: statemachine.VersionAt(x.Sequence, 0), Chain: x.Window.Chain}
		if err := b.store.Apply(x.Window.Changes, m); err != nil {
			b.t.Fatal(err)
		}
		b.machine.Flushed(m.Version)
	}
	results, ok := consensus.ReadResults(x.Outcomes[0].Results)
	if !ok {
		b.t.Fatal("results do not decode")
	}
	return results
}

// do executes one operation of client i and compares its result with an amount,
// or with the text of a refusal.
func (b *bank) do(i int, op []byte, cents uint64, refusal string) {
	b.t.Helper()
	b.next++
	r := consensus.Request{
		Kind: consensus.KindOperations, Session: 1, Timestamp: b.next, Done: b.next - 1, Operations: [][]byte{op},
	}
	got := b.execute(i, r)[0]
	switch {
	case refusal != "":
		if got.Class != consensus.ResultError || string(got.Value) != refusal {
			b.t.Errorf("got %d %q, want %q", got.Class, got.Value, refusal)
		}
	case got.Class != consensus.ResultOK || binary.BigEndian.Uint64(got.Value) != cents:
		b.t.Errorf("got %d %q, want %d", got.Class, got.Value, cents)
	}
}

func (b *bank) total() uint64 {
	b.t.Helper()
	res, err := b.machine.Query(ledger.Total())
	if err != nil || res.Class != consensus.ResultOK {
		b.t.Fatal(res, err)
	}
	return binary.BigEndian.Uint64(res.Value)
}

func TestLedger(t *testing.T) {
	b := newBank(t)
	alice, bob, carol := b.account(0), b.account(1), b.account(2)
	b.do(0, ledger.Open(100), 100, "")
	b.do(1, ledger.Open(5), 5, "")
	b.do(0, ledger.Open(100), 0, "the account is open already")
	b.do(2, ledger.Open(1<<40+1), 0, "the amount is too large")
	b.do(0, ledger.Transfer(bob, 30), 70, "")
	b.do(0, ledger.Transfer(bob, 71), 0, "insufficient funds: 70 of 71")
	b.do(0, ledger.Transfer(alice, 1), 0, "a transfer needs two accounts")
	b.do(2, ledger.Transfer(alice, 0), 0, "no such account")
	b.do(1, ledger.Transfer(alice, 35), 0, "") // anyone's own, to the last cent
	b.do(1, []byte{9}, 0, "not an operation of the ledger")
	b.do(1, append(ledger.Balance(bob), 0), 0, "not an operation of the ledger")
	b.do(2, ledger.Balance(alice), 105, "")

	// R110: this one has written when it is refused; nothing of it stays.
	b.do(0, ledger.Transfer(carol, 50), 0, "no such account")
	b.do(2, ledger.Balance(alice), 105, "")
	if got := b.total(); got != 105 {
		t.Errorf("total %d, want 105", got)
	}
	for b.machine.Executed()%128 != 0 {
		b.do(2, ledger.Balance(alice), 105, "")
	}
	b.restart()
	b.do(2, ledger.Balance(alice), 105, "")
	if res, err := b.machine.Query(ledger.Balance(bob)); err != nil || binary.BigEndian.Uint64(res.Value) != 0 {
		t.Error("query after a restart", res, err)
	}
	if res, err := b.machine.Query(ledger.Open(1)); err != nil || res.Class != consensus.ResultError {
		t.Error("a query that writes was answered", res, err)
	}
}
