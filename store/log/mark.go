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
// far they were synced (R82). Its file has three slots. The last one is written
// after each sync of a segment, and not itself synced: a crash may tear it. The
// other two are written in turn and synced, so that one of them is always whole.
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

// noteMark notes how far the log is synced, without a sync: that costs one write
// into the page cache, which survives a crash of the process.
func (l *Log) noteMark() error {
	if l.unmarked++; l.unmarked == MarkLagSyncs {
		return l.commitMark()
	}
	return l.writeMark(2)
}

func (l *Log) writeMark(slot int) error {
	l.mark.serial++
	_, err := l.markFile.WriteAt(l.mark.slot(), int64(slot)*pageBytes)
	return err
}

// commitMark makes the mark durable, and brings the other slot to the same
// state, so that rot in one slot never brings an older set of segments back.
func (l *Log) commitMark() error {
	if err := l.writeMark(l.turn); err != nil {
		return err
	}
	if err := l.markFile.Sync(); err != nil {
		return err
	}
	l.turn = 1 - l.turn
	l.unmarked = 0
	return l.writeMark(l.turn)
}

// refreshMark makes the mark of a log that was just opened durable. It cannot be
// seen which of the first two slots reached the disk before the crash. Both are
// left alone, therefore, until the third one holds what is known.
func (l *Log) refreshMark() error {
	if err := l.writeMark(2); err != nil {
		return err
	}
	if err := l.markFile.Sync(); err != nil {
		return err
	}
	return l.commitMark()
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
	for i := range 3 {
		m, whole, err := l.readSlot(i)
		if err != nil {
			return err
		}
		if whole && m.serial > l.mark.serial {
			l.mark = m
		}
	}
	switch {
	case l.mark.serial == 0:
		return &Damage{File: markName, Reason: "none of its slots is whole"}
	case l.mark.identity != l.config.Identity:
		return ErrForeign
	}
	return nil
}

func (l *Log) readSlot(slot int) (m mark, whole bool, err error) {
	b, at := make([]byte, markSlotBytes), int64(slot)*pageBytes
	if _, err := l.markFile.ReadAt(b, at); err != nil {
		return m, false, &Damage{File: markName, Offset: at, Reason: "cannot be read", Cause: err}
	}
	m, version, whole := readMark(b)
	if whole && version != Version {
		return m, false, ErrVersion
	}
	return m, whole, nil
}
