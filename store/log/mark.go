package log

import (
	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
)

// MarkLagSyncs bounds how far the mark on the disk may be behind after a loss of
// power: it is itself synced at every so many calls of Sync. After a crash of
// the process alone it is exact.
const MarkLagSyncs = 64

// A mark says, independently of the segments, which of them there are and how
// far they were synced (R82). It has two slots that are written in turn, so that
// a torn write leaves the one before.
type mark struct {
	serial      uint64 // the slot with the higher one holds
	life        uint64
	first, last uint64             // segments; last is 0 before there is one
	synced      consensus.Position // the log was durable through here
	chain       crypto.Digest      // of the round that ends there
	identity    crypto.Digest
	salt        Salt
}

func (m *mark) slot() []byte {
	b := make([]byte, 0, markSlotBytes)
	b = append(b, markMagic[:]...)
	b = order.AppendUint32(b, 0)
	b = order.AppendUint32(b, Version)
	b = order.AppendUint32(b, 0)
	b = order.AppendUint64(b, m.serial)
	b = order.AppendUint64(b, m.life)
	b = order.AppendUint64(b, m.first)
	b = order.AppendUint64(b, m.last)
	b = order.AppendUint64(b, uint64(m.synced))
	b = append(b, m.chain[:]...)
	b = append(b, m.identity[:]...)
	b = append(b, m.salt[:]...)
	b = append(b, zeros[:markSlotBytes-len(b)]...)
	seal(b)
	return b
}

func readMark(b []byte) (m mark, version uint32, ok bool) {
	if len(b) < markSlotBytes || [4]byte(b) != markMagic || !sealed(b[:markSlotBytes]) {
		return m, 0, false
	}
	m.serial, m.life = order.Uint64(b[16:]), order.Uint64(b[24:])
	m.first, m.last = order.Uint64(b[32:]), order.Uint64(b[40:])
	m.synced = consensus.Position(order.Uint64(b[48:]))
	copy(m.chain[:], b[56:])
	copy(m.identity[:], b[88:])
	copy(m.salt[:], b[120:])
	return m, order.Uint32(b[8:]), true
}

// writeMark writes the slot whose turn it is, without a sync: that costs one
// write into the page cache, which survives a crash of the process.
func (l *Log) writeMark() error {
	l.mark.serial++
	_, err := l.markFile.WriteAt(l.mark.slot(), int64(l.mark.serial%2)*pageBytes)
	return err
}

// commitMark makes the mark durable, and brings the other slot to the same
// state, so that rot in one slot never brings an older set of segments back.
func (l *Log) commitMark() error {
	if err := l.writeMark(); err != nil {
		return err
	}
	if err := l.markFile.Sync(); err != nil {
		return err
	}
	l.unmarked = 0
	return l.writeMark()
}

// createMark makes the first file of a new log. It appears under its name only
// when it is whole.
func (l *Log) createMark() error {
	f, err := l.fs.Create(markName+newSuffix, markBytes)
	if err != nil {
		return err
	}
	l.markFile = f
	if err := l.commitMark(); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := l.fs.Rename(markName+newSuffix, markName); err != nil {
		return err
	}
	return l.fs.SyncDir()
}

// openMark reads the mark of an existing log.
func (l *Log) openMark() error {
	f, err := l.fs.Open(markName)
	if err != nil {
		return &Damage{File: markName, Reason: "cannot be opened", Cause: err}
	}
	l.markFile = f
	if size, err := f.Size(); err != nil || size != markBytes {
		return &Damage{File: markName, Offset: size, Reason: "has another size than it was made with", Cause: err}
	}
	found := false
	for at := int64(0); at < markBytes; at += pageBytes {
		b := make([]byte, markSlotBytes)
		if _, err := f.ReadAt(b, at); err != nil {
			return &Damage{File: markName, Offset: at, Reason: "cannot be read", Cause: err}
		}
		m, version, ok := readMark(b)
		switch {
		case !ok:
		case version != Version:
			return ErrVersion
		case !found || m.serial > l.mark.serial:
			l.mark, found = m, true
		}
	}
	switch {
	case !found:
		return &Damage{File: markName, Reason: "neither of its two slots is whole"}
	case l.mark.identity != l.config.Identity:
		return ErrForeign
	}
	return nil
}
