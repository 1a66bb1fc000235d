package network

import (
	"encoding/binary"
	"errors"
	"io"

	"github.com/varangian-bft/varangian/consensus"
)

// headerBytes is the length and the class before a frame's payload.
const headerBytes = 5

type header [headerBytes]byte

func headerOf(c consensus.Class, payload int) (h header) {
	binary.BigEndian.PutUint32(h[:4], uint32(payload))
	h[4] = byte(c)
	return h
}

// check returns class and length of a frame of a lane. The length is judged
// before any memory is taken for it (R103).
func (h header) check(l lane, limits *[consensus.Classes]ClassLimits) (consensus.Class, int, Reason) {
	class, length := consensus.Class(h[4]), binary.BigEndian.Uint32(h[:4])
	switch {
	case !l.carries(class) || length == 0:
		return 0, 0, ReasonGarbage
	case uint64(length) > uint64(limits[class].FrameBytesMax):
		return 0, 0, ReasonOversize
	}
	return class, int(length), ReasonNone
}

// payloadStep is how much memory a length alone can claim. Beyond it, memory
// follows the bytes that arrived: at most twice as much (R103).
const payloadStep = 64 << 10

// errFull ends the reading of a payload that may not grow.
var errFull = errors.New("network: no memory is left for a long frame")

// grow is asked before each step but the first, with the size that it leads to.
func readPayload(r io.Reader, length int, grow func(size int) bool) ([]byte, error) {
	buf := make([]byte, min(length, payloadStep))
	for read := 0; ; {
		if _, err := io.ReadFull(r, buf[read:]); err != nil {
			return nil, err
		}
		read = len(buf)
		if read == length {
			return buf, nil
		}
		size := min(length, 2*read)
		if !grow(size) {
			return nil, errFull
		}
		grown := make([]byte, size)
		copy(grown, buf)
		buf = grown
	}
}
