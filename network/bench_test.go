package network

import (
	"fmt"
	"runtime"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/varangian-bft/varangian/consensus"
)

// A counter is a Handler that counts frames and answers pings.
type counter struct {
	hostRecorder
	host atomic.Pointer[Host]
	echo bool
	got  atomic.Int64
	want chan struct{}
	goal atomic.Int64
}

func (c *counter) FromReplica(from consensus.ReplicaID, class consensus.Class, frame []byte) {
	if c.echo {
		c.host.Load().Send(from, class, frame)
		return
	}
	if c.got.Add(1) == c.goal.Load() {
		c.want <- struct{}{}
	}
}

func (c *counter) until(goal int64) {
	c.goal.Store(goal)
	if c.got.Load() != goal {
		<-c.want
	}
}

func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// pair is two connected hosts.
func pair(b *testing.B, echo bool) (*Host, *counter) {
	limits := DefaultLimits()
	limits.FramesPerSecondMax, limits.BulkBytesPerSecond = 1<<30, 1<<40
	f := newFleet(b, 2, limits)
	var counters [2]*counter
	for i := range counters {
		c := &counter{hostRecorder: hostRecorder{newRecorder()}, want: make(chan struct{}, 1), echo: echo && i == 1}
		h, err := Listen(f.config(i), c)
		if err != nil {
			b.Fatal(err)
		}
		c.host.Store(h)
		f.hosts[i], counters[i] = h, c
	}
	for _, c := range counters {
		c.await(b, "up")
	}
	if echo {
		return f.hosts[0], counters[0]
	}
	return f.hosts[0], counters[1]
}

// Cost of one message that travels alone, there and back: 2 messages per op.
func BenchmarkPingPong(b *testing.B) {
	h, c := pair(b, true)
	frame := make([]byte, 200)
	b.ResetTimer()
	began := cpu()
	for n := int64(1); b.Loop(); n++ {
		c.goal.Store(n)
		h.Send(1, consensus.ClassVote, frame)
		<-c.want
	}
	b.ReportMetric(float64((cpu()-began).Nanoseconds())/1000/float64(2*b.N), "cpu-µs/msg")
}

// Cost of messages that are sent as fast as the queue takes them.
func BenchmarkCoalesced(b *testing.B) {
	for _, size := range []int{200, 1 << 10, 64 << 10} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			h, c := pair(b, false)
			frame := make([]byte, size)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			b.ResetTimer()
			began := cpu()
			room := time.NewTicker(50 * time.Microsecond)
			defer room.Stop()
			for range b.N {
				for !h.Send(1, consensus.ClassVote, frame) {
					<-room.C
				}
			}
			c.until(int64(b.N))
			b.ReportMetric(float64((cpu()-began).Nanoseconds())/1000/float64(b.N), "cpu-µs/msg")
		})
	}
}

// What a client that is connected and says nothing costs: memory of both ends,
// and CPU time of both ends as a share of one core per thousand clients.
func BenchmarkIdleClients(b *testing.B) {
	const count = 500
	limits := DefaultLimits()
	f := newFleet(b, 1, limits)
	for i := range count {
		f.clients = append(f.clients, enrolment(i))
	}
	f.start(0)
	before := memory()
	for i := range count {
		r := dialRecorder{&recorder{arrivals: make(chan arrival, 1)}}
		d, err := Dial(DialConfig{Seed: seedOf("client", i), Group: testGroup, Replicas: f.remotes, Limits: limits}, r)
		if err != nil {
			b.Fatal(err)
		}
		defer d.Close()
		r.await(b, "up")
	}
	after := memory()
	for b.Loop() {
		began, at := cpu(), time.Now()
		<-time.After(10 * time.Second) // what is measured is doing nothing
		b.ReportMetric(100*float64(cpu()-began)/float64(time.Since(at))*1000/count, "%core/1000clients")
	}
	b.ReportMetric(float64(after-before)/count/1024, "KiB/client")
	b.ReportMetric(float64(runtime.NumGoroutine())/count, "goroutines/client")
}

func memory() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse + m.StackInuse
}

// What a group of four that is idle costs, as a share of one core per replica.
func BenchmarkIdleGroup(b *testing.B) {
	f := newFleet(b, 4, DefaultLimits())
	for i := range f.hosts {
		f.start(i)
	}
	for _, r := range f.handlers {
		for range 3 {
			r.await(b, "up")
		}
	}
	for b.Loop() {
		began, at := cpu(), time.Now()
		<-time.After(10 * time.Second) // what is measured is doing nothing
		b.ReportMetric(100*float64(cpu()-began)/float64(time.Since(at))/4, "%core/replica")
	}
}
