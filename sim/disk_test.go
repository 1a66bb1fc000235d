package sim_test

import (
	"slices"
	"testing"
	"time"

	"github.com/varangian-bft/varangian/sim"
	"github.com/varangian-bft/varangian/store/log/logtest"
)

// reaches runs plans until all of some things have come about, and fails if an
// invariant breaks on the way or if they never do.
func reaches(t *testing.T, count int, plan func(seed uint64) sim.Plan, names ...string) {
	t.Helper()
	var all sim.Coverage
	for seed := range uint64(count) {
		p := plan(seed)
		r := sim.Run(p, nil)
		if r.Broken != nil {
			t.Fatalf("%v\n%s", r.Broken, p.Marshal())
		}
		all.Add(&r.Coverage)
		if !slices.ContainsFunc(names, func(n string) bool { return all.Others[n] == 0 }) {
			return
		}
	}
	for _, n := range names {
		if all.Others[n] == 0 {
			t.Errorf("%d plans never reached %q", count, n)
		}
	}
}

// busy is a plan in which nothing is wrong, and the log fills several segments.
func busy(seed uint64) sim.Plan {
	p := calm()
	p.Seed, p.Load = seed, sim.Load{Operations: 150, InFlight: 4, Pause: 20 * time.Millisecond, Keys: 2}
	return p
}

// TestDiskErrors: R81 – a replica ends at once when a call of its log or its state
// fails, whichever, and is a voter again after its restart, although what the sync
// should have made durable may be lost, and although the kernel may show it.
func TestDiskErrors(t *testing.T) {
	for _, how := range []string{sim.FailWrite, sim.FailSync, sim.FailAny, sim.FailState} {
		of := "log"
		if how == sim.FailState {
			of = "state"
		}
		for _, power := range []bool{false, true} {
			reaches(t, 6, func(seed uint64) sim.Plan {
				p := busy(seed)
				for i := range 4 {
					for at := time.Duration(i) * 100 * time.Millisecond; at < p.Quiet; at += time.Second {
						p.Steps = append(p.Steps, sim.Step{At: at, Do: sim.Fail, Replica: i, How: how, After: 1 + int(seed), For: 200 * time.Millisecond, Power: power})
					}
				}
				slices.SortStableFunc(p.Steps, func(a, b sim.Step) int { return int(a.At - b.At) })
				return p
			}, "fault end by an error of the "+of, "fault start")
		}
	}
}

// TestFullDisk: R88 – replicas whose disks are full for a while, all of them at
// times, end before they break a promise and come back when there is room.
func TestFullDisk(t *testing.T) {
	reaches(t, 10, func(seed uint64) sim.Plan {
		p := busy(seed)
		for i := range 4 {
			p.Steps = append(p.Steps, sim.Step{At: time.Duration(i*int(seed)) * 100 * time.Millisecond, Do: sim.Fill, Replica: i, For: 2 * time.Second})
		}
		return p
	}, "fault end for want of room for the log", "fault end for want of room for the state", "fault start")
}

// TestRottenDisks: R82, R83 – whatever rots, goes astray or comes back from before:
// the log says so, and the group does without the replica, or nothing was lost.
func TestRottenDisks(t *testing.T) {
	names := []string{"fault damaged log set aside", "fault recovered", "fault harm without effect", "fault stray", "fault stale"}
	for _, how := range logtest.Harms {
		names = append(names, "fault rot "+string(how))
	}
	reaches(t, 100, func(seed uint64) sim.Plan {
		p := busy(seed)
		add := func(at time.Duration, s sim.Step) {
			s.At, s.Replica = at, 1
			p.Steps = append(p.Steps, s)
		}
		switch seed % 3 {
		case 0:
			add(time.Second, sim.Step{Do: sim.Misdirect, After: 1 + int(seed)%7})
			add(1500*time.Millisecond, sim.Step{Do: sim.Kill})
		case 1:
			add(time.Second, sim.Step{Do: sim.Stale, For: 300 * time.Millisecond})
		case 2:
			add(time.Second, sim.Step{Do: sim.Kill})
			add(time.Second, sim.Step{Do: sim.Rot, How: string(logtest.Harms[int(seed/3)%len(logtest.Harms)])})
		}
		add(2*time.Second, sim.Step{Do: sim.Start})
		return p
	}, names...)
}

// TestRottenWithoutPower: R91, R92 – where a disk rots whose mark was behind, the log
// opens with fewer promises now and then. The group bears it like any other fault of
// one replica.
func TestRottenWithoutPower(t *testing.T) {
	reaches(t, 200, func(seed uint64) sim.Plan {
		p := busy(seed)
		how := []logtest.Harm{logtest.HarmFlip, logtest.HarmZero, logtest.HarmMove}[seed%3]
		for at := time.Second; at < p.Quiet; at += time.Second {
			p.Steps = append(p.Steps, sim.Step{At: at, Do: sim.Crash, Replica: 1, Lost: 1},
				sim.Step{At: at, Do: sim.Rot, Replica: 1, How: string(how)},
				sim.Step{At: at + 10*time.Millisecond, Do: sim.Start, Replica: 1})
		}
		return p
	}, "fault forgotten unnoticed", "fault recovered")
}
