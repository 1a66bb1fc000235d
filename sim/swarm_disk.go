package sim

import (
	"time"

	"github.com/varangian-bft/varangian/store/log/logtest"
)

// unsound draws whether a replica's disk is what is bad about it, and not what it
// says: it loses it at some time, or the disk rots now and then.
func (d *drawing) unsound(i int) bool {
	x := d.rng.Float64()
	if x < .12 {
		d.wipe(i)
	} else if x < .25 {
		d.rotten = append(d.rotten, i)
	}
	return x < .25
}

// disks draws what the disks do: those that rot, and beside them any that fail or
// are full for a while, which costs a replica no promise and is as good as a crash.
func (d *drawing) disks() {
	for _, i := range d.rotten {
		if d.chance(.5) {
			d.decay(i)
		} else {
			d.rot(i)
		}
	}
	if d.chance(.6) {
		return
	}
	every := d.upTo(20*time.Second) + 500*time.Millisecond
	for at := d.duration(0, every); at < d.plan.Quiet; at += d.duration(every/4, 2*every) {
		i := d.rng.IntN(d.plan.Replicas)
		if d.chance(.3) {
			d.plan.Steps = append(d.plan.Steps, Step{At: at, Do: Fill, Replica: i, For: d.upTo(20 * time.Second)})
			continue
		}
		d.plan.Steps = append(d.plan.Steps, Step{
			At: at, Do: Fail, Replica: i, How: failNames[d.rng.IntN(len(failNames))], After: 1 + d.rng.IntN(12),
			For: d.upTo(15 * time.Second), Power: d.chance(.5),
		})
	}
}

// decay lets entries of a replica's state rot, a few times.
func (d *drawing) decay(i int) {
	for range 1 + d.rng.IntN(4) {
		d.plan.Steps = append(d.plan.Steps, Step{At: d.duration(0, d.plan.Quiet), Do: Decay, Replica: i})
	}
}

// rot draws one thing that goes wrong on a disk unnoticed, with the restart that
// shows it. With the power of its machine a replica may lose the mark that shows it,
// too.
func (d *drawing) rot(i int) {
	at := d.duration(0, d.plan.Quiet)
	end := at + d.upTo(10*time.Second)
	add := func(s Step) {
		s.Replica = i
		d.plan.Steps = append(d.plan.Steps, s)
	}
	stop := Step{At: end, Do: Kill}
	if d.chance(.3) {
		stop = Step{At: end, Do: Crash, Lost: float64(d.rng.IntN(11)) / 10, Torn: float64(d.rng.IntN(11)) / 10}
	}
	switch d.rng.IntN(4) {
	case 0:
		add(Step{At: at, Do: Misdirect, After: 1 + d.rng.IntN(12)})
		add(stop)
	case 1:
		add(Step{At: at, Do: Stale, For: end - at})
	default:
		add(stop)
		add(Step{At: end + time.Millisecond, Do: Rot, How: string(logtest.Harms[d.rng.IntN(len(logtest.Harms))])})
	}
	add(Step{At: end + 2*time.Millisecond + d.upTo(15*time.Second), Do: Start})
}
