package twins

import (
	"fmt"
	"time"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
)

// A play is one scenario under way.
type play struct {
	*stage
	scenario *Scenario
	round    int // views after the last one have no partition
	hosts    [hosts]*host
	queue    []packet
	now      time.Time
	one      [1]crypto.Unverified[consensus.Message]
	counts   Counts
	broken   string
}

// A packet is a frame under way to several hosts. It is decoded once for all of
// them.
type packet struct {
	from  *host
	to    uint8 // a bit for each host
	frame []byte
}

// settleTicks is for how long the whole group meets after the last view.
const settleTicks = 3

// play runs a scenario, and returns what is wrong with it; empty if nothing is.
func (s *stage) play(scenario *Scenario) (Counts, string) {
	p := &play{stage: s, scenario: scenario, now: start, counts: Counts{Scenarios: 1}}
	for i := range p.hosts {
		id := consensus.ReplicaID(i)
		if i == replicas {
			id = consensus.ReplicaID(scenario.Twin)
		}
		p.hosts[i] = &host{stage: s, index: i, id: id, chain: []crypto.Digest{{}}, send: p.send, install: p.install}
		p.hosts[i].start(p.now)
	}
	p.deliver()
	for p.round = 0; p.round < views && p.broken == ""; p.round++ {
		p.view()
	}
	for range settleTicks {
		p.tick()
	}
	p.check()
	p.count()
	return p.counts, p.broken
}

// view is one view of the scenario: everybody asks for it, its primaries propose,
// and what was lost is said again.
func (p *play) view() {
	for _, h := range p.hosts {
		if p.round > 0 && h.halted == "" && h.engine.Status().ChangingTo < consensus.ViewNumber(p.round) {
			h.step(consensus.Overdue{})
			p.revive(h)
		}
	}
	p.deliver()
	p.propose()
	p.tick()
	p.propose()
	p.check()
}

// propose lets every host that takes itself for a primary propose a batch of its
// own: two copies of one primary equivocate.
func (p *play) propose() {
	for _, h := range p.hosts {
		if h.halted == "" && h.proposed < batchesPerHost && h.engine.Room() > 0 {
			h.step(consensus.Submitted{Batch: p.batches[h.index][h.proposed]})
			h.proposed++
			p.revive(h)
		}
	}
	p.deliver()
}

func (p *play) tick() {
	p.now = p.now.Add(tickStep)
	for _, h := range p.hosts {
		h.step(consensus.Tick{Now: p.now})
		p.revive(h)
	}
	p.deliver()
}

func (p *play) send(from *host, o *consensus.Outbound) {
	to := uint8(0)
	for i, h := range p.hosts {
		if h == nil || h.id == from.id || o.To != consensus.Everyone && o.To != h.id {
			continue
		}
		if p.round < views && p.scenario.apart(p.round, from.index, i) {
			continue
		}
		to |= 1 << i
	}
	if to != 0 {
		p.queue = append(p.queue, packet{from, to, o.Frame})
	}
}

// deliver lets all frames arrive, in the order in which they were sent.
func (p *play) deliver() {
	for len(p.queue) > 0 && p.broken == "" {
		next := p.queue[0]
		p.queue = p.queue[1:]
		u, err := p.codec.Decode(next.frame, consensus.Hint{})
		if err != nil {
			p.broken = fmt.Sprintf("%s sends a frame of type %d that does not decode: %v", p.scenario.name(next.from.index), next.frame[0], err)
			return
		}
		p.one[0] = u
		crypto.VerifyAll(p.scheme, p.one[:], func(_ int, m crypto.Verified[consensus.Message]) {
			for i, h := range p.hosts {
				if next.to>>i&1 == 1 && h.halted == "" {
					h.step(consensus.Received{From: next.from.id, Message: m})
					p.revive(h)
				}
			}
		}, func(int) {
			p.broken = fmt.Sprintf("%s sends a frame of type %d whose signature does not hold", p.scenario.name(next.from.index), next.frame[0])
		})
	}
	p.queue = p.queue[:0]
}

// revive starts a copy of the twin anew that met what the other one said (R7): it
// goes on with its own log, as if it had not heard.
func (p *play) revive(h *host) {
	if h.halted == "" || int(h.id) != p.scenario.Twin {
		return
	}
	p.counts.Met++
	h.start(p.now)
}

// install copies the state of a correct replica (R93).
func (p *play) install(h *host, n consensus.Sequence) bool {
	for _, o := range p.hosts {
		if o != h && int(o.id) != p.scenario.Twin && o.executed() >= n {
			h.chain = append(h.chain[:0], o.chain[:n+1]...)
			h.flushed = n
			return true
		}
	}
	return false
}

// check holds what must hold at every moment (R118).
func (p *play) check() {
	longest := p.hosts[0]
	for i, h := range p.hosts {
		if int(h.id) == p.scenario.Twin {
			continue
		}
		if h.halted != "" && p.broken == "" {
			p.broken = fmt.Sprintf("r%d, which is correct, halts: %s", i, h.halted)
		}
		for _, e := range h.reports {
			if int(e.Against) != p.scenario.Twin && p.broken == "" {
				p.broken = fmt.Sprintf("r%d accuses r%d, which is correct", i, e.Against)
			}
		}
		if int(longest.id) == p.scenario.Twin || h.executed() > longest.executed() {
			longest = h
		}
	}
	for i, h := range p.hosts {
		if int(h.id) != p.scenario.Twin && h.chain[h.executed()] != longest.chain[h.executed()] && p.broken == "" {
			p.broken = fmt.Sprintf("r%d and r%d executed different batches up to %d", i, longest.index, h.executed())
		}
	}
}

func (p *play) count() {
	for _, h := range p.hosts {
		if int(h.id) == p.scenario.Twin {
			continue
		}
		p.counts.Executed = max(p.counts.Executed, int(h.executed()))
		p.counts.View = max(p.counts.View, h.engine.Status().View)
		if h.flushed > 0 {
			p.counts.Checkpoints = 1
		}
		if len(h.reports) > 0 {
			p.counts.Evidence = 1
		}
	}
}
