package log

import (
	"fmt"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
)

// A recovery reads all segments in order and leaves the log at its end.
type recovery struct {
	log    *Log
	replay func(consensus.Record) error
	life   uint64 // highest seen
	last   reader // the segment read last
	tail   int64  // offset of the first round there that the mark does not cover; 0 if none
}

// segment replays one segment, up to the first place where no round follows.
func (c *recovery) segment(number uint64) error {
	l, name := c.log, segmentName(number)
	f, err := l.fs.Open(name)
	if err != nil {
		return &Damage{File: name, Reason: "cannot be opened", Cause: err}
	}
	if l.active != nil {
		if err := l.active.Close(); err != nil {
			_ = f.Close() // the error that counts is the first one
			return err
		}
	}
	l.active = f
	size, err := f.Size()
	if err != nil {
		return &Damage{File: name, Reason: "has no size", Cause: err}
	}
	before := c.last
	c.last = reader{file: f, name: name, size: size}
	c.tail = 0
	h, err := c.header(number)
	if err != nil {
		return err
	}
	if number == l.mark.first {
		l.next, l.chain = h.base, h.previous
	} else if h.base != l.next || h.previous != l.chain {
		return before.damage(l.offset, fmt.Sprintf("it ends before position %d, where %s begins", h.base, name), nil)
	}
	l.segments = append(l.segments, segment{number: number, base: h.base, size: size})
	l.offset = pageBytes
	for {
		more, err := c.round()
		if err != nil {
			return err
		}
		if !more {
			return nil
		}
	}
}

func (c *recovery) header(number uint64) (segmentHeader, error) {
	l := c.log
	b, err := c.last.bytes(0, pageBytes)
	if err != nil {
		return segmentHeader{}, err
	}
	h, version, ok := readSegmentHeader(b)
	switch {
	case !ok:
		return h, c.last.damage(0, "its header is not whole", nil)
	case version != Version:
		return h, ErrVersion
	case h.identity != l.mark.identity || h.salt != l.mark.salt || h.number != number:
		return h, c.last.damage(0, "it is a segment of another log, or another segment of this one", nil)
	case h.size != c.last.size:
		return h, c.last.damage(min(h.size, c.last.size), fmt.Sprintf("it has %d bytes and was made with %d", c.last.size, h.size), nil)
	}
	return h, nil
}

// round replays the round that follows, if one does.
func (c *recovery) round() (more bool, err error) {
	l := c.log
	head, table, records, found, err := c.last.round(l.offset)
	if err != nil || !found || !l.belongs(&head, l.current().number) || head.first != l.next || head.previous != l.chain {
		return false, err
	}
	chain := crypto.Hash(crypto.KindRecord, table[8:])
	if synced := l.mark.synced; head.first <= synced && head.last() >= synced && (head.last() != synced || chain != l.mark.chain) {
		return false, c.last.damage(l.offset, fmt.Sprintf("it holds another round at position %d than the mark says was synced", synced), nil)
	}
	if head.first > l.mark.synced && c.tail == 0 {
		c.tail = l.offset
	}
	for _, record := range records {
		if err := c.replay(record); err != nil {
			return false, err
		}
	}
	c.life = max(c.life, head.life)
	l.next, l.chain = head.last()+1, chain
	l.offset += head.totalBytes()
	return true, nil
}

// finish decides whether the end is the end, and makes what was replayed durable.
func (c *recovery) finish() error {
	if err := c.whole(); err != nil || c.tail == 0 {
		return err
	}
	if err := c.rewrite(); err != nil {
		return err
	}
	c.log.dirty = true
	return c.log.syncActive()
}

// whole refuses an end before which something synced is missing.
func (c *recovery) whole() error {
	l := c.log
	if l.mark.last == 0 {
		return nil
	}
	if l.next <= l.mark.synced {
		return c.last.damage(l.offset, fmt.Sprintf("no whole record at position %d, but the mark says that it was synced through %d", l.next, l.mark.synced), nil)
	}
	number := l.current().number
	return c.last.proof(l.offset, l.next, func(r *round) bool { return l.belongs(r, number) })
}

// rewrite writes the tail beyond the mark once more, the same bytes. After a
// failed sync the kernel may hold pages as clean that never reached the disk: a
// sync alone would then report as durable what is only in memory (R81).
func (c *recovery) rewrite() error {
	for at := c.tail; at < c.log.offset; {
		b, err := c.last.bytes(at, min(windowBytes, c.log.offset-at))
		if err != nil {
			return err
		}
		if _, err := c.log.active.WriteAt(b, at); err != nil {
			return err
		}
		at += int64(len(b))
	}
	return nil
}
