package state

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"github.com/varangian-bft/varangian/statemachine"
)

// The first byte of every key in Badger. The state's own keys stand behind
// dataPrefix, so that none of them meets Badger's reserved "!badger!" or a
// key of this package.
const (
	dataPrefix = 'd'
	metaPrefix = 'm'
)

// KeyBytesMax and ValueBytesMax bound what one change may hold. Longer values
// would go to Badger's value log, which reports a failed sync to nobody.
const (
	KeyBytesMax   = 32 << 10
	ValueBytesMax = 1<<20 - 64
)

const checksumSize = 4

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// checksum binds a value to the key and the version that it stands under, so
// that a value in a wrong place is as wrong as a flipped bit (R121).
func checksum(key []byte, version uint64, value []byte) uint32 {
	var head [12]byte
	binary.BigEndian.PutUint64(head[:], version)
	binary.BigEndian.PutUint32(head[8:], uint32(len(key)))
	sum := crc32.Update(0, castagnoli, head[:])
	sum = crc32.Update(sum, castagnoli, key)
	return crc32.Update(sum, castagnoli, value)
}

// appendSealed appends a value as it is stored: its checksum, then itself. key is
// the key as Badger has it.
func appendSealed(b, key []byte, version uint64, value []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, checksum(key, version, value))
	return append(b, value...)
}

// unseal returns the value inside a stored one.
func unseal(key []byte, version uint64, sealed []byte) ([]byte, error) {
	if len(sealed) < checksumSize ||
		binary.BigEndian.Uint32(sealed) != checksum(key, version, sealed[checksumSize:]) {
		return nil, rotten(key, version, "its value does not fit its checksum")
	}
	return sealed[checksumSize:], nil
}

func rotten(key []byte, version uint64, why string) error {
	return fmt.Errorf("%w: key %q at version %d: %s", statemachine.ErrRot, key, version, why)
}

func ruined(key []byte, version uint64, why string) error {
	return fmt.Errorf("%w: key %q at version %d: %s", statemachine.ErrRuined, key, version, why)
}

// dataKey returns the key in Badger of a key of the state.
func dataKey(key []byte) []byte {
	return append(append(make([]byte, 0, 1+len(key)), dataPrefix), key...)
}
