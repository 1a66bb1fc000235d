package scenario_test

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/sim"
)

// A misnamer writes another signer into each frame than the one who signed: one
// outside of the group, or a correct replica.
type misnamer struct {
	sim.Honest
	*sim.Faulty
	lies int
}

func (m *misnamer) Say(_ consensus.ReplicaID, frame []byte) [][]byte {
	at := len(frame) - crypto.SignatureSize - 4
	if at < 1 || kind(frame) < consensus.TypeEngineFirst || kind(frame) > consensus.TypeEngineLast {
		return [][]byte{frame}
	}
	out := [][]byte{frame}
	for _, name := range []uint32{uint32(m.Group().N), 1<<31 - 1, 1<<32 - 1, 0, 2, 3} {
		other := append([]byte(nil), frame...)
		binary.BigEndian.PutUint32(other[at:], name)
		out = append(out, other)
		m.lies++
	}
	return out
}

func (m *misnamer) Deviated() int { return m.lies }

// The signer outside of the membership: an index out of range in a vote extension
// crashed CometBFT nodes. Source: ASA-2024-011.
//
// R4, R107: a name that is no member's, or whose key did not sign, makes a frame
// void before any table is looked into.
func TestNamedSigner(t *testing.T) {
	r := begin(t, sim.Config{Seed: 13})
	r.corruptBy(1, func(f *sim.Faulty) sim.Behaviour { return &misnamer{Faulty: f} })
	r.load(0, 30)
	r.serve(20 * time.Second)
	r.split(1, 2, 3)
	r.load(0, 10)
	r.serve(60 * time.Second)
	r.Cut(nil)
	r.level(30 * time.Second)
	r.lied()
}
