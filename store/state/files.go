package state

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"
	"github.com/dgraph-io/badger/v4/table"
	"github.com/dgraph-io/badger/v4/y"
)

// A Finding is something in the state's directory that is not as it was written.
type Finding struct {
	File    string // name in the directory; empty if only key and version are known
	Offset  int64  // in File; -1 if it is not known
	Key     []byte // of the state, if it concerns an entry
	Version uint64
	What    string
	Torn    bool // the end of a write-ahead log: lost if a crash cut it, and rotten if it was acknowledged
}

// String names the record in one line.
func (f *Finding) String() string {
	var b strings.Builder
	if f.File != "" {
		b.WriteString(f.File)
		if f.Offset >= 0 {
			fmt.Fprintf(&b, " at offset %d", f.Offset)
		}
		b.WriteString(": ")
	}
	if f.Key != nil {
		fmt.Fprintf(&b, "key %q at version %d: ", f.Key, f.Version)
	}
	b.WriteString(f.What)
	return b.String()
}

// Names and parts of Badger's files.
const (
	manifestName  = badger.ManifestFilename
	registryName  = badger.KeyRegistryFileName
	valueSuffix   = ".vlog"
	walHeader     = 20 // key id of an encryption, and a nonce that only encryption uses
	walKeyMax     = 1 << 16
	walTxn        = 1 << 6 // the entry belongs to a transaction
	walTxnEnd     = 1 << 7 // the transaction is whole
	walHeadMax    = 22
	walUnusedBits = 1 // a stray bit in the unused part is in no record
)

// files checks everything in a state's directory that can be checked file by file.
// Badger would take some of it in silence and would panic at other parts of it, in
// goroutines of its own (R121). It changes nothing.
type files struct {
	dir      string
	progress func(bytes int64) // after each piece that was read
	quick    bool              // entries are not looked at one by one
	found    []Finding
	closed   bool             // Badger could not open it, or would lose more by it
	tables   []string         // named in the manifest, and there
	logs     map[string]int64 // write-ahead logs, and where their last whole transaction ends
}

func checkFiles(dir string, quick bool, progress func(int64)) (*files, error) {
	f := &files{dir: dir, quick: quick, progress: progress, logs: map[string]int64{}}
	if err := f.manifest(); err != nil {
		return f, err
	}
	f.registry()
	entries, err := os.ReadDir(dir)
	if err != nil {
		return f, err
	}
	for _, e := range entries {
		switch filepath.Ext(e.Name()) {
		case memSuffix:
			err = f.writeAheadLog(e.Name())
		case valueSuffix:
			err = f.valueLog(e.Name())
		}
		if err != nil {
			return f, err
		}
	}
	for _, name := range f.tables {
		if err := f.table(name); err != nil {
			return f, err
		}
	}
	return f, nil
}

func (f *files) add(file string, offset int64, format string, args ...any) {
	f.closed = true
	f.found = append(f.found, Finding{File: file, Offset: offset, What: fmt.Sprintf(format, args...)})
}

func (f *files) read(name string) ([]byte, error) {
	raw, err := os.ReadFile(filepath.Join(f.dir, name))
	if err == nil && f.progress != nil {
		f.progress(int64(len(raw)))
	}
	return raw, err
}

// guarded turns a panic of Badger, and a fault in its mappings, into an error.
func guarded(do func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			text, _, _ := strings.Cut(fmt.Sprint(p), "\n")
			err = fmt.Errorf("it cannot be parsed (%s)", strings.TrimSpace(text))
		}
	}()
	return do()
}

// manifest reads which tables there have to be.
func (f *files) manifest() error {
	names, err := f.listed()
	if err != nil {
		return err
	}
	for _, name := range names {
		if _, err := os.Stat(filepath.Join(f.dir, name)); errors.Is(err, fs.ErrNotExist) {
			f.add(name, -1, "it is missing")
			continue
		}
		f.tables = append(f.tables, name)
	}
	return nil
}

// listed returns the tables that the manifest names, or a finding about it.
func (f *files) listed() (names []string, err error) {
	file, err := os.Open(filepath.Join(f.dir, manifestName))
	if errors.Is(err, fs.ErrNotExist) {
		f.add(manifestName, -1, "it is missing")
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	var m badger.Manifest
	var whole int64
	if err := guarded(func() (err error) {
		m, whole, err = badger.ReplayManifestFile(file, 0, badger.DefaultOptions(f.dir))
		return err
	}); err != nil {
		f.add(manifestName, -1, "%v", err)
		return nil, nil
	}
	if whole < info.Size() && !f.quick { // a crash may have cut it: what that costs shows elsewhere
		f.add(manifestName, whole, "no whole change of the list of tables stands here, but %d more bytes", info.Size()-whole)
	}
	for id := range m.Tables {
		names = append(names, fmt.Sprintf("%06d%s", id, tableSuffix))
	}
	slices.Sort(names)
	return names, nil
}

func (f *files) registry() {
	if _, err := os.Stat(filepath.Join(f.dir, registryName)); errors.Is(err, fs.ErrNotExist) {
		return // it holds nothing without encryption
	}
	if err := guarded(func() error {
		_, err := badger.OpenKeyRegistry(badger.KeyRegistryOptions{Dir: f.dir, ReadOnly: true})
		return err
	}); err != nil {
		f.add(registryName, -1, "%v", err)
	}
}

// valueLog checks the head of a value log, which holds no values of ours.
func (f *files) valueLog(name string) error {
	file, err := os.Open(filepath.Join(f.dir, name))
	if err != nil {
		return err
	}
	defer file.Close()
	var head [8]byte
	if n, err := file.ReadAt(head[:], 0); err == nil || n == len(head) {
		if binary.BigEndian.Uint64(head[:]) != 0 {
			f.add(name, 0, "its head names an encryption key, and there is none")
		}
	}
	return nil
}

// writeAheadLog walks through the log of a memtable. Badger stops at the first
// record that is not whole, without an error, and drops what follows.
func (f *files) writeAheadLog(name string) error {
	raw, err := f.read(name)
	if err != nil {
		return err
	}
	if len(raw) == 0 {
		return nil // claimed ahead, and not used yet
	}
	w := walReader{raw: raw}
	f.logs[name] = int64(w.run())
	switch {
	case len(raw) < walHeader:
		f.add(name, 0, "it has %d bytes, less than its head", len(raw))
	case binary.BigEndian.Uint64(raw) != 0:
		f.add(name, 0, "its head names an encryption key, and there is none")
	case w.torn:
		f.found = append(f.found, Finding{File: name, Offset: int64(w.whole), Torn: true, What: "the record here is not whole; Badger drops it and all after it"})
	}
	for _, bad := range w.bad {
		f.found = append(f.found, Finding{File: name, Offset: bad.offset, Key: bad.key, Version: bad.version, What: bad.what})
	}
	return nil
}

// table checks a table block by block, and the entries in it.
func (f *files) table(name string) error {
	raw, err := f.read(name)
	if err == nil {
		f.tableIn(name, raw)
	}
	return err
}

func (f *files) tableIn(name string, raw []byte) {
	if err := guarded(func() error {
		t, err := openTable(name, raw)
		if err != nil {
			return err
		}
		if err := t.VerifyChecksum(); err != nil {
			return err
		}
		if f.quick {
			return nil
		}
		it := t.NewIterator(table.NOCACHE)
		defer it.Close()
		var last []byte
		for it.Rewind(); it.Valid(); it.Next() {
			if last != nil && y.CompareKeys(last, it.Key()) >= 0 {
				f.add(name, -1, "key %q stands out of order", y.ParseKey(it.Key()))
			}
			last = append(last[:0], it.Key()...)
			v := it.Value()
			f.entry(name, it.Key(), v.Meta, v.Value)
		}
		return nil
	}); err != nil {
		f.add(name, -1, "%s", strings.ReplaceAll(err.Error(), "\n", " "))
	}
}

func openTable(name string, raw []byte) (*table.Table, error) {
	id, _ := table.ParseFileID(name)
	return table.OpenInMemoryTable(raw, id, &table.Options{ChkMode: options.NoVerification})
}

// leads says whether what leads to the values of a table is in order: its index, which
// its checksum covers, and the keys, each in its place. Then a read finds exactly what
// a scan finds, whatever has rotted of the values.
func leads(name string, raw []byte) error {
	return guarded(func() error {
		t, err := openTable(name, raw)
		if err != nil {
			return err
		}
		it := t.NewIterator(table.NOCACHE)
		defer it.Close()
		var last []byte
		count := uint32(0)
		for it.Rewind(); it.Valid(); it.Next() {
			if key := y.ParseKey(it.Key()); last != nil && y.CompareKeys(last, it.Key()) >= 0 || len(key) == 0 || key[0] != dataPrefix && key[0] != metaPrefix {
				return fmt.Errorf("key %q stands out of order", key)
			}
			last = append(last[:0], it.Key()...)
			count++
		}
		if count != t.KeyCount() {
			return fmt.Errorf("%d of %d entries can be found", count, t.KeyCount())
		}
		return nil
	})
}

// entry checks the seal of an entry as Badger keeps it.
func (f *files) entry(name string, internal []byte, meta byte, sealed []byte) {
	if bad := badSeal(internal, meta, sealed); bad != nil {
		f.found = append(f.found, Finding{File: name, Offset: -1, Key: bad.key, Version: bad.version, What: bad.what})
	}
}

type badEntry struct {
	offset  int64
	key     []byte
	version uint64
	what    string
}

const metaDeleted = 1 << 0 // as Badger marks a tombstone

// badSeal says what is wrong with an entry of this package, or nil.
func badSeal(internal []byte, meta byte, sealed []byte) *badEntry {
	if len(internal) < 8 {
		return &badEntry{what: "a key without a version"}
	}
	key, version := y.ParseKey(internal), y.ParseTs(internal)
	if meta&metaDeleted != 0 || len(key) == 0 || key[0] != dataPrefix && key[0] != metaPrefix {
		return nil
	}
	if _, err := unseal(key, version, sealed); err != nil {
		return &badEntry{key: bytes.Clone(key), version: version, what: "its value does not fit its checksum"}
	}
	return nil
}

// A walReader finds out how far a write-ahead log of Badger is whole.
type walReader struct {
	raw   []byte
	whole int  // end of the last whole transaction
	torn  bool // something that was a record follows
	bad   []badEntry
}

// run returns where Badger would stop.
func (w *walReader) run() int {
	w.whole = min(walHeader, len(w.raw))
	at, txn := w.whole, uint64(0)
	for {
		e, next, ok := w.entry(at)
		if !ok {
			break
		}
		open, fits := e.follows(txn)
		if !fits {
			w.torn = true
			return w.whole
		}
		if txn = open; txn == 0 {
			w.whole = next
		}
		w.seal(at, &e)
		at = next
	}
	w.torn = w.remains(at) || at > w.whole
	return w.whole
}

// follows returns which transaction is open after an entry, 0 for none, and whether
// the entry may stand where another one is open.
func (e *walEntry) follows(txn uint64) (open uint64, fits bool) {
	switch ts := y.ParseTs(e.key); {
	case e.meta&walTxn != 0:
		return ts, txn == 0 || txn == ts
	case e.meta&walTxnEnd != 0:
		return 0, fmt.Sprint(txn) == string(e.value)
	}
	return 0, txn == 0
}

func (w *walReader) seal(at int, e *walEntry) {
	if e.meta&walTxnEnd != 0 {
		return
	}
	if bad := badSeal(e.key, e.meta, e.value); bad != nil {
		bad.offset = int64(at)
		w.bad = append(w.bad, *bad)
	}
}

// remains reports whether what stands at the end was a record: the unused part is
// zero, but for a bit that has flipped.
func (w *walReader) remains(at int) bool {
	used := 0
	for _, b := range w.raw[at:min(len(w.raw), at+2*walHeadMax)] {
		if b != 0 {
			used++
		}
	}
	return used > walUnusedBits
}

type walEntry struct {
	meta       byte
	key, value []byte
}

// entry reads the record at an offset, and says where the next one begins.
func (w *walReader) entry(at int) (e walEntry, next int, ok bool) {
	b := w.raw[at:]
	if len(b) < 2 {
		return e, 0, false
	}
	e.meta = b[0]
	n := 2
	var sizes [3]uint64 // of key and value, and the time of expiry
	for i := range sizes {
		v, used := binary.Uvarint(b[n:])
		if used <= 0 {
			return e, 0, false
		}
		sizes[i], n = v, n+used
	}
	keyBytes, valueBytes := uint64(uint32(sizes[0])), uint64(uint32(sizes[1]))
	if keyBytes == 0 || keyBytes > walKeyMax || uint64(n)+keyBytes+valueBytes+crc32.Size > uint64(len(b)) {
		return e, 0, false
	}
	end := n + int(keyBytes+valueBytes)
	e.key, e.value = b[n:n+int(keyBytes)], b[n+int(keyBytes):end]
	if binary.BigEndian.Uint32(b[end:]) != crc32.Checksum(b[:end], castagnoli) || keyBytes < 8 {
		return e, 0, false
	}
	return e, at + end + crc32.Size, true
}
