package pbft

import (
	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
)

// batchesPerSlotMax bounds the batches kept for one sequence number. Each view
// can add one, and each view costs at least a time-out; above the bound the
// oldest one that did not prepare here is forgotten.
const batchesPerSlotMax = 16

// A slot is what this replica knows about one sequence number. Votes are those
// of view; what prepared and what committed outlive it (R58).
type slot struct {
	sequence consensus.Sequence
	view     consensus.ViewNumber

	proposal *PrePrepare        // accepted in view
	fresh    bool               // neither null nor carried over by a NEW-VIEW: its time is judged (R37)
	votedAt  consensus.Position // record with which the proposal was accepted for good
	prepares []*Vote            // by replica
	commits  []*Vote            // by replica
	commitAt consensus.Position // record of the own commit in view

	confronted uint64 // by replica: has been shown the proposal of view

	prepared      *PreparedCertificate // of the highest view (R59)
	certificate   *CommitCertificate
	certificateAt consensus.Position // record of certificate and batch
	executeAfter  consensus.Position

	batches []heldBatch
}

// A heldBatch is a batch held in full. It is kept until a stable checkpoint
// covers the slot, since another replica may have it prepared (R21).
type heldBatch struct {
	batch *consensus.Batch
	at    consensus.Position // record with content and bodies; 0 if none
}

func newSlot(n consensus.Sequence, v consensus.ViewNumber, replicas int) *slot {
	votes := make([]*Vote, 2*replicas)
	return &slot{sequence: n, view: v, prepares: votes[:replicas:replicas], commits: votes[replicas:]}
}

// enter forgets the votes of lower views.
func (s *slot) enter(v consensus.ViewNumber) {
	s.view, s.proposal, s.fresh, s.votedAt, s.commitAt, s.confronted = v, nil, false, 0, 0, 0
	clear(s.prepares)
	clear(s.commits)
}

// holds returns the batch with a digest, if it is here in full.
func (s *slot) holds(d crypto.Digest) (heldBatch, bool) {
	if d == consensus.NullDigest {
		return heldBatch{batch: consensus.NullBatch}, true
	}
	for i := range s.batches {
		if s.batches[i].batch.Digest == d {
			return s.batches[i], true
		}
	}
	return heldBatch{}, false
}

// keep adds a batch that the slot does not hold yet.
func (s *slot) keep(b *consensus.Batch, at consensus.Position) {
	if _, ok := s.holds(b.Digest); ok {
		return
	}
	if len(s.batches) == batchesPerSlotMax {
		for i := range s.batches {
			if !s.needs(s.batches[i].batch.Digest) {
				s.batches = append(s.batches[:i], s.batches[i+1:]...)
				break
			}
		}
	}
	s.batches = append(s.batches, heldBatch{batch: b, at: at})
}

// needs reports whether the slot itself still rests on the batch with a digest.
func (s *slot) needs(d crypto.Digest) bool {
	return s.proposal != nil && s.proposal.Header.Batch == d ||
		s.prepared != nil && s.prepared.Header.Batch == d ||
		s.certificate != nil && s.certificate.Header.Batch == d
}

// logged notes the record that holds a batch.
func (s *slot) logged(d crypto.Digest, at consensus.Position) {
	for i := range s.batches {
		if s.batches[i].batch.Digest == d {
			s.batches[i].at = at
		}
	}
}

// lacks returns a digest whose batch the slot needs and does not hold.
func (s *slot) lacks() (d crypto.Digest, lacking bool) {
	if s.certificate != nil {
		d = s.certificate.Header.Batch
		_, ok := s.holds(d)
		return d, !ok
	}
	if s.proposal != nil {
		d = s.proposal.Header.Batch
		_, ok := s.holds(d)
		return d, !ok
	}
	return d, false
}

// agreeing collects the votes for a digest, at most limit, in ascending order and
// those of others first: what rests on an own vote has to wait for the log (R6).
func agreeing(votes []*Vote, d crypto.Digest, self consensus.ReplicaID, limit int) (list []Signed, own bool) {
	count := 0
	for i, v := range votes {
		if v != nil && v.Header.Batch == d && consensus.ReplicaID(i) != self {
			count++
		}
	}
	mine := votes[self] != nil && votes[self].Header.Batch == d
	own = mine && count < limit
	others := limit
	if own {
		others--
	}
	if count < others {
		return nil, false
	}
	list = make([]Signed, 0, limit)
	for i, v := range votes {
		if v == nil || v.Header.Batch != d {
			continue
		}
		switch {
		case consensus.ReplicaID(i) != self && others > 0:
			others--
		case consensus.ReplicaID(i) == self && own:
		default:
			continue
		}
		list = append(list, Signed{Replica: v.Signer, Signature: v.Signature})
	}
	return list, own
}

// mask has a bit for each replica whose vote is here.
func mask(votes []*Vote) (m uint64) {
	for i, v := range votes {
		if v != nil {
			m |= 1 << i
		}
	}
	return m
}
