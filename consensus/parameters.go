package consensus

import (
	"fmt"
	"time"

	"golang.org/x/crypto/cryptobyte"
)

// Parameters are the limits and intervals that all replicas of a group must
// agree on, because a vote or a result depends on them. They are part of the
// genesis configuration and so of the group id.
type Parameters struct {
	CheckpointInterval uint64 // K: a checkpoint every K sequence numbers (R48)
	Window             uint64 // L: sequence numbers above the low water mark; at least 2K
	SnapshotInterval   uint64 // a snapshot every that many checkpoints

	BatchBytesMax        uint64 // sum of the request encodings in one batch
	BatchRequestsMax     uint64 // requests in one batch
	RequestBytesMax      uint64 // encoding of one request, signature included
	RequestOperationsMax uint64 // operations in one request
	KeyBytesMax          uint64 // application key
	ValueBytesMax        uint64 // value stored under one key
	ResultBytesMax       uint64 // result of one operation; a scan is cut before it
	WriteSetBytesMax     uint64 // keys and values written by one operation (R111)
	ReadsMax             uint64 // reads and scanned entries of one operation (R110)

	SessionWindow     uint64 // W: timestamps accepted above the highest one done (R26)
	SessionsPerClient uint64 // M: sessions of one key kept; the least recently used is evicted (R26)
	SessionBytesMax   uint64 // results kept per session; above it only digests remain (R28)
	ClientsMax        uint64 // enrolled clients and operators

	DriftMax time.Duration // how far a proposed time may be from a backup's clock (R37)
}

// DefaultParameters are the values from which a group starts, and the one place
// where they stand.
func DefaultParameters() Parameters {
	return Parameters{
		CheckpointInterval:   128,
		Window:               512,
		SnapshotInterval:     16,
		BatchBytesMax:        512 << 10,
		BatchRequestsMax:     2048,
		RequestBytesMax:      256 << 10,
		RequestOperationsMax: 512,
		KeyBytesMax:          1 << 10,
		ValueBytesMax:        64 << 10,
		ResultBytesMax:       256 << 10,
		WriteSetBytesMax:     256 << 10,
		ReadsMax:             10_000,
		SessionWindow:        1024,
		SessionsPerClient:    8,
		SessionBytesMax:      256 << 10,
		ClientsMax:           4096,
		DriftMax:             60 * time.Second,
	}
}

// Validate reports the first value that no group can work with.
func (p Parameters) Validate() error {
	for _, b := range p.bounds() {
		if b.value < b.least || b.value > b.most {
			return fmt.Errorf("parameter %s is %d; it must be from %d to %d", b.name, b.value, b.least, b.most)
		}
	}
	if p.Window < 2*p.CheckpointInterval || p.Window%p.CheckpointInterval != 0 {
		return fmt.Errorf("parameter window is %d; it must be a multiple of checkpoint_interval (%d), at least twice it", p.Window, p.CheckpointInterval)
	}
	if p.BatchBytesMax < p.RequestBytesMax {
		return fmt.Errorf("parameter batch_bytes_max is %d; it must hold one request of request_bytes_max (%d)", p.BatchBytesMax, p.RequestBytesMax)
	}
	// A session is stored under one key: its results, and what is kept of each
	// request in its window.
	if entry := p.SessionBytesMax + sessionEntryBytes*p.SessionWindow; entry > storedBytesMax {
		return fmt.Errorf("parameters session_bytes_max and session_window need %d bytes for one session; at most %d can be stored", entry, uint64(storedBytesMax))
	}
	return nil
}

const (
	// sessionEntryBytes is more than a session keeps of a request beside its results.
	sessionEntryBytes = 128
	// storedBytesMax is the largest value that a store takes under one key.
	storedBytesMax = 1<<20 - 4096
)

// A bound is one parameter with its permitted range, under its name in the
// group file.
type bound struct {
	name               string
	value, least, most uint64
}

func (p Parameters) bounds() []bound {
	return []bound{
		{"checkpoint_interval", p.CheckpointInterval, 1, 1 << 16},
		{"window", p.Window, 2, 1 << 17},
		{"snapshot_interval", p.SnapshotInterval, 1, 1 << 10},
		{"batch_bytes_max", p.BatchBytesMax, 1 << 10, 4 << 20},
		{"batch_requests_max", p.BatchRequestsMax, 1, 1 << 14},
		{"request_bytes_max", p.RequestBytesMax, 512, 2 << 20},
		{"request_operations_max", p.RequestOperationsMax, 1, 1 << 14},
		{"key_bytes_max", p.KeyBytesMax, 16, 16 << 10},
		{"value_bytes_max", p.ValueBytesMax, 16, storedBytesMax},
		{"result_bytes_max", p.ResultBytesMax, 64, 1 << 20},
		{"write_set_bytes_max", p.WriteSetBytesMax, 64, 4 << 20},
		{"reads_max", p.ReadsMax, 1, 1 << 20},
		{"session_window", p.SessionWindow, 1, 1 << 16},
		{"sessions_per_client", p.SessionsPerClient, 1, 1 << 10},
		{"session_bytes_max", p.SessionBytesMax, 0, 16 << 20},
		{"clients_max", p.ClientsMax, 1, 1 << 20},
		{"drift_max_ns", uint64(p.DriftMax), uint64(time.Millisecond), uint64(24 * time.Hour)},
	}
}

// marshal appends the fixed encoding that the group id covers.
func (p Parameters) marshal(b *cryptobyte.Builder) {
	for _, v := range p.bounds() {
		b.AddUint64(v.value)
	}
}
