package network

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"

	"github.com/varangian-bft/varangian/consensus"
)

// After a restart, of the side that dials and of the side that is dialed, all
// are connected again within about a second.
func TestRestart(t *testing.T) {
	limits := DefaultLimits()
	f := newFleet(t, 4, limits, enrolment(0)).startAll()
	_, client := f.dial(0)
	for range f.hosts {
		client.await(t, "up")
	}
	for _, i := range []int{0, 3} {
		f.stop(i)
		for j, r := range f.handlers {
			if j != i {
				r.await(t, "down")
			}
		}
		if a := client.await(t, "down"); ReasonOf(a.err) != ReasonClosed {
			t.Errorf("the client was told %v", a.err)
		}
		// Failed attempts must not delay those after the restart.
		for ReasonOf(client.await(t, "down").err) != ReasonDial {
		}
		began := time.Now()
		f.start(i)
		for range len(f.hosts) - 1 {
			f.handlers[i].await(t, "up")
		}
		client.await(t, "up")
		took := time.Since(began)
		t.Logf("replica %d back after %v", i, took)
		if took > 3*time.Second {
			t.Errorf("reconnected after %v", took)
		}
		for j, r := range f.handlers {
			if j != i {
				r.await(t, "up")
			}
		}
	}
}

// Close writes out what was queued before it, and tells the remote.
func TestCloseIsGraceful(t *testing.T) {
	f := newFleet(t, 4, quick(), enrolment(0)).startAll()
	f.remotes = f.remotes[:1]
	d, client := f.dial(0)
	client.await(t, "up")
	d.Send(0, []byte("hi"))
	conn := f.handlers[0].await(t, "frame").conn
	const count = 2000
	for range count {
		f.hosts[0].Send(1, consensus.ClassVote, make([]byte, 1000))
		f.hosts[0].Reply(conn, make([]byte, 1000))
	}
	f.stop(0)
	for range count {
		f.handlers[1].await(t, "frame")
		client.await(t, "frame")
	}
	if a := client.await(t, "down"); ReasonOf(a.err) != ReasonClosed {
		t.Errorf("the client was told %v", a.err)
	}
}

// A replica that connects anew before its former connection is known to be dead
// takes its own place: one set of lanes is up, and up and down alternate.
func TestConnectingAnewReplaces(t *testing.T) {
	f := newFleet(t, 4, quick())
	r := f.start(0)
	proxy := newProxy(t, f.remotes[0].Address)
	real := f.remotes[0].Address
	f.remotes[0].Address = proxy.address
	f.start(1)
	r.await(t, "up")
	proxy.freeze() // the host does not hear that this connection is dead
	ghost := f.hosts[1]
	f.hosts[1] = nil
	go ghost.Close()
	f.remotes[0].Address = real
	f.remotes[1].Address = freePorts(t, 1)[0]
	again := f.start(1)
	again.await(t, "up")
	r.await(t, "down")
	r.await(t, "up")
	f.hosts[0].Send(1, consensus.ClassVote, []byte("to the new one"))
	again.await(t, "frame")
	eventually(t, "three lanes replaced", func() bool {
		return f.hosts[0].Stats().Replicas[0].Ended[ReasonReplaced] == uint64(lanes)
	})
	ghost.Close()
}

// R104: a remote that vanishes without a word is noticed by both sides, without
// any traffic of ours.
func TestVanishedRemoteIsNoticed(t *testing.T) {
	limits := quick()
	limits.KeepAlive, limits.AnswerMax = 200*time.Millisecond, 300*time.Millisecond
	f := newFleet(t, 4, limits)
	f.start(0)
	proxy := newProxy(t, f.remotes[0].Address)
	f.remotes[0].Address = proxy.address
	f.start(1)
	f.handlers[0].await(t, "up")
	f.handlers[1].await(t, "up")
	began := time.Now()
	proxy.freeze()
	f.handlers[0].await(t, "down")
	f.handlers[1].await(t, "down")
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("noticed after %v, of at most %v", took, limits.KeepAlive+2*limits.AnswerMax)
	}
	if d := DefaultLimits(); d.KeepAlive+d.AnswerMax > 10*time.Second {
		t.Error("the default lets a remote vanish for more than 10 s")
	}
}

// A proxy passes TCP connections on until it is frozen: then bytes go nowhere
// and no connection ends.
type proxy struct {
	address string
	frozen  atomic.Bool
	mu      sync.Mutex
	conns   []net.Conn
	wg      sync.WaitGroup
}

func newProxy(t *testing.T, target string) *proxy {
	t.Helper()
	to, err := multiaddr.NewMultiaddr(target)
	if err != nil {
		t.Fatal(err)
	}
	_, toAddr, err := manet.DialArgs(to)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at, err := manet.FromNetAddr(l.Addr())
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{address: at.String()}
	p.wg.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", toAddr)
			if err != nil {
				in.Close()
				continue
			}
			p.keep(in, out)
			p.wg.Go(func() { p.pass(in, out) })
			p.wg.Go(func() { p.pass(out, in) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		p.mu.Lock()
		for _, c := range p.conns {
			c.Close()
		}
		p.mu.Unlock()
		p.wg.Wait()
	})
	return p
}

func (p *proxy) keep(conns ...net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns = append(p.conns, conns...)
}

func (p *proxy) freeze() { p.frozen.Store(true) }

func (p *proxy) pass(from, to net.Conn) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if p.frozen.Load() {
			if err != nil {
				return
			}
			continue
		}
		if _, werr := to.Write(buf[:n]); werr != nil || err == io.EOF {
			to.Close()
			return
		}
	}
}
