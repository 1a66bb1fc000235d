package transfer

import (
	"time"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/internal/wire"
	"github.com/varangian-bft/varangian/statemachine"
)

const (
	// holdEvery is how often all sources are told that a snapshot is still needed:
	// well within what a server grants (R55).
	holdEvery = 5 * time.Second

	// saveEvery is how many partitions or bytes are staged from one Save to the
	// next: what a crash can cost.
	savePartitions = 16
	saveBytes      = 16 << 20
)

// A stage is what a transfer knows of the snapshot that it fetches, and of what is
// here of it. It outlives the plan: partitions that are equal in a newer snapshot are
// not fetched again (R96).
type stage struct {
	resume bool // an earlier transfer may have left something in the spool

	own       *statemachine.Partitions // what the store returned; nil before the survey
	damaged   statemachine.PartitionSet
	surveying bool
	staged    map[uint8]crypto.Digest
	collected statemachine.PartitionSet // of the own partitions, those that are in the spool

	of      wire.Snapshot
	table   *statemachine.Partitions // certified by of; nil before it is here
	encoded []byte
	sorted  bool                      // the jobs are made
	differ  statemachine.PartitionSet // partitions that the installation replaces

	unsaved      int // partitions that were staged since the last save
	unsavedBytes int
	held         time.Time // last word to the sources

	bytes, entries uint64 // of all partitions that were verified
}

// beginStage begins to fetch a snapshot.
func (f *Fetcher) beginStage(now time.Time, out *Effects) {
	f.phase = staging
	s := &f.stage
	if s.table == nil || s.of != f.plan.Snapshot.Snapshot {
		s.of, s.table, s.encoded = f.plan.Snapshot.Snapshot, nil, nil
		f.jobs = append(f.jobs, &job{item: item{Kind: itemTable, At: s.of.Sequence}})
	}
	s.sorted = false
	if s.own == nil && !s.surveying {
		s.surveying = true
		f.store(Store{Survey: &Survey{Resume: s.resume}}, nil, 0, out)
	}
	s.held = time.Time{}
	f.renew(now, out)
	f.sort(out)
	f.goOn(now, out)
}

// renew asks all sources to keep the snapshot. Without it one that has not been asked
// for anything yet would let it go.
func (f *Fetcher) renew(now time.Time, out *Effects) {
	if !f.stage.held.IsZero() && now.Sub(f.stage.held) < holdEvery {
		return
	}
	f.stage.held = now
	for i := range f.sources {
		if f.usable(i) {
			f.send(consensus.ReplicaID(i), hold{At: f.plan.Snapshot.Sequence}.marshal(), out)
		}
	}
}

// takeTable checks the partitions of the snapshot against its certified root, which
// does not cover the version: each store has its own, and one that was restored from a
// backup has none. Who saves the table takes the version of his own store.
func (f *Fetcher) takeTable(j *job, out *Effects) bool {
	table, ok := statemachine.ReadPartitions(j.data)
	if !ok || table.Root() != f.stage.of.Root {
		return false
	}
	f.stage.table, f.stage.encoded = table, j.data
	f.done(j)
	f.sort(out)
	return true
}

func (f *Fetcher) onSurveyed(s *Surveyed, out *Effects) {
	f.stage.surveying, f.stage.resume = false, true
	f.stage.own, f.stage.damaged, f.stage.staged = s.Own, s.Damaged, s.Staged
	switch f.phase {
	case staging:
		f.sort(out)
	case following:
		f.stage.own = nil // windows change what is here
	case idle, planning, installing:
	}
}

// sort finds out which partitions have to be fetched, once both the certified
// digests and those of what is stored are here.
func (f *Fetcher) sort(out *Effects) {
	s := &f.stage
	if s.sorted || s.table == nil || s.own == nil {
		return
	}
	s.sorted, s.differ = true, statemachine.PartitionSet{}
	var collect statemachine.PartitionSet
	for i := range statemachine.PartitionCount {
		p := uint8(i)
		certified := s.table.Digest(i)
		if s.own.Digest(i) == certified && !s.damaged.Has(p) {
			continue
		}
		s.differ.Add(p)
		staged, has := s.staged[p]
		if s.table.Entries(i) == 0 || (has && staged == certified) {
			continue
		}
		j := &job{item: item{Kind: itemPartition, At: s.of.Sequence, Index: p}, fresh: true}
		j.count = uint32(min(s.table.Entries(i), 1<<32-1))
		j.lists = (has || s.own.Entries(i) > 0) && uint64(j.count)*shortBytes <= listBytesMax
		if j.lists && !has && !s.collected.Has(p) {
			collect.Add(p)
			s.collected.Add(p)
		}
		f.jobs = append(f.jobs, j)
	}
	if collect.Len() > 0 {
		f.store(Store{Collect: &Collect{Partitions: collect}}, nil, 0, out)
	}
	f.install(out)
}

// takeList lets a list be compared with what is here.
func (f *Fetcher) takeList(j *job, out *Effects) bool {
	if uint64(len(j.data)) != shortBytes*uint64(j.count) {
		return false
	}
	j.step, j.listed = atDisk, true
	f.store(Store{Compare: &Compare{Partition: j.item.Index, Root: f.stage.of.Root, List: j.data}}, j, len(j.data), out)
	return true
}

func (f *Fetcher) onCompared(j *job, missing []uint32, now time.Time, out *Effects) {
	if j.dead {
		return
	}
	j.need, j.taken, j.step = missing, 0, ready
	if !f.usable(int(j.source)) || now.Before(f.sources[j.source].rests) && !f.allRest(now) {
		j.restart()
		return
	}
	if len(missing) == 0 {
		f.assemble(j, out)
	}
}

// assemble puts a partition together and checks it against its certified digest.
func (f *Fetcher) assemble(j *job, out *Effects) {
	j.step = atDisk
	a := &Assemble{
		Partition: j.item.Index, Root: f.stage.of.Root, Gathered: j.taken > 0, Digest: f.stage.table.Digest(int(j.item.Index)),
	}
	if j.lists {
		a.List = j.data
	}
	f.store(Store{Assemble: a}, j, len(a.List), out)
}

// onAssembled goes on with a partition that was verified. One that is not what was
// certified was spoiled by its source, or by what is here: it is taken whole from
// another one.
func (f *Fetcher) onAssembled(j *job, digest crypto.Digest, r Result, out *Effects) {
	if !r.OK {
		f.liar(j.source, j.item.String()+": not what was certified", out)
		j.lists = false
		j.restart()
		return
	}
	f.convict(j, r.Size, out)
	s := &f.stage
	s.staged[j.item.Index] = digest
	s.unsaved++
	s.unsavedBytes += j.bytes
	if j.dead {
		return
	}
	f.done(j)
	if s.unsaved >= savePartitions || s.unsavedBytes >= saveBytes {
		f.save(out)
	}
	f.install(out)
}

// save makes what is staged survive a crash.
func (f *Fetcher) save(out *Effects) {
	s := &f.stage
	if s.unsaved == 0 {
		return
	}
	s.unsaved, s.unsavedBytes = 0, 0
	f.store(Store{Save: &Save{Note: note(s.of, s.staged)}}, nil, 0, out)
}

// install installs the snapshot when all of it is staged.
func (f *Fetcher) install(out *Effects) {
	s := &f.stage
	if f.phase != staging || !s.sorted || len(f.jobs) > 0 {
		return
	}
	f.save(out)
	f.phase = installing
	i := &Install{
		At: s.of.Sequence, Chain: s.of.Chain, Differ: s.differ, Saved: append(f.plan.Snapshot.Marshal(), s.encoded...),
	}
	for p := range statemachine.PartitionCount {
		if s.differ.Has(uint8(p)) && s.table.Entries(p) > 0 {
			i.Filled.Add(uint8(p))
		}
	}
	f.store(Store{Install: i}, nil, 0, out)
}

func (f *Fetcher) onInstalled(i *Install, now time.Time, out *Effects) {
	f.at = statemachine.Marker{Version: statemachine.VersionAt(i.At, 0), Chain: i.Chain}
	f.certificate, f.suspect, f.whole, f.stage = f.plan.Snapshot, false, false, stage{}
	f.follow(now, out)
}
