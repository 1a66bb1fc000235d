package session

import (
	"bytes"

	"golang.org/x/crypto/cryptobyte"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/internal/wire"
)

// replied takes the results that one replica gives to some requests. false means
// that no correct replica sends such a frame.
func (s *Session) replied(from consensus.ReplicaID, frame []byte, out *Effects) bool {
	reply, err := wire.ReadReply(frame)
	if err != nil {
		return false
	}
	shared := &root{value: reply.Root, signature: reply.Signature}
	honest := true
	for i := range reply.Entries {
		e := &reply.Entries[i]
		r := s.byDigest[e.Leaf.Request]
		if r == nil {
			continue // completed, or never asked
		}
		if !s.listen(r, from, shared, e) {
			honest = false
			continue
		}
		s.judge(r, out)
	}
	return honest
}

// listen notes a replica's answer to a request, if the answer holds: the leaf is
// the one of this request (R29), stands under the root, and the results are the
// ones that it names. A later answer of a replica replaces its former one, so no
// replica ever counts twice (R28).
func (s *Session) listen(r *request, from consensus.ReplicaID, shared *root, e *wire.ReplyEntry) bool {
	q := r.signed
	if e.Leaf.Client != s.client || e.Leaf.Session != q.Session || e.Leaf.Timestamp != q.Timestamp {
		return false
	}
	v := &r.voices[from]
	if v.root != nil && v.leaf == e.Leaf && (v.results != nil || len(e.Results) == 0) && !(v.root.checked && !v.root.valid) {
		return true // nothing new
	}
	if len(e.Results) > 0 && !r.holds(e.Results, e.Leaf.Results) {
		return false
	}
	if !crypto.VerifyPath(shared.value, e.Leaf.Hash(), e.Path) {
		return false
	}
	*v = voice{leaf: e.Leaf, root: shared, path: e.Path}
	if len(e.Results) > 0 {
		v.results = e.Results
	}
	return true
}

// holds reports whether results have a digest. Replicas that agree send the same
// bytes, and comparing them is cheaper than hashing them again.
func (r *request) holds(results []byte, digest crypto.Digest) bool {
	for i := range r.voices {
		if v := &r.voices[i]; v.results != nil && v.leaf.Results == digest {
			return bytes.Equal(v.results, results)
		}
	}
	return consensus.ResultsDigest(results) == digest
}

// judge completes a request once a weak quorum of replicas agree on its leaf and
// one of them has the results (R28). Nothing that stands in a leaf, its sequence
// number least of all, is believed before.
func (s *Session) judge(r *request, out *Effects) {
	agreed := s.agreed(r)
	for agreed != nil && r.receipt() && !s.signed(r, agreed, out) {
		agreed = s.agreed(r)
	}
	if agreed == nil {
		return
	}
	var results []byte
	for _, id := range agreed {
		if v := &r.voices[id]; v.results != nil {
			results = v.results
		}
	}
	switch {
	case results != nil:
		s.learn(r, agreed, results, out)
	case len(agreed) >= s.cfg.Group.Quorum:
		s.conclude(r, agreed, nil, out)
	default:
		r.bare = true // one that has the results may still answer
	}
}

// agreed returns all replicas that name the leaf that a weak quorum names, or nil.
func (s *Session) agreed(r *request) []int {
	for first := range r.voices {
		if !countable(&r.voices[first]) {
			continue
		}
		count := 0
		for i := first; i < len(r.voices); i++ {
			if countable(&r.voices[i]) && r.voices[i].leaf == r.voices[first].leaf {
				count++
			}
		}
		if count < s.cfg.Group.Weak {
			continue
		}
		ids := make([]int, 0, count)
		for i := first; i < len(r.voices); i++ {
			if countable(&r.voices[i]) && r.voices[i].leaf == r.voices[first].leaf {
				ids = append(ids, i)
			}
		}
		return ids
	}
	return nil
}

func countable(v *voice) bool { return v.root != nil && (!v.root.checked || v.root.valid) }

// signed checks the roots that have not been checked yet, each once, and reports
// whether all hold. A voice under a forged one counts no more.
func (s *Session) signed(r *request, ids []int, out *Effects) bool {
	var checks []crypto.Check
	var roots []*root
	var from []consensus.ReplicaID
	for _, id := range ids {
		if t := r.voices[id].root; !t.checked {
			replica := consensus.ReplicaID(id)
			c, _ := consensus.SignedRoot{Replica: replica, Root: t.value, Signature: t.signature}.Check(s.cfg.Group)
			checks, roots, from = append(checks, c), append(roots, t), append(from, replica)
		}
	}
	valid := make([]bool, len(checks))
	s.cfg.Scheme.Verify(checks, valid)
	all := true
	for i, t := range roots {
		t.checked, t.valid = true, valid[i]
		if !valid[i] {
			all = false
			out.Garbage = append(out.Garbage, from[i])
		}
	}
	return all
}

// learn takes the believed results of a request.
func (s *Session) learn(r *request, agreed []int, encoded []byte, out *Effects) {
	results, ok := consensus.ReadResults(cryptobyte.String(encoded))
	if !ok {
		results = nil
	}
	s.roundTrip += (s.now.Sub(r.sent) - s.roundTrip) / 8
	if r.opens() {
		s.opened(r, results, out)
		return
	}
	if len(results) > 0 {
		switch results[0].Class {
		case consensus.ResultTaken:
			// Another process uses this session. Under a timestamp that is another's
			// the request was not executed and never will be: it is safe to ask again.
			s.lose(r.numbers)
			s.again(r, func(consensus.Result) bool { return true }, len(r.operations), results)
		case consensus.ResultNoSession, consensus.ResultOutOfWindow:
			// It may have been executed before the session was evicted, or before a
			// later request said that nobody waits for it.
			s.lose(r.numbers)
			s.completeAll(r, Completion{Fate: Forgotten, Outcome: OutcomeMaybe}, out)
			return
		case consensus.ResultGone:
			results = nil
		case consensus.ResultOK, consensus.ResultError, consensus.ResultPanic, consensus.ResultLimit, consensus.ResultUnauthorised:
			// Of the operations themselves: whoever invoked them gets them.
		}
	}
	s.conclude(r, agreed, results, out)
}

// conclude completes the operations of a request that was executed. Without
// results it only says that they are gone.
func (s *Session) conclude(r *request, agreed []int, results []consensus.Result, out *Effects) {
	proof := &Proof{Leaf: r.voices[agreed[0]].leaf, Roots: make([]consensus.SignedRoot, 0, len(agreed))}
	for _, id := range agreed {
		v := &r.voices[id]
		proof.Roots = append(proof.Roots, consensus.SignedRoot{
			Replica: consensus.ReplicaID(id), Root: v.root.value, Signature: v.root.signature, Path: v.path,
		})
	}
	if len(results) != len(r.operations) && len(results) != 1 {
		s.completeAll(r, Completion{Fate: Gone, Outcome: OutcomeYes, Proof: proof}, out)
		return
	}
	s.again(r, crowded, max(1, len(r.operations)/4), results)
	for i := range r.operations {
		result := results[min(i, len(results)-1)]
		s.complete(r, i, Completion{Fate: Executed, Outcome: outcomes[result.Class], Result: result, Proof: proof}, out)
	}
	s.drop(r)
}

// crowded reports whether an operation was refused for what those beside it used
// up, and therefore changed nothing.
func crowded(r consensus.Result) bool {
	if r.Class != consensus.ResultLimit {
		return false
	}
	switch string(r.Value) {
	case consensus.LimitRequestResults, consensus.LimitBatchResults, consensus.LimitBatchWrites,
		consensus.LimitRequestReads, consensus.LimitBatchReads:
		return true
	}
	return false
}

// outcomes says what a class that f+1 replicas name tells about the operation.
// One that is unauthorised now may have been executed before.
var outcomes = [...]Outcome{
	consensus.ResultOK:           OutcomeYes,
	consensus.ResultError:        OutcomeNever,
	consensus.ResultPanic:        OutcomeNever,
	consensus.ResultLimit:        OutcomeNever,
	consensus.ResultUnauthorised: OutcomeMaybe,
	consensus.ResultNoSession:    OutcomeMaybe,
	consensus.ResultOutOfWindow:  OutcomeMaybe,
	consensus.ResultTaken:        OutcomeNever,
	consensus.ResultGone:         OutcomeYes,
}
