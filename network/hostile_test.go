package network

import (
	"bytes"
	"context"
	"runtime"
	"testing"
	"time"

	"github.com/varangian-bft/varangian/consensus"
)

// An attack ends with the reason for which it is cut off.
type attack struct {
	name   string
	launch func(*intruder)
	want   Reason
}

// attacks are what an enrolled client could try.
var attacks = []attack{
	{"no hello", func(i *intruder) { i.write(bytes.Repeat([]byte("GET / HTTP/1.1\r\n"), 4)) }, ReasonGarbage},
	{"unknown lane", func(i *intruder) {
		i.write(hello{version: protocolVersion, lane: lanes, group: testGroup}.marshal())
	}, ReasonGarbage},
	{"a replica's lane", func(i *intruder) {
		i.write(hello{version: protocolVersion, lane: laneConsensus, group: testGroup}.marshal())
	}, ReasonGarbage},
	{"class of another lane", func(i *intruder) { i.enter(laneClient).write(framed(consensus.ClassVote, "x")) }, ReasonGarbage},
	{"unknown class", func(i *intruder) { i.enter(laneClient).write(framed(200, "x")) }, ReasonGarbage},
	{"empty frame", func(i *intruder) { i.enter(laneClient).write(framed(consensus.ClassClient, "")) }, ReasonGarbage},
	{"length of 4 GB", func(i *intruder) {
		i.enter(laneClient).write([]byte{0xff, 0xff, 0xff, 0xff, byte(consensus.ClassClient)})
	}, ReasonOversize},
	{"one byte too long", func(i *intruder) {
		head := headerOf(consensus.ClassClient, DefaultLimits().Classes[consensus.ClassClient].FrameBytesMax+1)
		i.enter(laneClient).write(head[:])
	}, ReasonOversize},
	{"flood of frames", func(i *intruder) {
		i.enter(laneClient)
		for range 300 {
			i.write(bytes.Repeat(framed(consensus.ClassClient, "x"), 1000))
		}
	}, ReasonFlood},
	{"flood of streams", func(i *intruder) {
		i.enter(laneClient)
		for range 10 {
			if s, err := i.conn.NewStream(context.Background()); err == nil {
				_, _ = s.Write([]byte("v"))
			}
		}
	}, ReasonFlood},
	{"panic in the handler", func(i *intruder) { i.enter(laneClient).write(framed(consensus.ClassClient, "panic")) }, ReasonPanic},
	{"half a frame", func(i *intruder) { i.enter(laneClient).write(framed(consensus.ClassClient, "xy")[:6]) }, ReasonSlow},
	{"half a header", func(i *intruder) {
		i.enter(laneClient).write(append(framed(consensus.ClassClient, "xy"), 0, 0))
	}, ReasonSlow},
}

// R103, R107: whoever sends what no correct remote sends is cut off, counted and
// kept away; another client of the same host does not notice.
func TestHostileClients(t *testing.T) {
	for _, c := range attacks {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.run(t)
		})
	}
}

func (c attack) run(t *testing.T) {
	limits := quick()
	limits.FramesPerSecondMax = 20_000
	limits.FrameDeadline = 300 * time.Millisecond
	limits.PenaltyMin, limits.PenaltyMax = time.Minute, time.Minute // it has to last until the intruder comes back
	f := newFleet(t, 4, limits, enrolment(0), enrolment(1))
	host := newRecorder()
	host.panics = func(frame []byte) bool { return string(frame) == "panic" }
	host.ignored = "x"
	var err error
	if f.hosts[0], err = Listen(f.config(0), hostRecorder{host}); err != nil {
		t.Fatal(err)
	}
	honest := newRecorder()
	d, err := Dial(DialConfig{Seed: seedOf("client", 1), Group: testGroup, Replicas: f.remotes[:1], Limits: limits}, dialRecorder{honest})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	honest.await(t, "up")

	i := f.intrude("client", 0)
	c.launch(i)
	i.awaitEnd()
	eventually(t, "counted as "+c.want.String(), func() bool { return f.hosts[0].Stats().Clients.Ended[c.want] > 0 })
	if c.want.offence() {
		away := f.hosts[0].Stats().RefusedByKey
		_ = f.connect("client", 0)
		eventually(t, "kept away", func() bool { return f.hosts[0].Stats().RefusedByKey > away })
	}
	d.Send(0, []byte("honest"))
	if a := host.await(t, "frame"); string(a.frame) != "honest" && string(a.frame) != "xy" {
		t.Fatalf("got %+v", a)
	}
	if len(honest.arrivals) != 0 {
		t.Errorf("another client noticed: %+v", <-honest.arrivals)
	}
}

// R101: long frames that are begun and not ended hold no more than all clients
// share: who needs more is cut off, and what he held comes back.
func TestBegunFrames(t *testing.T) {
	limits := quick()
	limits.ClientBytesMax, limits.Reply.FrameBytesMax = 1<<20, 1<<20
	f := newFleet(t, 4, limits, enrolment(0), enrolment(1))
	f.start(0)
	half := make([]byte, headerBytes+900*1024)
	head := headerOf(consensus.ClassClient, 1<<20)
	copy(half, head[:])
	first := f.intrude("client", 0).enter(laneClient)
	first.write(half)
	left := &f.hosts[0].clients.arriving.left
	eventually(t, "the first frame grows", func() bool { return left.Load() < 100<<10 })
	second := f.intrude("client", 1).enter(laneClient)
	second.write(half)
	second.awaitEnd()
	eventually(t, "the second is cut off", func() bool { return f.hosts[0].Stats().Clients.Ended[ReasonFull] == 1 })
	first.write(half[:1<<20+headerBytes-len(half)])
	eventually(t, "the first frame ends and gives back what it held", func() bool { return left.Load() == 1<<20 })
}

// R103: a length alone claims no memory, in whatever numbers it comes.
func TestLengthClaimsNoMemory(t *testing.T) {
	f := newFleet(t, 4, quick(), enrolment(0))
	f.start(0)
	var before, after runtime.MemStats
	i := f.intrude("client", 0).enter(laneClient)
	runtime.ReadMemStats(&before)
	head := headerOf(consensus.ClassClient, DefaultLimits().Classes[consensus.ClassClient].FrameBytesMax)
	i.write(head[:]) // allowed, and then nothing comes
	eventually(t, "frame begun", func() bool {
		h := f.hosts[0]
		h.mu.Lock()
		defer h.mu.Unlock()
		for k := range h.links {
			if k.reading.Load() != 0 {
				return true
			}
		}
		return false
	})
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 512<<10 {
		t.Errorf("%d KiB allocated for a length of 1 MiB", grown>>10)
	}
}

// R107: a hostile replica is cut off, and comes back after its penalty.
func TestHostileReplica(t *testing.T) {
	f := newFleet(t, 4, quick())
	r := f.start(0)
	i := f.intrude("replica", 1).enter(laneConsensus)
	i.write(framed(consensus.ClassState, "not of this lane"))
	i.awaitEnd()
	eventually(t, "counted", func() bool { return f.hosts[0].Stats().Replicas[0].Ended[ReasonGarbage] == 1 })
	if until := f.hosts[0].Stats().Replicas[0].CutOffUntil; !until.After(time.Now()) {
		t.Error("it is not cut off")
	}
	f.start(1)
	r.await(t, "up")

	// The caller finds garbage too.
	f.hosts[0].CutOff(1)
	r.await(t, "down")
	r.await(t, "up")
	if n := f.hosts[0].Stats().Replicas[0].Ended[ReasonGarbage]; n < 2 {
		t.Errorf("%d offences counted", n)
	}
}

// A penalty doubles with each offence, up to its bound, and is forgotten.
func TestPenalty(t *testing.T) {
	limits := DefaultLimits()
	limits.PenaltyMin, limits.PenaltyMax = time.Minute, 3*time.Minute
	var p penalty
	spans := []time.Duration{time.Minute, 2 * time.Minute, 3 * time.Minute, 3 * time.Minute}
	for n, want := range spans {
		p.impose(&limits)
		p.impose(&limits) // another lane of the same offence
		if p.span != want || !p.active() {
			t.Fatalf("offence %d: %v, active %v", n, p.span, p.active())
		}
		p.until = time.Now().Add(-time.Second)
	}
	p.until = time.Now().Add(-limits.PenaltyMax - time.Second)
	if p.impose(&limits); p.span != time.Minute {
		t.Errorf("after good conduct: %v", p.span)
	}
}
