package links

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"
)

// echo returns the address of a server that sends back what it gets.
func echo(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				_, _ = io.Copy(conn, conn)
			}()
		}
	}()
	return listener.Addr().String()
}

func linked(t *testing.T) (*Link, net.Conn) {
	t.Helper()
	l, err := New(echo(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l, dial(t, l)
}

func dial(t *testing.T, l *Link) net.Conn {
	t.Helper()
	conn, err := net.DialTCP("tcp", nil, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: l.Port()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func says(conn net.Conn, word string, within time.Duration) error {
	if _, err := conn.Write([]byte(word)); err != nil {
		return err
	}
	return hears(conn, word, within)
}

func hears(conn net.Conn, word string, within time.Duration) error {
	if err := conn.SetReadDeadline(time.Now().Add(within)); err != nil {
		return err
	}
	text := make([]byte, len(word))
	if _, err := io.ReadFull(conn, text); err != nil {
		return err
	}
	if string(text) != word {
		return errors.New("heard " + string(text))
	}
	return nil
}

// A stalled link loses nothing: what was sent comes when it is good again.
func TestStall(t *testing.T) {
	l, conn := linked(t)
	if err := says(conn, "one", time.Minute); err != nil {
		t.Fatal(err)
	}
	l.Set(Condition{Stalled: true})
	if err := says(conn, "two", 50*time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("over a stalled link: %v", err)
	}
	l.Set(Condition{})
	if err := hears(conn, "two", time.Minute); err != nil {
		t.Fatal(err)
	}
	if forward, back := l.Bytes(); forward != 6 || back != 6 {
		t.Errorf("counted %d and %d bytes, want 6 each way", forward, back)
	}
}

// A refused link ends connections, and takes none.
func TestRefuse(t *testing.T) {
	l, conn := linked(t)
	if err := says(conn, "one", time.Minute); err != nil {
		t.Fatal(err)
	}
	l.Set(Condition{Refused: true})
	if err := hears(conn, "x", time.Minute); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the connection goes on: %v", err)
	}
	if err := says(dial(t, l), "two", time.Minute); err == nil {
		t.Error("a new connection was taken")
	}
	l.Set(Condition{})
	if err := says(dial(t, l), "three", time.Minute); err != nil {
		t.Errorf("a link that is good again: %v", err)
	}
}

func TestSlow(t *testing.T) {
	l, conn := linked(t)
	for name, c := range map[string]Condition{"delay": {Delay: 100 * time.Millisecond}, "throttle": {BytesPerSecond: 50}} {
		l.Set(c)
		began := time.Now()
		if err := says(conn, "12345", time.Minute); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took < 200*time.Millisecond {
			t.Errorf("%s: there and back took %v, want 200 ms", name, took)
		}
	}
}

// Into counts what all others send to a replica, whoever dialled.
func TestInto(t *testing.T) {
	m, err := NewMesh([]string{echo(t), echo(t), echo(t)})
	if err != nil {
		t.Fatal(err)
	}
	for _, pair := range [][2]int{{0, 1}, {1, 0}, {2, 0}} {
		if err := says(dial(t, m.Link(pair[0], pair[1])), "four", time.Minute); err != nil {
			t.Fatal(err)
		}
	}
	for replica, want := range []uint64{12, 8, 4} {
		if have := m.Into(replica); have != want {
			t.Errorf("into %d: %d bytes, want %d", replica, have, want)
		}
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
}
