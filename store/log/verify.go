package log

import (
	"errors"
	"fmt"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
)

// A Report is what Verify found in a log.
type Report struct {
	Segments int
	Records  uint64
	Through  consensus.Position // of the last whole record
	Synced   consensus.Position // as the mark says
	Notes    []Damage           // what is not whole and is not needed either
}

// Verify reads all of a log as Open does, and changes nothing (R82, R83). Every
// record passes through replay, as with Open. An error of Verify is what Open would
// refuse the log for; the report goes as far as Verify came.
func Verify(fs FS, identity crypto.Digest, replay func(consensus.Record) error) (Report, error) {
	l := &Log{fs: fs, config: Config{Identity: identity, MustExist: true}, next: 1}
	defer l.abandon()
	var found Report
	err := l.verify(&found, func(r consensus.Record) error {
		found.Records++
		return replay(r)
	})
	found.Segments, found.Synced = len(l.segments), l.mark.synced
	if l.next > 0 {
		found.Through = l.next - 1
	}
	return found, err
}

func (l *Log) verify(found *Report, replay func(consensus.Record) error) error {
	in, err := l.look()
	if err != nil {
		return err
	}
	if !in.mark {
		return l.begin(in) // never makes one, since one must exist
	}
	if err := l.openMark(); err != nil {
		return err
	}
	if err := l.verifyMark(found); err != nil {
		return err
	}
	if _, err := l.leftovers(in); err != nil {
		return err
	}
	l.chain = crypto.Hash(crypto.KindRecord, l.mark.identity[:], l.mark.salt[:])
	rec := recovery{log: l, replay: replay, life: l.mark.life}
	for n := l.mark.first; n <= l.mark.last; n++ {
		if err := rec.segment(n); err != nil {
			return err
		}
	}
	return rec.whole()
}

// verifyMark names slots that the mark can do without.
func (l *Log) verifyMark(found *Report) error {
	for i := range 3 {
		_, whole, err := l.readSlot(i)
		if err != nil && !errors.Is(err, ErrVersion) {
			return err
		}
		if !whole && (i < 2 || l.mark.synced > 0) { // the third one is written after the first sync
			found.Notes = append(found.Notes, Damage{
				File: markName, Offset: int64(i) * pageBytes,
				Reason: fmt.Sprintf("slot %d is not whole; the others say the same", i+1),
			})
		}
	}
	return nil
}
