package transfer

import (
	"encoding/binary"

	"golang.org/x/crypto/cryptobyte"

	"github.com/varangian-bft/varangian/crypto"
)

// shortBytes is the length of a short digest in a list.
const shortBytes = 8

// listBytesMax is how long a list may be; of a partition with more entries the whole
// is taken.
const listBytesMax = 8 << 20

// shortOf returns the short digest of an entry in the list of a snapshot's
// partition. The snapshot's root makes it differ from one snapshot to the next, so
// that no client can write two values in advance whose short digests are equal; a
// liar's list does no more harm than any other lie, since the partition that comes of
// it is checked against its certified digest.
func shortOf(root *crypto.Digest, key, value []byte) uint64 {
	d := crypto.Hash(crypto.KindListed, root[:], key, value)
	return binary.BigEndian.Uint64(d[:])
}

func appendShort(list []byte, short uint64) []byte { return binary.BigEndian.AppendUint64(list, short) }

// eachShort calls yield for each short digest of a list, in order.
func eachShort(list []byte, yield func(position uint32, short uint64)) {
	for i := 0; i+shortBytes <= len(list); i += shortBytes {
		yield(uint32(i/shortBytes), binary.BigEndian.Uint64(list[i:]))
	}
}

// listed returns the set of a list's short digests.
func listed(list []byte) map[uint64]struct{} {
	set := make(map[uint64]struct{}, len(list)/shortBytes)
	eachShort(list, func(_ uint32, short uint64) { set[short] = struct{}{} })
	return set
}

// wantedFrom encodes the first of some ascending positions, as many as one question
// may name.
func wantedFrom(positions []uint32) (from uint32, wanted []byte) {
	from = positions[0]
	for _, p := range positions {
		at := p - from
		if at/8 >= wantedBytesMax {
			break
		}
		for uint32(len(wanted)) <= at/8 {
			wanted = append(wanted, 0)
		}
		wanted[at/8] |= 1 << (at % 8)
	}
	return from, wanted
}

// countEntries returns how many whole entries make up some data; false if they do
// not.
func countEntries(data []byte) (n int, last int, ok bool) {
	for s := cryptobyte.String(data); !s.Empty(); n++ {
		before := len(s)
		c, ok := readChange(&s)
		if !ok || c.Deleted {
			return 0, 0, false
		}
		last = before - len(s)
	}
	return n, last, true
}
