package crypto

import (
	"crypto/sha256"
	"encoding/binary"
)

// ProtocolVersion is the version of everything that two releases have to agree
// on: framing, encodings, and what a signature covers (R8). Another version cuts
// a release off from the groups of this one.
const ProtocolVersion = 1

// protocol is the name and version that every signature covers (R8). It is
// written out because signatures of this version must never change.
const protocol = "varangian/1"

// Statement returns what a signature of a message covers. messageType is the
// type byte of the message, body its exact signed bytes as sent or received (R9).
func (d Domain) Statement(messageType byte, body []byte) Statement {
	var head [1 + len(protocol) + DigestSize + 8 + 1]byte
	b := append(head[:0], byte(KindStatement))
	b = append(b, protocol...)
	b = append(b, d.Group[:]...)
	b = binary.BigEndian.AppendUint64(b, d.Epoch)
	b = append(b, messageType)
	h := sha256.New()
	h.Write(b)
	h.Write(body)
	var s Statement
	h.Sum(s[:0])
	return s
}
