package chaos

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/varangian-bft/varangian/bench/damage"
	"github.com/varangian-bft/varangian/bench/group"
	"github.com/varangian-bft/varangian/bench/links"
	"github.com/varangian-bft/varangian/consensus"
)

// A Kind is a kind of fault.
type Kind string

// The kinds of faults.
const (
	Kill      Kind = "killed with SIGKILL"
	Terminate Kind = "stopped with SIGTERM"
	Absence   Kind = "away for long"
	Pause     Kind = "paused with SIGSTOP"
	Stall     Kind = "links cut, silently"
	Reset     Kind = "links cut, by reset"
	Delay     Kind = "links delayed"
	Throttle  Kind = "links throttled"
	Harm      Kind = "file damaged"
	Wipe      Kind = "disk wiped"
)

// A form is how a kind of fault is drawn and played.
type form struct {
	kind        Kind
	share       int
	least, most time.Duration // how long it lasts
	begin, end  func(*run, *fault) error
}

// A fault is one that is planned or under way.
type fault struct {
	form   *form
	victim int
	hold   time.Duration
	others []int // whose links with the victim are disturbed
	note   string
	path   string // of the damaged file
	healed time.Time
}

var forms = []form{
	{Kill, 20, 0, 2 * time.Second, (*run).kill, (*run).start},
	{Terminate, 6, 0, 2 * time.Second, (*run).terminate, (*run).start},
	{Absence, 8, 4 * time.Second, 10 * time.Second, (*run).kill, (*run).start},
	{Pause, 15, 300 * time.Millisecond, 5 * time.Second, (*run).pause, (*run).resume},
	{Stall, 10, 300 * time.Millisecond, 6 * time.Second, linked(links.Condition{Stalled: true}), linked(links.Condition{})},
	{Reset, 10, 300 * time.Millisecond, 6 * time.Second, linked(links.Condition{Refused: true}), linked(links.Condition{})},
	{Delay, 8, time.Second, 4 * time.Second, linked(links.Condition{Delay: 60 * time.Millisecond}), linked(links.Condition{})},
	{Throttle, 8, time.Second, 4 * time.Second, linked(links.Condition{BytesPerSecond: 100_000}), linked(links.Condition{})},
	{Harm, 15, 0, time.Second, (*run).harm, (*run).start},
	{Wipe, 6, 0, time.Second, (*run).wipe, (*run).start},
}

// Kinds returns all kinds of faults.
func Kinds() []Kind {
	var out []Kind
	for i := range forms {
		out = append(out, forms[i].kind)
	}
	return out
}

// draw plans a fault of one replica.
func (r *run) draw(victim int) *fault {
	sum := 0
	for i := range forms {
		if slices.Contains(r.Faults, forms[i].kind) {
			sum += forms[i].share
		}
	}
	n := r.random.IntN(sum)
	for i := range forms {
		f := &forms[i]
		if !slices.Contains(r.Faults, f.kind) {
			continue
		}
		if n -= f.share; n < 0 {
			return &fault{
				form: f, victim: victim, others: r.others(victim),
				hold: f.least + time.Duration(r.random.Int64N(int64(f.most-f.least))),
			}
		}
	}
	panic("chaos: the shares do not add up")
}

// others draws whose links with the victim a fault of links disturbs: all, or some.
func (r *run) others(victim int) []int {
	var out []int
	all := r.random.IntN(2) == 0
	for i := range r.Replicas {
		if i != victim && (all || r.random.IntN(2) == 0) {
			out = append(out, i)
		}
	}
	if len(out) == 0 {
		out = []int{(victim + 1) % r.Replicas}
	}
	return out
}

// round disturbs up to f replicas at once, ends that, and waits until they are
// whole: others are disturbed only then.
func (r *run) round(ctx context.Context, began time.Time) error {
	ctx, cancel := context.WithTimeoutCause(ctx, roundTimeout, fmt.Errorf("the round was not over within %v", roundTimeout))
	defer cancel()
	f := consensus.QuorumsOf(r.Replicas).F
	victims := r.random.Perm(r.Replicas)[:1+r.random.IntN(f)]
	var faults []*fault
	for _, v := range victims {
		faults = append(faults, r.draw(v))
	}
	var errs []error
	for _, f := range faults {
		if err := f.form.begin(r, f); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", f, err))
		}
		r.faults++
	}
	slices.SortFunc(faults, func(a, b *fault) int { return int(a.hold - b.hold) })
	start := time.Now()
	for _, f := range faults {
		errs = append(errs, group.Wait(ctx, f.hold-time.Since(start)))
		if err := f.form.end(r, f); err != nil {
			errs = append(errs, fmt.Errorf("the end of %s: %w", f, err))
		}
		f.healed = time.Now()
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	for _, f := range faults {
		if err := r.recover(ctx, f, began); err != nil {
			return fmt.Errorf("%s: %w", f, err)
		}
	}
	if err := r.group.Sound(); err != nil {
		return err
	}
	// The service goes on for every client, whatever the victims did.
	if err := r.tally.Await(ctx, r.tally.Acknowledged()+1); err != nil {
		return err
	}
	return r.book.Await(ctx)
}

// recover waits until the victim of a fault is whole.
func (r *run) recover(ctx context.Context, f *fault, began time.Time) error {
	ctx, cancel := context.WithTimeoutCause(ctx, wholeTimeout, fmt.Errorf("not within %v", wholeTimeout))
	defer cancel()
	err := r.group.AwaitWhole(ctx, r.victim(f))
	if f.form.kind == Harm && !r.victim(f).Running() {
		err = r.replace(ctx, f)
	}
	if err != nil {
		return err
	}
	took := time.Since(f.healed)
	r.table.add(f.form.kind, took)
	r.say("%6.1f s  %-52s whole after %.2f s", time.Since(began).Seconds(), f, took.Seconds())
	return nil
}

// replace does what an operator has to do when a replica refuses its damaged folder
// and names the file: it loses the folder.
func (r *run) replace(ctx context.Context, f *fault) error {
	if _, err := r.victim(f).Refused(ctx, f.path); err != nil {
		return err
	}
	f.note += ", refused"
	if err := r.victim(f).Wipe(); err != nil {
		return err
	}
	if err := r.victim(f).Start(); err != nil {
		return err
	}
	return r.group.AwaitWhole(ctx, r.victim(f))
}

func (f *fault) String() string {
	s := fmt.Sprintf("replica-%d %s", f.victim, f.form.kind)
	switch f.form.kind {
	case Stall, Reset, Delay, Throttle:
		s += fmt.Sprintf(" to %d", len(f.others))
	case Harm:
		s += ": " + f.note
	case Kill, Terminate, Absence, Pause, Wipe:
	}
	if f.form.most > time.Second {
		s += fmt.Sprintf(" for %.1f s", f.hold.Seconds())
	}
	return s
}

func (r *run) victim(f *fault) *group.Replica { return r.group.Replicas[f.victim] }

func (r *run) kill(f *fault) error      { return r.victim(f).Kill() }
func (r *run) terminate(f *fault) error { return r.victim(f).Stop() }
func (r *run) start(f *fault) error     { return r.victim(f).Start() }
func (r *run) pause(f *fault) error     { return r.victim(f).Pause() }
func (r *run) resume(f *fault) error    { return r.victim(f).Resume() }

func (r *run) wipe(f *fault) error {
	if err := r.victim(f).Kill(); err != nil {
		return err
	}
	return r.victim(f).Wipe()
}

func (r *run) harm(f *fault) error {
	if err := r.victim(f).Kill(); err != nil {
		return err
	}
	h, err := damage.Draw(r.random, r.victim(f).Data())
	if err != nil {
		return err
	}
	f.note, f.path = h.String(), h.Path
	r.victim(f).Harmed = true
	return h.Do()
}

// linked sets the links between a victim and others.
func linked(c links.Condition) func(*run, *fault) error {
	return func(r *run, f *fault) error {
		for _, other := range f.others {
			r.group.Links.Between(f.victim, other, c)
		}
		return nil
	}
}
