package replica

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/internal/backup"
	"github.com/varangian-bft/varangian/replica/core"
	"github.com/varangian-bft/varangian/statemachine"
	"github.com/varangian-bft/varangian/store/state"
)

// How fast a backup reads the state, in MiB per second.
const (
	BackupRateDefault = 32
	BackupRateMax     = 4096
)

const (
	// backupStall ends a backup whose reader takes nothing: until then the tables
	// that were compacted meanwhile stay on the disk (R55).
	backupStall = 10 * time.Second
	// backupTries is how often a backup begins again since a newer snapshot was
	// certified before it could begin to read.
	backupTries = 8
	// pauseBytes is what is read between two pauses.
	pauseBytes = 128 << 10

	errorTrailer   = "Backup-Error"
	executedHeader = "Replica-Executed"
)

// ErrNoSnapshot says that no snapshot is certified yet, of which there could be a
// backup.
var ErrNoSnapshot = errors.New("no snapshot is certified yet")

// noSnapshot says when there will be one.
func noSnapshot(g *consensus.Group, executed consensus.Sequence) error {
	p := &g.Genesis.Parameters
	return failure(ExitSurroundings, "%w: one is made every %d sequence numbers, and this replica has executed %d; try again later, or wait with --wait",
		ErrNoSnapshot, p.CheckpointInterval*p.SnapshotInterval, executed)
}

// A pace holds a reader of the state back to a number of bytes per second, so that
// it takes little from those who order and execute (R96).
type pace struct {
	perSecond float64
	spent     int
	due       time.Time
}

func newPace(mebibytesPerSecond int) *pace {
	return &pace{perSecond: float64(mebibytesPerSecond << 20), due: time.Now()}
}

// spend waits until n more bytes may be read.
func (p *pace) spend(ctx context.Context, n int) error {
	if p.spent += n; p.spent < pauseBytes {
		return ctx.Err()
	}
	now := time.Now()
	if p.due.Before(now) {
		p.due = now
	}
	p.due = p.due.Add(time.Duration(float64(p.spent) / p.perSecond * float64(time.Second)))
	p.spent = 0
	timer := time.NewTimer(p.due.Sub(now))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// writeBackup writes the newest certified snapshot of a store. It reads it in one
// scan, which no later snapshot, nor the compaction behind it, takes away (R55).
func writeBackup(ctx context.Context, store statemachine.Store, g *consensus.Group, to io.Writer, p *pace) error {
	for try := 1; ; try++ {
		certificate, table, err := core.SavedSnapshot(g, store, crypto.Ed25519)
		if err != nil {
			return err
		}
		if certificate.Sequence == 0 {
			return ErrNoSnapshot // that of genesis is no one's statement
		}
		// The version is that of this store alone.
		table.Version = 0
		head := backup.Head{Group: g.ID, Epoch: g.Epoch, Certificate: certificate.Marshal(), Table: table.Marshal()}
		begun, err := writeSnapshot(ctx, store, certificate.Sequence, head, to, p)
		if begun || try == backupTries || !errors.Is(err, statemachine.ErrRetired) {
			return err
		}
	}
}

// writeSnapshot writes the state at a snapshot; begun is true if something of it
// was written.
func writeSnapshot(ctx context.Context, store statemachine.Store, at consensus.Sequence, head backup.Head, to io.Writer, p *pace) (begun bool, err error) {
	m, err := store.Marker()
	if err != nil {
		return false, err
	}
	var w *backup.Writer
	var failed error
	err = store.Scan(nil, nil, min(statemachine.VersionAt(at, 255), m.Version), func(key, value []byte) bool {
		if w == nil {
			begun = true
			if w, failed = backup.NewWriter(to, head); failed != nil {
				return false
			}
		}
		if failed = w.Add(key, value); failed == nil {
			failed = p.spend(ctx, len(key)+len(value))
		}
		return failed == nil
	})
	switch {
	case err != nil || failed != nil:
		return begun, errors.Join(err, failed)
	case w == nil:
		return false, fmt.Errorf("%w: the state at %d is empty", statemachine.ErrRot, at)
	}
	return true, w.Close()
}

// serveBackup streams a backup to whoever may open the control socket.
func (r *Replica) serveBackup(w http.ResponseWriter, q *http.Request) {
	if !r.backups.TryLock() {
		http.Error(w, "another backup of this replica is under way: wait for its end", http.StatusTooManyRequests)
		return
	}
	defer r.backups.Unlock()
	rate, err := strconv.Atoi(q.FormValue("rate"))
	if err != nil || rate < 1 || rate > BackupRateMax {
		http.Error(w, fmt.Sprintf("rate is %q; want 1 to %d MiB per second", q.FormValue("rate"), BackupRateMax), http.StatusBadRequest)
		return
	}
	executed := r.Status().Executed
	w.Header().Set("Trailer", errorTrailer)
	w.Header().Set(executedHeader, strconv.FormatUint(uint64(executed), 10))
	to := &lively{to: w, control: http.NewResponseController(w)}
	_ = to.control.SetReadDeadline(time.Time{}) // the request is read; its deadline would end the exchange
	began := time.Now()
	err = writeBackup(q.Context(), r.store, r.cfg.Group, to, newPace(rate))
	suspected(err, r.driver.internal) // an answer from this state may not leave either
	switch {
	case err == nil:
		r.logger.Info("backup written", "bytes", to.bytes, "seconds", time.Since(began).Seconds())
	case errors.Is(err, ErrNoSnapshot):
		http.Error(w, noSnapshot(r.cfg.Group, executed).Error(), http.StatusConflict)
	case to.bytes == 0:
		http.Error(w, err.Error(), http.StatusInternalServerError)
	default:
		// The end of the file is missing, so that nobody takes it for whole.
		w.Header().Set(errorTrailer, strings.ReplaceAll(err.Error(), "\n", "; "))
		r.logger.Warn("backup ended early", "reason", err)
	}
}

// lively gives each write of an answer its own time to be taken.
type lively struct {
	to      io.Writer
	control *http.ResponseController
	bytes   int
}

// Write implements io.Writer.
func (l *lively) Write(b []byte) (int, error) {
	if err := l.control.SetWriteDeadline(time.Now().Add(backupStall)); err != nil {
		return 0, err
	}
	n, err := l.to.Write(b)
	l.bytes += n
	return n, err
}

// A source is a backup as it comes.
type source struct {
	io.Reader
	executed consensus.Sequence // by the replica when it began; if it does not run, by its durable checkpoint
	stopped  bool               // it does not run, and may have executed more
	end      func() error       // after the reader's end: what ended it early
}

// openSource asks the replica that runs on a data folder for a backup, or reads
// the folder itself if none runs there.
func openSource(ctx context.Context, dataDir string, g *consensus.Group, rate int) (*source, error) {
	answer, err := askControl(ctx, dataDir, "/backup?rate="+strconv.Itoa(rate), 0)
	if err != nil {
		return folderSource(ctx, dataDir, g, rate)
	}
	s := &source{Reader: answer.Body}
	if answer.StatusCode != http.StatusOK {
		defer answer.Body.Close()
		text, _ := io.ReadAll(io.LimitReader(answer.Body, 4<<10)) // half a reason is one
		reason := strings.TrimSpace(string(text))
		if answer.StatusCode == http.StatusConflict {
			return nil, failure(ExitSurroundings, "%w%s", ErrNoSnapshot, strings.TrimPrefix(reason, ErrNoSnapshot.Error()))
		}
		return nil, failure(ExitSurroundings, "the replica gives no backup: %s", reason)
	}
	n, _ := strconv.ParseUint(answer.Header.Get(executedHeader), 10, 64) // 0 says that nobody knows
	s.executed = consensus.Sequence(n)
	s.end = func() error {
		defer answer.Body.Close()
		if reason := answer.Trailer.Get(errorTrailer); reason != "" {
			return failure(ExitDisk, "the replica ended the backup early: %s", reason)
		}
		return nil
	}
	return s, nil
}

// folderSource reads the state of a replica that does not run. It holds the
// folder's lock until the end, so that none starts meanwhile (R87).
func folderSource(ctx context.Context, dataDir string, g *consensus.Group, rate int) (*source, error) {
	id, err := folderIdentity(dataDir, g)
	if err != nil {
		return nil, err
	}
	lock, err := lockStopped(dataDir)
	if err != nil {
		return nil, err
	}
	store, err := state.Open(state.Config{Dir: filepath.Join(dataDir, "state"), Identity: id})
	if err != nil {
		unlock(lock)
		if stateDamaged(err) {
			return nil, fmt.Errorf("%w; take the backup from another replica", stateError(err))
		}
		return nil, stateError(err)
	}
	m, err := store.Marker()
	if err != nil {
		err = errors.Join(stateError(err), store.Close())
		unlock(lock)
		return nil, err
	}
	executed := m.Version.Sequence()
	ctx, stop := context.WithCancel(ctx)
	from, to := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := writeBackup(ctx, store, g, to, newPace(rate))
		if errors.Is(err, ErrNoSnapshot) {
			err = noSnapshot(g, executed)
		}
		to.CloseWithError(err)
		done <- errors.Join(err, store.Close())
	}()
	return &source{Reader: from, executed: executed, stopped: true, end: func() error {
		defer unlock(lock) // before end returns: the caller may start the replica at once
		stop()
		from.Close()
		return <-done
	}}, nil
}

// folderIdentity returns the identity that a data folder is bound to, if it is
// that of one of the group's replicas.
func folderIdentity(dataDir string, g *consensus.Group) (crypto.Digest, error) {
	text, err := os.ReadFile(filepath.Join(dataDir, "VERSION"))
	if errors.Is(err, os.ErrNotExist) {
		return crypto.Digest{}, failure(ExitSurroundings, "no replica runs on %s, and none ever ran there: name the folder of a replica", dataDir)
	}
	if err != nil {
		return crypto.Digest{}, folderError(err)
	}
	version, owner, _ := strings.Cut(strings.TrimSpace(string(text)), " ")
	if version != folderVersion {
		return crypto.Digest{}, failure(ExitSurroundings, "data folder %s has format %q (file VERSION); this version reads %q", dataDir, version, folderVersion)
	}
	for i := range g.N {
		if id := identity(g, consensus.ReplicaID(i)); id.String() == owner {
			return id, nil
		}
	}
	return crypto.Digest{}, failure(ExitSurroundings, "data folder %s belongs to no replica of group %q: use the group file of its group", dataDir, g.Genesis.Name)
}
