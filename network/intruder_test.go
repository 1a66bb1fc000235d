package network

import (
	"context"
	"net"
	"testing"
	"time"

	p2p "github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"

	"github.com/varangian-bft/varangian/consensus"
)

// An intruder holds a listed key and writes what it likes.
type intruder struct {
	t      testing.TB
	conn   *swarm.Conn
	stream p2p.Stream
}

// connect dials host 0 with a key, and does no more.
func (f *fleet) connect(role string, n int) *swarm.Conn {
	f.t.Helper()
	limits := DefaultLimits()
	e, err := newEndpoint(endpointConfig{seed: seedOf(role, n), group: testGroup, limits: &limits, access: nobody{}})
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { f.closed(e.close()) })
	to, err := newTarget(f.remotes[0])
	if err != nil {
		f.t.Fatal(err)
	}
	e.learn(to)
	c, r, err := e.dial(context.Background(), to.peer)
	if r != ReasonNone {
		f.t.Fatal(r, err)
	}
	return c
}

// intrude opens a stream to host 0, without a hello.
func (f *fleet) intrude(role string, n int) *intruder {
	f.t.Helper()
	c := f.connect(role, n)
	s, err := c.NewStream(context.Background())
	if err != nil {
		f.t.Fatal(err)
	}
	return &intruder{t: f.t, conn: c, stream: s}
}

// enter does what a correct remote does first.
func (i *intruder) enter(l lane) *intruder {
	i.t.Helper()
	i.write(hello{version: protocolVersion, lane: l, group: testGroup}.marshal())
	if m, r, err := readHello(i.stream); r != ReasonNone || m.verdict != ReasonNone {
		i.t.Fatal(m, r, err)
	}
	return i
}

func (i *intruder) write(p []byte) {
	_ = i.stream.SetWriteDeadline(time.Now().Add(patience))
	_, _ = i.stream.Write(p) // an error is what many attacks end in
}

// awaitEnd waits until the other side ends the stream.
func (i *intruder) awaitEnd() {
	i.t.Helper()
	_ = i.stream.SetReadDeadline(time.Now().Add(patience))
	buf := make([]byte, 1024)
	for {
		if _, err := i.stream.Read(buf); err != nil {
			if ne, ok := err.(net.Error); ok && ne.Timeout() {
				i.t.Fatal("the stream was left open")
			}
			return
		}
	}
}

func framed(c consensus.Class, payload string) []byte {
	head := headerOf(c, len(payload))
	return append(head[:], payload...)
}

// tcp connects to host i and says nothing.
func (f *fleet) tcp(i int) net.Conn {
	f.t.Helper()
	addr, err := ma.NewMultiaddr(f.remotes[i].Address)
	if err != nil {
		f.t.Fatal(err)
	}
	_, at, err := manet.DialArgs(addr)
	if err != nil {
		f.t.Fatal(err)
	}
	conn, err := net.Dial("tcp", at)
	if err != nil {
		f.t.Fatal(err)
	}
	return conn
}

// source is a connection as InterceptAccept sees it.
type source struct{ ma.Multiaddr }

func (s source) LocalMultiaddr() ma.Multiaddr  { return s.Multiaddr }
func (s source) RemoteMultiaddr() ma.Multiaddr { return s.Multiaddr }
