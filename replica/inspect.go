package replica

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/pbft"
	"github.com/varangian-bft/varangian/replica/core"
	"github.com/varangian-bft/varangian/statemachine"
	"github.com/varangian-bft/varangian/store/log"
	"github.com/varangian-bft/varangian/store/state"
)

// A Fault is something in a data folder that is not as it was written.
type Fault struct {
	File   string `json:"file"`             // from the data folder
	Offset *int64 `json:"offset,omitempty"` // bytes from its start, if it is known
	Key    string `json:"key,omitempty"`    // of the state, quoted, if it concerns an entry
	What   string `json:"what"`
	Do     string `json:"do,omitempty"`
	// Harmless says that nothing that counts is lost.
	Harmless bool `json:"harmless,omitempty"`
}

// Where says which record it is.
func (f *Fault) Where() string {
	text := f.File
	if f.Offset != nil {
		text += fmt.Sprintf(" at offset %d", *f.Offset)
	}
	if f.Key != "" {
		text += ", key " + f.Key
	}
	return text
}

// An Inspected is what Inspect found in a data folder.
type Inspected struct {
	Replica    string             `json:"replica"`
	Records    uint64             `json:"log_records"`
	Segments   int                `json:"log_segments"`
	Durable    consensus.Sequence `json:"durable_checkpoint"`
	Entries    uint64             `json:"state_entries"`
	Snapshot   consensus.Sequence `json:"snapshot"`
	Compared   bool               `json:"compared_with_snapshot"` // every entry, with what a quorum certified
	Chained    bool               `json:"compared_with_chain"`    // every window since, with the chain of the marker
	Evidence   int                `json:"evidence"`
	Alarm      string             `json:"alarm,omitempty"`
	Recover    string             `json:"recover,omitempty"` // why a start recovers without voting, however whole the folder is
	Faults     []Fault            `json:"faults"`
	promised   consensus.Sequence // highest checkpoint that the log says was durable
	bytes, all int64
}

// Damaged reports whether anything that counts is not as it was written.
func (r *Inspected) Damaged() bool {
	for i := range r.Faults {
		if !r.Faults[i].Harmless {
			return true
		}
	}
	return false
}

// An Inspection says which data folder to check, with what.
type Inspection struct {
	Group    *consensus.Group
	DataDir  string
	Key      crypto.PublicKey        // of the replica whose folder it should be; zero: nobody knows
	Progress func(done, total int64) // bytes; nil: nobody asks
}

// What to do about damage.
const (
	doState  = "start the replica: it repairs its state from the others before it answers from it"
	doLog    = "start the replica: it sets the log aside, and recovers without voting, since it may have promised what it no longer knows; let no other one go down meanwhile"
	doFolder = "start the replica: it recovers without voting, and keeps what is its own; let no other one go down meanwhile"
	doRecord = "keep the folder for inspection; this replica may have promised what it no longer knows, and must not vote from this log"
	doAlone  = "restore the folder from a backup: a group of one replica has nobody to recover from"
	doOther  = "find the folder of this replica, or use the group file and the program that this one is of"
	doKeep   = "keep the folder as proof, and tell the other operators"
	doProof  = "delete the file: the proof can be shown again by the others"
)

// Inspect checks the data folder of a stopped replica, and changes no byte of it:
// VERSION, the log with its mark and chain, every stored value with its checksum,
// the state against what a quorum certified, and the proofs (R56, R82, R121). It
// holds the folder's lock meanwhile. What is wrong with the data is in the result;
// an error means that it could not be looked at.
func Inspect(in Inspection) (*Inspected, error) {
	lock, err := lockStopped(in.DataDir)
	if err != nil {
		return nil, err
	}
	defer unlock(lock)
	i := &inspector{Inspection: in, out: &Inspected{Faults: []Fault{}}}
	i.out.all = i.size("log") + i.size("state")
	self, ok, err := i.owner()
	if err != nil {
		return nil, err
	}
	i.out.Alarm, _ = readAlarm(in.DataDir)
	reason := folder{path: in.DataDir}
	if err := reason.readReason(); err != nil {
		return nil, err
	}
	i.out.Recover = reason.forgot
	if !ok {
		return i.out, nil
	}
	i.out.Replica = in.Group.Genesis.Replicas[self].Name
	if in.Key != (crypto.PublicKey{}) && in.Key != in.Group.Genesis.Replicas[self].Key {
		return nil, failure(ExitSurroundings, "data folder %s is that of %s, and the key file beside it is another's: put the folder of each replica in its place", in.DataDir, i.out.Replica)
	}
	id := identity(in.Group, self)
	i.log(self, id)
	if err := i.state(id); err != nil {
		return nil, err
	}
	return i.out, i.evidence()
}

// lockStopped holds the lock of a folder in which no replica runs. The lock is nil
// if its file is gone: then nobody else holds it either.
func lockStopped(dir string) (*os.File, error) {
	if _, err := os.Stat(dir); err != nil {
		return nil, failure(ExitSurroundings, "data folder: %w", err)
	}
	lock, err := os.Open(filepath.Join(dir, "LOCK"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, failure(ExitSurroundings, "data folder: %w", err)
	}
	if !tryLock(lock) {
		lock.Close()
		return nil, failure(ExitSurroundings, "data folder %s is in use: stop the replica first", dir)
	}
	return lock, nil
}

type inspector struct {
	Inspection
	out *Inspected
}

func (i *inspector) size(name string) (total int64) {
	files, err := os.ReadDir(filepath.Join(i.DataDir, name))
	if err != nil {
		return 0 // found out later
	}
	for _, f := range files {
		if ext := filepath.Ext(f.Name()); name == "state" && ext != ".sst" && ext != ".mem" {
			continue
		}
		if info, err := f.Info(); err == nil {
			total += info.Size()
		}
	}
	return total
}

func (i *inspector) read(bytes int64) {
	i.out.bytes += bytes
	if i.Progress != nil {
		i.Progress(min(i.out.bytes, i.out.all), i.out.all)
	}
}

func (i *inspector) fault(f Fault) { i.out.Faults = append(i.out.Faults, f) }

// owner finds out whose folder it is.
func (i *inspector) owner() (self consensus.ReplicaID, ok bool, err error) {
	text, err := os.ReadFile(filepath.Join(i.DataDir, "VERSION"))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if _, err := os.Stat(filepath.Join(i.DataDir, newName)); err == nil {
			return 0, false, failure(ExitSurroundings, "no replica ever ran on data folder %s, as its file %s says: start the replica first", i.DataDir, newName)
		}
		i.fault(Fault{File: "VERSION", What: "it is missing", Do: i.unlessAlone(doFolder)})
		return 0, false, nil
	case err != nil:
		return 0, false, folderError(err)
	}
	for id := range consensus.ReplicaID(i.Group.N) {
		if string(text) == fmt.Sprintf("%s %s\n", folderVersion, identity(i.Group, id)) {
			return id, true, nil
		}
	}
	if strings.HasPrefix(string(text), folderName) {
		i.fault(Fault{File: "VERSION", What: "it names no replica of this group, or another format", Do: doOther})
	} else {
		i.fault(Fault{File: "VERSION", What: "it is damaged", Do: i.unlessAlone(doFolder)})
	}
	return 0, false, nil
}

// unlessAlone is what to do about damage, if there are others to recover from.
func (i *inspector) unlessAlone(do string) string {
	if i.Group.N > 1 {
		return do
	}
	return doAlone
}

// log reads every record, and lets an engine judge it, as at a start.
func (i *inspector) log(self consensus.ReplicaID, id crypto.Digest) {
	engine := pbft.New(pbft.Config{Group: i.Group, Self: self, Signer: crypto.Ed25519.NewSigner(crypto.Seed{}), Timeout: DefaultTimeout})
	size := i.size("log")
	found, err := log.Verify(log.ReadOnly(filepath.Join(i.DataDir, "log")), id, func(r consensus.Record) error {
		if at, ok := pbft.DurableCheckpoint(i.Group, r); ok {
			i.out.promised = max(i.out.promised, at)
		}
		return engine.Replay(r)
	})
	i.read(size)
	i.out.Records, i.out.Segments = found.Records, found.Segments
	for n := range found.Notes {
		d := &found.Notes[n]
		i.fault(Fault{File: filepath.Join("log", d.File), Offset: &d.Offset, What: d.Reason, Harmless: true})
	}
	var damage *log.Damage
	switch {
	case err == nil:
	case errors.As(err, &damage):
		what := damage.Reason
		if damage.Cause != nil {
			what += ": " + damage.Cause.Error()
		}
		i.fault(Fault{File: filepath.Join("log", damage.File), Offset: &damage.Offset, What: what, Do: i.unlessAlone(doLog)})
	case errors.Is(err, fs.ErrNotExist):
		i.fault(Fault{File: "log", What: err.Error(), Do: i.unlessAlone(doLog)})
	case errors.Is(err, pbft.ErrProof):
		i.fault(Fault{File: "log", What: err.Error(), Do: doKeep})
	default: // of another replica or format, or of the engine: a record that no correct replica wrote
		i.fault(Fault{File: "log", What: err.Error(), Do: doRecord})
	}
}

// state reads every entry, and compares them with what was certified.
func (i *inspector) state(id crypto.Digest) error {
	store, found, closing, err := state.Inspect(state.Inspection{
		Dir: filepath.Join(i.DataDir, "state"), Identity: id, Progress: i.read,
	})
	defer closing()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		i.stateFault(err)
		return nil
	case errors.Is(err, state.ErrForeign), errors.Is(err, state.ErrFormat): // a start refuses it
		i.fault(Fault{File: "state", What: err.Error(), Do: doOther})
		return nil
	case err != nil:
		return failure(ExitDisk, "state: %w", err)
	}
	var torn []int
	for n := range found {
		f := Fault{File: filepath.Join("state", found[n].File), What: found[n].What, Do: i.unlessAlone(doState)}
		if found[n].Offset >= 0 {
			f.Offset = &found[n].Offset
		}
		if found[n].Key != nil {
			f.Key = fmt.Sprintf("%q at version %d", found[n].Key, found[n].Version)
		}
		if found[n].Torn {
			torn = append(torn, len(i.out.Faults))
		}
		i.fault(f)
	}
	if store == nil {
		return nil
	}
	m, err := store.Marker()
	if err != nil {
		return failure(ExitDisk, "state: %w", err)
	}
	if m == (statemachine.Marker{}) {
		i.stateFault(errors.New("it is empty, although a replica ran here"))
		return nil
	}
	i.out.Durable = m.Version.Sequence()
	if i.out.Durable < i.out.promised {
		i.stateFault(fmt.Errorf("it ends at checkpoint %d, and the log says that checkpoint %d was durable: a synced write is lost", i.out.Durable, i.out.promised))
	} else {
		for _, n := range torn {
			i.out.Faults[n].Harmless = true
			i.out.Faults[n].Do = "nothing: the state is no older than what the log says of it"
		}
	}
	return i.contents(store, m)
}

func (i *inspector) stateFault(err error) {
	i.fault(Fault{File: "state", What: err.Error(), Do: i.unlessAlone(doState)})
}

// contents compares the state with the group file and the saved snapshot.
func (i *inspector) contents(store *state.Store, m statemachine.Marker) error {
	if _, err := statemachine.NewMachine(nil, i.Group, store); err != nil {
		i.stateFault(err)
		return nil
	}
	certificate, table, err := core.SavedSnapshot(i.Group, store, crypto.Ed25519)
	if err != nil {
		i.stateFault(fmt.Errorf("the saved snapshot: %w", err))
		return nil
	}
	i.out.Snapshot = certificate.Sequence
	now, err := statemachine.ComputePartitions(store, m.Version)
	if err != nil {
		i.stateFault(err)
		return nil
	}
	i.out.Entries = now.Count()
	if _, err := store.Window(table.Version, min(table.Version+1, m.Version)); errors.Is(err, statemachine.ErrRetired) {
		return nil // something was installed above the snapshot (R124): nothing here is certified to compare with
	}
	there, err := statemachine.ComputePartitions(store, table.Version)
	if err != nil {
		i.stateFault(err)
		return nil
	}
	i.out.Compared = true
	for _, p := range statemachine.Differing(there, table) {
		i.stateFault(fmt.Errorf("partition %d of the state at checkpoint %d is not the one that was certified: it has %d entries, and %d were certified",
			p, certificate.Sequence, there.Entries(p), table.Entries(p)))
	}
	chain := statemachine.NewChainCheck(store, certificate.Sequence, certificate.Chain, i.Group.Genesis.Parameters.CheckpointInterval)
	for {
		done, err := chain.Step()
		switch {
		case errors.Is(err, statemachine.ErrRetired):
			return nil
		case err != nil:
			i.stateFault(err)
			return nil
		case done:
			i.out.Chained = true
			return nil
		}
	}
}

func (i *inspector) evidence() error {
	proofs, err := ReadEvidence(i.DataDir, i.Group)
	if err != nil {
		return failure(ExitDisk, "evidence: %w", err)
	}
	i.out.Evidence = len(proofs)
	for _, p := range proofs {
		if p.Err != nil {
			name, err := filepath.Rel(i.DataDir, p.File)
			if err != nil {
				name = p.File
			}
			i.fault(Fault{File: name, What: fmt.Sprintf("it proves nothing: %v", p.Err), Do: doProof})
		}
	}
	return nil
}
