package transfer

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/internal/wire"
	"github.com/varangian-bft/varangian/statemachine"
)

// Progress is how far a transfer is, for people.
type Progress struct {
	From       consensus.Sequence // where the replica stood when it began
	Target     consensus.Sequence
	Snapshot   consensus.Sequence // that is compared with; 0 if windows are enough
	Differ     int                // partitions that differ from the snapshot
	Done       int                // of them, those that are verified and staged
	Windows    int                // of the plan
	Stored     int                // of them, those that are durable
	BytesMoved uint64             // received in this transfer
	Began      time.Time          // by the clock of Tick
	Sources    []SourceProgress   // all replicas but this one
}

// SourceProgress is what a source did since the replica started.
type SourceProgress struct {
	Replica consensus.ReplicaID
	Bytes   uint64 // of answers that were of use
	Lies    int    // times that it was turned away from for what does not hold (R94)
	Late    int    // times that it was turned away from for a while
	Turned  bool   // it is turned away from now
}

// Progress returns how far the transfer is; nil if none is under way.
func (f *Fetcher) Progress() *Progress {
	if f.phase == idle {
		return nil
	}
	p := &Progress{From: f.first, Target: f.target.Sequence, BytesMoved: f.bytes, Began: f.began, Sources: f.Sources()}
	if f.plan != nil {
		p.Windows, p.Stored = len(f.plan.Windows), f.next
		if f.plan.Snapshot != nil {
			p.Snapshot = f.plan.Snapshot.Sequence
		}
	}
	if s := &f.stage; s.sorted {
		p.Differ = s.differ.Len()
		p.Done = p.Differ - f.partitionsLeft()
	}
	return p
}

// Sources returns what each other replica did as a source.
func (f *Fetcher) Sources() (list []SourceProgress) {
	for i := range f.sources {
		if consensus.ReplicaID(i) != f.self {
			c := f.sources[i].counts
			c.Turned = f.sources[i].lied
			list = append(list, c)
		}
	}
	return list
}

func (f *Fetcher) partitionsLeft() (n int) {
	for _, j := range f.jobs {
		if j.item.Kind == itemPartition {
			n++
		}
	}
	return n
}

// Status says in words what the transfer is doing; empty if it is idle.
func (f *Fetcher) Status() string {
	p := f.Progress()
	switch f.phase {
	case idle:
		return ""
	case planning:
		return fmt.Sprintf("asking how to get from checkpoint %d to %d", f.at.Version.Sequence(), f.target.Sequence)
	case staging:
		if !f.stage.sorted {
			return fmt.Sprintf("comparing what is stored with snapshot %d", p.Snapshot)
		}
		return fmt.Sprintf("snapshot %d: %d of %d partitions that differ, %d bytes", p.Snapshot, p.Done, p.Differ, p.BytesMoved)
	case installing:
		return fmt.Sprintf("installing snapshot %d, %d partitions", p.Snapshot, p.Differ)
	case following:
	}
	return fmt.Sprintf("windows from checkpoint %d: %d of %d, %d bytes", f.at.Version.Sequence(), p.Stored, p.Windows, p.BytesMoved)
}

// noteVersion is the format of a spool's note.
const noteVersion = 1

// noteHead is what stands in a note before its partitions.
const noteHead = 1 + 8 + crypto.DigestSize

// note encodes what is staged: the snapshot, and the digest of each partition.
func note(of wire.Snapshot, staged map[uint8]crypto.Digest) []byte {
	b := []byte{noteVersion}
	b = binary.BigEndian.AppendUint64(b, uint64(of.Sequence))
	b = append(b, of.Root[:]...)
	for p := range statemachine.PartitionCount {
		if d, ok := staged[uint8(p)]; ok {
			b = append(b, byte(p))
			b = append(b, d[:]...)
		}
	}
	return b
}
