package statemachine

import (
	"encoding/binary"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
)

// The key space. Everything that influences later behaviour stands in it, so that
// write sets, partition digests and state transfer cover all of it (R49).
//
//	'a' + key                          the application's
//	0 'c' + client key                 enrolment
//	0 'h' + client key                 highest session that the key ever opened
//	0 'm'                              meta: sequence, agreed time, history, ...
//	0 's' + client key + session       session
const (
	applicationPrefix = 'a'
	frameworkPrefix   = 0
	clientPrefix      = 'c'
	highestPrefix     = 'h'
	sessionPrefix     = 's'
)

var metaKey = string([]byte{frameworkPrefix, 'm'})

// ApplicationKey returns the full key under which a Store keeps an application's
// key.
func ApplicationKey(key []byte) []byte {
	return append(append(make([]byte, 0, 1+len(key)), applicationPrefix), key...)
}

func clientKey(c consensus.ClientID) string  { return frameworkKey(clientPrefix, c[:]) }
func highestKey(c consensus.ClientID) string { return frameworkKey(highestPrefix, c[:]) }

func sessionKey(c consensus.ClientID, n consensus.SessionNumber) string {
	return frameworkKey(sessionPrefix, binary.BigEndian.AppendUint64(c[:crypto.KeySize:crypto.KeySize], uint64(n)))
}

func frameworkKey(table byte, rest []byte) string {
	return string(append([]byte{frameworkPrefix, table}, rest...))
}

// tableRange returns the bounds of a framework table for a scan.
func tableRange(table byte) (start, end []byte) {
	return []byte{frameworkPrefix, table}, []byte{frameworkPrefix, table + 1}
}
