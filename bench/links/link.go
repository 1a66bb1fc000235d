package links

import (
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

const (
	pieceBytes    = 16 << 10 // read and passed on at once
	connectionMax = 256      // of one link; further ones are closed at once
	dialTimeout   = 5 * time.Second
)

// A Link forwards TCP connections to one address. All methods are safe for
// concurrent use.
type Link struct {
	target   string
	listener net.Listener
	done     chan struct{}
	work     sync.WaitGroup
	forward  atomic.Uint64 // bytes to the target
	back     atomic.Uint64 // bytes from the target

	mu        sync.Mutex
	condition Condition
	changed   chan struct{} // closed at the next change
	open      map[net.Conn]bool
	closed    bool
}

// New listens at a free port of the loopback interface.
func New(target string) (*Link, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	l := &Link{
		target: target, listener: listener, done: make(chan struct{}), changed: make(chan struct{}), open: map[net.Conn]bool{},
	}
	l.work.Go(l.accept)
	return l, nil
}

// Port returns where the link listens.
func (l *Link) Port() int { return l.listener.Addr().(*net.TCPAddr).Port }

// Bytes returns how many bytes have passed each way.
func (l *Link) Bytes() (forward, back uint64) { return l.forward.Load(), l.back.Load() }

// Set changes the condition of the link, of open connections too.
func (l *Link) Set(c Condition) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.condition = c
	close(l.changed)
	l.changed = make(chan struct{})
	if c.Refused {
		for conn := range l.open {
			conn.Close()
		}
	}
}

// Close ends the link and returns when nothing of it is left.
func (l *Link) Close() error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return nil
	}
	l.closed = true
	close(l.done)
	for conn := range l.open {
		conn.Close()
	}
	l.mu.Unlock()
	err := l.listener.Close()
	l.work.Wait()
	return err
}

func (l *Link) now() (Condition, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.condition, l.changed
}

// accept takes connections until the listener is closed.
func (l *Link) accept() {
	for {
		conn, err := l.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue // of one connection
		}
		if !l.hold(conn) {
			conn.Close()
			continue
		}
		l.work.Go(func() { l.serve(conn) })
	}
}

// hold notes an open connection; false if there may be none.
func (l *Link) hold(conn net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || l.condition.Refused || len(l.open) >= connectionMax {
		return false
	}
	l.open[conn] = true
	return true
}

func (l *Link) drop(conn net.Conn) {
	conn.Close()
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.open, conn)
}

// serve forwards one connection until one of its ends is gone.
func (l *Link) serve(near net.Conn) {
	defer l.drop(near)
	if !l.pass(0) {
		return
	}
	far, err := net.DialTimeout("tcp", l.target, dialTimeout)
	if err != nil {
		return // the replica is down: the one that dials sees its connection end
	}
	if !l.hold(far) {
		far.Close()
		return
	}
	defer l.drop(far)
	var both sync.WaitGroup
	both.Go(func() { l.pump(far, near, &l.forward) })
	both.Go(func() { l.pump(near, far, &l.back) })
	both.Wait()
}

// pump passes on what one end sends, in pieces, as the condition of the link lets
// it.
func (l *Link) pump(to io.WriteCloser, from net.Conn, count *atomic.Uint64) {
	defer to.Close()
	defer from.Close()
	piece := make([]byte, pieceBytes)
	for {
		n, err := from.Read(piece)
		if n > 0 {
			if !l.pass(n) {
				return
			}
			count.Add(uint64(n))
			if _, err := to.Write(piece[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// pass waits until a piece of so many bytes may go on; false if the link is
// closed.
func (l *Link) pass(bytes int) bool {
	for {
		c, changed := l.now()
		wait := c.Delay
		if c.BytesPerSecond > 0 {
			wait += time.Duration(bytes) * time.Second / time.Duration(c.BytesPerSecond)
		}
		switch {
		case c.Stalled:
			select {
			case <-changed:
			case <-l.done:
				return false
			}
		case wait == 0 || l.after(wait, changed):
			return true
		case l.ended():
			return false
		}
	}
}

// after waits; false if the condition changes before, or the link is closed.
func (l *Link) after(d time.Duration, changed <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-changed:
	case <-l.done:
	}
	return false
}

func (l *Link) ended() bool {
	select {
	case <-l.done:
		return true
	default:
		return false
	}
}
