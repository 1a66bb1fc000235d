package twins

import (
	"fmt"
	"time"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/crypto/simsig"
	"github.com/varangian-bft/varangian/pbft"
)

// batchesPerHost bounds what one host proposes in a scenario.
const batchesPerHost = 8

// tickStep is how far one tick moves the clocks: half of a time-out, the most
// that an engine believes.
const tickStep = 500 * time.Millisecond

var start = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)

// A stage is what all scenarios of one worker share: nothing that a run changes.
type stage struct {
	group   *consensus.Group
	scheme  *simsig.Scheme
	codec   consensus.Codec
	signers [replicas]crypto.Signer
	batches [hosts][batchesPerHost]*consensus.Batch // what each host proposes, all different
	whole   map[crypto.Digest]*consensus.Batch
}

// newStage makes a group whose windows are so small that checkpoints are part of
// every scenario.
func newStage() (*stage, error) {
	s := &stage{scheme: simsig.New(), whole: map[crypto.Digest]*consensus.Batch{}}
	p := consensus.DefaultParameters()
	p.CheckpointInterval, p.Window = 2, 8
	g := consensus.Genesis{Name: "twins", Engine: "pbft", Faults: 1, Parameters: p}
	for i := range replicas {
		s.signers[i] = s.scheme.NewSigner(crypto.Seed{1, byte(i)})
		transport := s.scheme.NewSigner(crypto.Seed{2, byte(i)})
		g.Replicas = append(g.Replicas, consensus.Member{Name: fmt.Sprintf("r%d", i), Key: s.signers[i].Public(), Transport: transport.Public()})
	}
	var err error
	if s.group, err = consensus.NewGroup(g, s.scheme); err != nil {
		return nil, err
	}
	s.codec = pbft.NewCodec(s.group)
	client := s.scheme.NewSigner(crypto.Seed{3})
	for h := range hosts {
		for k := range batchesPerHost {
			r := consensus.SignRequest(consensus.Request{
				Kind: consensus.KindOperations, Session: 1, Timestamp: consensus.Timestamp(1 + h*batchesPerHost + k),
				Operations: [][]byte{{byte(h), byte(k)}},
			}, s.group.Domain(), client)
			b := consensus.NewBatch(consensus.Time(start.UnixNano()), []*consensus.Request{r})
			s.batches[h][k], s.whole[b.Digest] = b, b
		}
	}
	return s, nil
}
