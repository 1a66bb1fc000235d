package backup

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"io"

	"github.com/klauspost/compress/zstd"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
)

// A Head says of what a file is the backup.
type Head struct {
	Group       crypto.Digest
	Epoch       consensus.Epoch
	Certificate []byte // wire.SnapshotCertificate
	Table       []byte // statemachine.Partitions, at Version 0: the one of its store means nothing elsewhere
}

// A Writer writes one backup. It is used by one goroutine.
type Writer struct {
	to      io.Writer
	sum     hash.Hash
	packer  *zstd.Encoder
	piece   []byte
	packed  []byte
	entries uint64
	bytes   uint64
}

// NewWriter begins a backup. What it writes is whole when Close has returned.
func NewWriter(to io.Writer, h Head) (*Writer, error) {
	if len(h.Certificate) > certificateBytesMax || len(h.Table) > tableBytesMax {
		return nil, fmt.Errorf("backup: a certificate of %d and a table of %d bytes", len(h.Certificate), len(h.Table))
	}
	packer, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest),
		zstd.WithWindowSize(pieceBytes), zstd.WithLowerEncoderMem(true))
	if err != nil {
		return nil, fmt.Errorf("backup: %w", err)
	}
	w := &Writer{to: to, sum: sha256.New(), packer: packer}
	b := append([]byte(magic), 0, version)
	b = append(b, h.Group[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(h.Epoch))
	b = binary.BigEndian.AppendUint32(b, uint32(len(h.Certificate)))
	b = append(b, h.Certificate...)
	b = binary.BigEndian.AppendUint32(b, uint32(len(h.Table)))
	return w, w.put(append(b, h.Table...))
}

func (w *Writer) put(b []byte) error {
	w.sum.Write(b)
	_, err := w.to.Write(b)
	return err
}

// Add adds the next entry, by ascending key. It keeps neither slice.
func (w *Writer) Add(key, value []byte) error {
	size := 8 + len(key) + len(value)
	if size > pieceBytesMax {
		return fmt.Errorf("backup: an entry of %d bytes", size)
	}
	if len(w.piece) > 0 && len(w.piece)+size > pieceBytes {
		if err := w.flush(); err != nil {
			return err
		}
	}
	w.piece = binary.BigEndian.AppendUint32(w.piece, uint32(len(key)))
	w.piece = append(w.piece, key...)
	w.piece = binary.BigEndian.AppendUint32(w.piece, uint32(len(value)))
	w.piece = append(w.piece, value...)
	w.entries++
	w.bytes += uint64(size)
	return nil
}

// flush writes the piece at hand.
func (w *Writer) flush() error {
	if len(w.piece) == 0 {
		return nil
	}
	const front = 1 + 4 + 4
	b := append(w.packed[:0], kindEntries)
	b = binary.BigEndian.AppendUint32(b, uint32(len(w.piece)))
	b = append(b, 0, 0, 0, 0)
	b = w.packer.EncodeAll(w.piece, b)
	binary.BigEndian.PutUint32(b[5:], uint32(len(b)-front))
	w.packed, w.piece = b, w.piece[:0]
	return w.put(b)
}

// Close ends the backup. It does not close what it writes to.
func (w *Writer) Close() error {
	if err := w.flush(); err != nil {
		return err
	}
	b := binary.BigEndian.AppendUint64([]byte{kindEnd}, w.entries)
	if err := w.put(binary.BigEndian.AppendUint64(b, w.bytes)); err != nil {
		return err
	}
	return w.put(w.sum.Sum(nil))
}
