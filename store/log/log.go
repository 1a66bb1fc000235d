package log

import (
	"errors"
	"fmt"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
)

// Sizes of segments. A new log starts with a small one, so that a fresh replica
// starts fast; each further one is twice as large, up to Config.SegmentBytes.
const (
	SegmentBytesDefault = 64 << 20
	SegmentBytesFirst   = 4 << 20
	SegmentBytesMin     = 2 * pageBytes
)

// Config says what log to open. The zero value of everything but Identity is
// usable.
type Config struct {
	// Identity binds the log to a group, a replica and its key (R87).
	Identity crypto.Digest
	// SegmentBytes is the size of a full-grown segment, rounded up to pages of
	// 4 KiB; 0 means SegmentBytesDefault, the least is SegmentBytesMin. A record
	// that is larger gets a segment of its own size.
	SegmentBytes int64
	// Salt is kept by a log that is made now, and ignored by one that exists. It
	// must be unpredictable for clients; a simulator draws it from its seed.
	Salt Salt
	// MustExist refuses an empty folder as damage, for a replica that is known to
	// have voted before.
	MustExist bool
	// Background runs the work that prepares the next segment beside the caller,
	// usually as func(work func()) { go work() }. If nil, Append does it inline,
	// and the log needs no second goroutine.
	Background func(work func())
}

// A Log is an open log. One goroutine uses it. After any error, whichever, every
// later call returns that same error and does nothing (R81): the process ends,
// and a new one finds out by Open what is durable.
type Log struct {
	fs     FS
	config Config
	err    error

	mark     mark
	markFile File
	turn     int // which of its first two slots is written and synced next
	unmarked int // calls of Sync since then

	segments []segment // all that are kept, oldest first; the last is active
	active   File
	offset   int64 // where the next round goes in the active segment
	dirty    bool  // the active segment has writes that are not synced

	next  consensus.Position
	chain crypto.Digest // of the last round
	life  uint64

	spareBytes int64      // size of the spare segment; 0 if there is none
	preparing  chan error // answers once, when the background has made a spare
	preparedAs int64      // the size that it makes

	buffer []byte
}

// A segment as the log remembers it.
type segment struct {
	number uint64
	base   consensus.Position
	size   int64
}

// Next returns the position that the next record gets.
func (l *Log) Next() consensus.Position { return l.next }

// First returns the lowest position that the log still holds; it equals Next if
// it holds none.
func (l *Log) First() consensus.Position { return l.segments[0].base }

// Bytes returns how much of the disk the log takes.
func (l *Log) Bytes() int64 {
	total := int64(markBytes) + l.spareBytes
	for _, s := range l.segments {
		total += s.size
	}
	return total
}

// Append writes records, whose positions follow on Next. They are durable when
// Sync has returned. The log keeps none of the memory. Records of up to 1 MiB
// together go out in one write. Lack of space for the next segment is reported
// as ErrNoSpace when the active one is half full (R88). An error says nothing
// about which of the records were written.
func (l *Log) Append(records []consensus.Record) error {
	if l.err != nil {
		return l.err
	}
	if err := l.check(records); err != nil {
		return l.fail(err)
	}
	if err := l.reserve(); err != nil {
		return l.fail(err)
	}
	for len(records) > 0 {
		count, bytes := roundOf(records)
		if err := l.write(records[:count], bytes); err != nil {
			return l.fail(err)
		}
		records = records[count:]
	}
	return nil
}

func (l *Log) check(records []consensus.Record) error {
	for i := range records {
		if records[i].Position != l.next+consensus.Position(i) {
			return fmt.Errorf("log: record %d appended where %d follows", records[i].Position, l.next+consensus.Position(i))
		}
		if len(records[i].Data) > RecordBytesMax {
			return fmt.Errorf("%w: %d bytes at position %d", ErrTooLarge, len(records[i].Data), records[i].Position)
		}
	}
	return nil
}

// roundOf returns how many of the records go into the next round.
func roundOf(records []consensus.Record) (count int, bytes uint32) {
	for count < len(records) && count < roundRecordsMax {
		n := len(records[count].Data)
		if count > 0 && int(bytes)+n > roundBytesTarget {
			break
		}
		bytes += uint32(n)
		count++
	}
	return count, bytes
}

// write puts one round into the active segment, or the next one.
func (l *Log) write(records []consensus.Record, bytes uint32) error {
	r := round{first: l.next, bytes: bytes, count: uint32(len(records)), salt: l.mark.salt, life: l.life}
	total := r.totalBytes()
	if l.offset+total > l.current().size {
		if err := l.rotate(pageBytes + total); err != nil {
			return err
		}
	}
	r.segment, r.synced, r.previous = l.current().number, l.mark.synced, l.chain
	var chain crypto.Digest
	l.buffer, chain = appendRound(l.buffer[:0], &r, records)
	if _, err := l.active.WriteAt(l.buffer, l.offset); err != nil {
		return fmt.Errorf("log: write %s: %w", segmentName(r.segment), err)
	}
	if cap(l.buffer) > 2*roundBytesTarget {
		l.buffer = nil
	}
	l.offset += total
	l.next += consensus.Position(len(records))
	l.chain, l.dirty = chain, true
	return nil
}

func (l *Log) current() *segment { return &l.segments[len(l.segments)-1] }

// Sync makes every record appended so far durable, with one fdatasync. It does
// nothing if there is none.
func (l *Log) Sync() error {
	if l.err != nil {
		return l.err
	}
	if !l.dirty {
		return nil
	}
	if err := l.syncActive(); err != nil {
		return l.fail(err)
	}
	if err := l.noteMark(); err != nil {
		return l.fail(err)
	}
	return nil
}

// syncActive moves what the mark says, but leaves it to the caller to write it.
func (l *Log) syncActive() error {
	if !l.dirty {
		return nil
	}
	if err := l.active.Sync(); err != nil {
		return fmt.Errorf("log: sync %s: %w", segmentName(l.current().number), err)
	}
	l.dirty = false
	l.mark.synced, l.mark.chain = l.next-1, l.chain
	return nil
}

// Trim forgets records below a position, in whole segments from the front and
// never in the active one. It syncs first, so that the record which stands for
// what goes is durable before anything goes (R86, R123).
func (l *Log) Trim(below consensus.Position) error {
	if err := l.Sync(); err != nil {
		return err
	}
	if below > l.next {
		return l.fail(fmt.Errorf("log: trim below %d, beyond the end at %d", below, l.next))
	}
	count := 0
	for count < len(l.segments)-1 && l.segments[count+1].base <= below {
		count++
	}
	if count == 0 {
		return nil
	}
	if err := l.drop(count); err != nil {
		return l.fail(err)
	}
	return nil
}

// Close syncs and closes the log. Its error is as final as that of a sync.
func (l *Log) Close() error {
	if errors.Is(l.err, ErrClosed) {
		return ErrClosed
	}
	err := l.Sync()
	if err == nil {
		err = l.commitMark()
	}
	if waited := l.prepared(true); err == nil {
		err = waited
	}
	for _, f := range []File{l.active, l.markFile} {
		if f == nil {
			continue
		}
		if closed := f.Close(); err == nil {
			err = closed
		}
	}
	l.active, l.markFile = nil, nil
	if err != nil {
		return l.fail(err)
	}
	l.err = ErrClosed
	return nil
}

func (l *Log) fail(err error) error {
	if l.err == nil {
		l.err = err
	}
	return l.err
}
