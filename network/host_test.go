package network

import (
	"errors"
	"testing"

	"github.com/varangian-bft/varangian/consensus"
)

func TestFramesReachEveryone(t *testing.T) {
	f := newFleet(t, 4, quick(), enrolment(0)).startAll()
	for i, h := range f.hosts {
		for j := range f.hosts {
			for c := range consensus.Classes {
				if i != j && !h.Send(consensus.ReplicaID(j), c, []byte{byte(i), byte(c)}) {
					eventually(t, "lane up", func() bool { return h.Send(consensus.ReplicaID(j), c, []byte{byte(i), byte(c)}) })
				}
			}
		}
	}
	for _, r := range f.handlers {
		for range 3 * int(consensus.Classes) {
			a := r.await(t, "frame")
			if len(a.frame) != 2 || a.frame[0] != byte(a.from) || a.frame[1] != byte(a.class) {
				t.Fatalf("got %+v", a)
			}
		}
	}
	d, r := f.dial(0)
	for range f.hosts {
		r.await(t, "up")
	}
	for i := range f.hosts {
		if !d.Send(consensus.ReplicaID(i), []byte("request")) {
			t.Fatalf("not sent to %d", i)
		}
		a := f.handlers[i].await(t, "frame")
		if string(a.frame) != "request" || a.who != enrolment(0).Client {
			t.Fatalf("got %+v", a)
		}
		if !f.hosts[i].Reply(a.conn, []byte("receipt")) {
			t.Fatal("no reply")
		}
		if a := r.await(t, "frame"); string(a.frame) != "receipt" || a.from != consensus.ReplicaID(i) {
			t.Fatalf("got %+v", a)
		}
	}
	d.Close()
	for _, r := range f.handlers {
		r.await(t, "gone")
	}
}

func TestAddressInUse(t *testing.T) {
	f := newFleet(t, 4, quick())
	f.start(0)
	_, err := Listen(f.config(0), hostRecorder{newRecorder()})
	if !errors.Is(err, ErrAddressInUse) {
		t.Fatalf("got %v", err)
	}
	t.Log(err)
}
