package sim

import "time"

// An appointment is something that happens at a time: a call, the arrival of a
// frame, or a replica's tick.
type appointment struct {
	call     func()
	frame    []byte
	from, to int32
	replica  *Replica // that it concerns, if one
	life     int      // of the replica; 0 for any
}

// An agenda holds appointments, earliest first. Ties are broken by the order in
// which they were made.
type agenda struct {
	heap  []entry
	order uint64
	slots []appointment
	free  []int32
}

type entry struct {
	at    time.Duration
	order uint64
	slot  int32
}

func (e entry) before(o entry) bool {
	return e.at < o.at || e.at == o.at && e.order < o.order
}

func (a *agenda) next() (time.Duration, bool) {
	if len(a.heap) == 0 {
		return 0, false
	}
	return a.heap[0].at, true
}

func (a *agenda) push(at time.Duration, what appointment) {
	var slot int32
	if n := len(a.free); n > 0 {
		slot, a.free = a.free[n-1], a.free[:n-1]
		a.slots[slot] = what
	} else {
		slot = int32(len(a.slots))
		a.slots = append(a.slots, what)
	}
	a.order++
	a.heap = append(a.heap, entry{at: at, order: a.order, slot: slot})
	i := len(a.heap) - 1
	for e := a.heap[i]; i > 0; {
		up := (i - 1) / 4
		if !e.before(a.heap[up]) {
			break
		}
		a.heap[i], a.heap[up] = a.heap[up], e
		i = up
	}
}

func (a *agenda) pop() appointment {
	slot := a.heap[0].slot
	what := a.slots[slot]
	a.slots[slot] = appointment{}
	a.free = append(a.free, slot)
	n := len(a.heap) - 1
	e := a.heap[n]
	a.heap = a.heap[:n]
	if n == 0 {
		return what
	}
	i := 0
	for {
		least := 4*i + 1
		if least >= n {
			break
		}
		for c := least + 1; c < min(least+4, n); c++ {
			if a.heap[c].before(a.heap[least]) {
				least = c
			}
		}
		if !a.heap[least].before(e) {
			break
		}
		a.heap[i] = a.heap[least]
		i = least
	}
	a.heap[i] = e
	return what
}
