package log_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/store/log"
	"github.com/varangian-bft/varangian/store/log/logtest"
)

// A past is a log with a history: what was appended, synced and trimmed in several
// lives, some of which ended in a loss of power.
type past struct {
	t       testing.TB
	chance  *rand.Rand
	disk    *logtest.Disk
	log     *log.Log
	serial  uint64
	records map[consensus.Position][]byte // of the present life and what it found
	synced  consensus.Position
	trimmed consensus.Position
}

func newPast(t testing.TB, seed uint64) *past {
	p := &past{t: t, chance: rand.New(rand.NewPCG(83, seed)), disk: logtest.NewDisk(), records: map[consensus.Position][]byte{}, trimmed: 1}
	p.open()
	return p
}

func (p *past) open() {
	p.t.Helper()
	l, got, err := replayed(p.disk, config())
	must(p.t, err)
	if what := p.differs(l, got); what != "" {
		p.t.Fatal(what)
	}
	p.log, p.synced = l, l.Next()-1
	clear(p.records)
	for _, r := range got {
		p.records[r.Position] = r.Data
	}
}

// differs says what a log that opened lacks or holds without having been told to.
func (p *past) differs(l *log.Log, got []consensus.Record) string {
	switch {
	case l.Next() <= p.synced:
		return "it forgot the end of what was synced"
	case l.First() > p.trimmed:
		return "it forgot the beginning of what was synced"
	case len(got) != int(l.Next()-l.First()):
		return "it has a gap"
	}
	for i, r := range got {
		if r.Position != l.First()+consensus.Position(i) || !bytes.Equal(r.Data, p.records[r.Position]) {
			return "it holds what was never appended"
		}
	}
	return ""
}

// live does some work, and leaves all of it synced.
func (p *past) live(rounds int) {
	for range rounds {
		p.append()
		if p.chance.IntN(3) > 0 {
			must(p.t, p.log.Sync())
			p.synced = p.log.Next() - 1
		}
		if p.chance.IntN(12) == 0 && p.synced >= p.trimmed {
			p.trimmed += consensus.Position(p.chance.IntN(int(p.synced - p.trimmed + 1)))
			must(p.t, p.log.Trim(p.trimmed))
			p.synced = p.log.Next() - 1
		}
	}
	must(p.t, p.log.Sync())
	p.synced = p.log.Next() - 1
}

// append adds some records, whose contents nothing else ever had.
func (p *past) append() {
	records := make([]consensus.Record, 1+p.chance.IntN(3))
	for i := range records {
		p.serial++
		data := make([]byte, []int{8, 60, 700, 5000}[p.chance.IntN(4)])
		for at := 0; at < len(data); at += 8 {
			copy(data[at:], binary.BigEndian.AppendUint64(nil, p.serial))
		}
		at := p.log.Next() + consensus.Position(i)
		records[i] = consensus.Record{Position: at, Kind: 1, Data: data}
		p.records[at] = data
	}
	must(p.t, p.log.Append(records))
}

// restart ends a life, and begins another one.
func (p *past) restart() {
	if p.chance.IntN(2) == 0 {
		p.disk.Kill()
	} else {
		p.append() // what may be torn
		p.disk.Crash(p.chance.IntN)
	}
	p.open()
}

// afterwards opens the log of a disk that did something wrong, and reports whether
// it said so. Nothing else may have become of it than what the law says: all of it
// is there, or the log is refused and left as it was found.
func (p *past) afterwards(disk *logtest.Disk, what string) (refused bool) {
	p.t.Helper()
	before := disk.Clone()
	l, got, err := replayed(disk, config())
	if err == nil {
		if lacks := p.differs(l, got); lacks != "" {
			p.t.Fatalf("%s: opened clean, and %s", what, lacks)
		}
		return false
	}
	if !errors.Is(err, log.ErrDamaged) && !errors.Is(err, log.ErrForeign) && !errors.Is(err, log.ErrVersion) {
		p.t.Fatalf("%s: %v", what, err)
	}
	for _, name := range before.Names() {
		if !bytes.Equal(before.Read(name), disk.Read(name)) || !slices.Equal(before.Names(), disk.Names()) {
			p.t.Fatalf("%s: %s was changed although the log is refused", what, name)
		}
	}
	return true
}

// trials is how often each of the tests below tries, over all of its pasts.
func trials(t *testing.T, count int) int {
	if testing.Short() {
		return count / 20
	}
	return count
}

// TestHarms: R82, R83 – whatever one thing rots, goes or changes its place while a
// replica is down, its log opens with all that was synced, or says that it does not.
func TestHarms(t *testing.T) {
	refused, count := 0, trials(t, 8000)
	const each = 100
	for seed := range uint64(count / each) {
		p, other := newPast(t, seed), newPast(t, seed+1<<32)
		other.live(10)
		for range 1 + p.chance.IntN(4) {
			p.live(p.chance.IntN(20))
			p.restart()
		}
		p.live(p.chance.IntN(30))
		p.disk.Kill()
		theirs := foreign(t, other)
		for range each {
			disk := p.disk.Clone()
			what := disk.Harm(logtest.Harms[p.chance.IntN(len(logtest.Harms))], theirs, p.chance.IntN)
			if p.afterwards(disk, what) {
				refused++
			}
		}
	}
	if refused < count/3 {
		t.Errorf("only %d of %d harms were in what counts: the test is too weak", refused, count)
	}
}

// foreign returns the disk of a log that another replica wrote.
func foreign(t *testing.T, p *past) *logtest.Disk {
	disk := logtest.NewDisk()
	c := config()
	c.Identity[0]++
	c.Salt[0]++
	l, _, err := replayed(disk, c)
	must(t, err)
	for at := consensus.Position(1); p.records[at] != nil; at++ {
		must(t, l.Append([]consensus.Record{{Position: at, Data: p.records[at]}}))
		must(t, l.Sync())
	}
	disk.Kill()
	return disk
}

// TestMisdirectedWrites: R82, R83 – one write of a replica's last life lands in
// another place than it should, over what stood there, or nowhere.
func TestMisdirectedWrites(t *testing.T) {
	refused, count := 0, trials(t, 1000)
	for seed := range uint64(count) {
		p := newPast(t, seed+2<<32)
		p.live(p.chance.IntN(20))
		p.restart()
		after, what := 1+p.chance.IntN(30), ""
		p.disk.Redirect = func(c logtest.Call) (logtest.Place, bool) {
			if after--; after != 0 {
				return logtest.Place{}, false
			}
			to := p.disk.Astray(c, p.chance.IntN)
			what = c.String() + " goes to " + to.Name
			return to, true
		}
		p.live(1 + p.chance.IntN(30))
		p.disk.Redirect = nil
		p.disk.Kill()
		if p.afterwards(p.disk, what) {
			refused++
		}
	}
	if refused < count/5 {
		t.Errorf("only %d of %d writes did harm: the test is too weak", refused, count)
	}
}

// TestStalePages: R82, R83 – a page or a file is what it was a while ago, in the same
// life or an earlier one, as after a write that the disk never did.
func TestStalePages(t *testing.T) {
	refused, count := 0, trials(t, 1000)
	for seed := range uint64(count) {
		p := newPast(t, seed+3<<32)
		p.live(p.chance.IntN(20))
		old := p.disk.Clone()
		for range p.chance.IntN(3) {
			p.live(p.chance.IntN(10))
			p.restart()
		}
		p.live(1 + p.chance.IntN(20))
		p.disk.Kill()
		if p.afterwards(p.disk, p.disk.Age(old, p.chance.IntN)) {
			refused++
		}
	}
	if refused < count/5 {
		t.Errorf("only %d of %d pages were worth anything: the test is too weak", refused, count)
	}
}
