package twins

import (
	"time"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/pbft"
)

// A host is one engine with its log and its state. Only the two copies of the
// twin share an id.
type host struct {
	stage    *stage
	index    int
	id       consensus.ReplicaID
	engine   *pbft.Engine
	effects  consensus.Effects
	events   []consensus.Event
	log      []consensus.Record // from the last trim on
	chain    []crypto.Digest    // after each sequence; chain[0] is the genesis state
	flushed  consensus.Sequence
	proposed int
	halted   string
	reports  []consensus.Evidence
	send     func(from *host, o *consensus.Outbound)
	install  func(h *host, n consensus.Sequence) bool
}

// start gives a host an engine with what its log holds.
func (h *host) start(now time.Time) {
	h.engine = pbft.New(pbft.Config{Group: h.stage.group, Self: h.id, Signer: h.stage.signers[h.id]})
	for i := range h.log {
		if err := h.engine.Replay(h.log[i]); err != nil {
			h.halted = err.Error()
			return
		}
	}
	h.halted, h.events = "", h.events[:0]
	h.effects = consensus.Effects{Next: h.persisted() + 1}
	h.chain = h.chain[:h.flushed+1]
	h.step(consensus.Tick{Now: now})
	h.step(consensus.Started{Executed: h.flushed, Chain: h.chain[h.flushed]})
}

// step gives the engine an event and all that follows from it at this host.
func (h *host) step(ev consensus.Event) {
	h.events = append(h.events, ev)
	for i := 0; i < len(h.events); i++ {
		if h.halted != "" {
			break
		}
		h.engine.Step(h.events[i], &h.effects)
		h.carry()
	}
	h.events = h.events[:0]
}

func (h *host) carry() {
	out := h.effects
	h.effects = consensus.Effects{Next: out.Next}
	if len(out.Halt) > 0 { // what proves it is kept (R52)
		h.log = append(h.log, out.Persist...)
		h.halted = out.Halt[0].Reason
		return
	}
	if why := h.engine.Status().Recovering; why != "" { // it is silent from now on
		h.halted = why
		return
	}
	if len(out.Persist) > 0 {
		h.log = append(h.log, out.Persist...)
		h.events = append(h.events, consensus.Persisted{Through: h.persisted()})
	}
	for _, p := range out.Trim {
		for len(h.log) > 0 && h.log[0].Position < p {
			h.log = h.log[1:]
		}
	}
	for i := range out.Send {
		h.send(h, &out.Send[i])
	}
	for _, x := range out.Execute {
		h.execute(x)
	}
	for _, w := range out.Fetch {
		if b := h.stage.whole[w.Digest]; b != nil {
			h.events = append(h.events, consensus.Completed{Batch: b})
		}
	}
	for _, c := range out.Behind {
		if h.install(h, c.Sequence) {
			h.events = append(h.events, consensus.Installed{Sequence: c.Sequence, Chain: c.Chain})
		}
	}
	h.reports = append(h.reports, out.Report...)
	next := h.effects.Next
	h.effects = out
	h.effects.Reset()
	h.effects.Next = next
}

func (h *host) execute(x consensus.Execute) {
	last := h.chain[len(h.chain)-1]
	h.chain = append(h.chain, crypto.Hash(crypto.KindChain, last[:], x.Batch.Digest[:]))
	h.events = append(h.events, consensus.Executed{Sequence: x.Sequence})
	if uint64(x.Sequence)%h.stage.group.Genesis.Parameters.CheckpointInterval == 0 {
		h.flushed = x.Sequence
		h.events = append(h.events, consensus.Flushed{Sequence: x.Sequence, Chain: h.chain[x.Sequence]})
	}
}

// persisted is the position of the last record.
func (h *host) persisted() consensus.Position {
	if len(h.log) == 0 {
		return 0
	}
	return h.log[len(h.log)-1].Position
}

// executed is the highest sequence in the state.
func (h *host) executed() consensus.Sequence { return consensus.Sequence(len(h.chain) - 1) }
