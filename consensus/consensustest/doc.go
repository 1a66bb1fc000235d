// Package consensustest runs short scripts against an engine and prints what
// follows: one file is one story, input above the line and effects below it.
//
// It knows nothing of any protocol. An engine's tests describe their messages and
// records to it through a Protocol. It is for tests only.
//
// The commands of a script, each about one replica unless it says otherwise:
//
//	group n=4 k=4 l=8             a new group; k and l as in Parameters
//	batch d=x after=90s           names a batch proposed so long after the start
//	lack d=(x,y)                  nobody's pool completes these batches
//	deliver r1 TYPE from=r0 ...   a message that from signed, as the Protocol crafts it;
//	                              via=r2 passes it on, flag "corrupt" spoils its signature
//	submit r0 d=a                 the core asks for a batch to be ordered
//	completed r1 d=x              the core found the batch after all
//	persisted r1 through=3        the log is durable through a position, or all of it
//	executed r1 n=1, flushed r1 n=4 c=x, installed r1 n=4 c=x, suspected r1, overdue r1
//	tick r1 1s                    time passes, in steps; flag "status" shows STATUS too
//	restart r1 executed=4 c=x     a crash: what was not persisted is forgotten; flag "wiped": all of it;
//	                              forgot=why and nonce=1 as in Started; through=3 forgets what is above
//	status r1                     where the engine stands, and why
//
// Batches are named by letters and are made by the driver. The pool completes a
// wanted batch at once unless the script says lack.
package consensustest
