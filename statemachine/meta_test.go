package statemachine

import (
	"bytes"
	"testing"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
)

// R49: each part of what the state says about itself changes the chain alone.
func TestMetaInChain(t *testing.T) {
	chain := func(change func(*meta)) crypto.Digest {
		m := &Machine{meta: meta{version: ExecutionVersion, group: crypto.Digest{1}, epoch: 1, sequence: 8, time: 9, history: crypto.Digest{2}}}
		m.overlay = newOverlay(nil, 0)
		change(&m.meta)
		return m.closeWindow().Chain
	}
	seen := map[crypto.Digest]string{}
	parts := []struct {
		name   string
		change func(*meta)
	}{
		{"nothing", func(*meta) {}},
		{"execution version", func(m *meta) { m.version++ }},
		{"membership", func(m *meta) { m.group[31]++ }},
		{"epoch", func(m *meta) { m.epoch++ }},
		{"sequence", func(m *meta) { m.sequence++ }},
		{"agreed time", func(m *meta) { m.time++ }},
		{"history", func(m *meta) { m.history[0]++ }},
	}
	for _, p := range parts {
		c := chain(p.change)
		if other, ok := seen[c]; ok {
			t.Errorf("%s changed, but the chain is that of %s", p.name, other)
		}
		seen[c] = p.name
	}
}

// The chain and the history go on from what was before, and name all that came.
func TestLinks(t *testing.T) {
	a, b := crypto.Digest{1}, crypto.Digest{2}
	seen := map[crypto.Digest]int{}
	for i, d := range []crypto.Digest{
		NextChain(a, 1, a), NextChain(b, 1, a), NextChain(a, 2, a), NextChain(a, 1, b),
		nextHistory(a, 1, a, a), nextHistory(b, 1, a, a), nextHistory(a, 2, a, a), nextHistory(a, 1, b, a), nextHistory(a, 1, a, b),
	} {
		if other, ok := seen[d]; ok {
			t.Errorf("link %d equals link %d", i, other)
		}
		seen[d] = i
	}
}

// R125: windows leave memory when they are stored.
func TestFlushedWindowsLeave(t *testing.T) {
	o := newOverlay(nil, 0)
	for s := range consensus.Sequence(3) {
		o.close(s + 1)
	}
	for s, want := range []int{4, 3, 2, 1} {
		o.flushed(VersionAt(consensus.Sequence(s), 0))
		if len(o.layers) != want {
			t.Errorf("after %d: %d windows in memory, want %d", s, len(o.layers), want)
		}
	}
}

func FuzzReadMeta(f *testing.F) {
	f.Add((&meta{version: 1, epoch: 2, time: 3}).marshal())
	f.Fuzz(func(t *testing.T, b []byte) {
		if m, ok := readMeta(b); ok && !bytes.Equal(m.marshal(), b) {
			t.Errorf("%x decodes, but encodes to %x", b, m.marshal())
		}
	})
}

func FuzzReadSession(f *testing.F) {
	p := consensus.DefaultParameters()
	s := &session{low: 3}
	f.Add(s.marshal())
	s.record(executed{timestamp: 5, sequence: 7, results: []byte("r")}, 100)
	s.record(executed{timestamp: 4, sequence: 8}, 100)
	f.Add(s.marshal())
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, ok := readSession(b, &p); ok && !bytes.Equal(s.marshal(), b) {
			t.Errorf("%x decodes, but encodes to %x", b, s.marshal())
		}
	})
}

// R108: what a session may not be is refused.
func TestReadSessionRefuses(t *testing.T) {
	p := consensus.DefaultParameters()
	p.SessionWindow, p.SessionBytesMax = 4, 3
	good := func() *session {
		s := &session{low: 3}
		s.record(executed{timestamp: 5, results: []byte("r")}, 100)
		s.record(executed{timestamp: 7, results: []byte("r")}, 100)
		return s
	}
	if _, ok := readSession(good().marshal(), &p); !ok {
		t.Fatal("a good session was refused")
	}
	bad := map[string]func(*session){
		"at low":       func(s *session) { s.entries[0].timestamp = 3 },
		"too far":      func(s *session) { s.entries[1].timestamp = 8 },
		"twice":        func(s *session) { s.entries[0].timestamp = 7 },
		"out of order": func(s *session) { s.entries[0].timestamp, s.entries[1].timestamp = 7, 5 },
		"too many bytes": func(s *session) {
			s.entries[0].results = []byte("rrr")
		},
	}
	for name, change := range bad {
		s := good()
		change(s)
		if _, ok := readSession(s.marshal(), &p); ok {
			t.Errorf("%s: accepted", name)
		}
	}
	full := good().marshal()
	for _, b := range [][]byte{nil, full[:len(full)-1], append(full[:len(full):len(full)], 0)} {
		if _, ok := readSession(b, &p); ok {
			t.Errorf("%d bytes accepted", len(b))
		}
	}
}
