package backup

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/crypto/cryptobyte"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/statemachine"
)

// A Reader reads one backup and checks all of it. It is used by one goroutine.
type Reader struct {
	from     *bufio.Reader
	sum      hash.Hash
	offset   uint64
	unpacker *zstd.Decoder

	contents  Contents
	certified *statemachine.Partitions
	have      statemachine.Partitions

	piece  cryptobyte.String // what is left of the piece at hand
	begin  uint64            // where in the file it stands
	packed []byte
	plain  []byte
	last   []byte // the key before
	done   bool
	failed error
}

// Open reads the front of a backup and checks that it is one of the group, or the
// one that the group names as its origin. Its signatures are checked in the first
// case; in the second one the group id vouches for the root. It fails with
// ErrForeign or a *Fault, or as the source does.
func Open(from io.Reader, g *consensus.Group, scheme crypto.Scheme) (*Reader, error) {
	unpacker, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecodeAllCapLimit(true),
		zstd.WithDecoderMaxMemory(pieceBytesMax), zstd.WithDecoderMaxWindow(pieceBytesMax))
	if err != nil {
		return nil, fmt.Errorf("backup: %w", err)
	}
	r := &Reader{from: bufio.NewReaderSize(from, 64<<10), sum: sha256.New(), unpacker: unpacker}
	head, err := r.head()
	if err != nil {
		return nil, err
	}
	if err := r.vouched(head, g, scheme); err != nil {
		return nil, err
	}
	return r, nil
}

// Contents says what the backup is of. The counts are complete once Next has
// returned false.
func (r *Reader) Contents() Contents { return r.contents }

// head reads everything before the entries.
func (r *Reader) head() (h Head, err error) {
	var b [len(magic) + 2 + crypto.DigestSize + 8]byte
	if err := r.read(b[:], "before its head ends"); err != nil {
		return h, err
	}
	if string(b[:len(magic)]) != magic {
		return h, r.fault(0, "this is no backup: it does not begin with %q", magic)
	}
	if v := binary.BigEndian.Uint16(b[len(magic):]); v != version {
		return h, r.fault(uint64(len(magic)), "the backup has format version %d, and this program reads version %d: use a program of its version", v, version)
	}
	rest := cryptobyte.String(b[len(magic)+2:])
	rest.CopyBytes(h.Group[:])
	rest.ReadUint64((*uint64)(&h.Epoch))
	if h.Certificate, err = r.field("certificate", certificateBytesMax); err != nil {
		return h, err
	}
	h.Table, err = r.field("partition table", tableBytesMax)
	return h, err
}

// field reads bytes with their length in front.
func (r *Reader) field(what string, most uint32) ([]byte, error) {
	at := r.offset
	n, err := r.length(what, most)
	if err != nil {
		return nil, err
	}
	b := make([]byte, n)
	if err := r.read(b, "inside its "+what); err != nil {
		return nil, err
	}
	if n == 0 {
		return nil, r.fault(at, "the backup has no %s", what)
	}
	return b, nil
}

func (r *Reader) length(what string, most uint32) (uint32, error) {
	var b [4]byte
	at := r.offset
	if err := r.read(b[:], "before its "+what); err != nil {
		return 0, err
	}
	n := binary.BigEndian.Uint32(b[:])
	if n > most {
		return 0, r.fault(at, "its %s would have %d bytes, and has at most %d", what, n, most)
	}
	return n, nil
}

// read fills b with what counts for the file's hash.
func (r *Reader) read(b []byte, where string) error {
	n, err := io.ReadFull(r.from, b)
	r.sum.Write(b[:n])
	r.offset += uint64(n)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return r.fault(r.offset, "the backup was cut: it ends %s", where)
	}
	return err
}

func (r *Reader) fault(at uint64, format string, args ...any) error {
	r.failed = &Fault{Offset: at, Problem: fmt.Sprintf(format, args...)}
	return r.failed
}

// Next returns the next entry, by ascending key, whose slices are valid until the
// next call. ok is false at the end, when everything has been compared with the
// certificate: only then is what came before to be believed. It fails with a
// *Fault, or as the source does, and after that always.
func (r *Reader) Next() (c statemachine.Change, ok bool, err error) {
	if r.failed != nil || r.done {
		return c, false, r.failed
	}
	for r.piece.Empty() {
		more, err := r.next()
		if err != nil || !more {
			r.failed = err
			return c, false, err
		}
	}
	if c, ok = readEntry(&r.piece); !ok {
		return c, false, r.fault(r.begin, "a piece does not hold whole entries")
	}
	if r.contents.Entries > 0 && bytes.Compare(r.last, c.Key) >= 0 {
		return c, false, r.fault(r.begin, "key %q stands out of order in this piece", c.Key)
	}
	r.last = append(r.last[:0], c.Key...)
	r.have.Add(c.Key, c.Value)
	r.contents.Entries++
	r.contents.Bytes += uint64(8 + len(c.Key) + len(c.Value))
	return c, true, nil
}

func readEntry(s *cryptobyte.String) (c statemachine.Change, ok bool) {
	var size uint32
	if !s.ReadUint32(&size) || uint64(size) > uint64(len(*s)) || !s.ReadBytes(&c.Key, int(size)) {
		return c, false
	}
	ok = s.ReadUint32(&size) && uint64(size) <= uint64(len(*s)) && s.ReadBytes(&c.Value, int(size))
	return c, ok
}

// next reads the next piece, or the end; more is false after the end.
func (r *Reader) next() (more bool, err error) {
	r.begin = r.offset
	var kind [1]byte
	if err := r.read(kind[:], "before its end is marked"); err != nil {
		return false, err
	}
	switch kind[0] {
	case kindEntries:
		return true, r.unpack()
	case kindEnd:
		return false, r.end()
	}
	return false, r.fault(r.begin, "a piece of kind %d, which this version does not know", kind[0])
}

// unpack reads a piece of entries.
func (r *Reader) unpack() error {
	plain, err := r.length("piece of entries", pieceBytesMax)
	if err != nil {
		return err
	}
	packed, err := r.length("piece of compressed entries", packedMax)
	if err != nil {
		return err
	}
	if cap(r.packed) < int(packed) {
		r.packed = make([]byte, packed)
	}
	if cap(r.plain) < int(plain) {
		r.plain = make([]byte, plain)
	}
	b := r.packed[:packed]
	if err := r.read(b, "inside a piece of entries"); err != nil {
		return err
	}
	// It writes within this capacity or fails, whatever size the bytes claim (R103).
	out, err := r.unpacker.DecodeAll(b, r.plain[:0:plain])
	if err != nil || len(out) != int(plain) || plain == 0 {
		return r.fault(r.begin, "a piece of entries does not decompress to its %d bytes", plain)
	}
	r.piece = out
	return nil
}

// end reads the end and compares everything with it and with the certificate.
func (r *Reader) end() error {
	var b [16 + sha256.Size]byte
	if err := r.read(b[:16], "inside its last piece"); err != nil {
		return err
	}
	sum := r.sum.Sum(nil)
	if err := r.read(b[16:], "inside its last piece"); err != nil {
		return err
	}
	if !bytes.Equal(sum, b[16:]) {
		return r.fault(r.begin, "the hash over the file differs from the one at its end: it was damaged or changed")
	}
	if n := binary.BigEndian.Uint64(b[:]); n != r.contents.Entries {
		return r.fault(r.begin, "the end names %d entries, and %d are there", n, r.contents.Entries)
	}
	if n := binary.BigEndian.Uint64(b[8:]); n != r.contents.Bytes {
		return r.fault(r.begin, "the end names %d bytes of entries, and %d are there", n, r.contents.Bytes)
	}
	at := r.offset
	if _, err := r.from.ReadByte(); err == nil {
		return r.fault(at, "something follows the end of the backup")
	} else if !errors.Is(err, io.EOF) {
		return err
	}
	copy(r.contents.Sum[:], sum)
	if err := r.compare(); err != nil {
		return err
	}
	r.done = true
	return nil
}
