// Package state keeps the replicated state on disk: a statemachine.Store on
// Badger, whose timestamps are the state's versions.
//
// It decides nothing about what is stored: no digests of partitions, no chains,
// no client tables. It does not know what a snapshot means, and it does not
// watch the disk between writes.
//
// What makes a state visible is one entry, the control entry: the marker, what
// was retired, and which versions above the marker an interrupted installation
// may have touched. It is written alone, in a transaction after the data (R84).
// Until then everything at the new version is garbage that no read returns, and
// that the next write at or above it overwrites or corrects (R85, R95).
//
// Every value carries a checksum over its key, its version and itself (R121),
// since Badger returns flipped bits of a table that it has open without an
// error. Absence carries no checksum: Badger hides some rot as "not found", and
// only digests of partitions tell. At open the number of values written at the
// marker's version is compared with what the control entry says, because
// Badger's write-ahead log opens cleanly with a hole in it.
//
// Whoever opens a Store owes it:
//
//  1. One Store for a directory at a time; a second one is refused (R87).
//  2. Versions rise: VersionAt(s, 0) unless Next says otherwise.
//  3. After a crash, the same changes again at the same version, executed from
//     the state at the marker (R85).
//  4. Retire from time to time, else old versions pile up; and Window only from
//     versions that were not retired.
//  5. On any error but ErrNoSpace, ErrRetired and ErrVersion, stop (R81).
//  6. Close, after the last use. A store that was killed opens again too, only
//     more slowly.
package state
