// Package ledger is an example of an application: accounts in whole cents, which
// belong to the client key that opened them, and transfers by their owner.
//
// It does nothing for replication, retries or recovery: the framework does.
package ledger

import (
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/crypto/cryptobyte"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/statemachine"
)

// Operations: a code, then what it needs.
const (
	opOpen     = 1 // opens the client's account with an amount of issued money
	opTransfer = 2 // from the client's account: to whom, how much
	opBalance  = 3 // of an account; also as a query
	opTotal    = 4 // of all accounts, up to the group's reads_max; query only
)

// An Account is named by its owner's key.
type Account = consensus.ClientID

// Open returns the operation that opens the sender's account.
func Open(cents uint64) []byte { return binary.BigEndian.AppendUint64([]byte{opOpen}, cents) }

// Transfer returns the operation that pays from the sender's account.
func Transfer(to Account, cents uint64) []byte {
	return binary.BigEndian.AppendUint64(append([]byte{opTransfer}, to[:]...), cents)
}

// Balance returns the operation or query that reads an account.
func Balance(of Account) []byte { return append([]byte{opBalance}, of[:]...) }

// Total returns the query that adds all accounts up.
func Total() []byte { return []byte{opTotal} }

// What the ledger refuses. The texts are results.
var (
	errForm    = errors.New("not an operation of the ledger")
	errAccount = errors.New("no such account")
	errOpen    = errors.New("the account is open already")
	errFunds   = errors.New("insufficient funds")
	errAmount  = errors.New("the amount is too large")
	errSelf    = errors.New("a transfer needs two accounts")
)

const openingMax = 1 << 40 // cents, so that no sum overflows

// Ledger is the application. It has no state of its own.
type Ledger struct{}

// Apply implements statemachine.Application.
func (Ledger) Apply(w statemachine.Writer, op []byte) ([]byte, error) {
	s := cryptobyte.String(op)
	var code uint8
	var other Account
	var cents uint64
	s.ReadUint8(&code)
	switch {
	case code == opOpen && s.ReadUint64(&cents) && s.Empty():
		return open(w, cents)
	case code == opTransfer && s.CopyBytes(other[:]) && s.ReadUint64(&cents) && s.Empty():
		return transfer(w, other, cents)
	case code == opBalance && s.CopyBytes(other[:]) && s.Empty():
		return balance(w, other)
	}
	return nil, errForm
}

// Query implements statemachine.Application.
func (Ledger) Query(r statemachine.Reader, op []byte) ([]byte, error) {
	s := cryptobyte.String(op)
	var code uint8
	var account Account
	s.ReadUint8(&code)
	switch {
	case code == opBalance && s.CopyBytes(account[:]) && s.Empty():
		return balance(r, account)
	case code == opTotal && s.Empty():
		return total(r)
	}
	return nil, errForm
}

func open(w statemachine.Writer, cents uint64) ([]byte, error) {
	owner := w.Client()
	if _, found := w.Read(owner[:]); found {
		return nil, errOpen
	}
	if cents > openingMax {
		return nil, errAmount
	}
	w.Set(owner[:], encode(cents))
	return encode(cents), nil
}

// transfer may write before it refuses: an error rolls back what was written.
func transfer(w statemachine.Writer, to Account, cents uint64) ([]byte, error) {
	from := w.Client()
	if from == to {
		return nil, errSelf
	}
	left, err := read(w, from)
	if err != nil {
		return nil, err
	}
	if left < cents {
		return nil, fmt.Errorf("%w: %d of %d", errFunds, left, cents)
	}
	w.Set(from[:], encode(left-cents))
	has, err := read(w, to)
	if err != nil {
		return nil, err
	}
	w.Set(to[:], encode(has+cents))
	return encode(left - cents), nil
}

func balance(r statemachine.Reader, of Account) ([]byte, error) {
	cents, err := read(r, of)
	return encode(cents), err
}

func total(r statemachine.Reader) ([]byte, error) {
	var sum uint64
	r.Scan(nil, nil, func(_, value []byte) bool {
		sum += binary.BigEndian.Uint64(value)
		return true
	})
	return encode(sum), nil
}

func read(r statemachine.Reader, account Account) (uint64, error) {
	value, found := r.Read(account[:])
	if !found {
		return 0, errAccount
	}
	return binary.BigEndian.Uint64(value), nil
}

func encode(cents uint64) []byte { return binary.BigEndian.AppendUint64(nil, cents) }
