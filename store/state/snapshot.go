package state

import (
	"fmt"

	"golang.org/x/crypto/cryptobyte"

	"github.com/varangian-bft/varangian/statemachine"
)

// SnapshotBytesMax bounds an encoded snapshot.
const SnapshotBytesMax = 1 << 20

// snapshotPartBytes keeps each part out of Badger's value log, and all of them
// within one transaction.
const snapshotPartBytes = 512 << 10

func snapshotPart(i int) []byte { return []byte{metaPrefix, 's', byte(i)} }

// SaveSnapshot implements statemachine.Store.
func (s *Store) SaveSnapshot(encoded []byte) error {
	if len(encoded) > SnapshotBytesMax {
		return fmt.Errorf("a snapshot of %d bytes; at most %d are stored", len(encoded), SnapshotBytesMax)
	}
	return s.change(func(*control) error {
		if err := s.space.ready(uint64(len(encoded))); err != nil {
			return err
		}
		_, stamp, err := s.db.newest(snapshotKey)
		if err != nil {
			return err
		}
		head := cryptobyte.NewBuilder(nil)
		head.AddUint32(uint32(len(encoded)))
		entries := []entry{{snapshotKey, head.BytesOrPanic()}}
		for i, rest := 0, encoded; len(rest) > 0; i++ {
			n := min(len(rest), snapshotPartBytes)
			entries = append(entries, entry{snapshotPart(i), rest[:n]})
			rest = rest[n:]
		}
		return s.db.put(stamp+1, entries...)
	})
}

// SavedSnapshot implements statemachine.Store.
func (s *Store) SavedSnapshot() ([]byte, error) {
	if err := s.gate.enter(); err != nil {
		return nil, err
	}
	defer s.gate.leave()
	s.write.Lock() // the parts must be of one snapshot
	defer s.write.Unlock()
	head, stamp, err := s.db.newest(snapshotKey)
	if err != nil || stamp == 0 {
		return nil, err
	}
	var size uint32
	if h := cryptobyte.String(head); !h.ReadUint32(&size) || !h.Empty() || size > SnapshotBytesMax {
		return nil, rotten(snapshotKey, stamp, "it is malformed")
	}
	out := make([]byte, 0, size)
	for i := 0; len(out) < int(size); i++ {
		part, at, err := s.db.read(snapshotPart(i), stamp)
		if err != nil {
			return nil, err
		}
		if at != stamp || len(part) != min(int(size)-len(out), snapshotPartBytes) {
			return nil, fmt.Errorf("%w: part %d of the snapshot is not there", statemachine.ErrRot, i)
		}
		out = append(out, part...)
	}
	return out, nil
}
