package crypto

import (
	"crypto/sha256"
	"encoding/binary"
)

// protocol is the name and version that every signature covers (R8).
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
