package backup

import (
	"fmt"
	"io"

	"golang.org/x/crypto/cryptobyte"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/internal/wire"
	"github.com/varangian-bft/varangian/statemachine"
)

// Contents say what a backup is of.
type Contents struct {
	Group    crypto.Digest
	Epoch    consensus.Epoch
	Snapshot wire.Snapshot
	Signers  []consensus.ReplicaID // whose signatures were checked; none of the origin of a group
	Saved    []byte                // certificate and table, as statemachine.Store.SaveSnapshot takes them
	Certain  uint64                // entries, as the certified table counts them

	Entries uint64        // read so far
	Bytes   uint64        // of them, before compression
	Sum     crypto.Digest // SHA-256 of the file without its last 32 bytes; once all is read
}

// Origin returns what a group names that begins with this backup.
func (c *Contents) Origin() consensus.Origin {
	return consensus.Origin{
		Group: c.Group, Epoch: c.Epoch, Sequence: c.Snapshot.Sequence, Chain: c.Snapshot.Chain, Root: c.Snapshot.Root,
	}
}

// vouched checks that what the front of the file says of the state is certified.
func (r *Reader) vouched(h Head, g *consensus.Group, scheme crypto.Scheme) error {
	r.contents.Group, r.contents.Epoch = h.Group, h.Epoch
	r.contents.Saved = append(append([]byte(nil), h.Certificate...), h.Table...)
	var err error
	switch {
	case h.Group == g.ID && h.Epoch == g.Epoch:
		err = r.signed(h, g, scheme)
	case g.Genesis.Origin.Given() && h.Group == g.Genesis.Origin.Group && h.Epoch == g.Genesis.Origin.Epoch:
		err = r.named(h, g)
	default:
		return fmt.Errorf("%w: it is of group %s, epoch %d; this is group %s, epoch %d", ErrForeign, h.Group.Short(), h.Epoch, g.ID.Short(), g.Epoch)
	}
	if err != nil {
		return err
	}
	table, ok := statemachine.ReadPartitions(h.Table)
	if !ok || table.Version != 0 {
		return r.fault(r.offset, "its partition table is malformed")
	}
	if root := table.Root(); root != r.contents.Snapshot.Root {
		return r.fault(r.offset, "its partition table has root %s, and the certificate is over %s", root, r.contents.Snapshot.Root)
	}
	r.certified, r.contents.Certain = table, table.Count()
	return nil
}

// signed checks the certificate's signatures, all of them (R19, R93).
func (r *Reader) signed(h Head, g *consensus.Group, scheme crypto.Scheme) error {
	s := cryptobyte.String(h.Certificate)
	u, err := wire.ReadSnapshotCertificate(&s, g)
	if err != nil || !s.Empty() {
		return r.fault(uint64(len(magic)+2), "its certificate does not have the form of %d signatures of different members", g.Quorum)
	}
	valid := make([]bool, len(u.Checks))
	scheme.Verify(u.Checks, valid)
	for i, signer := range u.Value.Signers {
		if !valid[i] {
			m, _ := g.Member(signer.Replica)
			return r.fault(uint64(len(magic)+2), "the signature of replica %d (%s) in its certificate does not hold", signer.Replica, m.Name)
		}
		r.contents.Signers = append(r.contents.Signers, signer.Replica)
	}
	r.contents.Snapshot = u.Value.Snapshot
	return nil
}

// named checks that this is the very snapshot with which the group begins. Who
// signed it, only the group that ended can tell; its successors agreed on it.
func (r *Reader) named(h Head, g *consensus.Group) error {
	n, o := &r.contents.Snapshot, &g.Genesis.Origin
	s := cryptobyte.String(h.Certificate)
	if !s.ReadUint64((*uint64)(&n.Sequence)) || !s.CopyBytes(n.Chain[:]) || !s.CopyBytes(n.Root[:]) {
		return r.fault(uint64(len(magic)+2), "its certificate is malformed")
	}
	if r.contents.Origin() != *o {
		return fmt.Errorf("%w: it holds snapshot %d with digest %s, and the group begins with snapshot %d with digest %s",
			ErrForeign, n.Sequence, n.Root, o.Sequence, o.Root)
	}
	return nil
}

// compare holds the entries against the certified digest of each partition.
func (r *Reader) compare() error {
	for i := range statemachine.PartitionCount {
		have, want := r.have.Entries(i), r.certified.Entries(i)
		if have != want {
			return r.fault(r.begin, "partition %d has %d entries, and %d are certified", i, have, want)
		}
		if r.have.Digest(i) != r.certified.Digest(i) {
			return r.fault(r.begin, "the entries of partition %d are not those that are certified", i)
		}
	}
	return nil
}

// Verify reads a whole backup and checks all of it.
func Verify(from io.Reader, g *consensus.Group, scheme crypto.Scheme) (Contents, error) {
	r, err := Open(from, g, scheme)
	if err != nil {
		return Contents{}, err
	}
	for {
		if _, ok, err := r.Next(); err != nil || !ok {
			return r.Contents(), err
		}
	}
}
