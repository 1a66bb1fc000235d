package wire

import (
	"github.com/varangian-bft/varangian/crypto"
)

// A Refusal says that one replica did not take a request. It is one replica's
// word: a client believes f+1 of them (R28).
type Refusal struct {
	Request crypto.Digest
	Reason  RefusalReason
}

// A RefusalReason says why a replica did not take a request.
type RefusalReason uint8

// The reasons. Only RefusedOverloaded and RefusedStopping are worth a retry.
const (
	RefusedOverloaded   RefusalReason = 1 // a quota or the pool is full (R33); nothing was ordered by this replica
	RefusedUnauthorised RefusalReason = 2 // the key is not enrolled
	RefusedSession      RefusalReason = 3 // session unknown or evicted (R26)
	RefusedWindow       RefusalReason = 4 // timestamp done already or too far ahead (R26)
	RefusedInvalid      RefusalReason = 5 // form, size or signature (R20)
	RefusedStopping     RefusalReason = 6 // the replica is shutting down or catching up
)

// Marshal returns the frame.
func (m Refusal) Marshal() []byte {
	f := append([]byte{byte(TypeRefusal)}, m.Request[:]...)
	return append(f, byte(m.Reason))
}

// ReadRefusal reads a frame of TypeRefusal.
func ReadRefusal(frame []byte) (m Refusal, err error) {
	s, ok := body(frame, TypeRefusal)
	if !ok || !s.CopyBytes(m.Request[:]) || !s.ReadUint8((*uint8)(&m.Reason)) || !s.Empty() ||
		m.Reason < RefusedOverloaded || m.Reason > RefusedStopping {
		return Refusal{}, ErrForm
	}
	return m, nil
}

// StatusQueryFrame asks a replica for its status. StatusAnswer carries JSON in
// the form of package replica's Status, for people and scripts; nothing that a
// client decides rests on it.
func StatusQueryFrame() []byte { return []byte{byte(TypeStatusQuery)} }

// StatusAnswerFrame returns the frame that carries a status as JSON.
func StatusAnswerFrame(json []byte) []byte {
	return append([]byte{byte(TypeStatusAnswer)}, json...)
}
