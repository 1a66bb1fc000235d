package log

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"strconv"
	"strings"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
)

// Version is the version of the format on disk.
const Version = 1

// RecordBytesMax is the largest Data of a record.
const RecordBytesMax = 64 << 20

const (
	// pageBytes aligns every write, so that no write touches a page that holds
	// synced bytes, and none makes the kernel read a page first.
	pageBytes = 4096

	roundHeaderBytes  = 96
	recordHeaderBytes = 17
	roundBytesTarget  = 1 << 20 // a round takes no further record above this
	roundRecordsMax   = 1 << 14

	segmentHeaderBytes = 128
	markSlotBytes      = 144
	markBytes          = 3 * pageBytes

	markName     = "mark"
	spareName    = "spare"
	newSuffix    = ".new" // a file that is still being made
	segmentStart = "segment-"
)

var (
	roundMagic   = [4]byte{'V', 'G', 'L', 'R'}
	segmentMagic = [4]byte{'V', 'G', 'L', 'S'}
	markMagic    = [4]byte{'V', 'G', 'L', 'M'}

	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	order      = binary.BigEndian
)

// Salt makes the bytes of a log unpredictable to those whose requests it holds:
// without it a client could write something that looks like a later round, and
// make a torn tail look like damage.
type Salt [16]byte

func segmentName(number uint64) string { return fmt.Sprintf("%s%016d", segmentStart, number) }

func segmentNumber(name string) (uint64, bool) {
	digits, ok := strings.CutPrefix(name, segmentStart)
	if !ok || len(digits) != 16 {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 10, 64)
	return n, err == nil && n > 0
}

func pages(bytes int64) int64 { return (bytes + pageBytes - 1) / pageBytes * pageBytes }

func seal(b []byte)          { order.PutUint32(b[4:], crc32.Checksum(b[8:], castagnoli)) }
func sealed(b []byte) bool   { return order.Uint32(b[4:]) == crc32.Checksum(b[8:], castagnoli) }
func crc(data []byte) uint32 { return crc32.Checksum(data, castagnoli) }

// A segmentHeader opens a segment.
type segmentHeader struct {
	number   uint64
	size     int64              // of the file
	base     consensus.Position // of its first record
	previous crypto.Digest      // of the last round of the segment before
	identity crypto.Digest
	salt     Salt
}

// page returns the first page of the segment.
func (h *segmentHeader) page() []byte {
	page := make([]byte, pageBytes)
	b := append(page[:0], segmentMagic[:]...)
	b = order.AppendUint32(b, 0)
	b = order.AppendUint32(b, Version)
	b = order.AppendUint32(b, 0)
	b = order.AppendUint64(b, h.number)
	b = order.AppendUint64(b, uint64(h.size))
	b = order.AppendUint64(b, uint64(h.base))
	b = append(b, h.previous[:]...)
	b = append(b, h.identity[:]...)
	_ = append(b, h.salt[:]...) // b lies in page
	seal(page[:segmentHeaderBytes])
	return page
}

func readSegmentHeader(b []byte) (h segmentHeader, version uint32, ok bool) {
	if len(b) < segmentHeaderBytes || [4]byte(b) != segmentMagic || !sealed(b[:segmentHeaderBytes]) {
		return h, 0, false
	}
	h.number, h.size = order.Uint64(b[16:]), int64(order.Uint64(b[24:]))
	h.base = consensus.Position(order.Uint64(b[32:]))
	copy(h.previous[:], b[40:])
	copy(h.identity[:], b[72:])
	copy(h.salt[:], b[104:])
	return h, order.Uint32(b[8:]), true
}

// A round is the unit of writing: records of consecutive positions, written with
// one pwrite.
type round struct {
	segment  uint64
	life     uint64 // number of the Open that wrote it
	first    consensus.Position
	synced   consensus.Position // the log was durable through here when it was written
	bytes    uint32             // data of all records
	count    uint32
	salt     Salt
	previous crypto.Digest // of the round before
}

// tableBytes is the length of header and table together.
func (r *round) tableBytes() int { return roundHeaderBytes + recordHeaderBytes*int(r.count) }

// totalBytes is what the round takes in its segment.
func (r *round) totalBytes() int64 { return pages(int64(r.tableBytes()) + int64(r.bytes)) }

func (r *round) last() consensus.Position { return r.first + consensus.Position(r.count) - 1 }

// appendRound appends the whole round, padded to a page, and returns its digest.
func appendRound(b []byte, r *round, records []consensus.Record) ([]byte, crypto.Digest) {
	start := len(b)
	b = append(b, roundMagic[:]...)
	b = order.AppendUint32(b, 0)
	b = order.AppendUint64(b, r.segment)
	b = order.AppendUint64(b, r.life)
	b = order.AppendUint64(b, uint64(r.first))
	b = order.AppendUint64(b, uint64(r.synced))
	b = order.AppendUint32(b, r.bytes)
	b = order.AppendUint32(b, r.count)
	b = append(b, r.salt[:]...)
	b = append(b, r.previous[:]...)
	for i := range records {
		b = order.AppendUint32(b, uint32(len(records[i].Data)))
		b = order.AppendUint32(b, crc(records[i].Data))
		b = order.AppendUint64(b, uint64(records[i].Position))
		b = append(b, byte(records[i].Kind))
	}
	seal(b[start:])
	digest := crypto.Hash(crypto.KindRecord, b[start+8:])
	for i := range records {
		b = append(b, records[i].Data...)
	}
	if pad := (pageBytes - (len(b)-start)%pageBytes) % pageBytes; pad > 0 {
		b = append(b, zeros[:pad]...)
	}
	return b, digest
}

var zeros [pageBytes]byte

// readRoundHeader reads the fixed part, of which only the range of the lengths is
// checked: roundSealed checks the rest.
func readRoundHeader(b []byte) (r round, ok bool) {
	if len(b) < roundHeaderBytes || [4]byte(b) != roundMagic {
		return r, false
	}
	r.segment, r.life = order.Uint64(b[8:]), order.Uint64(b[16:])
	r.first = consensus.Position(order.Uint64(b[24:]))
	r.synced = consensus.Position(order.Uint64(b[32:]))
	r.bytes, r.count = order.Uint32(b[40:]), order.Uint32(b[44:])
	copy(r.salt[:], b[48:])
	copy(r.previous[:], b[64:])
	return r, r.count > 0 && r.count <= roundRecordsMax && r.bytes <= RecordBytesMax &&
		r.synced < r.first && r.last() >= r.first
}

// readTable checks header and table, which fill b, against their checksum and
// each other, and returns the records without their data, and the checksums of
// that.
func readTable(b []byte, r *round) (records []consensus.Record, lengths, sums []uint32, ok bool) {
	if !sealed(b) {
		return nil, nil, nil, false
	}
	records = make([]consensus.Record, r.count)
	lengths, sums = make([]uint32, r.count), make([]uint32, r.count)
	total := uint64(0)
	for i := range records {
		e := b[roundHeaderBytes+i*recordHeaderBytes:]
		lengths[i], sums[i] = order.Uint32(e), order.Uint32(e[4:])
		records[i].Position = consensus.Position(order.Uint64(e[8:]))
		records[i].Kind = consensus.RecordKind(e[16])
		total += uint64(lengths[i])
		if records[i].Position != r.first+consensus.Position(i) || lengths[i] > RecordBytesMax {
			return nil, nil, nil, false
		}
	}
	return records, lengths, sums, total == uint64(r.bytes)
}

// readData gives each record its part of the data, and checks it.
func readData(data []byte, records []consensus.Record, lengths, sums []uint32) bool {
	for i, n := range lengths {
		records[i].Data = data[:n:n]
		if crc(records[i].Data) != sums[i] {
			return false
		}
		data = data[n:]
	}
	return true
}
