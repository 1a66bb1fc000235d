package log

import (
	"fmt"
	"slices"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
)

// Open opens the log in a folder, or makes one in an empty folder, and calls
// replay for each record that it holds, in order of position. Replay may keep the
// data. All of them are durable when Open returns. An error of replay ends Open.
//
// Records that were never synced and are not whole are cut off in silence.
// Anything else that is not as it was written is a *Damage, and nothing in the
// folder is changed then; records that were replayed before it was found are
// void (R82, R83). Other errors are ErrForeign, ErrVersion, ErrNoSpace and those
// of the disk.
func Open(fs FS, config Config, replay func(consensus.Record) error) (*Log, error) {
	if config.SegmentBytes == 0 {
		config.SegmentBytes = SegmentBytesDefault
	}
	config.SegmentBytes = pages(max(config.SegmentBytes, SegmentBytesMin))
	l := &Log{fs: fs, config: config, next: 1}
	if err := l.open(replay); err != nil {
		l.abandon()
		return nil, err
	}
	return l, nil
}

// abandon closes what a failed Open or Close left open; its error is known already.
func (l *Log) abandon() {
	for _, f := range []File{l.active, l.markFile} {
		if f != nil {
			_ = f.Close()
		}
	}
	l.active, l.markFile = nil, nil
}

func (l *Log) open(replay func(consensus.Record) error) error {
	in, err := l.look()
	if err != nil {
		return err
	}
	if in.mark {
		if err := l.openMark(); err != nil {
			return err
		}
	} else if err := l.begin(in); err != nil {
		return err
	}
	extra, err := l.leftovers(in)
	if err != nil {
		return err
	}
	l.chain = crypto.Hash(crypto.KindRecord, l.mark.identity[:], l.mark.salt[:])
	rec := recovery{log: l, replay: replay, life: l.mark.life}
	for n := l.mark.first; n <= l.mark.last; n++ {
		if err := rec.segment(n); err != nil {
			return err
		}
	}
	if err := rec.finish(); err != nil {
		return err
	}
	l.life = rec.life + 1
	l.mark.life = l.life
	if in.mark {
		if err := l.refreshMark(); err != nil {
			return err
		}
	}
	// Only now: if the sync of the mark that dropped them failed, what the disk
	// holds still names them (R81).
	for _, name := range extra {
		if err := l.fs.Remove(name); err != nil {
			return err
		}
	}
	if l.mark.last == 0 {
		return l.rotate(2 * pageBytes)
	}
	return l.reserve()
}

// A folder is what was found.
type folder struct {
	mark     bool
	spare    bool
	newSpare bool
	segments []uint64
}

func (l *Log) look() (folder, error) {
	var in folder
	names, err := l.fs.List()
	if err != nil {
		return in, err
	}
	for _, name := range names {
		switch n, ok := segmentNumber(name); {
		case ok:
			in.segments = append(in.segments, n)
		case name == markName:
			in.mark = true
		case name == spareName:
			in.spare = true
		case name == spareName+newSuffix:
			in.newSpare = true
		}
	}
	slices.Sort(in.segments)
	return in, nil
}

// begin makes a new log, unless what is in the folder shows that there was one:
// the mark is the first file to be there, and never goes.
func (l *Log) begin(in folder) error {
	if len(in.segments) > 0 || in.spare || in.newSpare {
		return &Damage{File: markName, Reason: "is missing, although other files of the log are there"}
	}
	if l.config.MustExist {
		return &Damage{File: markName, Reason: "is missing, although this replica had a log before"}
	}
	l.mark = mark{first: 1, identity: l.config.Identity, salt: l.config.Salt}
	return l.createMark()
}

// leftovers checks that every segment which the mark names is there, and returns
// the files that a crash left behind: segments that were trimmed, and one that was
// made and not yet used.
func (l *Log) leftovers(in folder) (extra []string, err error) {
	want := l.mark.first
	for _, n := range in.segments {
		switch {
		case n < l.mark.first:
			extra = append(extra, segmentName(n))
		case n > l.mark.last:
			if err := l.unused(n); err != nil {
				return nil, err
			}
			extra = append(extra, segmentName(n))
		case n != want:
			return nil, &Damage{File: segmentName(want), Reason: "is missing"}
		default:
			want++
		}
	}
	if want <= l.mark.last {
		return nil, &Damage{File: segmentName(want), Reason: "is missing"}
	}
	if in.newSpare {
		extra = append(extra, spareName+newSuffix)
	}
	if !in.spare {
		return extra, nil
	}
	f, err := l.fs.Open(spareName)
	if err != nil {
		return nil, err
	}
	size, err := f.Size()
	if err != nil {
		_ = f.Close() // the error that counts is the first one
		return nil, err
	}
	if size%pageBytes != 0 {
		extra = append(extra, spareName)
	} else {
		l.spareBytes = size
	}
	return extra, f.Close()
}

// unused refuses a segment beyond the last that the mark names, unless it is the
// next one and nothing was written into it.
func (l *Log) unused(n uint64) error {
	name := segmentName(n)
	if n != l.mark.last+1 {
		return &Damage{File: name, Reason: fmt.Sprintf("is none of the segments %d to %d that the mark names", l.mark.first, l.mark.last)}
	}
	f, err := l.fs.Open(name)
	if err != nil {
		return &Damage{File: name, Reason: "cannot be opened", Cause: err}
	}
	size, err := f.Size()
	if err != nil {
		_ = f.Close() // the error that counts is the first one
		return &Damage{File: name, Reason: "has no size", Cause: err}
	}
	r := reader{file: f, name: name, size: size}
	if head, _, found, err := r.header(pageBytes); err != nil || found && l.belongs(&head, n) {
		_ = f.Close() // the error that counts is the first one
		return &Damage{File: name, Offset: pageBytes, Reason: "holds records, although the mark ends before it", Cause: err}
	}
	return f.Close()
}

func (l *Log) belongs(r *round, number uint64) bool {
	return r.segment == number && r.salt == l.mark.salt
}
