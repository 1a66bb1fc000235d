package network

import (
	"crypto/ed25519"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var testGroup = crypto.Digest{1, 2, 3}

func seedOf(role string, n int) (s crypto.Seed) {
	copy(s[:], fmt.Sprintf("%s %d", role, n))
	return s
}

func keyOf(s crypto.Seed) (k crypto.PublicKey) {
	copy(k[:], ed25519.NewKeyFromSeed(s[:]).Public().(ed25519.PublicKey))
	return k
}

func enrolment(n int) consensus.Enrolment {
	return consensus.Enrolment{
		Name:      fmt.Sprintf("client %d", n),
		Client:    consensus.ClientID(keyOf(seedOf("signing", n))),
		Transport: keyOf(seedOf("client", n)),
	}
}

// freePorts returns n loopback addresses that were free a moment ago.
func freePorts(t testing.TB, n int) []string {
	var out []string
	for range n {
		l, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		out = append(out, fmt.Sprintf("/ip4/127.0.0.1/tcp/%d", l.Addr().(*net.TCPAddr).Port))
	}
	return out
}

// quick are limits with short waits, so that tests need not be long.
func quick() Limits {
	l := DefaultLimits()
	l.HelloDeadline = 2 * time.Second
	l.RedialMax = 200 * time.Millisecond
	l.PenaltyMin = 300 * time.Millisecond
	return l
}

// A fleet is a group of hosts on loopback, each with a recording handler.
type fleet struct {
	t        testing.TB
	limits   Limits
	remotes  []Remote
	clients  []consensus.Enrolment
	hosts    []*Host
	handlers []*recorder
}

func newFleet(t testing.TB, n int, limits Limits, clients ...consensus.Enrolment) *fleet {
	f := &fleet{
		t: t, limits: limits, clients: clients,
		hosts: make([]*Host, n), handlers: make([]*recorder, n),
	}
	for i, address := range freePorts(t, n) {
		f.remotes = append(f.remotes, Remote{ID: consensus.ReplicaID(i), Transport: keyOf(seedOf("replica", i)), Address: address})
	}
	t.Cleanup(func() {
		for _, h := range f.hosts {
			if h != nil {
				f.closed(h.Close())
			}
		}
	})
	return f
}

func (f *fleet) closed(err error) {
	if err != nil {
		f.t.Errorf("Close: %v", err)
	}
}

func (f *fleet) config(i int) Config {
	return Config{
		Seed: seedOf("replica", i), Group: testGroup, Self: consensus.ReplicaID(i), Listen: f.remotes[i].Address,
		Replicas: f.remotes, Clients: f.clients, Limits: f.limits,
	}
}

func (f *fleet) start(i int) *recorder {
	f.t.Helper()
	r := newRecorder()
	h, err := Listen(f.config(i), hostRecorder{r})
	if err != nil {
		f.t.Fatal(err)
	}
	f.hosts[i], f.handlers[i] = h, r
	return r
}

func (f *fleet) startAll() *fleet {
	f.t.Helper()
	for i := range f.hosts {
		f.start(i)
	}
	for _, r := range f.handlers {
		for range len(f.hosts) - 1 {
			r.await(f.t, "up")
		}
	}
	return f
}

func (f *fleet) stop(i int) {
	f.closed(f.hosts[i].Close())
	f.hosts[i] = nil
}

func (f *fleet) dial(n int) (*Dialer, *recorder) {
	f.t.Helper()
	r := newRecorder()
	d, err := Dial(DialConfig{Seed: seedOf("client", n), Group: testGroup, Replicas: f.remotes, Limits: f.limits}, dialRecorder{r})
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(d.Close)
	return d, r
}

// An arrival is one call of a handler.
type arrival struct {
	kind  string // up, down, gone, frame
	from  consensus.ReplicaID
	class consensus.Class
	conn  ConnID
	who   consensus.ClientID
	frame []byte
	err   error
}

// A recorder keeps what hostRecorder and dialRecorder are called with.
type recorder struct {
	arrivals chan arrival
	hold     sync.RWMutex // write-locked: frames block in the handler
	panics   func(frame []byte) bool
	ignored  string // frames of this content are not recorded

	heldClass map[consensus.Class]bool // if set, only these block
}

func newRecorder() *recorder { return &recorder{arrivals: make(chan arrival, 1<<16)} }

func (r *recorder) take(a arrival) {
	if a.kind == "frame" {
		if r.heldClass == nil || r.heldClass[a.class] {
			r.hold.RLock()
			defer r.hold.RUnlock()
		}
		if r.panics != nil && r.panics(a.frame) {
			panic("a parser that does not keep R107")
		}
	}
	if a.kind == "frame" && r.ignored != "" && string(a.frame) == r.ignored {
		return
	}
	r.arrivals <- a
}

type hostRecorder struct{ *recorder }

func (r hostRecorder) FromReplica(from consensus.ReplicaID, c consensus.Class, frame []byte) {
	r.take(arrival{kind: "frame", from: from, class: c, frame: frame})
}

func (r hostRecorder) FromClient(conn ConnID, who consensus.ClientID, frame []byte) {
	r.take(arrival{kind: "frame", class: consensus.ClassClient, conn: conn, who: who, frame: frame})
}
func (r hostRecorder) ReplicaUp(id consensus.ReplicaID)   { r.take(arrival{kind: "up", from: id}) }
func (r hostRecorder) ReplicaDown(id consensus.ReplicaID) { r.take(arrival{kind: "down", from: id}) }

func (r hostRecorder) ClientGone(conn ConnID) { r.take(arrival{kind: "gone", conn: conn}) }

type dialRecorder struct{ *recorder }

func (r dialRecorder) FromReplica(from consensus.ReplicaID, frame []byte) {
	r.take(arrival{kind: "frame", from: from, frame: frame})
}
func (r dialRecorder) ReplicaUp(id consensus.ReplicaID) { r.take(arrival{kind: "up", from: id}) }
func (r dialRecorder) ReplicaDown(id consensus.ReplicaID, err error) {
	r.take(arrival{kind: "down", from: id, err: err})
}

const patience = 15 * time.Second

// await returns the next arrival of a kind, and passes over others.
func (r *recorder) await(t testing.TB, kind string) arrival {
	t.Helper()
	timeout := time.After(patience)
	for {
		select {
		case a := <-r.arrivals:
			if a.kind == kind {
				return a
			}
		case <-timeout:
			t.Fatalf("no %q within %v", kind, patience)
		}
	}
}

// eventually waits for a state that no handler reports.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	again, deadline := time.NewTicker(5*time.Millisecond), time.After(patience)
	defer again.Stop()
	for !holds() {
		select {
		case <-again.C:
		case <-deadline:
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}
