package replica

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/pbft"
)

// testGroup is a group of n replicas with keys made from numbers.
func testGroup(t testing.TB, n int) (*consensus.Group, []crypto.Signer) {
	t.Helper()
	g := consensus.Genesis{
		Name: "test", Engine: "pbft", Faults: consensus.QuorumsOf(n).F, Parameters: consensus.DefaultParameters(),
	}
	var signers []crypto.Signer
	for i := range n {
		s := crypto.Ed25519.NewSigner(crypto.Seed{1, byte(i)})
		signers = append(signers, s)
		g.Replicas = append(g.Replicas, consensus.Member{
			Name: fmt.Sprintf("r%d", i), Key: s.Public(), Transport: crypto.Ed25519.NewSigner(crypto.Seed{2, byte(i)}).Public(),
		})
	}
	group, err := consensus.NewGroup(g, crypto.Ed25519)
	if err != nil {
		t.Fatal(err)
	}
	return group, signers
}

// TestEvidenceIsKept: a proof outlives the process and is verified offline; what
// is no proof is named as such (R46, R47).
func TestEvidenceIsKept(t *testing.T) {
	g, signers := testGroup(t, 4)
	liar := pbft.Forger{Group: g, Self: 2, Signer: signers[2]}
	vote := func(f pbft.Forger, view consensus.ViewNumber, batch byte) []byte {
		return f.Vote(pbft.TypePrepare, pbft.Header{View: view, Sequence: 7, Batch: crypto.Digest{batch}})
	}
	framed := pbft.Forger{Group: g, Self: 2, Signer: signers[1]}
	data := t.TempDir()
	folder := filepath.Join(data, "evidence")
	pairs := map[string][2][]byte{
		"two digests":       {vote(liar, 1, 1), vote(liar, 1, 2)},
		"the same twice":    {vote(liar, 1, 1), vote(liar, 1, 1)},
		"two views":         {vote(liar, 1, 1), vote(liar, 3, 2)},
		"another's key":     {vote(framed, 1, 1), vote(framed, 1, 2)},
		"not even a vote":   {[]byte("x"), []byte("y")},
		"of another kind":   {vote(liar, 1, 1), liar.Vote(pbft.TypeCommit, pbft.Header{View: 1, Sequence: 7, Batch: crypto.Digest{9}})},
		"other sequence":    {vote(liar, 1, 1), liar.Vote(pbft.TypePrepare, pbft.Header{View: 1, Sequence: 8, Batch: crypto.Digest{9}})},
		"a flipped digit":   {vote(liar, 1, 1), append(vote(liar, 1, 2)[:40:40], vote(liar, 1, 3)[40:]...)},
		"a truncated frame": {vote(liar, 1, 1), vote(liar, 1, 2)[:50]},
	}
	for name, p := range pairs {
		if err := os.RemoveAll(folder); err != nil {
			t.Fatal(err)
		}
		if err := saveEvidence(folder, g, consensus.Evidence{Against: 2, A: p[0], B: p[1]}); err != nil {
			t.Fatal(err)
		}
		proofs, err := ReadEvidence(data, g)
		if err != nil || len(proofs) != 1 {
			t.Fatalf("%s: %d proofs, %v", name, len(proofs), err)
		}
		if holds := proofs[0].Err == nil; holds != (name == "two digests") {
			t.Errorf("%s: %v", name, proofs[0].Err)
		}
	}
	for i := range 2 * evidenceFilesMax {
		if err := saveEvidence(folder, g, consensus.Evidence{Against: 2, A: vote(liar, 1, byte(i)), B: []byte{byte(i)}}); err != nil {
			t.Fatal(err)
		}
	}
	if files, err := os.ReadDir(folder); err != nil || len(files) != evidenceFilesMax {
		t.Errorf("%d proofs kept, %v; at most %d are", len(files), err, evidenceFilesMax)
	}
}
