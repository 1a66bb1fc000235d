package replica_test

import (
	"strings"
	"testing"
	"time"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/network"
	"github.com/varangian-bft/varangian/pbft"
	"github.com/varangian-bft/varangian/replica"
	"github.com/varangian-bft/varangian/statemachine/kv"
)

// A deaf is the handler of a replica that only talks. up is closed when somebody
// listens.
type deaf struct{ up chan struct{} }

func (deaf) FromReplica(consensus.ReplicaID, consensus.Class, []byte) {}
func (deaf) FromClient(network.ConnID, consensus.ClientID, []byte)    {}
func (d deaf) ReplicaUp(consensus.ReplicaID)                          { close(d.up) }
func (deaf) ReplicaDown(consensus.ReplicaID)                          {}
func (deaf) ClientGone(network.ConnID)                                {}

// refused checks that a replica stopped, or does not start, with status 4 and one
// line.
func refused(t *testing.T, what string, err error, says ...string) {
	t.Helper()
	if replica.ExitCode(err) != replica.ExitDiverged || strings.Contains(err.Error(), "\n") {
		t.Fatalf("%s: status %d: %v", what, replica.ExitCode(err), err)
	}
	for _, s := range says {
		if !strings.Contains(err.Error(), s) {
			t.Errorf("%s: %q does not say %q", what, err, s)
		}
	}
}

// ended waits until a replica has ended by itself.
func (g *group) endedItself(i int) error {
	g.t.Helper()
	select {
	case err := <-g.ended[i]:
		g.stop[i]()
		g.stop[i] = nil
		return err
	case <-time.After(30 * time.Second):
		g.t.Fatalf("r%d goes on", i)
		return nil
	}
}

// R52: a replica that is shown two certificates for one number stops with status 4,
// and does not start again: its log holds the proof by then.
func TestProofIsKept(t *testing.T) {
	g := layOut(t, 4, small())
	g.start(3)
	d := deaf{up: make(chan struct{})}
	host, err := network.Listen(network.Config{
		Seed: g.keys[0].Transport, Group: g.group.ID, Self: 0, Listen: g.remotes[0].Address, Replicas: g.remotes,
		Limits: network.LimitsFor(&g.group.Genesis.Parameters),
	}, d)
	if err != nil {
		t.Fatal(err)
	}
	defer host.Close()
	select {
	case <-d.up:
	case <-time.After(30 * time.Second):
		t.Fatal("no connection")
	}
	for _, batch := range []crypto.Digest{consensus.NullDigest, {1}} {
		h := pbft.Header{Sequence: 1, Batch: batch}
		var commits []pbft.Signed
		for i := range 3 {
			f := pbft.Forger{Group: g.group, Self: consensus.ReplicaID(i), Signer: crypto.Ed25519.NewSigner(g.keys[i].Signing)}
			v, ok := pbft.ReadVote(f.Vote(pbft.TypeCommit, h))
			if !ok {
				t.Fatal("no vote")
			}
			commits = append(commits, pbft.Signed{Replica: v.Signer, Signature: v.Signature})
		}
		f := pbft.Forger{Group: g.group}
		host.Send(3, consensus.ClassStatus, f.CommitCertificate(h, commits))
	}
	refused(t, "two certificates", g.endedItself(3), "two batches are certified for sequence 1", "more than f=1 replicas lied")
	for range 2 { // it is no accident
		_, err = replica.New(g.config(3), kv.New())
		refused(t, "a start after the proof", err, "more than f replicas lied", "keep the folder")
	}
	found, err := replica.Inspect(replica.Inspection{Group: g.group, DataDir: g.config(3).DataDir})
	if err != nil || !found.Damaged() || !strings.Contains(found.Faults[0].What, "more than f replicas lied") {
		t.Errorf("verify finds %+v (%v)", found, err)
	}
}

// R51: the state of a group of one has rotted. It stops with status 4, and does not
// start again before the folder is another one: what it would serve may be wrong,
// until the rot is met anew.
func TestRotAlone(t *testing.T) {
	g := newGroup(t, 1, small())
	g.precious()
	g.end(0)
	g.start(0)
	if !flipInState(t, g.config(0).DataDir, "precious value 7.") {
		t.Fatal("no table holds the value")
	}
	const advice = "restore the folder from a backup"
	refused(t, "rot", g.endedItself(0), advice)
	if a := replica.ReadAlarm(g.config(0).DataDir); a == nil || !a.Open {
		t.Errorf("the alarm is %+v", a)
	}
	_, err := replica.New(g.config(0), kv.New())
	refused(t, "a start after the rot", err, advice)
}
