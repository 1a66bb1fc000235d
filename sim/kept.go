package sim

import (
	"fmt"
	"hash/crc32"
	"slices"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/store/log"
)

// kept is what a replica's log has to give back when it is opened again: every
// record that was synced, of which the core was told, and that was not trimmed
// since (R82, R83). What was appended and not synced may be there or not; what was
// never appended may not (R81).
type kept struct {
	first  consensus.Position // what is below may be gone
	sums   []uint32           // of the records from first on, in the life that wrote them last
	synced consensus.Position
}

var sumTable = crc32.MakeTable(crc32.Castagnoli)

func sum(r *consensus.Record) uint32 {
	return crc32.Update(uint32(r.Kind), sumTable, r.Data)
}

func (k *kept) clone() kept {
	return kept{first: k.first, sums: slices.Clone(k.sums), synced: k.synced}
}

func (k *kept) appended(records []consensus.Record) {
	for i := range records {
		k.sums = append(k.sums, sum(&records[i]))
	}
}

// trimmed notes that what is below a position may be gone from now on.
func (k *kept) trimmed(below consensus.Position) {
	if below > k.first {
		k.sums = k.sums[min(below-k.first, consensus.Position(len(k.sums))):]
		k.first = below
	}
}

// opened says what is wrong with a log that opened and gave back these records,
// and binds the replica to what it holds: all of that is durable now.
func (k *kept) opened(l *log.Log, back []consensus.Record) (wrong string) {
	next := k.first + consensus.Position(len(k.sums))
	switch {
	case l.Next() <= k.synced:
		wrong = fmt.Sprintf("its log ends at %d, and held %d", l.Next()-1, k.synced)
	case l.First() > k.first:
		wrong = fmt.Sprintf("its log begins at %d, and held %d", l.First(), k.first)
	case l.Next()-l.First() != consensus.Position(len(back)):
		wrong = fmt.Sprintf("its log gives back %d records of %d to %d", len(back), l.First(), l.Next()-1)
	case l.Next() > next:
		wrong = fmt.Sprintf("its log ends at %d, and the last record that was appended is %d", l.Next()-1, next-1)
	}
	sums := make([]uint32, len(back))
	for i := range back {
		at := back[i].Position
		sums[i] = sum(&back[i])
		if wrong == "" && at >= k.first && sums[i] != k.sums[at-k.first] {
			wrong = fmt.Sprintf("its log gives back another record %d than it was given", at)
		}
	}
	*k = kept{first: l.First(), sums: sums, synced: l.Next() - 1}
	return wrong
}
