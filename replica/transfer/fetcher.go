package transfer

import (
	"time"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/internal/wire"
	"github.com/varangian-bft/varangian/statemachine"
)

// gatherBytesMax is what is gathered of windows at most, until no source has given
// one within that: then it is twice as much, up to what a window can have at all.
const gatherBytesMax = 256 << 20

// Effects is what a Fetcher asks for. The caller owns it.
type Effects struct {
	Send     []consensus.Outbound
	Store    []Store
	Complain []Complaint
	Done     bool // the state at the target is durable
}

// A phase is what a transfer does at the moment.
type phase uint8

const (
	idle       phase = iota
	planning         // asking for a plan
	staging          // comparing with a snapshot, and fetching what differs
	installing       // waiting for the snapshot to be installed
	following        // fetching windows
)

// A Fetcher is the asking side of state transfer. It is deterministic and used by
// one goroutine. What it holds in memory is bounded: jobsMax lists and storeBytesMax
// of entries, or gatherBytesMax of windows.
type Fetcher struct {
	group   *consensus.Group
	self    consensus.ReplicaID
	sources []source // by replica
	turn    int      // of whom to ask next

	phase   phase
	target  consensus.Checkpoint
	at      statemachine.Marker // where the durable state stands
	suspect bool                // what is stored here is not believed
	whole   bool                // plans have to begin with a snapshot
	rounds  int                 // in which no source gave what was asked for
	search  search
	plan    *plan
	next    int // index into plan.Windows of the next to store

	jobs       []*job
	pending    []pending // stores that are not answered, in order
	storing    uint64    // bytes in them
	answerTime time.Duration

	stage       stage
	certificate *wire.SnapshotCertificate // of the snapshot that was installed
	tidy        bool                      // nothing is in the spool

	replanned time.Time          // when the last plan was given up
	scarce    time.Time          // since when no more have what the plan needs than may be faulty
	deserts   consensus.Sequence // a snapshot that no more than that have

	began time.Time
	first consensus.Sequence // where the transfer began
	bytes uint64             // received in it
}

// pending is a store that is not answered.
type pending struct {
	store Store
	job   *job
	bytes int
}

// NewFetcher returns an idle fetcher.
func NewFetcher(g *consensus.Group, self consensus.ReplicaID) *Fetcher {
	f := &Fetcher{group: g, self: self, sources: make([]source, g.N), turn: int(self) + 1}
	for i := range f.sources {
		f.sources[i].counts.Replica = consensus.ReplicaID(i)
	}
	return f
}

// Active reports whether a transfer is under way.
func (f *Fetcher) Active() bool { return f.phase != idle }

// Target is the checkpoint that the transfer leads to.
func (f *Fetcher) Target() consensus.Sequence { return f.target.Sequence }

// Snapshot returns the certificate of the snapshot that the last transfer
// installed, or nil if it needed none.
func (f *Fetcher) Snapshot() *wire.SnapshotCertificate { return f.certificate }

// Start begins a transfer from the durable state to a certified checkpoint above
// it. A transfer that is under way goes on with its plan, and then to the new
// target: a group that moves on would otherwise never let it end (R96).
//
// suspect says that what is stored here is not believed (R51, R56). Then the target
// may be the checkpoint of the marker itself; the transfer begins with a certified
// snapshot, compares all that is stored with it, and replaces what differs at the
// snapshot's sequence, with the next attempt (R84). No state goes back, so the
// snapshot must not be older than the marker: as long as nobody has such a one the
// transfer asks on, and ends once the group has certified its next snapshot.
func (f *Fetcher) Start(target consensus.Checkpoint, from statemachine.Marker, suspect bool, now time.Time, out *Effects) {
	f.target = target
	switch f.phase {
	case idle:
		f.at, f.certificate, f.suspect, f.whole, f.rounds, f.deserts = from, nil, suspect, suspect, 0, 0
		f.stage, f.answerTime, f.tidy = stage{resume: true}, 0, false
		f.began, f.first, f.bytes = now, from.Version.Sequence(), 0
		for i := range f.sources {
			f.sources[i] = source{counts: f.sources[i].counts}
		}
		f.ask(now, out)
	case planning:
		f.whole = f.suspect
		f.ask(now, out)
	case staging, installing, following:
	}
}

// Tidy empties the spool, unless a transfer is under way, or it is empty. The caller
// knows that the state is as new as any: what an earlier process had staged is of no use
// then.
func (f *Fetcher) Tidy(out *Effects) {
	if f.phase == idle && !f.tidy {
		f.tidy = true
		f.store(Store{Discard: &Discard{}}, nil, 0, out)
	}
}

func (f *Fetcher) send(to consensus.ReplicaID, frame []byte, out *Effects) {
	out.Send = append(out.Send, consensus.Outbound{To: to, Class: consensus.ClassState, Frame: frame})
}

// store hands something to the disk.
func (f *Fetcher) store(s Store, j *job, bytes int, out *Effects) {
	f.pending = append(f.pending, pending{s, j, bytes})
	f.storing += uint64(bytes)
	out.Store = append(out.Store, s)
}

// marking reports whether a write is under way that moves the marker.
func (f *Fetcher) marking() bool {
	for _, p := range f.pending {
		if p.store.Install != nil || p.store.Window != nil {
			return true
		}
	}
	return false
}

// Tick turns to other sources when some do not answer.
func (f *Fetcher) Tick(now time.Time, out *Effects) {
	switch f.phase {
	case idle, installing:
		return
	case planning:
		f.searchTick(now, out)
		return
	case staging:
		f.renew(now, out)
	case following:
	}
	for _, j := range f.jobs {
		if j.step == asked && now.Sub(j.since) >= f.patienceFor(j) {
			f.tooLate(j.source, now, j.wanted().String()+": no answer in time", out)
		}
	}
	f.goOn(now, out)
}

// patienceFor is shorter when nothing else is left to do: the last items must not
// wait for the slowest source.
func (f *Fetcher) patienceFor(j *job) time.Duration {
	p := f.patience()
	if f.answerTime == 0 {
		return p
	}
	for _, other := range f.jobs {
		if other.step == idleStep {
			return p
		}
	}
	for i := range f.sources {
		if f.usable(i) && f.sources[i].open == 0 && consensus.ReplicaID(i) != j.source {
			return min(p, max(4*f.answerTime, patienceMin/2))
		}
	}
	return p
}

// goOn asks for more, or for another plan when nobody has what this one needs.
func (f *Fetcher) goOn(now time.Time, out *Effects) {
	if f.phase != staging && f.phase != following {
		return
	}
	switch {
	case len(f.jobs) > 0 && f.exhausted():
		f.replan(now, out)
	case f.deserted(now):
		f.desert(now, out)
	default:
		f.pump(now, out)
	}
}

// replan gives the plan up: nobody has what it needs any more, or all that have it
// lied. What is staged stays (R96).
func (f *Fetcher) replan(now time.Time, out *Effects) {
	f.drop()
	f.plan, f.phase = nil, planning
	lied := true
	for i := range f.sources {
		lied = lied && (f.sources[i].lied || consensus.ReplicaID(i) == f.self)
	}
	if again := now.Sub(f.replanned) < planTimeout; lied || again {
		f.nobody(now)
		return
	}
	f.replanned = now
	f.ask(now, out)
}

// desert gives up a plan for which no correct source may be left. Windows may be what
// only a liar has, and an older snapshot as well.
func (f *Fetcher) desert(now time.Time, out *Effects) {
	f.whole = true
	if f.plan.Snapshot != nil {
		f.deserts = f.plan.Snapshot.Sequence
	}
	f.ask(now, out)
}

// Receive takes a verified answer. Answers that nobody asked for change nothing.
func (f *Fetcher) Receive(from consensus.ReplicaID, m consensus.Message, now time.Time, out *Effects) {
	if int64(from) >= int64(len(f.sources)) || f.sources[from].lied || from == f.self {
		return
	}
	switch m := m.(type) {
	case plan:
		f.onPlan(from, m, now, out)
	case chunk:
		f.onChunk(from, m, now, out)
	case entries:
		f.onEntries(from, m, now, out)
	case wait:
		f.onWait(from, m.Item, now, out)
	case gone:
		f.onGone(from, m.Item, now, out)
	}
	f.goOn(now, out)
}

// onWait gives others a chance while a source makes something ready.
func (f *Fetcher) onWait(from consensus.ReplicaID, i item, now time.Time, out *Effects) {
	if f.find(from, i) == nil {
		return
	}
	s := &f.sources[from]
	if s.waiting.IsZero() {
		s.waiting = now
	}
	if now.Sub(s.waiting) > waitMax {
		f.tooLate(from, now, i.String()+": not ready in time", out)
		return
	}
	f.release(from)
	s.rests = now.Add(waitRetry)
}

// onGone turns away from a source that has not what is asked for.
func (f *Fetcher) onGone(from consensus.ReplicaID, i item, now time.Time, out *Effects) {
	switch {
	case f.phase == planning && i == (item{}):
		f.noPlan(from, now, out)
	case f.find(from, i) != nil, f.phase == staging && i == item{Kind: itemTable, At: f.stage.of.Sequence}:
		f.sources[from].lacks = true
		f.release(from)
	}
}

// itemBytesMax bounds what a liar can make this replica gather of an item.
func (f *Fetcher) itemBytesMax(j *job) uint64 {
	switch j.wanted().Kind {
	case itemList:
		return shortBytes * uint64(j.count)
	case itemWindow:
		return min(f.windowBytesMax(), gatherBytesMax<<min(f.rounds, 16))
	case itemTable, itemPartition:
	}
	return 1 << 20
}

// windowBytesMax is the most that a window of a correct source can have: what
// operations wrote, with 9 bytes of overhead for keys as short as 2; each session;
// and whatever else the framework keeps.
func (f *Fetcher) windowBytesMax() uint64 {
	p := &f.group.Genesis.Parameters
	entry := p.KeyBytesMax + max(p.ValueBytesMax, p.SessionBytesMax+128*p.SessionWindow) + 256
	return 6*p.CheckpointInterval*p.BatchWritesBytesMax() + (p.ClientsMax*p.SessionsPerClient+64)*entry
}

// Stored goes on with what came of the first Store that is not answered.
func (f *Fetcher) Stored(r Result, now time.Time, out *Effects) {
	if len(f.pending) == 0 {
		return
	}
	p := f.pending[0]
	f.pending = f.pending[1:]
	f.storing -= uint64(p.bytes)
	switch s := p.store; {
	case s.Survey != nil:
		f.onSurveyed(r.Surveyed, out)
	case s.Compare != nil:
		f.onCompared(p.job, r.Missing, now, out)
	case s.Assemble != nil:
		f.onAssembled(p.job, s.Assemble.Digest, r, out)
	case s.Install != nil:
		f.onInstalled(s.Install, now, out)
	case s.Window != nil:
		f.onWindow(p.job, s.Window, now, out)
	}
	if f.phase == planning && f.search.due {
		f.ask(now, out)
	}
	f.goOn(now, out)
}
