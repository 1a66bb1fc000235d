package core

import (
	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/internal/wire"
	"github.com/varangian-bft/varangian/statemachine"
)

// frameResultsMax is what the results in one frame may add up to, unless it holds
// one request alone: what a batch puts out for one client can be more than fits into
// any frame (R103).
const frameResultsMax = 1 << 20

// entrySpare is more than a leaf and its path add to the results.
const entrySpare = 768

// Frames joins a signed root with the results, one frame for each client that
// wanted reports true for, or more if they are large, in the order of the batch
// (design, idea 6).
func (r Reply) Frames(wanted func(consensus.ClientID) bool, send func(consensus.ClientID, []byte)) {
	frames := map[consensus.ClientID]*wire.Reply{}
	sizes := map[consensus.ClientID]int{}
	var order []consensus.ClientID
	for i := range r.Outcomes {
		o := &r.Outcomes[i]
		f, ok := frames[o.Leaf.Client]
		if !ok {
			if !wanted(o.Leaf.Client) {
				continue
			}
			f = &wire.Reply{Root: r.Tree.Root(), Signature: r.Signature}
			frames[o.Leaf.Client] = f
			order = append(order, o.Leaf.Client)
		}
		size := len(o.Results) + entrySpare
		if sizes[o.Leaf.Client]+size > frameResultsMax && len(f.Entries) > 0 {
			send(o.Leaf.Client, f.Marshal())
			f.Entries, sizes[o.Leaf.Client] = nil, 0
		}
		sizes[o.Leaf.Client] += size
		f.Entries = append(f.Entries, wire.ReplyEntry{Leaf: o.Leaf, Path: r.Tree.Path(i), Results: o.Results})
	}
	for _, id := range order {
		send(id, frames[id].Marshal())
	}
}

// Judge sorts a verified request, by the machine's client table, into what is
// worth ordering (Admitted), what was executed before (Repeated), and what is
// refused with a reason (R31). in is nil in the last case.
func Judge(m *statemachine.Machine, request crypto.Verified[consensus.Message]) (in Input, reason wire.RefusalReason) {
	message, ok := request.Value().(RequestMessage)
	if !ok {
		return nil, wire.RefusedInvalid
	}
	switch m.Fresh(message.Request) {
	case statemachine.AdmissionAcceptable:
		return Admitted{Request: request}, 0
	case statemachine.AdmissionRepeated:
		if outcome, ok := m.Answer(message.Request); ok {
			return Repeated{Outcome: outcome}, 0
		}
		return nil, wire.RefusedWindow
	case statemachine.AdmissionUnauthorised:
		return nil, wire.RefusedUnauthorised
	case statemachine.AdmissionNoSession:
		return nil, wire.RefusedSession
	case statemachine.AdmissionStale, statemachine.AdmissionAhead, statemachine.AdmissionTaken:
		return nil, wire.RefusedWindow
	}
	return nil, wire.RefusedWindow
}

// Recheck answers Output.Recheck.
func Recheck(m *statemachine.Machine, requests []*consensus.Request) Rechecked {
	var in Rechecked
	for _, r := range requests {
		if m.Fresh(r) == statemachine.AdmissionAcceptable {
			in.Fresh = append(in.Fresh, r.Digest())
		} else {
			in.Stale = append(in.Stale, r.Digest())
		}
	}
	return in
}
