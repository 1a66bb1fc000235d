package replica

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/network"
	"github.com/varangian-bft/varangian/replica/core"
)

// A Status says where a replica stands and why nothing moves. Its JSON form is
// what `replica status --json` and a client's status query show.
type Status struct {
	Replica    consensus.ReplicaID  `json:"replica"`
	Name       string               `json:"name"`
	Group      string               `json:"group"`
	GroupID    string               `json:"group_id"`
	View       consensus.ViewNumber `json:"view"`
	ChangingTo consensus.ViewNumber `json:"changing_to,omitempty"`
	Primary    string               `json:"primary"`
	Executed   consensus.Sequence   `json:"executed"`
	History    string               `json:"history"`
	Ordered    consensus.Sequence   `json:"ordered"`
	Low        consensus.Sequence   `json:"low_water_mark"`
	High       consensus.Sequence   `json:"high_water_mark"`
	Durable    consensus.Sequence   `json:"durable_checkpoint"`
	Snapshot   consensus.Sequence   `json:"snapshot"`
	Pool       int                  `json:"pool_requests"`
	PoolBytes  uint64               `json:"pool_bytes"`
	Waiting    string               `json:"waiting,omitempty"`
	Transfer   string               `json:"transfer,omitempty"`
	Recovering string               `json:"recovering,omitempty"`   // why it signs nothing, and what has to come (R92)
	Room       string               `json:"room_lacking,omitempty"` // if the replica waits for room, and does nothing else
	Repair     string               `json:"repair,omitempty"`       // why the own state is not believed; it counts as faulty then
	Alarm      string               `json:"alarm,omitempty"`
	Scrub      Scrubbed             `json:"scrub"`
	Evidence   int                  `json:"evidence"`
	Connected  []string             `json:"connected"`
	Uptime     float64              `json:"uptime_seconds"`
}

// A statusBoard holds the newest status of the core for other goroutines.
type statusBoard struct {
	mu    sync.Mutex
	core  core.Status
	proof int       // reported since the start
	at    time.Time // of the last set; the driver's alone

	asked  sync.Mutex
	text   []byte // what clients are told
	textAt time.Time
}

func (b *statusBoard) set(s core.Status) {
	b.mu.Lock()
	b.core = s
	b.mu.Unlock()
}

func (b *statusBoard) engine() consensus.Status {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.core.Engine
}

func (b *statusBoard) evidence() {
	b.mu.Lock()
	b.proof++
	b.mu.Unlock()
}

// rests reports whether nothing is half done: all that is ordered is executed,
// and the last checkpoint passed is durable.
func (b *statusBoard) rests(interval uint64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := &b.core
	passed := s.Executed / consensus.Sequence(interval) * consensus.Sequence(interval)
	return s.Engine.Ordered == s.Executed && s.Durable >= passed && s.Unsynced == 0
}

// publish makes status and hint visible after each round of the core.
func (r *Replica) publish(c *core.Core) {
	hint := c.Hint()
	if old := r.verifiers.hint.Load(); *old != hint {
		r.verifiers.hint.Store(&hint)
	}
	if time.Since(r.status.at) >= tickInterval {
		r.status.at = time.Now()
		r.status.set(c.Status())
	}
}

// Status returns where the replica stands, at most one tick ago.
func (r *Replica) Status() Status {
	r.status.mu.Lock()
	s, proofs := r.status.core, r.status.proof
	r.status.mu.Unlock()
	g := &r.cfg.Group.Genesis
	out := Status{
		Replica: r.self, Name: g.Replicas[r.self].Name, Group: g.Name, GroupID: r.cfg.Group.ID.String(),
		View: s.Engine.View, Primary: g.Replicas[s.Engine.Primary].Name,
		Executed: s.Executed, History: hex.EncodeToString(s.History[:]), Ordered: s.Engine.Ordered,
		Low: s.Engine.Low, High: s.Engine.High, Durable: s.Durable, Snapshot: s.Snapshot,
		Pool: s.Waiting, PoolBytes: s.WaitBytes, Waiting: s.Engine.Waiting, Transfer: s.Transfer, Recovering: s.Engine.Recovering,
		Repair: s.Repair, Scrub: r.scrubber.status(),
		Evidence: proofs, Connected: []string{}, Uptime: time.Since(r.started).Seconds(),
	}
	out.Alarm, _ = readAlarm(r.cfg.DataDir)
	if s.Engine.ChangingTo > s.Engine.View {
		out.ChangingTo = s.Engine.ChangingTo
	}
	for _, remote := range r.networkStats().Replicas {
		if remote.Connected {
			out.Connected = append(out.Connected, g.Replicas[remote.Replica].Name)
		}
	}
	if out.Waiting == "" && len(out.Connected)+1 < r.cfg.Group.Quorum {
		out.Waiting = quorumLacking(len(out.Connected)+1, r.cfg.Group.Quorum)
	}
	return out
}

func (r *Replica) networkStats() network.Stats {
	host := r.serving.Load()
	if host == nil {
		return network.Stats{}
	}
	return host.Stats()
}

// StatusJSON returns the status in its JSON form.
func (r *Replica) StatusJSON() []byte {
	text, err := json.MarshalIndent(r.Status(), "", "  ")
	if err != nil {
		return []byte("{}") // a Status always encodes
	}
	return text
}

// statusText is StatusJSON, at most one tick ago: a query costs a client nothing, and
// this looks at a file, the core and every connection (R101).
func (r *Replica) statusText() []byte {
	b := &r.status
	b.asked.Lock()
	defer b.asked.Unlock()
	if now := time.Now(); b.text == nil || now.Sub(b.textAt) >= tickInterval {
		b.text, b.textAt = r.StatusJSON(), now
	}
	return b.text
}

func quorumLacking(have, need int) string {
	return fmt.Sprintf("only %d of the %d replicas needed are connected", have, need)
}
