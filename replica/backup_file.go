package replica

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/internal/backup"
	"github.com/varangian-bft/varangian/statemachine"
)

// A Backup says what a verified backup holds.
type Backup struct {
	File      string             `json:"file"`
	Group     crypto.Digest      `json:"group_id"`
	Epoch     consensus.Epoch    `json:"epoch"`
	Sequence  consensus.Sequence `json:"sequence"`           // of the snapshot
	Digest    crypto.Digest      `json:"digest"`             // root over its partitions: covers the whole state
	Chain     crypto.Digest      `json:"chain"`              // its write-set chain
	Signers   []string           `json:"signers"`            // whose signatures hold
	Entries   uint64             `json:"entries"`            // of the state
	Bytes     uint64             `json:"bytes"`              // of them
	FileBytes int64              `json:"file_bytes"`         // after compression
	Executed  consensus.Sequence `json:"executed,omitempty"` // by the replica when the backup began; what is above Sequence is not in it
	Stopped   bool               `json:"stopped,omitempty"`  // the replica does not run: Executed is its durable checkpoint, and it may have executed more
	Recovers  bool               `json:"recovers,omitempty"` // who was restored from it signs nothing until that is safe

	clients []consensus.Enrolment
}

// Origin returns what a group names that begins with the backup.
func (b *Backup) Origin() consensus.Origin {
	return consensus.Origin{Group: b.Group, Epoch: b.Epoch, Sequence: b.Sequence, Chain: b.Chain, Root: b.Digest}
}

// Clients returns who was enrolled at the snapshot, by key.
func (b *Backup) Clients() []consensus.Enrolment { return b.clients }

// A BackupRequest says which backup to write.
type BackupRequest struct {
	DataDir string // of the replica, which may run
	Group   *consensus.Group
	Out     string                 // where nothing is yet
	Rate    int                    // MiB of the state per second; 0 means BackupRateDefault
	Report  func(done, all uint64) // called now and then with entries; may be nil
}

// SaveBackup writes a backup of a replica into a file, verifies it as it comes, and
// gives the file its name only when all of it is durable and holds. It never
// overwrites. It fails with ErrNoSnapshot while the group is too young.
func SaveBackup(ctx context.Context, q BackupRequest) (*Backup, error) {
	if q.Rate == 0 {
		q.Rate = BackupRateDefault
	}
	if _, err := os.Lstat(q.Out); !errors.Is(err, os.ErrNotExist) {
		return nil, exists(q.Out, err)
	}
	from, err := openSource(ctx, q.DataDir, q.Group, q.Rate)
	if err != nil {
		return nil, err
	}
	b, err := save(from, q)
	// What ended the source early is the reason for what is wrong with the file.
	if end := from.end(); err != nil && end != nil {
		err = end
	}
	if err == nil {
		return b, nil
	}
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return nil, err
}

func exists(path string, err error) error {
	if err == nil {
		err = errors.New("something is there; a backup is never written over another, so choose a new name")
	}
	return failure(ExitSurroundings, "%s: %w", path, err)
}

// save writes what comes under a temporary name, and names it when it is whole.
func save(from *source, q BackupRequest) (*Backup, error) {
	dir, name := filepath.Split(q.Out)
	if dir == "" {
		dir = "."
	}
	file, err := os.CreateTemp(dir, "."+name+".partial-*")
	if err != nil {
		return nil, failure(ExitSurroundings, "backup: %w", err)
	}
	defer os.Remove(file.Name()) // its second name stays
	defer file.Close()
	to := &keeping{to: file}
	b, err := readBackup(io.TeeReader(from, to), q.Group, q.Report)
	if to.err != nil {
		return nil, failure(ExitDisk, "backup: %w", to.err)
	}
	if fault := new(backup.Fault); errors.As(err, &fault) {
		return nil, failure(ExitDisk, "the replica's state does not give the snapshot that was certified: %w; look for damage with replica verify, and back another replica up", err)
	}
	if err != nil {
		return nil, err
	}
	if err := file.Sync(); err != nil {
		return nil, failure(ExitDisk, "backup: %w", err)
	}
	// Unlike a rename it never replaces what came to be there meanwhile.
	if err := os.Link(file.Name(), q.Out); err != nil {
		return nil, exists(q.Out, err)
	}
	b.File, b.FileBytes = q.Out, to.bytes
	if from.executed > 0 { // asked before the newest snapshot was looked for
		b.Executed, b.Stopped = max(from.executed, b.Sequence), from.stopped
	}
	return b, durably(dir, func() error { return nil })
}

// keeping counts what is written and remembers why it could not be: to a reader
// that passes it on, the reason would look like one of the source.
type keeping struct {
	to    io.Writer
	bytes int64
	err   error
}

// Write implements io.Writer.
func (k *keeping) Write(p []byte) (int, error) {
	n, err := k.to.Write(p)
	k.bytes += int64(n)
	k.err = err
	return n, err
}

// VerifyBackup checks a backup offline: the certificate against the group's
// members, or against the snapshot that the group names as its origin, and
// everything in the file against the certificate (R93, R94).
func VerifyBackup(ctx context.Context, path string, g *consensus.Group, report func(done, all uint64)) (*Backup, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, failure(ExitSurroundings, "backup: %w", err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, failure(ExitSurroundings, "backup: %w", err)
	}
	b, err := readBackup(ending{ctx, file}, g, report)
	if err != nil {
		return nil, backupError(path, err)
	}
	b.File, b.FileBytes = path, info.Size()
	return b, nil
}

// backupError gives what is wrong with a file its exit status.
func backupError(path string, err error) error {
	fault := new(backup.Fault)
	switch {
	case errors.Is(err, backup.ErrForeign):
		return failure(ExitSurroundings, "%s: %w", path, err)
	case errors.As(err, &fault):
		return failure(ExitUsage, "%s is refused %w", path, err)
	}
	return fmt.Errorf("%s: %w", path, err)
}

// ending is a reader that ends with its context.
type ending struct {
	ctx  context.Context
	from io.Reader
}

// Read implements io.Reader.
func (e ending) Read(p []byte) (int, error) {
	if err := e.ctx.Err(); err != nil {
		return 0, err
	}
	return e.from.Read(p)
}

// reportEvery is how many entries pass between two reports.
const reportEvery = 1024

// readBackup reads a whole backup, and checks all of it.
func readBackup(from io.Reader, g *consensus.Group, report func(done, all uint64)) (*Backup, error) {
	r, err := backup.Open(from, g, crypto.Ed25519)
	if err != nil {
		return nil, err
	}
	b := &Backup{Signers: []string{}}
	for {
		e, ok, err := r.Next()
		if err != nil {
			return nil, err
		}
		c := r.Contents()
		if report != nil && (c.Entries%reportEvery == 0 || !ok) {
			report(c.Entries, c.Certain)
		}
		if !ok {
			b.describe(c, g)
			return b, nil
		}
		if client, ok := statemachine.ReadClient(e); ok {
			b.clients = append(b.clients, client)
		}
	}
}

func (b *Backup) describe(c backup.Contents, g *consensus.Group) {
	b.Group, b.Epoch, b.Sequence, b.Digest, b.Chain = c.Group, c.Epoch, c.Snapshot.Sequence, c.Snapshot.Root, c.Snapshot.Chain
	b.Entries, b.Bytes = c.Entries, c.Bytes
	for _, id := range c.Signers {
		m, _ := g.Member(id)
		b.Signers = append(b.Signers, m.Name)
	}
}
