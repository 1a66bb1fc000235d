package network

import (
	"io"

	"golang.org/x/crypto/cryptobyte"

	"github.com/varangian-bft/varangian/crypto"
)

// protocolVersion is that of the signatures too: releases that could not believe
// each other need not talk.
const protocolVersion = crypto.ProtocolVersion

// A hello is the first thing on a lane, in both directions. The dialer says
// which lane it opens, and verdict ReasonNone; the answer repeats the lane and
// says whether it stands. It has one size in all versions, and magic, version
// and verdict keep their places, so that any two versions can tell each other
// that they differ.
type hello struct {
	version uint16
	verdict Reason
	lane    lane
	group   crypto.Digest
}

const (
	helloMagic = "vrng"
	helloBytes = len(helloMagic) + 2 + 1 + 1 + crypto.DigestSize
)

func (m hello) marshal() []byte {
	b := cryptobyte.NewFixedBuilder(make([]byte, 0, helloBytes))
	b.AddBytes([]byte(helloMagic))
	b.AddUint16(m.version)
	b.AddUint8(uint8(m.verdict))
	b.AddUint8(uint8(m.lane))
	b.AddBytes(m.group[:])
	return b.BytesOrPanic()
}

// decodeHello reads a hello. Of another version it gives the version only.
func decodeHello(data []byte) (hello, bool) {
	s := cryptobyte.String(data)
	var m hello
	var magic []byte
	if !s.ReadBytes(&magic, len(helloMagic)) || string(magic) != helloMagic ||
		!s.ReadUint16(&m.version) || !s.ReadUint8((*uint8)(&m.verdict)) || !s.ReadUint8((*uint8)(&m.lane)) ||
		!s.CopyBytes(m.group[:]) || !s.Empty() {
		return hello{}, false
	}
	if m.version != protocolVersion {
		return hello{version: m.version}, true
	}
	return m, m.lane < lanes && m.verdict <= ReasonBusy
}

// judge says what is wrong with a remote's hello.
func (m hello) judge(group crypto.Digest) Reason {
	switch {
	case m.version != protocolVersion:
		return ReasonVersion
	case m.group != group:
		return ReasonGroup
	}
	return m.verdict
}

func readHello(r io.Reader) (hello, Reason, error) {
	var buf [helloBytes]byte
	if _, err := io.ReadFull(r, buf[:]); err != nil {
		return hello{}, ReasonLost, err
	}
	m, ok := decodeHello(buf[:])
	if !ok {
		return hello{}, ReasonGarbage, nil
	}
	return m, ReasonNone, nil
}
