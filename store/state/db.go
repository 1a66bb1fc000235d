package state

import (
	"bytes"
	"errors"
	"fmt"
	"math"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"
)

// Sizes that keep several stores on one small machine possible.
const (
	memTableBytes = 16 << 20
	memTables     = 2
	cacheBytes    = 16 << 20
	valueLogBytes = 16 << 20

	fileBytesMax = 2 * memTableBytes // the write-ahead log of a memtable, preallocated
)

// database is all that this package uses of an open Badger, and this file the only
// one that may import it, but for files.go, which checks Badger's files. View,
// SetEntryAt, streams and reads without a version are thus out of reach: they see
// or leave unfinished versions.
type database struct{ db *badger.DB }

func openDatabase(dir string, log logger) (database, error) {
	return openBadger(badgerOptions(dir, log))
}

func badgerOptions(dir string, log logger) badger.Options {
	return badger.DefaultOptions(dir).
		WithLogger(log).
		WithSyncWrites(true). // Sync would miss memtables that rotated and are not flushed yet
		WithMemTableSize(memTableBytes).
		WithNumMemtables(memTables).
		WithNumCompactors(2).
		WithBlockCacheSize(cacheBytes).
		WithIndexCacheSize(0).
		WithCompression(options.None).
		WithValueLogFileSize(valueLogBytes).
		WithNumVersionsToKeep(1). // above the discard timestamp all are kept
		WithDetectConflicts(false).
		WithMetricsEnabled(false).
		WithChecksumVerificationMode(options.NoVerification). // sound has read all tables before, where a panic is caught (R121)
		WithNumGoroutines(1)
}

func openBadger(o badger.Options) (database, error) {
	db, err := badger.OpenManaged(o)
	if err != nil {
		return database{}, fmt.Errorf("open the state in %s: %w", o.Dir, err)
	}
	return database{db}, nil
}

func (d database) close() error { return d.db.Close() }

// discard lets compactions drop what only states below a version need.
func (d database) discard(below uint64) { d.db.SetDiscardTs(below) }

// read returns the newest value of a key at or below a version, with the version
// that it was written at; 0 if there is none.
func (d database) read(key []byte, at uint64) (value []byte, version uint64, err error) {
	err = survive(func(*bool) (err error) {
		value, version, err = d.get(key, at)
		return err
	})
	return value, version, err
}

func (d database) get(key []byte, at uint64) (value []byte, version uint64, err error) {
	txn := d.db.NewTransactionAt(at, false)
	defer txn.Discard()
	item, err := txn.Get(key)
	if errors.Is(err, badger.ErrKeyNotFound) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, fmt.Errorf("read key %q at version %d: %w", key, at, err)
	}
	sealed, err := item.ValueCopy(nil)
	if err != nil {
		return nil, 0, rotten(key, item.Version(), elsewhere)
	}
	value, err = unseal(key, item.Version(), sealed)
	return value, item.Version(), err
}

// elsewhere is said of a value that Badger looks for outside its tables, where none of
// ours ever is (ValueBytesMax): the mark of its entry has rotted.
const elsewhere = "its value is marked as standing outside the table"

// newest returns the last value of a key of this package, with its timestamp.
func (d database) newest(key []byte) (value []byte, stamp uint64, err error) {
	return d.read(key, math.MaxUint64)
}

// An entry is one key with its value, as put takes it.
type entry struct{ key, value []byte }

// put writes a few entries at a timestamp in one transaction, durably.
func (d database) put(stamp uint64, entries ...entry) error {
	txn := d.db.NewTransactionAt(stamp, true)
	defer txn.Discard()
	for _, r := range entries {
		if err := txn.Set(r.key, appendSealed(nil, r.key, stamp, r.value)); err != nil {
			return fmt.Errorf("write %q: %w", r.key, err)
		}
	}
	if err := txn.CommitAt(stamp, nil); err != nil {
		return fmt.Errorf("write %q: %w", entries[0].key, err)
	}
	return nil
}

// A cell is an entry as a walk meets it. Its slices are valid until the walk
// goes on.
type cell struct {
	key     []byte // as Badger has it
	sealed  []byte
	version uint64
	deleted bool
	outside bool // Badger looks for its value elsewhere
}

func (c *cell) value() ([]byte, error) {
	if c.outside {
		return nil, rotten(c.key, c.version, elsewhere)
	}
	return unseal(c.key, c.version, c.sealed)
}

// A walk says which entries of the state to visit, by key ascending and then by
// version descending.
type walk struct {
	start, end     []byte // of the state's keys; a nil end means no bound
	since, through uint64 // since < version <= through
	history        bool   // every version and tombstone, instead of the newest value
	opened         func() error
}

// visit calls yield for each entry until it returns false or an error.
func (d database) visit(w walk, yield func(*cell) (bool, error)) error {
	return survive(func(outside *bool) error {
		if opened := w.opened; opened != nil {
			w.opened = func() error { return abroad(outside, opened) }
		}
		return d.iterate(w, func(c *cell) (goOn bool, err error) {
			err = abroad(outside, func() error {
				goOn, err = yield(c)
				return err
			})
			return goOn, err
		})
	})
}

func (d database) iterate(w walk, yield func(*cell) (bool, error)) error {
	txn := d.db.NewTransactionAt(w.through, false)
	defer txn.Discard()
	o := badger.DefaultIteratorOptions
	o.PrefetchValues = false // it costs a goroutine for each key, and all values are in the tables
	o.Prefix = []byte{dataPrefix}
	o.AllVersions, o.SinceTs = w.history, w.since
	it := txn.NewIterator(o)
	defer it.Close()
	if w.opened != nil {
		if err := w.opened(); err != nil {
			return err
		}
	}
	var end []byte
	if w.end != nil {
		end = dataKey(w.end)
	}
	var c cell
	var last []byte
	for it.Seek(dataKey(w.start)); it.Valid(); it.Next() {
		item := it.Item()
		c = cell{key: item.Key(), version: item.Version(), deleted: item.IsDeletedOrExpired()}
		if end != nil && bytes.Compare(c.key, end) >= 0 {
			return nil
		}
		if order := bytes.Compare(last, c.key); order > 0 || order == 0 && !w.history {
			return ruined(c.key, c.version, "it stands out of order")
		}
		last = append(last[:0], c.key...)
		c.outside = item.Value(func(v []byte) error { c.sealed = v; return nil }) != nil
		if goOn, err := yield(&c); err != nil || !goOn {
			return err
		}
	}
	return nil
}

// arenaBytes is how much a bulk allocates at once for keys and values, which
// Badger reads until the bulk is flushed.
const arenaBytes = 256 << 10

// pendingMax bounds the pieces of a bulk, of at most 2.4 MiB, that are under way. With
// what is written between two claims they stay within one memtable, so that the
// claimed one is enough (R88).
const pendingMax = 2

// A bulk writes many entries at one version. It is not atomic: it commits in
// pieces, and only flush says that all is durable.
type bulk struct {
	version uint64
	to      *badger.WriteBatch
	arena   []byte
	entries []badger.Entry
}

func (d database) newBulk(version uint64) *bulk {
	b := &bulk{version: version, to: d.db.NewWriteBatchAt(version)}
	b.to.SetMaxPendingTxns(pendingMax)
	return b
}

// slice returns room for n bytes that stays as it is until the flush.
func (b *bulk) slice(n int) []byte {
	if cap(b.arena)-len(b.arena) < n {
		b.arena = make([]byte, 0, max(n, arenaBytes))
	}
	at := len(b.arena)
	b.arena = b.arena[:at+n]
	return b.arena[at : at : at+n]
}

// key copies a key of the state.
func (b *bulk) key(key []byte) []byte {
	return append(append(b.slice(1+len(key)), dataPrefix), key...)
}

func (b *bulk) set(key, value []byte) error {
	k := b.key(key)
	if len(b.entries) == cap(b.entries) {
		b.entries = make([]badger.Entry, 0, 256)
	}
	b.entries = append(b.entries, badger.Entry{
		Key: k, Value: appendSealed(b.slice(checksumSize+len(value)), k, b.version, value),
	})
	return b.to.SetEntry(&b.entries[len(b.entries)-1])
}

func (b *bulk) delete(key []byte) error { return b.to.Delete(b.key(key)) }

// flush returns when everything is durable.
func (b *bulk) flush() error { return b.to.Flush() }

// cancel ends the bulk; some of it may have been written. After flush it does
// nothing.
func (b *bulk) cancel() { b.to.Cancel() }
