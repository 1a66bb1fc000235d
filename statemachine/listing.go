package statemachine

import (
	"slices"

	"golang.org/x/crypto/cryptobyte"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
)

const adminList = 3

// enrolmentBytesMax is the length of the longest encoding of an enrolment.
const enrolmentBytesMax = 1 + 64 + 2*crypto.KeySize + 1

// ListOperation returns the operation of a KindAdmin request that reads the table
// of clients: a page of those whose keys are above one, ascending. It starts with
// the zero ClientID. DecodeClients reads the result.
func ListOperation(after consensus.ClientID) []byte {
	return append([]byte{adminList}, after[:]...)
}

func readList(op []byte) (after consensus.ClientID, ok bool) {
	s := cryptobyte.String(op)
	var code uint8
	ok = s.ReadUint8(&code) && code == adminList && s.CopyBytes(after[:]) && s.Empty()
	return after, ok
}

// list returns as many enrolments as fit into one result, and whether there are
// more.
func (m *Machine) list(after consensus.ClientID) consensus.Result {
	from, found := slices.BinarySearchFunc(m.clients.order, after, compareClients)
	if found {
		from++
	}
	page := m.clients.order[from:]
	room := max(1, (min(m.limits.ResultBytesMax, m.limits.ResultsBytesMax()/m.limits.RequestOperationsMax)-1)/enrolmentBytesMax)
	more := uint64(len(page)) > room
	if more {
		page = page[:room]
	}
	var b cryptobyte.Builder
	if more {
		b.AddUint8(1)
	} else {
		b.AddUint8(0)
	}
	for _, id := range page {
		m.clients.clients[id].enrolment.Marshal(&b)
	}
	return consensus.Result{Class: consensus.ResultOK, Value: b.BytesOrPanic()}
}

// DecodeClients reads the result of a ListOperation, and says whether there are
// more after the last one.
func DecodeClients(result []byte) (clients []consensus.Enrolment, more, ok bool) {
	s := cryptobyte.String(result)
	var flag uint8
	if !s.ReadUint8(&flag) || flag > 1 {
		return nil, false, false
	}
	for !s.Empty() {
		e, ok := consensus.ReadEnrolment(&s)
		if !ok {
			return nil, false, false
		}
		clients = append(clients, e)
	}
	return clients, flag == 1, flag == 0 || len(clients) > 0
}
