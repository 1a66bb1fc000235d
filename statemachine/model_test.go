package statemachine_test

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
)

// A model is the state machine in its simplest form: maps, and a copy of all of
// them for a rollback.
type model struct {
	p        consensus.Parameters
	state    map[string]string
	sessions map[byte]map[uint64]*modelSession
	highest  map[byte]uint64
}

type modelSession struct {
	opened crypto.Digest
	low    uint64
	last   uint64
	used   map[uint64]modelResult
}

type modelResult struct {
	request crypto.Digest
	text    string
}

func (m *model) request(client byte, r *consensus.Request, s uint64) string {
	sessions := m.sessions[client]
	n, t := uint64(r.Session), uint64(r.Timestamp)
	if r.Kind == consensus.KindOpenSession {
		if x := sessions[n]; x != nil {
			if x.opened == r.Digest() {
				return "1:"
			}
			return "8:"
		}
		if n <= m.highest[client] {
			return "6:"
		}
		m.highest[client] = n
		if len(sessions) == int(m.p.SessionsPerClient) {
			oldest := slices.MinFunc(slices.Sorted(maps.Keys(sessions)), func(a, b uint64) int {
				return int(sessions[a].last) - int(sessions[b].last)
			})
			delete(sessions, oldest)
		}
		sessions[n] = &modelSession{opened: r.Digest(), last: s, used: map[uint64]modelResult{}}
		return "1:"
	}
	x := sessions[n]
	if x == nil {
		return "6:"
	}
	x.low = max(x.low, uint64(r.Done))
	if t <= x.low || t > x.low+m.p.SessionWindow {
		return "7:"
	}
	if u, ok := x.used[t]; ok {
		if u.request == r.Digest() {
			return u.text
		}
		return "8:"
	}
	text := ""
	for i, op := range r.Operations {
		if i > 0 {
			text += ", "
		}
		text += m.operation(string(op))
	}
	x.used[t], x.last = modelResult{r.Digest(), text}, s
	return text
}

func (m *model) operation(op string) string {
	before := maps.Clone(m.state)
	key, value := op[1:min(2, len(op))], op[min(2, len(op)):]
	switch op[0] {
	case 's':
		m.state[key] = value
	case 'd':
		delete(m.state, key)
	case 'r':
		return "1:" + m.state[key]
	case '+':
		var n uint64
		if v := m.state[key]; len(v) == 8 {
			n = binary.BigEndian.Uint64([]byte(v))
		}
		m.state[key] = string(binary.BigEndian.AppendUint64(nil, n+1))
		return "1:" + m.state[key]
	case 'e':
		m.state = before
		return "2:refused"
	case 'p', 'i':
		m.state = before
		return "3:"
	case 'l':
		out := "1:"
		for _, k := range slices.Sorted(maps.Keys(m.state)) {
			out += k + m.state[k]
		}
		return out
	case 'c':
		keys := slices.Sorted(maps.Keys(m.state))
		for i, k := range keys {
			delete(m.state, k)
			m.state["\xff"+string(byte(i+1))] = "late"
		}
		return fmt.Sprintf("1:%c", len(keys))
	}
	return "1:"
}

// R23, R25, R26, R110: whatever is ordered, and whenever windows are stored, the
// machine says what the model says.
func TestModel(t *testing.T) {
	ops := []string{"sa1", "sb2", "sa3", "da", "db", "+n", "+m", "exE", "eaE", "dn", "pxP", "paP", "iaP", "l", "ra", "c"}
	rapid.Check(t, func(t *rapid.T) {
		p := parameters()
		w := newWorld(t, script{}, p)
		m := &model{p: p, state: map[string]string{}, highest: map[byte]uint64{}, sessions: map[byte]map[uint64]*modelSession{
			1: {}, 2: {},
		}}
		var old []*consensus.Request
		clients := map[*consensus.Request]byte{}
		for range rapid.IntRange(1, 25).Draw(t, "batches") {
			var rs []*consensus.Request
			for range rapid.IntRange(0, 6).Draw(t, "requests") {
				var r *consensus.Request
				if len(old) > 0 && rapid.IntRange(0, 3).Draw(t, "repeat") == 0 {
					r = old[rapid.IntRange(0, len(old)-1).Draw(t, "old")]
				} else {
					c := byte(rapid.IntRange(1, 2).Draw(t, "client"))
					n := uint64(rapid.IntRange(1, 5).Draw(t, "session"))
					at := uint64(rapid.IntRange(0, 14).Draw(t, "timestamp"))
					done := uint64(rapid.IntRange(0, 5).Draw(t, "done"))
					done = min(done, max(at, 1)-1)
					var list []string
					if at > 0 {
						list = rapid.SliceOfN(rapid.SampledFrom(ops), 1, 4).Draw(t, "operations")
					}
					r = w.request(c, n, at, done, list...)
					old = append(old, r)
					clients[r] = c
				}
				rs = append(rs, r)
			}
			x := w.execute(rs...)
			for i, r := range rs {
				got, want := w.text(x.Outcomes[i]), m.request(clients[r], r, uint64(x.Sequence))
				if got != want {
					t.Fatalf("batch %d, request %d: %q, the model says %q", x.Sequence, i, got, want)
				}
			}
			disturb(t, w, false)
		}
		for k, v := range m.state {
			w.want(w.query(k), v)
		}
	})
}
