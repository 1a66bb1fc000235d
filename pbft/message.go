package pbft

import (
	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
)

// Message types of PBFT. Numbers are part of the wire format.
const (
	TypePrePrepare            = consensus.TypeEngineFirst + 0
	TypePrepare               = consensus.TypeEngineFirst + 1
	TypeCommit                = consensus.TypeEngineFirst + 2
	TypeCheckpoint            = consensus.TypeEngineFirst + 3
	TypeViewChange            = consensus.TypeEngineFirst + 4
	TypeNewView               = consensus.TypeEngineFirst + 5
	TypeStatus                = consensus.TypeEngineFirst + 6
	TypeCommitCertificate     = consensus.TypeEngineFirst + 7
	TypeCheckpointCertificate = consensus.TypeEngineFirst + 8
	TypeEvidence              = consensus.TypeEngineFirst + 9
	TypeRecall                = consensus.TypeEngineFirst + 10
	TypeRecalled              = consensus.TypeEngineFirst + 11
)

// numberMax bounds every view and sequence number that is decoded, so that
// adding a window to one never overflows (R41, R108).
const numberMax = 1 << 62

// A Header is what pre-prepares, prepares and commits are about. Its size is
// fixed, so that certificates stay small (R76); the epoch is in the domain of
// the signature.
type Header struct {
	View     consensus.ViewNumber
	Sequence consensus.Sequence
	Batch    crypto.Digest
}

// A Vote is a header signed by one replica: a PREPARE or COMMIT, or the signed
// part of a PRE-PREPARE.
type Vote struct {
	Kind      consensus.MessageType // TypePrePrepare, TypePrepare or TypeCommit
	Header    Header
	Signer    consensus.ReplicaID
	Signature crypto.Signature

	frame []byte // as received or first sent, without content
}

// Type implements consensus.Message.
func (v *Vote) Type() consensus.MessageType { return v.Kind }

// A PrePrepare is the primary's proposal. Its content travels beside the signed
// header and has been compared with the header's digest; it may be absent.
type PrePrepare struct {
	Vote
	Content *consensus.Content
	Fill    *Recall // of a null batch: the member that asked for it (R74)

	wire []byte // whole frame, content included
}

// A Checkpoint is one replica's statement that it holds the state after
// Sequence on disk, and that the write-set chain then is Chain (R50).
type Checkpoint struct {
	Sequence  consensus.Sequence
	Chain     crypto.Digest
	Signer    consensus.ReplicaID
	Signature crypto.Signature

	frame []byte
	at    consensus.Position // record of an own one
}

// Type implements consensus.Message.
func (*Checkpoint) Type() consensus.MessageType { return TypeCheckpoint }

// A Signed is one replica's signature in a certificate.
type Signed struct {
	Replica   consensus.ReplicaID
	Signature crypto.Signature
}

// A PreparedCertificate shows that a batch prepared: the primary's pre-prepare
// and quorum - 1 equal prepares of distinct backups (R38), in ascending order.
type PreparedCertificate struct {
	Header   Header
	Primary  crypto.Signature
	Prepares []Signed
}

// A CommitCertificate is a quorum of equal commits of distinct replicas in
// ascending order: a proof that anyone may pass on (R39).
type CommitCertificate struct {
	Header  Header
	Commits []Signed

	frame []byte
}

// Type implements consensus.Message.
func (*CommitCertificate) Type() consensus.MessageType { return TypeCommitCertificate }

// A CheckpointCertificate is a quorum of equal checkpoints of distinct replicas
// in ascending order (R50).
type CheckpointCertificate struct {
	Sequence consensus.Sequence
	Chain    crypto.Digest
	Votes    []Signed

	frame []byte
}

// Type implements consensus.Message.
func (*CheckpointCertificate) Type() consensus.MessageType { return TypeCheckpointCertificate }

// A ViewChange asks for view To and shows what its signer knows (R57).
type ViewChange struct {
	To        consensus.ViewNumber
	Stable    *CheckpointCertificate // nil at genesis
	Prepared  []PreparedCertificate  // ascending sequence, each in the window above Stable
	Signer    consensus.ReplicaID
	Signature crypto.Signature

	frame []byte
}

// Type implements consensus.Message.
func (*ViewChange) Type() consensus.MessageType { return TypeViewChange }

// low is the sequence of the stable checkpoint that the view change shows.
func (c *ViewChange) low() consensus.Sequence {
	if c.Stable == nil {
		return 0
	}
	return c.Stable.Sequence
}

// A Proposal is a pre-prepare inside a NEW-VIEW, which gives its view and
// sequence by its place.
type Proposal struct {
	Batch     crypto.Digest
	Signature crypto.Signature // of the new primary, as TypePrePrepare
}

// A NewView opens a view: a quorum of view changes in ascending order of signer,
// and one proposal for each sequence from the one after their highest stable
// checkpoint (R62).
type NewView struct {
	View      consensus.ViewNumber
	Changes   []*ViewChange
	Proposals []Proposal
	Signature crypto.Signature // of the view's primary

	frame []byte
}

// Type implements consensus.Message.
func (*NewView) Type() consensus.MessageType { return TypeNewView }

// Flags of a SlotStatus.
const (
	hasProposal = 1 << iota
	hasBatch
	hasPrepared
	hasCommitted
	flagsEnd
)

// A SlotStatus says what a replica holds for one sequence number in its view.
// The masks have one bit for each replica whose vote it holds.
type SlotStatus struct {
	Flags             uint8
	Prepares, Commits uint64
}

// A Status tells the others what a replica lacks (R122). It is unsigned: it
// makes them send again what they said before, and nothing else.
type Status struct {
	View, ChangingTo consensus.ViewNumber
	Low, Ordered     consensus.Sequence
	Changes          []consensus.ViewNumber // by replica: view of the VIEW-CHANGE held above View, or 0
	Slots            []SlotStatus           // from Ordered+1
	Checkpoints      []uint64               // masks of CHECKPOINTs held at Low+K, Low+2K, ...
}

// Type implements consensus.Message.
func (*Status) Type() consensus.MessageType { return TypeStatus }

// An Evidence message passes on two votes of one replica that no correct replica
// can have signed both (R47). A's digest is the smaller one.
type Evidence struct{ A, B *Vote }

// Type implements consensus.Message.
func (*Evidence) Type() consensus.MessageType { return TypeEvidence }

// A Recall is what a replica asks of all others before it signs anything: what do
// you hold of me (R91)? Nonce and Round tell its answers from those to an earlier
// question. One that recovers and knows how far the group has to go before it may
// sign says so in Fill, and asks for null batches up to there (R92). It promises
// nothing; it is signed so that others can pass it on to the primary.
type Recall struct {
	Nonce     consensus.Nonce
	Round     uint32
	Fill      consensus.Sequence // 0: it asks for an answer
	Signer    consensus.ReplicaID
	Signature crypto.Signature

	frame []byte
}

// Type implements consensus.Message.
func (*Recall) Type() consensus.MessageType { return TypeRecall }

// A Recalled answers a Recall: the answerer's stable checkpoint, and what it holds
// that the asker signed and that may still bind the asker.
type Recalled struct {
	Nonce  consensus.Nonce
	Round  uint32
	Stable *CheckpointCertificate // nil at genesis
	Signed []consensus.Message    // votes, a CHECKPOINT, a VIEW-CHANGE
}

// Type implements consensus.Message.
func (*Recalled) Type() consensus.MessageType { return TypeRecalled }
