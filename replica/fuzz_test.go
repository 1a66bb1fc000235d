package replica

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/pbft"
)

// FuzzReadProof: a file of evidence is a proof against a member, or says why it is
// none; whoever puts files there frames nobody (R46, R47).
func FuzzReadProof(f *testing.F) {
	g, signers := testGroup(f, 4)
	liar := pbft.Forger{Group: g, Self: 2, Signer: signers[2]}
	vote := func(batch byte) []byte {
		return liar.Vote(pbft.TypePrepare, pbft.Header{View: 1, Sequence: 7, Batch: crypto.Digest{batch}})
	}
	data := f.TempDir()
	if err := saveEvidence(filepath.Join(data, "evidence"), g, consensus.Evidence{Against: 2, A: vote(1), B: vote(2)}); err != nil {
		f.Fatal(err)
	}
	proofs, err := ReadEvidence(data, g)
	if err != nil || len(proofs) != 1 || proofs[0].Err != nil {
		f.Fatalf("%v %+v", err, proofs)
	}
	text, err := os.ReadFile(proofs[0].File)
	if err != nil {
		f.Fatal(err)
	}
	for _, b := range [][]byte{text, text[:len(text)/2], {}, []byte("{}"), []byte("[1]")} {
		f.Add(b)
	}
	path := filepath.Join(data, "fuzzed")
	f.Fuzz(func(t *testing.T, text []byte) {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		if charge, err := readProof(path, g); err == nil && charge.Against != 2 {
			t.Errorf("convicts replica %d, which signed nothing", charge.Against)
		}
	})
}
