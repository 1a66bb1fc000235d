package log

import (
	"fmt"

	"github.com/varangian-bft/varangian/consensus"
)

const windowBytes = 256 << 10

// A reader reads rounds of one segment, through a window, since most are small.
type reader struct {
	file   File
	name   string
	size   int64
	window []byte
	start  int64 // where the window begins in the file
}

// bytes returns n bytes at an offset. They are valid until the next call.
func (r *reader) bytes(offset, n int64) ([]byte, error) {
	if offset+n > r.size {
		return nil, nil
	}
	if offset < r.start || offset+n > r.start+int64(len(r.window)) {
		length := min(max(n, windowBytes), r.size-offset)
		if int64(cap(r.window)) < length {
			r.window = make([]byte, length)
		}
		r.window, r.start = r.window[:length], offset
		if _, err := r.file.ReadAt(r.window, offset); err != nil {
			r.window = r.window[:0]
			return nil, r.damage(offset, "cannot be read", err)
		}
	}
	return r.window[offset-r.start : offset-r.start+n], nil
}

func (r *reader) damage(offset int64, reason string, cause error) error {
	return &Damage{File: r.name, Offset: offset, Reason: reason, Cause: cause}
}

// header returns the round whose header and table stand whole at an offset, and
// its table. It is not found if there is anything else.
func (r *reader) header(offset int64) (head round, table []byte, found bool, err error) {
	b, err := r.bytes(offset, roundHeaderBytes)
	if err != nil || b == nil {
		return head, nil, false, err
	}
	head, ok := readRoundHeader(b)
	if !ok || offset+head.totalBytes() > r.size {
		return head, nil, false, nil
	}
	table, err = r.bytes(offset, int64(head.tableBytes()))
	if err != nil || !sealed(table) {
		return head, nil, false, err
	}
	return head, table, true, nil
}

// round returns a round that is whole, with its records, whose data is theirs to
// keep.
func (r *reader) round(offset int64) (head round, table []byte, records []consensus.Record, found bool, err error) {
	head, b, found, err := r.header(offset)
	if err != nil || !found {
		return head, nil, nil, false, err
	}
	table = append([]byte(nil), b...)
	records, lengths, sums, ok := readTable(table, &head)
	if !ok {
		return head, nil, nil, false, nil
	}
	data := make([]byte, head.bytes)
	if at := offset + int64(head.tableBytes()); len(data) > windowBytes {
		if _, err := r.file.ReadAt(data, at); err != nil {
			return head, nil, nil, false, r.damage(at, "cannot be read", err)
		}
	} else {
		b, err := r.bytes(at, int64(len(data)))
		if err != nil {
			return head, nil, nil, false, err
		}
		copy(data, b)
	}
	return head, table, records, readData(data, records, lengths, sums), nil
}

// proof looks for a round at or after an offset that could only be written when
// the log was durable through position or beyond: then what is lacking before it
// is not a torn tail, but damage (R82).
func (r *reader) proof(offset int64, position consensus.Position, belongs func(*round) bool) error {
	for at := offset; at < r.size; at += pageBytes {
		head, _, found, err := r.header(at)
		if err != nil {
			return err
		}
		if found && belongs(&head) && head.synced >= position {
			reason := fmt.Sprintf("no whole record at position %d, but a later one at offset %d shows that it was synced", position, at)
			return r.damage(offset, reason, nil)
		}
	}
	return nil
}
