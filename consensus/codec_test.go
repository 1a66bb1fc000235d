package consensus_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"

	"golang.org/x/crypto/cryptobyte"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
)

func (r *rig) sign(q consensus.Request) *consensus.Request {
	return consensus.SignRequest(q, r.group.Domain(), r.client)
}

func (r *rig) request(ts consensus.Timestamp, ops ...string) *consensus.Request {
	q := consensus.Request{Kind: consensus.KindOperations, Session: 1, Timestamp: ts}
	for _, op := range ops {
		q.Operations = append(q.Operations, []byte(op))
	}
	return r.sign(q)
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

// R9, R10: a request is what its bytes say; every byte counts for its digest, and
// every byte is covered by the signature or is it.
func TestRequestCodec(t *testing.T) {
	r := newRig(t, 4)
	q := r.sign(consensus.Request{Kind: consensus.KindOperations, Session: 3, Timestamp: 9, Done: 7, Operations: [][]byte{[]byte("a"), nil, []byte("bc")}})
	u, err := consensus.DecodeRequest(q.Encoding(), r.group)
	if err != nil || len(u.Checks) != 1 || !r.holds(u.Checks) {
		t.Fatal(err)
	}
	if d := u.Value; d.Client != q.Client || d.Session != 3 || d.Timestamp != 9 || d.Done != 7 || len(d.Operations) != 3 ||
		string(d.Operations[2]) != "bc" || d.Digest() != q.Digest() || !bytes.Equal(d.Encoding(), q.Encoding()) {
		t.Errorf("read as %+v", d)
	}
	for i := range q.Encoding() {
		bad := bytes.Clone(q.Encoding())
		bad[i] ^= 1
		u, err := consensus.DecodeRequest(bad, r.group)
		if err == nil && (r.holds(u.Checks) || u.Value.Digest() == q.Digest()) {
			t.Errorf("byte %d is covered by nothing", i)
		}
		if _, err := consensus.DecodeRequest(q.Encoding()[:i], r.group); err == nil {
			t.Errorf("a request is read from its first %d bytes", i)
		}
	}
	if _, err := consensus.DecodeRequest(append(bytes.Clone(q.Encoding()), 0), r.group); err == nil {
		t.Error("a trailing byte is accepted (R16)")
	}
}

// R16, R20, R26: what is not a request, judged by its bytes and the group alone.
func TestRequestRefused(t *testing.T) {
	r := newRig(t, 4)
	op := [][]byte{{1}}
	for name, c := range map[string]struct {
		request consensus.Request
		want    error
	}{
		"an unknown kind":           {consensus.Request{Kind: 4, Session: 1, Timestamp: 1, Operations: op}, consensus.ErrRequestForm},
		"no kind":                   {consensus.Request{Session: 1, Timestamp: 1, Operations: op}, consensus.ErrRequestForm},
		"no session":                {consensus.Request{Kind: 1, Timestamp: 1, Operations: op}, consensus.ErrRequestForm},
		"no timestamp":              {consensus.Request{Kind: 1, Session: 1, Operations: op}, consensus.ErrRequestForm},
		"no operation":              {consensus.Request{Kind: 1, Session: 1, Timestamp: 1}, consensus.ErrRequestForm},
		"done with itself":          {consensus.Request{Kind: 1, Session: 1, Timestamp: 1, Done: 1, Operations: op}, consensus.ErrRequestForm},
		"done with all":             {consensus.Request{Kind: 1, Session: 1, Timestamp: 1, Done: 1<<64 - 1, Operations: op}, consensus.ErrRequestForm},
		"the last timestamp":        {consensus.Request{Kind: 1, Session: 1, Timestamp: 1<<64 - 1, Done: 1<<64 - 2, Operations: op}, nil},
		"an administrative one":     {consensus.Request{Kind: 3, Session: 1, Timestamp: 1, Operations: op}, nil},
		"opens a session":           {consensus.Request{Kind: 2, Session: 1}, nil},
		"opens no session":          {consensus.Request{Kind: 2}, consensus.ErrRequestForm},
		"opens with a timestamp":    {consensus.Request{Kind: 2, Session: 1, Timestamp: 1}, consensus.ErrRequestForm},
		"opens with an operation":   {consensus.Request{Kind: 2, Session: 1, Operations: op}, consensus.ErrRequestForm},
		"more operations than may":  {consensus.Request{Kind: 1, Session: 1, Timestamp: 1, Operations: [][]byte{{}, {}, {}, {}}}, consensus.ErrRequestSize},
		"more bytes than may (R33)": {consensus.Request{Kind: 1, Session: 1, Timestamp: 1, Operations: [][]byte{make([]byte, 1000)}}, consensus.ErrRequestSize},
	} {
		if _, err := consensus.DecodeRequest(r.sign(c.request).Encoding(), r.group); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// R103: a count that does not fit its list costs no memory for the list.
func TestRequestCount(t *testing.T) {
	r := newRig(t, 4)
	r.group.Genesis.Parameters.RequestBytesMax = 1 << 20
	body := bytes.Clone(r.request(1, "a").Encoding())
	const at = 1 + crypto.KeySize + 24
	liar := append(body[:at:at], 0, 0, 0, 1)
	liar = append(liar, make([]byte, 1<<19)...) // 2^17 empty operations, and a signature
	runs := testing.AllocsPerRun(1, func() {
		if _, err := consensus.DecodeRequest(liar, r.group); err == nil {
			t.Error("accepted")
		}
	})
	if runs > 8 {
		t.Errorf("%v allocations for what says that it has one operation", runs)
	}
	binary.BigEndian.PutUint32(liar[at:], 1<<32-1)
	if _, err := consensus.DecodeRequest(liar, r.group); err == nil {
		t.Error("accepted")
	}
}

// R9, R20, R22: a batch comes back whole, with the signature of each request, under
// the digest of its content.
func TestBatchCodec(t *testing.T) {
	r := newRig(t, 4)
	b := consensus.NewBatch(7, []*consensus.Request{r.request(1, "a"), r.request(2, "b", "c")})
	encoded := b.Marshal()
	u, err := decode(encoded, r.group)
	if err != nil || u.Value.Digest != b.Digest || u.Value.Content.Time != 7 || len(u.Checks) != 2 || !r.holds(u.Checks) ||
		u.Value.Bytes() != b.Bytes() || !bytes.Equal(u.Value.Marshal(), encoded) || b.Null() {
		t.Errorf("%v: %+v", err, u.Value)
	}
	for n := range encoded {
		if _, err := decode(encoded[:n], r.group); err == nil {
			t.Errorf("a batch is read from its first %d bytes", n)
		}
		bad := bytes.Clone(encoded)
		bad[n] ^= 1
		if u, err := decode(bad, r.group); err == nil && u.Value.Digest == b.Digest && r.holds(u.Checks) {
			t.Errorf("byte %d is covered by nothing", n)
		}
	}
	null, err := decode(consensus.NullBatch.Marshal(), r.group)
	if err != nil || !null.Value.Null() || null.Value.Digest != consensus.NullDigest || len(null.Checks) > 0 {
		t.Errorf("the null batch (R74): %v %+v", err, null.Value)
	}
	if _, err := decode(append(consensus.NullBatch.Marshal(), 0), r.group); err == nil {
		t.Error("a null batch with something behind it is accepted")
	}
}

var errRefused = errors.New("refused")

func decode(b []byte, g *consensus.Group) (crypto.Unverified[*consensus.Batch], error) {
	u, ok := consensus.DecodeBatch(cryptobyte.String(b), g)
	if !ok {
		return u, errRefused
	}
	return u, nil
}

// R16, R24: batches that every replica refuses alike.
func TestBatchRefused(t *testing.T) {
	r := newRig(t, 4)
	a, b := r.request(1, "a"), r.request(2, "b")
	swapped := consensus.NewBatch(1, []*consensus.Request{a, b})
	swapped.Requests = []*consensus.Request{b, a}
	lacking := consensus.NewBatch(1, []*consensus.Request{a, b})
	lacking.Requests = lacking.Requests[:1]
	more := consensus.NewBatch(1, []*consensus.Request{a})
	more.Requests = []*consensus.Request{a, b}
	var many, large []*consensus.Request
	for i := range 5 {
		many = append(many, r.request(consensus.Timestamp(i+1), "a"))
	}
	for i := range 3 {
		large = append(large, r.request(consensus.Timestamp(i+1), string(make([]byte, 800))))
	}
	for name, c := range map[string]*consensus.Batch{
		"a request twice": consensus.NewBatch(1, []*consensus.Request{a, a}), "no request": consensus.NewBatch(1, nil),
		"a negative time": consensus.NewBatch(-1, []*consensus.Request{a}), "bodies swapped": swapped, "a body lacking": lacking,
		"a body more": more, "more requests than may": consensus.NewBatch(1, many), "more bytes than may": consensus.NewBatch(1, large),
	} {
		if _, err := decode(c.Marshal(), r.group); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, ok := consensus.ReadContent(append(swapped.Content.Marshal(), 0), &r.group.Genesis.Parameters); ok {
		t.Error("content with a trailing byte is accepted")
	}
}

// R10, R11, R13: kinds of hashes do not meet, and a request signed anew is another.
func TestDigests(t *testing.T) {
	r := newRig(t, 4)
	q := r.request(1, "a")
	b := consensus.NewBatch(1, []*consensus.Request{q})
	seen := map[crypto.Digest]string{}
	for name, d := range map[string]crypto.Digest{
		"null batch": consensus.NullDigest, "request": q.Digest(), "batch": b.Digest,
		"batch with its bytes": crypto.Hash(crypto.KindRequest, b.Content.Marshal()),
		"leaf":                 consensus.Leaf{}.Hash(), "results": consensus.ResultsDigest(nil),
		"leaf as results": consensus.ResultsDigest(make([]byte, 152)), "later": consensus.NewBatch(2, []*consensus.Request{q}).Digest,
	} {
		if other, ok := seen[d]; ok {
			t.Errorf("%s and %s have one digest", name, other)
		}
		seen[d] = name
	}
}

func (r *rig) receipt(signers ...consensus.ReplicaID) consensus.Receipt {
	leaf := consensus.Leaf{Client: consensus.ClientID(r.client.Public()), Session: 1, Timestamp: 2, Sequence: 3}
	out := consensus.Receipt{Leaf: leaf}
	for i, id := range signers { // each under a root of its own (R28)
		tree := crypto.NewMerkleTree([]crypto.Digest{{byte(i)}, leaf.Hash(), {9}})
		out.Roots = append(out.Roots, consensus.SignedRoot{
			Replica: id, Root: tree.Root(), Path: tree.Path(1),
			Signature: r.replicas[id].Sign(consensus.ReceiptStatement(r.group, tree.Root())),
		})
	}
	return out
}

// R28, R4, R8, R14: f+1 distinct replicas, each under a root that holds.
func TestReceipt(t *testing.T) {
	r := newRig(t, 7)
	other := newRig(t, 4)
	for name, c := range map[string]struct {
		signers []consensus.ReplicaID
		change  func(*consensus.Receipt)
		want    error
	}{
		"f+1 replicas":            {[]consensus.ReplicaID{0, 4, 6}, nil, nil},
		"f replicas":              {[]consensus.ReplicaID{0, 4}, nil, consensus.ErrReceiptWeak},
		"one of them twice":       {[]consensus.ReplicaID{0, 4, 4}, nil, consensus.ErrReceiptWeak},
		"none":                    {nil, nil, consensus.ErrReceiptWeak},
		"another leaf":            {[]consensus.ReplicaID{0, 1, 2}, func(x *consensus.Receipt) { x.Leaf.Sequence++ }, consensus.ErrReceiptForged},
		"another's signature":     {[]consensus.ReplicaID{0, 1, 2}, func(x *consensus.Receipt) { x.Roots[2].Replica = 3 }, consensus.ErrReceiptForged},
		"a signer outside":        {[]consensus.ReplicaID{0, 1, 2}, func(x *consensus.Receipt) { x.Roots[0].Replica = 7 }, consensus.ErrReceiptForged},
		"a forged one beside f+1": {[]consensus.ReplicaID{0, 1, 2, 3}, func(x *consensus.Receipt) { x.Roots[3].Signature[0] ^= 1 }, consensus.ErrReceiptForged},
		"another index":           {[]consensus.ReplicaID{0, 1, 2}, func(x *consensus.Receipt) { x.Roots[0].Path.Index = 0 }, consensus.ErrReceiptForged},
		"a shorter path":          {[]consensus.ReplicaID{0, 1, 2}, func(x *consensus.Receipt) { x.Roots[0].Path.Siblings = nil }, consensus.ErrReceiptForged},
	} {
		x := r.receipt(c.signers...)
		if c.change != nil {
			c.change(&x)
		}
		if err := x.Verify(r.group, r.scheme); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if r.receipt(0, 1).Verify(other.group, r.scheme) == nil {
		t.Error("a receipt of another group is accepted (R8)")
	}
}

func TestResults(t *testing.T) {
	results := []consensus.Result{{Class: consensus.ResultOK, Value: []byte("a")}, {Class: consensus.ResultGone}}
	encoded := consensus.MarshalResults(results)
	back, ok := consensus.ReadResults(encoded)
	if !ok || len(back) != 2 || string(back[0].Value) != "a" || back[1].Class != consensus.ResultGone {
		t.Errorf("%+v", back)
	}
	for name, bad := range map[string][]byte{
		"none": nil, "class 0": {0, 0, 0, 0, 0}, "class 10": {10, 0, 0, 0, 0}, "a length beyond": {1, 255, 255, 255, 255}, "cut": encoded[:5],
	} {
		if _, ok := consensus.ReadResults(bad); ok {
			t.Errorf("%s: accepted", name)
		}
	}
}

// R9, R16, R107.
func FuzzRequest(f *testing.F) {
	r := newRig(f, 4)
	f.Add(r.request(1, "a", "b").Encoding())
	f.Add(r.sign(consensus.Request{Kind: consensus.KindOpenSession, Session: 1}).Encoding())
	f.Fuzz(func(t *testing.T, b []byte) {
		u, err := consensus.DecodeRequest(b, r.group)
		if err != nil {
			return
		}
		q := *u.Value
		if again := r.sign(q).Encoding(); len(again) != len(b) || q.Client == consensus.ClientID(r.client.Public()) &&
			!bytes.Equal(again[:len(b)-crypto.SignatureSize], b[:len(b)-crypto.SignatureSize]) {
			t.Fatalf("%x was read as %+v", b, q)
		}
	})
}

// R9, R16, R107.
func FuzzBatch(f *testing.F) {
	r := newRig(f, 4)
	f.Add(consensus.NewBatch(7, []*consensus.Request{r.request(1, "a"), r.request(2, "b")}).Marshal())
	f.Add(consensus.NullBatch.Marshal())
	f.Fuzz(func(t *testing.T, b []byte) {
		if u, err := decode(b, r.group); err == nil && !bytes.Equal(u.Value.Marshal(), b) {
			t.Fatalf("%x was read as %+v", b, u.Value)
		}
	})
}
