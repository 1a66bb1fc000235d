package statemachine

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/crypto/cryptobyte"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
)

// The operations on the table of clients. Numbers are part of the wire format.
const (
	adminEnrol  = 1
	adminRemove = 2
)

// EnrolOperation returns the operation of a KindAdmin request that enrols a
// client (R34). Names and keys that stand in the table already are refused, so a
// client is re-keyed by one request that removes and enrols it.
func EnrolOperation(e consensus.Enrolment) []byte {
	var b cryptobyte.Builder
	b.AddUint8(adminEnrol)
	e.Marshal(&b)
	return b.BytesOrPanic()
}

// RemoveOperation returns the operation that removes a client and its sessions
// (R34). The last operator is not removed.
func RemoveOperation(id consensus.ClientID) []byte {
	return append([]byte{adminRemove}, id[:]...)
}

// An AdminOperation is one decoded operation on the table of clients: an
// enrolment, or a removal if Enrol is nil.
type AdminOperation struct {
	Enrol  *consensus.Enrolment
	Remove consensus.ClientID
}

// ReadAdminOperation reads what EnrolOperation or RemoveOperation returned, and
// nothing else.
func ReadAdminOperation(op []byte) (AdminOperation, bool) {
	var out AdminOperation
	s := cryptobyte.String(op)
	var code uint8
	if !s.ReadUint8(&code) {
		return out, false
	}
	switch code {
	case adminEnrol:
		e, ok := consensus.ReadEnrolment(&s)
		out.Enrol = &e
		return out, ok && s.Empty()
	case adminRemove:
		return out, s.CopyBytes(out.Remove[:]) && s.Empty()
	}
	return out, false
}

// admin executes one operation on the table of clients. Each is judged by the
// table that the ones before it left (R34).
func (m *Machine) admin(by consensus.ClientID, op []byte, x *Execution) consensus.Result {
	if c := m.clients.clients[by]; c == nil || !c.enrolment.Operator {
		return consensus.Result{Class: consensus.ResultUnauthorised}
	}
	if after, ok := readList(op); ok {
		return m.list(after)
	}
	a, ok := ReadAdminOperation(op)
	why := "not an operation on the table of clients"
	if ok {
		why = m.change(a)
	}
	if why != "" {
		return consensus.Result{Class: consensus.ResultError, Value: []byte(why)}
	}
	x.Clients = true
	return consensus.Result{Class: consensus.ResultOK}
}

// change carries an operation out, or says why not.
func (m *Machine) change(a AdminOperation) string {
	defer m.overlay.keep()
	if a.Enrol != nil {
		return m.enrol(a.Enrol)
	}
	c := m.clients.clients[a.Remove]
	switch {
	case c == nil:
		return fmt.Sprintf("client %s is not enrolled", crypto.PublicKey(a.Remove))
	case c.enrolment.Operator && m.clients.operators == 1:
		return "the last operator cannot be removed: enrol another one first"
	}
	for _, s := range c.sessions {
		s.evicted = true
		m.overlay.put(sessionKey(s.client, s.number), cell{deleted: true})
	}
	m.clients.remove(a.Remove)
	m.overlay.put(clientKey(a.Remove), cell{deleted: true})
	return ""
}

// enrol adds a client. A key that was enrolled before goes on above its highest
// session: otherwise its old requests could be executed a second time (R23).
func (m *Machine) enrol(e *consensus.Enrolment) string {
	if why := m.clients.refusal(e, m.limits.ClientsMax); why != "" {
		return why
	}
	for _, k := range []crypto.PublicKey{crypto.PublicKey(e.Client), e.Transport} {
		if err := m.scheme.CheckKey(k); err != nil {
			return fmt.Sprintf("key %s: %v", k, err)
		}
	}
	value, found, err := m.overlay.read([]byte(highestKey(e.Client)))
	if err != nil {
		m.fail(err)
		return "state unreadable"
	}
	var highest consensus.SessionNumber
	if found && len(value) == 8 {
		highest = consensus.SessionNumber(binary.BigEndian.Uint64(value))
	}
	m.clients.add(*e, highest)
	m.overlay.put(clientKey(e.Client), cell{value: marshalEnrolment(e)})
	return ""
}
