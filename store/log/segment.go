package log

import (
	"fmt"
)

// nextBytes is the size of the segment after the active one.
func (l *Log) nextBytes() int64 {
	if len(l.segments) == 0 {
		return min(SegmentBytesFirst, l.config.SegmentBytes)
	}
	return min(2*l.current().size, l.config.SegmentBytes)
}

// reserve sees to it that the next segment is allocated when the active one is
// half full: the disk is then found to be full while there is still room for
// what was promised (R88), and the change of segments need not wait.
func (l *Log) reserve() error {
	if err := l.prepared(false); err != nil {
		return err
	}
	if l.spareBytes > 0 || l.preparing != nil || l.offset < l.current().size/2 {
		return nil
	}
	size := l.nextBytes()
	if l.config.Background == nil {
		return l.prepare(size)
	}
	answer := make(chan error, 1)
	l.preparing, l.preparedAs = answer, size
	fs := l.fs
	l.config.Background(func() { answer <- createSpare(fs, size) })
	return nil
}

// prepared takes the answer of the background, if there is one or if it has to
// wait for it.
func (l *Log) prepared(wait bool) error {
	if l.preparing == nil {
		return nil
	}
	var err error
	if wait {
		err = <-l.preparing
	} else {
		select {
		case err = <-l.preparing:
		default:
			return nil
		}
	}
	l.preparing = nil
	if err == nil {
		l.spareBytes = l.preparedAs
	}
	return err
}

func (l *Log) prepare(size int64) error {
	if err := createSpare(l.fs, size); err != nil {
		return err
	}
	l.spareBytes = size
	return nil
}

func createSpare(fs FS, size int64) error {
	f, err := fs.Create(spareName+newSuffix, size)
	if err != nil {
		return fmt.Errorf("log: allocate a segment of %d bytes: %w", size, err)
	}
	if err := f.Close(); err != nil {
		return err
	}
	return fs.Rename(spareName+newSuffix, spareName)
}

// rotate makes the spare the active segment; need is what that must hold, header
// included. Nothing is written into it before the mark says that it exists:
// otherwise its loss would go unnoticed (R83).
func (l *Log) rotate(need int64) error {
	if err := l.syncActive(); err != nil {
		return err
	}
	if err := l.prepared(true); err != nil {
		return err
	}
	if l.spareBytes < need {
		if err := l.prepare(max(need, l.nextBytes())); err != nil {
			return err
		}
	}
	s := segment{number: l.mark.last + 1, base: l.next, size: l.spareBytes}
	h := segmentHeader{
		number: s.number, size: s.size, base: s.base, previous: l.chain,
		identity: l.mark.identity, salt: l.mark.salt,
	}
	f, err := l.fs.Open(spareName)
	if err != nil {
		return err
	}
	if err := l.install(f, &h); err != nil {
		_ = f.Close() // the error that counts is the first one
		return err
	}
	old := l.active
	l.active, l.offset, l.spareBytes = f, pageBytes, 0
	l.segments = append(l.segments, s)
	if old != nil {
		return old.Close()
	}
	return nil
}

func (l *Log) install(f File, h *segmentHeader) error {
	if _, err := f.WriteAt(h.page(), 0); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := l.fs.Rename(spareName, segmentName(h.number)); err != nil {
		return err
	}
	if err := l.fs.SyncDir(); err != nil {
		return err
	}
	l.mark.last = h.number
	return l.commitMark()
}

// drop forgets the oldest segments. The mark goes first: what it no longer names
// is a leftover, what it names and is lacking is damage.
func (l *Log) drop(count int) error {
	gone := l.segments[:count]
	l.mark.first = l.segments[count].number
	if err := l.commitMark(); err != nil {
		return err
	}
	for _, s := range gone {
		if err := l.discard(s); err != nil {
			return err
		}
	}
	l.segments = append([]segment(nil), l.segments[count:]...)
	return l.fs.SyncDir()
}

// discard makes a dropped segment the spare if one is lacking, since that spares
// allocating and zeroing another, or else removes it. The rounds in it do not
// matter: they name another segment.
func (l *Log) discard(s segment) error {
	if l.spareBytes == 0 && l.preparing == nil && s.size == l.config.SegmentBytes {
		if err := l.fs.Rename(segmentName(s.number), spareName); err != nil {
			return err
		}
		l.spareBytes = s.size
		return nil
	}
	return l.fs.Remove(segmentName(s.number))
}
