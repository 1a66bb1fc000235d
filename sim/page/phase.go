package page

// A phase is a colour of arrows, and a box among the filters.
type phase struct {
	Key    string `json:"key"`
	Name   string `json:"name"`
	Hidden bool   `json:"hidden,omitempty"` // at first
}

// phases are those of the protocol, in their order.
var phases = []phase{
	{Key: "request", Name: "request"},
	{Key: "preprepare", Name: "pre-prepare"},
	{Key: "prepare", Name: "prepare"},
	{Key: "commit", Name: "commit"},
	{Key: "reply", Name: "reply"},
	{Key: "checkpoint", Name: "checkpoint"},
	{Key: "viewchange", Name: "view change"},
	{Key: "newview", Name: "new view"},
	{Key: "evidence", Name: "evidence"},
	{Key: "repair", Name: "repair"},
	{Key: "status", Name: "status", Hidden: true},
}

// A lesson is what the page knows about a type of message: its phase, and what a
// reader who meets PBFT for the first time should know about it.
type lesson struct{ phase, text string }

const (
	repairBatch = "A replica that votes has to hold the whole batch. It asks for what it lacks, and checks the answer against the digest."
	repairState = "State transfer: a replica that fell behind the low water mark takes over a certified state, piece by piece."
)

// lessons are by message type. A type that is not here is drawn as repair.
var lessons = map[string]lesson{
	"REQUEST": {"request", "A client signs a list of operations and sends it to all replicas, so that no primary can pretend not to know it. " +
		"A replica passes on what waits for too long."},
	"PRE-PREPARE": {"preprepare", "The primary proposes: this batch gets this sequence number in this view. " +
		"A backup accepts one proposal for each sequence number of a view, and no second one."},
	"PREPARE": {"prepare", "A backup accepted this proposal. With the pre-prepare and {quorum-1} prepares that match it a replica has prepared the batch: " +
		"no other batch can prepare at this number in this view, since any two quorums share a correct replica."},
	"COMMIT": {"commit", "The sender has prepared the batch, and can prove it in a later view. " +
		"{quorum} of these and the batch is committed: its place in the order will survive every change of view."},
	"REPLY": {"reply", "A replica executed the request and signed what came out. The client believes a result when f+1 = {weak} replicas agree on it: " +
		"one of them is correct."},
	"REFUSAL":    {"reply", "A replica did not take the request, and says why. It is one replica's word: a client believes f+1 of them."},
	"CHECKPOINT": {"checkpoint", "The sender has the state after this number on its disk. {quorum} equal ones make the checkpoint stable: what lies below is forgotten."},
	"STABLE":     {"checkpoint", "{quorum} equal checkpoints, passed on as one certificate to a replica that lacks them."},
	"VIEW-CHANGE": {"viewchange", "The sender gives up on the primary, stops taking part in its view, and shows what it has prepared. " +
		"{quorum} of these and the next primary can begin; f+1 = {weak} of these and everyone else joins."},
	"NEW-VIEW": {"newview", "The new primary shows {quorum} view changes and what follows from them: whatever can have committed anywhere is proposed again, " +
		"at the same number. Everyone computes the same and checks it."},
	"EVIDENCE":       {"evidence", "Two signed messages that no correct replica can have sent both. They convict their sender before anyone, for ever."},
	"COMMITTED":      {"repair", "{quorum} commits, passed on as one certificate to a replica that missed them."},
	"FETCH-BATCH":    {"repair", repairBatch},
	"BATCH":          {"repair", repairBatch},
	"FETCH-REQUESTS": {"repair", repairBatch},
	"REQUESTS":       {"repair", repairBatch},
	"STATE":          {"repair", repairState},
	"SNAPSHOT":       {"checkpoint", "The sender's digests of the parts of the state at a checkpoint: what state transfer checks each part against."},
	"STATUS":         {"status", "What the sender has and lacks, said ten times a second. Others send again what is missing; nothing else is ever repeated."},
}

func lessonOf(kind string) lesson {
	if l, ok := lessons[kind]; ok {
		return l
	}
	return lesson{phase: "repair"}
}
