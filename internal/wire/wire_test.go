package wire

import (
	"bytes"
	"fmt"
	"testing"

	"golang.org/x/crypto/cryptobyte"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/crypto/simsig"
)

// A rig is a group of four with everybody's signers.
type rig struct {
	scheme   *simsig.Scheme
	group    *consensus.Group
	replicas []crypto.Signer
	client   crypto.Signer
}

func newRig(t testing.TB) *rig {
	t.Helper()
	r := &rig{scheme: simsig.New()}
	g := consensus.Genesis{Name: "test", Engine: "pbft", Faults: 1, Parameters: consensus.DefaultParameters()}
	g.Parameters.BatchRequestsMax, g.Parameters.RequestBytesMax, g.Parameters.BatchBytesMax = 3, 1024, 2048
	for i := range 4 {
		s := r.scheme.NewSigner(crypto.Seed{1, byte(i)})
		r.replicas = append(r.replicas, s)
		g.Replicas = append(g.Replicas, consensus.Member{
			Name: fmt.Sprint("r", i), Key: s.Public(), Transport: r.scheme.NewSigner(crypto.Seed{2, byte(i)}).Public(),
		})
	}
	r.client = r.scheme.NewSigner(crypto.Seed{3})
	var err error
	if r.group, err = consensus.NewGroup(g, r.scheme); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *rig) request(ts consensus.Timestamp, size int) *consensus.Request {
	return consensus.SignRequest(consensus.Request{
		Kind: consensus.KindOperations, Session: 1, Timestamp: ts, Operations: [][]byte{make([]byte, size)},
	}, r.group.Domain(), r.client)
}

func (r *rig) holds(checks []crypto.Check) bool {
	valid := make([]bool, len(checks))
	r.scheme.Verify(checks, valid)
	for _, ok := range valid {
		if !ok {
			return false
		}
	}
	return true
}

func reply() Reply {
	var leaves []consensus.Leaf
	var hashes []crypto.Digest
	for i := range 3 {
		l := consensus.Leaf{Session: 1, Timestamp: consensus.Timestamp(i + 1), Sequence: 7, Results: crypto.Hash(crypto.KindResults, []byte{byte(i)})}
		leaves, hashes = append(leaves, l), append(hashes, l.Hash())
	}
	tree := crypto.NewMerkleTree(hashes)
	m := Reply{Root: tree.Root(), Signature: crypto.Signature{1, 2, 3}}
	for i, l := range leaves {
		m.Entries = append(m.Entries, ReplyEntry{Leaf: l, Path: tree.Path(i), Results: bytes.Repeat([]byte{1}, i)})
	}
	return m
}

func (r *rig) certificate(signers ...consensus.ReplicaID) SnapshotCertificate {
	n := Snapshot{Sequence: 8, Chain: crypto.Digest{1}, Root: crypto.Digest{2}}
	c := SnapshotCertificate{Snapshot: n}
	for _, id := range signers {
		c.Signers = append(c.Signers, SnapshotSigner{Replica: id, Signature: n.Sign(r.group, id%4, r.replicas[id%4]).Signature})
	}
	return c
}

func (r *rig) receipt() consensus.Receipt {
	m := reply()
	out := consensus.Receipt{Leaf: m.Entries[1].Leaf}
	for id := range consensus.ReplicaID(2) {
		out.Roots = append(out.Roots, consensus.SignedRoot{
			Replica: id, Root: m.Root, Signature: r.replicas[id].Sign(consensus.ReceiptStatement(r.group, m.Root)), Path: m.Entries[1].Path,
		})
	}
	return out
}

// A codec reads a frame and writes it again.
type codec struct {
	name  string
	frame []byte
	again func([]byte) ([]byte, error)
}

func (r *rig) codecs() []codec {
	p := &r.group.Genesis.Parameters
	return []codec{
		{"fetch batch", FetchBatch{Digest: crypto.Digest{9}}.Marshal(), func(f []byte) ([]byte, error) {
			m, err := ReadFetchBatch(f)
			return m.Marshal(), err
		}},
		{"fetch requests", FetchRequests{Batch: crypto.Digest{9}, Requests: []crypto.Digest{{1}, {2}}}.Marshal(), func(f []byte) ([]byte, error) {
			m, err := ReadFetchRequests(f, p)
			return m.Marshal(), err
		}},
		{"requests", RequestsFrame([]*consensus.Request{r.request(1, 10), r.request(2, 20)}), func(f []byte) ([]byte, error) {
			m, err := ReadRequests(f, r.group)
			var all []*consensus.Request
			for _, u := range m {
				all = append(all, u.Value)
			}
			return RequestsFrame(all), err
		}},
		{"reply", reply().Marshal(), func(f []byte) ([]byte, error) {
			m, err := ReadReply(f)
			return m.Marshal(), err
		}},
		{"refusal", Refusal{Request: crypto.Digest{4}, Reason: RefusedWindow}.Marshal(), func(f []byte) ([]byte, error) {
			m, err := ReadRefusal(f)
			return m.Marshal(), err
		}},
		{"snapshot", r.certificate(2).Snapshot.Sign(r.group, 2, r.replicas[2]).Marshal(), func(f []byte) ([]byte, error) {
			u, err := ReadSignedSnapshot(f, r.group)
			m, _ := u.Value.(SignedSnapshot)
			return m.Marshal(), err
		}},
		{"snapshot certificate", r.certificate(0, 2, 3).Marshal(), func(f []byte) ([]byte, error) {
			s := cryptobyte.String(f)
			u, err := ReadSnapshotCertificate(&s, r.group)
			if err == nil && !s.Empty() {
				err = ErrForm // whoever embeds one goes on behind it
			}
			return u.Value.Marshal(), err
		}},
		{"receipt", MarshalReceipt(r.receipt()), func(f []byte) ([]byte, error) {
			m, err := ReadReceipt(f)
			return MarshalReceipt(m), err
		}},
	}
}

// R9, R16: there is one encoding, both ways; no prefix of it, and nothing longer, is
// another one. R107: not even the empty frame ends the process.
func TestOneEncoding(t *testing.T) {
	for _, c := range newRig(t).codecs() {
		again, err := c.again(c.frame)
		if err != nil || !bytes.Equal(again, c.frame) {
			t.Errorf("%s: %v, written again: %x", c.name, err, again)
		}
		for n := range c.frame {
			if again, err := c.again(c.frame[:n]); err == nil && !bytes.Equal(again, c.frame[:n]) {
				t.Errorf("%s: the first %d bytes are read as something else", c.name, n)
			}
		}
		if _, err := c.again(nil); err == nil {
			t.Errorf("%s: nothing at all is read as something", c.name)
		}
		if _, err := c.again(append(bytes.Clone(c.frame), 0)); err == nil {
			t.Errorf("%s: a trailing byte is accepted", c.name)
		}
	}
}

// R16: a frame of another type is not read as this one; R107: none is empty.
func TestTypeByte(t *testing.T) {
	if Type(nil) != 0 || Type([]byte{200}) != 200 {
		t.Error("the type byte is not the first one")
	}
	for _, c := range newRig(t).codecs()[:6] {
		other := bytes.Clone(c.frame)
		other[0] ^= 0x40
		if _, err := c.again(other); err == nil {
			t.Errorf("%s: a frame of type %d is read as one", c.name, other[0])
		}
	}
}

// R15, R16, R103: what a frame may not hold.
func TestRefused(t *testing.T) {
	r := newRig(t)
	p := &r.group.Genesis.Parameters
	small := r.request(1, 10)
	long := reply()
	long.Entries[0].Path.Siblings = make([]crypto.Digest, pathSiblingsMax+1)
	large := consensus.SignRequest(consensus.Request{
		Kind: consensus.KindOperations, Session: 1, Timestamp: 1, Operations: [][]byte{make([]byte, 1025)},
	}, r.group.Domain(), r.client)
	reads := map[string]func() error{
		"no body asked for": func() error { _, err := ReadFetchRequests(FetchRequests{}.Marshal(), p); return err },
		"more bodies than batch": func() error {
			_, err := ReadFetchRequests(FetchRequests{Requests: make([]crypto.Digest, 4)}.Marshal(), p)
			return err
		},
		"no bodies": func() error { _, err := ReadRequests(RequestsFrame(nil), r.group); return err },
		"more than a batch": func() error {
			_, err := ReadRequests(RequestsFrame([]*consensus.Request{small, small, small, small}), r.group)
			return err
		},
		"too large a body": func() error { _, err := ReadRequests(RequestsFrame([]*consensus.Request{large}), r.group); return err },
		"length beyond": func() error {
			_, err := ReadRequests([]byte{byte(TypeRequests), 255, 255, 255, 255, 1}, r.group)
			return err
		},
		"reply of nothing":  func() error { _, err := ReadReply(Reply{}.Marshal()); return err },
		"path too long":     func() error { _, err := ReadReply(long.Marshal()); return err },
		"no reason":         func() error { _, err := ReadRefusal(Refusal{}.Marshal()); return err },
		"an unknown reason": func() error { _, err := ReadRefusal(Refusal{Reason: 7}.Marshal()); return err },
		"signer outside (R4)": func() error {
			_, err := ReadSignedSnapshot(r.certificate(2).Snapshot.Sign(r.group, 4, r.replicas[2]).Marshal(), r.group)
			return err
		},
	}
	for name, signers := range map[string][]consensus.ReplicaID{
		"fewer than a quorum (R93)": {0, 1}, "one signer twice (R2)": {0, 1, 1}, "descending": {2, 1, 0}, "outsider (R4)": {0, 1, 4},
		"more than all": {0, 1, 2, 3, 7}, "none": nil,
	} {
		reads[name] = func() error {
			s := cryptobyte.String(r.certificate(signers...).Marshal())
			_, err := ReadSnapshotCertificate(&s, r.group)
			return err
		}
	}
	for name, read := range reads {
		if read() == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// R19, R20: every signature has to be checked, and each covers what it stands for.
func TestChecks(t *testing.T) {
	r := newRig(t)
	s := cryptobyte.String(r.certificate(0, 2, 3).Marshal())
	c, err := ReadSnapshotCertificate(&s, r.group)
	if err != nil || len(c.Checks) != 3 || !r.holds(c.Checks) {
		t.Fatalf("certificate: %v, %d checks", err, len(c.Checks))
	}
	m, err := ReadRequests(RequestsFrame([]*consensus.Request{r.request(1, 1), r.request(2, 1)}), r.group)
	if err != nil || len(m) != 2 || len(m[0].Checks) != 1 || !r.holds(m[0].Checks) || len(m[1].Checks) != 1 || !r.holds(m[1].Checks) {
		t.Fatalf("requests: %v, %d", err, len(m))
	}
	frame := c.Value.Snapshot.Sign(r.group, 1, r.replicas[1]).Marshal()
	for i := 1; i < len(frame); i++ {
		bad := bytes.Clone(frame)
		bad[i] ^= 1
		if u, err := ReadSignedSnapshot(bad, r.group); err == nil && r.holds(u.Checks) {
			t.Errorf("byte %d of a snapshot is covered by nothing", i)
		}
	}
}

func TestSmallFrames(t *testing.T) {
	r := newRig(t)
	q := r.request(1, 5)
	if f := RequestFrame(q); Type(f) != consensus.TypeRequest || !bytes.Equal(f[1:], q.Encoding()) {
		t.Error("a request's frame is not its encoding behind a type byte")
	}
	b := consensus.NewBatch(1, []*consensus.Request{q})
	if f := BatchFrame(b); Type(f) != TypeBatch || !bytes.Equal(f[1:], b.Marshal()) {
		t.Error("a batch's frame is not its encoding behind a type byte")
	}
	if Type(StatusQueryFrame()) != TypeStatusQuery || string(StatusAnswerFrame([]byte("{}"))[1:]) != "{}" {
		t.Error("status frames")
	}
}

func fuzz(f *testing.F, name string) {
	f.Helper()
	var target codec
	for _, c := range newRig(f).codecs() {
		if c.name == name {
			target = c
		}
	}
	f.Add(target.frame)
	f.Add(target.frame[:1])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, frame []byte) {
		if again, err := target.again(frame); err == nil && !bytes.Equal(again, frame) {
			t.Fatalf("%x was read, and is written as %x", frame, again)
		}
	})
}

// R9, R16, R107: whatever decodes has one encoding.
func FuzzReply(f *testing.F)               { fuzz(f, "reply") }
func FuzzRequests(f *testing.F)            { fuzz(f, "requests") }
func FuzzSnapshotCertificate(f *testing.F) { fuzz(f, "snapshot certificate") }
func FuzzReceipt(f *testing.F)             { fuzz(f, "receipt") }
