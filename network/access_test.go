package network

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	p2p "github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
)

// R104: an unlisted key gets no further than the handshake, and is told so.
func TestUnlistedClientIsRefused(t *testing.T) {
	f := newFleet(t, 4, quick(), enrolment(0))
	host := f.start(0)
	f.remotes = f.remotes[:1]
	_, r := f.dial(1)
	a := r.await(t, "down")
	if ReasonOf(a.err) != ReasonRefused {
		t.Fatalf("reason %v (%v)", ReasonOf(a.err), a.err)
	}
	if n := f.hosts[0].Stats().RefusedByKey; n == 0 {
		t.Error("the refusal was not counted")
	}
	if len(host.arrivals) != 0 {
		t.Errorf("the handler was told of a stranger: %+v", <-host.arrivals)
	}
}

// R8: one side has another group's file.
func TestOtherGroupIsRefused(t *testing.T) {
	f := newFleet(t, 4, quick(), enrolment(0))
	f.start(0)
	r := newRecorder()
	d, err := Dial(DialConfig{
		Seed: seedOf("client", 0), Group: crypto.Digest{9}, Replicas: f.remotes[:1], Limits: f.limits,
	}, dialRecorder{r})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	a := r.await(t, "down")
	if ReasonOf(a.err) != ReasonGroup || !strings.Contains(a.err.Error(), "another group") {
		t.Fatalf("got %v", a.err)
	}
	eventually(t, "counted", func() bool { return f.hosts[0].Stats().Clients.Ended[ReasonGroup] > 0 })

	cfg := f.config(1)
	cfg.Group = crypto.Digest{9}
	other, err := Listen(cfg, hostRecorder{newRecorder()})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	eventually(t, "both replicas say so", func() bool {
		return other.Stats().Replicas[0].Last == ReasonGroup && f.hosts[0].Stats().Replicas[0].Last == ReasonGroup
	})
}

func TestOtherVersionIsRefused(t *testing.T) {
	f := newFleet(t, 4, quick(), enrolment(0))
	f.start(0)
	s := f.intrude("client", 0)
	s.write(hello{version: 2, lane: laneClient, group: testGroup}.marshal())
	answer, r, err := readHello(s.stream)
	if r != ReasonNone || answer.verdict != ReasonVersion || answer.version != protocolVersion {
		t.Fatalf("got %+v, %v, %v", answer, r, err)
	}
	_ = s.stream.Reset()
	eventually(t, "counted", func() bool { return f.hosts[0].Stats().Clients.Ended[ReasonVersion] == 1 })
	if r := (hello{version: 2, group: testGroup}).judge(testGroup); r != ReasonVersion {
		t.Errorf("a dialer finds %v", r)
	}
}

// Mutual authentication: whoever answers at a replica's address without its key
// is not that replica.
func TestWrongKeyBehindAnAddress(t *testing.T) {
	f := newFleet(t, 4, quick(), enrolment(0))
	f.start(1)
	f.remotes[0].Address = f.remotes[1].Address
	f.remotes = f.remotes[:1]
	_, r := f.dial(0)
	if a := r.await(t, "down"); ReasonOf(a.err) != ReasonIdentity {
		t.Fatalf("got %v", a.err)
	}
}

func TestNobodyBehindAnAddress(t *testing.T) {
	f := newFleet(t, 4, quick(), enrolment(0))
	f.remotes = f.remotes[:1]
	d, r := f.dial(0)
	if a := r.await(t, "down"); ReasonOf(a.err) != ReasonDial {
		t.Fatalf("got %v", a.err)
	}
	if up := d.Connected(); len(up) != 0 || d.Send(0, []byte{1}) {
		t.Fatalf("connected to %v", up)
	}
}

func TestKeyOfAnotherReplica(t *testing.T) {
	f := newFleet(t, 4, quick())
	cfg := f.config(0)
	cfg.Seed = seedOf("replica", 1)
	if h, err := Listen(cfg, hostRecorder{newRecorder()}); err == nil {
		h.Close()
		t.Fatal("a replica started with the key of another one")
	}
}

// R34: who is removed is cut off, who is added gets in.
func TestSetClients(t *testing.T) {
	f := newFleet(t, 4, quick(), enrolment(0), enrolment(2))
	host := f.start(0)
	f.remotes = f.remotes[:1]
	_, removed := f.dial(0)
	_, added := f.dial(1)
	stays, keeps := f.dial(2)
	removed.await(t, "up")
	keeps.await(t, "up")
	added.await(t, "down")
	if err := f.hosts[0].SetClients([]consensus.Enrolment{enrolment(1), enrolment(2)}); err != nil {
		t.Fatal(err)
	}
	removed.await(t, "down")
	for ReasonOf(removed.await(t, "down").err) != ReasonRefused {
	}
	added.await(t, "up")
	host.await(t, "gone")
	stays.Send(0, []byte("still here"))
	if a := host.await(t, "frame"); a.who != enrolment(2).Client {
		t.Fatalf("got %+v", a)
	}
	if n := len(keeps.arrivals); n != 0 {
		t.Errorf("the client that stayed noticed: %+v", <-keeps.arrivals)
	}
	if n := f.hosts[0].Stats().Clients.Ended[ReasonRemoved]; n != 1 {
		t.Errorf("%d removals counted", n)
	}
}

// R101: connections of one key are bounded, and the answer says so.
func TestConnectionsPerClient(t *testing.T) {
	limits := quick()
	limits.ConnectionsPerClientMax = 2
	f := newFleet(t, 4, limits, enrolment(0))
	f.start(0)
	f.remotes = f.remotes[:1]
	first, r := f.dial(0)
	r.await(t, "up")
	_, r = f.dial(0)
	r.await(t, "up")
	_, r = f.dial(0)
	if a := r.await(t, "down"); ReasonOf(a.err) != ReasonBusy {
		t.Fatalf("got %v", a.err)
	}
	first.Close()
	r.await(t, "up")
}

// R104: handshakes are bounded by rate and address.
func TestHandshakeRate(t *testing.T) {
	limits := quick()
	limits.HandshakesPerSecond, limits.HandshakesBurst = 1, 3
	f := newFleet(t, 4, limits)
	f.start(0)
	for range 10 {
		conn := f.tcp(0)
		defer conn.Close()
	}
	eventually(t, "7 of 10 refused", func() bool { return f.hosts[0].Stats().RefusedByRate >= 6 })
}

// R104: whoever connects and stays silent holds a bounded number of places for a
// bounded time.
func TestHalfOpenConnections(t *testing.T) {
	limits := quick()
	limits.HalfOpenMax, limits.HelloDeadline = 4, 300*time.Millisecond
	f := newFleet(t, 4, limits, enrolment(0))
	f.start(0)
	for range 10 {
		conn := f.tcp(0)
		defer conn.Close()
	}
	eventually(t, "6 of 10 refused", func() bool { return f.hosts[0].Stats().RefusedByLimit == 6 })
	eventually(t, "4 time out", func() bool { return f.hosts[0].Stats().HalfOpen == 0 })
	f.remotes = f.remotes[:1]
	_, r := f.dial(0)
	r.await(t, "up")
}

// TestHalfOpenShares: R104 – strangers of one address, and all of them together, leave
// places for others and for replicas, and what they give back can be had again.
func TestHalfOpenShares(t *testing.T) {
	limits := quick()
	limits.HalfOpenMax = 64
	home := netip.MustParsePrefix("10.1.0.1/32")
	r := &resources{access: elsewhere{home}, limits: &limits, connectionsMax: 1000}
	var open []p2p.ConnManagementScope
	held := func(ip string) (count int) {
		for range 100 {
			s, err := r.OpenConnection(p2p.DirInbound, true, ma.StringCast("/ip4/"+ip+"/tcp/1"))
			if err == nil {
				open = append(open, s)
				count++
			}
		}
		return count
	}
	var got []int
	for i := range 8 {
		got = append(got, held(fmt.Sprint("10.0.0.", i)))
	}
	got = append(got, held("10.1.0.1"))
	if want := []int{8, 8, 8, 8, 8, 8, 0, 0, 16}; !slices.Equal(got, want) {
		t.Errorf("places held: %v, want %v", got, want)
	}
	if err := open[0].SetPeer(""); err != nil { // who is listed came from 10.0.0.0
		t.Fatal(err)
	}
	for _, s := range open[1:] {
		s.Done()
		s.Done()
	}
	if n := r.halfOpen.Load(); n != 0 || len(r.sources) != 1 {
		t.Errorf("%d half open, %d sources", n, len(r.sources))
	}
	if n := held("10.0.0.0"); n != 32 {
		t.Errorf("%d places for one address that somebody listed came from", n)
	}
	for _, s := range open {
		s.Done()
	}
	if n := r.connections.Load(); n != 0 || len(r.sources) != 0 {
		t.Errorf("%d connections, %d sources are left", n, len(r.sources))
	}
}

// elsewhere is the access of a group with one replica, which is elsewhere.
type elsewhere struct{ at netip.Prefix }

func (elsewhere) admit(peer.ID) bool                { return true }
func (elsewhere) replica(peer.ID) bool              { return false }
func (h elsewhere) houses(source netip.Prefix) bool { return source == h.at }

// R104: a connection without a stream, and a stream without a hello, have deadlines.
func TestSilence(t *testing.T) {
	limits := quick()
	limits.HelloDeadline = time.Second // also ends the handshake that connect needs, which a busy machine slows
	f := newFleet(t, 4, limits, enrolment(0), enrolment(1))
	f.start(0)
	silent := f.connect("client", 0)
	eventually(t, "connection closed", silent.IsClosed)
	mute := f.intrude("client", 1)
	mute.write([]byte("v"))
	mute.awaitEnd()
	eventually(t, "counted", func() bool { return f.hosts[0].Stats().Clients.Ended[ReasonSlow] == 1 })
}

// R101: the table of source addresses is bounded; sources beyond it share.
func TestSourceTableIsBounded(t *testing.T) {
	limits := quick()
	limits.HandshakesPerSecond, limits.HandshakesBurst = 1, 2
	g := newGater(nobody{}, &limits)
	for i := range sourcesMax + 100 {
		addr, err := manet.FromIP(net.IPv4(10, 0, byte(i>>8), byte(i)))
		if err != nil {
			t.Fatal(err)
		}
		g.InterceptAccept(source{addr})
	}
	if n := len(g.sources); n != sourcesMax {
		t.Errorf("%d sources kept", n)
	}
	if g.byRate.Load() != 98 {
		t.Errorf("%d refused; the 100 beyond the table share a burst of 2", g.byRate.Load())
	}
}

func TestAddresses(t *testing.T) {
	for address, good := range map[string]bool{
		"/ip4/127.0.0.1/tcp/7400":        true,
		"/ip6/::1/tcp/0":                 true,
		"/dns4/r1.example.org/tcp/7400":  true,
		"127.0.0.1:7400":                 false,
		"/ip4/127.0.0.1":                 false,
		"/ip4/127.0.0.1/udp/7400":        false,
		"/ip4/127.0.0.1/tcp/7400/ws":     false,
		"/unix/tmp/socket":               false,
		"/ip4/127.0.0.1/tcp/70000":       false,
		"/dnsaddr/r1.example.org/tcp/74": false,
	} {
		if _, err := parseAddress(address); (err == nil) != good {
			t.Errorf("%s: %v", address, err)
		}
	}
	if _, err := peer.Decode(""); err == nil {
		t.Error("libp2p takes an empty peer id")
	}
}
