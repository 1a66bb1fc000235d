package page

import "time"

// A Recording is one run, as data for people. Times count from the beginning of
// the run. Messages and Marks are in ascending order of Sent and At.
type Recording struct {
	Title    string  // one line, without a full stop
	Config   []Field // what the run was given, in this order
	Command  string  // how to make this page again
	Faults   int     // f
	Quorum   int
	Parties  []Party // lanes: replicas first, in order of their ids, then clients
	Messages []Message
	Marks    []Mark
	Omitted  int // events that the recording had no room for
}

// A Field is a name and its value.
type Field struct{ Name, Value string }

// A Party is a replica or a client.
type Party struct {
	Name   string
	Client bool
	Liar   string // what kind of liar it is; empty for a correct one
}

// A Message is one copy of a frame on its way. From and To are indices of
// Parties.
type Message struct {
	From, To int
	Sent     time.Duration
	Arrives  time.Duration // also when it would have, for FateCut and FateDown
	Fate     Fate
	Type     string // for instance "PRE-PREPARE"; phases says how it is drawn
	View     uint64
	Sequence uint64 // 0 if the message is about none
	Digest   string // first digits of the batch or request; empty if there is none
	Bytes    int
	Signer   string // who signed it, if the sender passes on another's message; else empty
	Detail   string // what else it says, one line
	Altered  bool   // a liar sent it, and its core did not
	Core     string // what its core said in its place; empty if nothing
}

// A Fate is what became of a message.
type Fate int

// The fates.
const (
	FateArrived  Fate = iota
	FateLost          // the network dropped it
	FateCut           // the channel was severed
	FateDown          // the receiver was down
	FateWithheld      // a liar did not send what its core said
)

// A Mark is something that happened at one party, or to all.
type Mark struct {
	At       time.Duration
	Party    int // Everyone for what befell all
	Kind     MarkKind
	View     uint64
	Sequence uint64
	Digest   string
	Text     string
}

// Everyone is the party of a mark that befell all.
const Everyone = -1

// A MarkKind says what a Mark means. The strings are part of the page's data.
type MarkKind string

// The kinds of marks.
const (
	MarkExecuted MarkKind = "executed" // Sequence, Digest
	MarkDone     MarkKind = "done"     // Text: how an operation of a client ended
	MarkAsked    MarkKind = "asked"    // View: the one that it votes for
	MarkEntered  MarkKind = "entered"  // View
	MarkStable   MarkKind = "stable"   // Sequence: its low water mark from now on
	MarkCrashed  MarkKind = "crashed"
	MarkStarted  MarkKind = "started"
	MarkPaused   MarkKind = "paused"
	MarkResumed  MarkKind = "resumed"
	MarkHalted   MarkKind = "halted" // Text: the reason
	MarkCut      MarkKind = "cut"    // Text: which channels
	MarkHealed   MarkKind = "healed"
	MarkFault    MarkKind = "fault"  // Text: any other
	MarkProof    MarkKind = "proof"  // Text: whom it can prove to have lied
	MarkBroken   MarkKind = "broken" // Text: the invariant
)
