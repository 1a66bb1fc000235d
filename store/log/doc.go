// Package log keeps what a replica promised: the records that its engine and its
// core persist, in preallocated segment files of one folder.
//
// It does not know what a record means, does not lock the folder (R87), and does
// not repair: a log that lost something synced is refused (R83).
//
// The caller owes it:
//
//  1. One goroutine, and the lock of the folder, as long as the log is open.
//  2. Position after position: the record that follows has Next.
//  3. Nothing leaves that rests on a record before Sync has returned (R78).
//  4. After any error the process ends, with a code of its own, and sends nothing
//     more (R81). After ErrDamaged it starts in recovery, not as a voter (R83,
//     R92); after ErrNoSpace it waits for room (R88).
//  5. Trim only what a durable checkpoint stands for, after appending the record
//     that takes the place of what goes (R86, R123).
//
// # Format
//
// Numbers are big-endian and unsigned. CRC is CRC-32C (Castagnoli). Hash is
// crypto.Hash under KindRecord. The folder holds:
//
//	mark                        which segments there are, how far they are synced
//	segment-NNNNNNNNNNNNNNNN    segments, 16 decimal digits, from 1, without gaps
//	spare                       the next segment, allocated ahead; its contents do not count
//	mark.new, spare.new         files in the making; they do not count
//
// Files have the size they were made with for as long as they live. Everything is
// written in pages of 4096 bytes, but for the mark's slots.
//
// A segment begins with a page of which these bytes count, the rest being zero:
//
//	  0   4  "VGLS"
//	  4   4  CRC of bytes 8 to 127
//	  8   4  version of the format: 1
//	 12   4  zero
//	 16   8  number of the segment
//	 24   8  size of the file in bytes
//	 32   8  position of its first record
//	 40  32  digest of the last round of the segment before
//	 72  32  identity: binds the log to group, replica and key
//	104  16  salt of the log
//	120   8  zero
//
// Rounds follow, each at the start of a page, without a gap. A round is one or
// more records of consecutive positions, written at once:
//
//	  0   4  "VGLR"
//	  4   4  CRC of everything from byte 8 to the end of the table
//	  8   8  number of the segment
//	 16   8  life: counts the openings of the log
//	 24   8  position of its first record
//	 32   8  position through which the log was synced when this was written
//	 40   4  sum of the lengths of its records, at most 64 MiB
//	 44   4  count of its records, 1 to 16384
//	 48  16  salt of the log
//	 64  32  digest of the round before
//	 96  17 for each record: the table
//	     +0   4  length of the data
//	     +4   4  CRC of the data
//	     +8   8  position
//	    +16   1  kind
//	then the data of the records, one after the other, and zeros up to a page
//
// The digest of a round is the hash of everything from byte 8 to the end of the
// table. So the chain costs one SHA-256 over about a hundred bytes for a round, and
// not one over all data: it has to show that a round is missing, exchanged or left
// over from an earlier use of the file, which the checksums of the data alone
// would not; whoever can write the disk at will could recompute any hash. The
// first round of a log is chained to the hash of identity and salt.
//
// The mark has 12288 bytes and three slots, at 0, 4096 and 8192. Of those that are
// whole, the one with the highest serial holds:
//
//	  0   4  "VGLM"
//	  4   4  CRC of bytes 8 to 143
//	  8   4  version of the format: 1
//	 12   4  zero
//	 16   8  serial, from 1
//	 24   8  life
//	 32   8  number of the first segment
//	 40   8  number of the last segment, 0 before there is one
//	 48   8  position through which the log was synced
//	 56  32  digest of the round that ends there, zero before there is one
//	 88  32  identity
//	120  16  salt
//	136   8  zero
//
// # Torn tail or damage
//
// Reading stops at the first place where no whole round follows on the one before.
// That is a torn tail, and cut off in silence, only if it lies in the last segment
// that the mark names, at or after the position that the mark gives, and if no
// round of this segment stands behind it that was written when more had been synced
// (R82). Everything else is damage, and so is a file that is missing, has another
// size, another identity, or another number.
//
// The mark's third slot is written after each sync, without a sync of its own, so
// that there is one sync for each round and not two. Its first two slots are written
// in turn, and synced, whenever the set of segments changes, when the log is opened
// or closed, and at every 64th sync (MarkLagSyncs). An opening first syncs what it
// knows in the third slot, since it cannot see which of the others is only in the
// page cache. After a crash of the
// process, which leaves the page cache, the mark is therefore exact. After a loss
// of power it may be up to 64 syncs behind; then each round still says what had
// been synced before it. What can go unnoticed takes two faults at once: a loss of
// power, and damage of all rounds after some sync, none left whole, of which there
// are at most 64; or a disk that writes the mark of a sync not into the mark, but
// over the end of the segment.
//
// The salt keeps a client from planting something in its requests that would pass
// for such a later round, and so make a torn tail look like damage.
//
// # Order of writes
//
// A new segment: its header is written and synced while it is still called spare;
// renamed; folder synced; named in the mark; mark synced; then rounds are written
// into it. A trim: all synced; the mark no longer names the segments; mark synced;
// then they are removed, or one becomes the spare. A leftover of either is removed
// by the next opening, once it has made the mark durable.
package log
