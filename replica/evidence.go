package replica

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/pbft"
)

// evidenceFilesMax bounds the proofs that a replica keeps; one is enough.
const evidenceFilesMax = 64

// evidenceBytesMax is more than any proof takes as a file.
const evidenceBytesMax = 64 << 10

// evidenceFile is a proof as it is kept in the folder "evidence", as JSON.
type evidenceFile struct {
	Group   string `json:"group"`   // group id
	Against uint32 `json:"against"` // replica
	A       string `json:"a"`       // the two signed statements, in hexadecimal
	B       string `json:"b"`
}

// saveEvidence keeps a proof on disk, so that it outlives the process. The same
// proof is kept once. It does not have to be durable before anything: whoever
// lost it can be shown it again.
func saveEvidence(folder string, g *consensus.Group, e consensus.Evidence) error {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	kept, err := os.ReadDir(folder)
	if err != nil || len(kept) >= evidenceFilesMax {
		return err
	}
	text, err := json.MarshalIndent(evidenceFile{
		Group: g.ID.String(), Against: uint32(e.Against), A: hex.EncodeToString(e.A), B: hex.EncodeToString(e.B),
	}, "", "  ")
	if err != nil {
		return err
	}
	d := crypto.Hash(crypto.KindRecord, e.A, e.B)
	return writeSynced(filepath.Join(folder, fmt.Sprintf("r%d-%s.json", e.Against, d.Short())), string(text)+"\n")
}

// A Proof is evidence that a replica kept, with what it proves.
type Proof struct {
	File   string
	Charge pbft.Charge
	Err    error // why the file proves nothing
}

// ReadEvidence reads and verifies the proofs that the replica of a data folder
// kept, whether or not it runs.
func ReadEvidence(dataDir string, g *consensus.Group) ([]Proof, error) {
	folder := filepath.Join(dataDir, "evidence")
	files, err := os.ReadDir(folder)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var proofs []Proof
	for _, f := range files {
		p := Proof{File: filepath.Join(folder, f.Name())}
		p.Charge, p.Err = readProof(p.File, g)
		proofs = append(proofs, p)
	}
	sort.Slice(proofs, func(i, j int) bool { return proofs[i].File < proofs[j].File })
	return proofs, nil
}

func readProof(path string, g *consensus.Group) (pbft.Charge, error) {
	info, err := os.Stat(path)
	if err != nil {
		return pbft.Charge{}, err
	}
	if info.Size() > evidenceBytesMax {
		return pbft.Charge{}, fmt.Errorf("%d bytes are too many for a proof", info.Size())
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return pbft.Charge{}, err
	}
	var f evidenceFile
	if err := json.Unmarshal(text, &f); err != nil {
		return pbft.Charge{}, fmt.Errorf("not a proof: %w", err)
	}
	if f.Group != g.ID.String() {
		return pbft.Charge{}, errors.New("a proof of another group")
	}
	a, errA := hex.DecodeString(f.A)
	b, errB := hex.DecodeString(f.B)
	if err := errors.Join(errA, errB); err != nil {
		return pbft.Charge{}, fmt.Errorf("not a proof: %w", err)
	}
	return pbft.VerifyEvidence(consensus.Evidence{Against: consensus.ReplicaID(f.Against), A: a, B: b}, g, crypto.Ed25519)
}
