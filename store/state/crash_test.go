package state

import (
	"bufio"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/statemachine"
	"github.com/varangian-bft/varangian/store/storetest"
)

// victimVariable names the directory in which this test binary, run once more,
// writes until it is killed.
const victimVariable = "VARANGIAN_STATE_VICTIM"

// victim goes on from the marker, one sequence number after the other, and says
// on its output what it begins and what was acknowledged.
func victim() {
	s, err := Open(Config{Dir: os.Getenv(victimVariable)})
	if err != nil {
		fmt.Println("failed", err)
		return
	}
	fmt.Println("opened")
	for {
		m, err := s.Marker()
		if err != nil {
			fmt.Println("failed", err)
			return
		}
		q := m.Version.Sequence() + 1
		fmt.Println("begin", uint64(q))
		if err := takeStep(s, q); err != nil {
			fmt.Println("failed", err)
			return
		}
		fmt.Println("done", uint64(q))
	}
}

// takeStep brings the store from sequence q-1 to q. What it does depends on q
// alone: every fourth step is an installation, in turns of all partitions and of
// half of them; others execute.
func takeStep(s *Store, q consensus.Sequence) error {
	if q%4 == 0 {
		state := map[string]string{}
		advance(state, q)
		keys := slices.Sorted(maps.Keys(state))
		of := installed(q)
		keys = slices.DeleteFunc(keys, func(k string) bool { return !of.Holds([]byte(k)) })
		_, err := s.Install(q, storetest.MarkerAt(statemachine.VersionAt(q, 0)).Chain, of, func() (c statemachine.Change, ok bool, err error) {
			if len(keys) == 0 {
				return c, false, nil
			}
			key := keys[0]
			keys = keys[1:]
			return storetest.Set(key, state[key]), true, nil
		})
		return err
	}
	v, err := s.Next(q)
	if err != nil {
		return err
	}
	if err := s.Apply(stepChanges(q), storetest.MarkerAt(v)); err != nil {
		return err
	}
	if q < 3 {
		return nil
	}
	return s.Retire(statemachine.VersionAt(q-2, 0))
}

// installed returns the partitions that the installation of step q replaces.
func installed(q consensus.Sequence) statemachine.PartitionSet {
	if q%8 == 0 {
		return statemachine.PartitionSet{1<<64 - 1, 0, 1<<64 - 1, 0}
	}
	return statemachine.AllPartitions()
}

// stepChanges are enough for several of Badger's transactions, so that a kill
// can hit between them.
func stepChanges(q consensus.Sequence) (out []statemachine.Change) {
	const keys = 40_000
	for k := range keys {
		key := fmt.Sprintf("key %05d", k)
		switch (uint64(k) + uint64(q)) % 5 {
		case 0:
			out = append(out, storetest.Delete(key))
		case 1, 2, 3:
			out = append(out, storetest.Set(key, fmt.Sprintf("%d at %d", k, q)))
		}
	}
	return out
}

// advance takes the state after sequence q-1 to the one after q.
func advance(state map[string]string, q consensus.Sequence) {
	if q%4 == 0 {
		of := installed(q)
		maps.DeleteFunc(state, func(k, _ string) bool { return of.Holds([]byte(k)) })
		for k := range 30_000 {
			if key := fmt.Sprintf("key %05d", k*2); of.Holds([]byte(key)) {
				state[key] = fmt.Sprintf("installed at %d", q)
			}
		}
		return
	}
	for _, c := range stepChanges(q) {
		if c.Deleted {
			delete(state, string(c.Key))
		} else {
			state[string(c.Key)] = string(c.Value)
		}
	}
}

// R84, R85, R95: whenever the process is killed, what was acknowledged is there,
// and what is there is the state of one checkpoint.
func TestKilled(t *testing.T) {
	rounds := 12
	if testing.Short() {
		rounds = 3
	}
	dir := t.TempDir()
	random := rand.New(rand.NewPCG(1, uint64(time.Now().UnixNano())))
	for range rounds {
		begun, done := runVictim(t, dir, 1+random.IntN(4), time.Duration(random.IntN(250))*time.Millisecond)
		checkSurvivor(t, dir, begun, done)
	}
}

func victimIn(dir string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), victimVariable+"="+dir)
	cmd.Stderr = os.Stderr
	return cmd
}

// wantRefused fails the test if a store opens in a directory. Another process
// tries it, since Badger leaves goroutines behind when it fails to open.
func wantRefused(t *testing.T, dir, why string) {
	t.Helper()
	cmd := victimIn(dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	if !lines.Scan() || !strings.HasPrefix(lines.Text(), "failed ") || !strings.Contains(lines.Text(), why) {
		t.Errorf("opened a directory in which %s: %q", why, lines.Text())
		_ = cmd.Process.Kill() // fails only if it is dead already
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

// runVictim lets a victim begin some steps, kills it a while later, and returns
// the last step that it began and the last that it saw acknowledged.
func runVictim(t *testing.T, dir string, steps int, grace time.Duration) (begun, done consensus.Sequence) {
	t.Helper()
	cmd := victimIn(dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill := func() { _ = cmd.Process.Kill() } // fails only if it is dead already
	lines := bufio.NewScanner(out)
	for lines.Scan() && lines.Text() != "opened" {
		t.Errorf("victim: %s", lines.Text())
	}
	for lines.Scan() {
		word, rest, _ := strings.Cut(lines.Text(), " ")
		q, err := strconv.ParseUint(rest, 10, 64)
		switch {
		case err != nil:
			kill()
			t.Errorf("victim: %s", lines.Text())
		case word == "done":
			done = consensus.Sequence(q)
		default:
			begun = consensus.Sequence(q)
			if steps--; steps == 0 {
				timer := time.AfterFunc(grace, kill)
				defer timer.Stop()
			}
		}
	}
	if err := cmd.Wait(); err == nil || err.Error() != "signal: killed" {
		t.Fatalf("victim: %v", err)
	}
	return begun, done
}

func checkSurvivor(t *testing.T, dir string, begun, done consensus.Sequence) {
	t.Helper()
	s, err := Open(Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	m, err := s.Marker()
	if err != nil {
		t.Fatal(err)
	}
	q := m.Version.Sequence()
	if q < done || q > begun {
		t.Fatalf("step %d was acknowledged, %d begun, and the marker is at %d", done, begun, q)
	}
	state := map[string]string{}
	for i := max(5, (q+4)/8*8) - 4; i <= q; i++ {
		advance(state, i)
	}
	seen := 0
	err = s.Scan(nil, nil, m.Version, func(key, value []byte) bool {
		seen++
		return state[string(key)] == string(value)
	})
	if err != nil || seen != len(state) {
		t.Fatalf("state at %d: %d of %d keys, %v", m.Version, seen, len(state), err)
	}
	if q%4 > 1 {
		window, err := s.Window(statemachine.VersionAt(q-1, 255), m.Version)
		if err != nil || len(window) != len(stepChanges(q)) {
			t.Fatalf("window of step %d: %d of %d changes, %v", q, len(window), len(stepChanges(q)), err)
		}
	}
	t.Logf("begun %d, acknowledged %d, marker at %d, left above it: %v, suspect: %v",
		begun, done, m.Version, s.leftovers, s.valid.Load().suspects)
}

// A copy of a directory in use, at rest, is what a crash leaves: it opens, and the
// original goes on.
func TestCopied(t *testing.T) {
	s := mustOpen(t, t.TempDir())
	v := storetest.VersionAt(128, 0)
	if err := s.Apply([]statemachine.Change{storetest.Set("a", "1")}, storetest.MarkerAt(v)); err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(t.TempDir(), "copy")
	if err := os.CopyFS(copied, os.DirFS(s.space.dir)); err != nil {
		t.Fatal(err)
	}
	other := mustOpen(t, copied)
	storetest.WantMarker(t, other, storetest.MarkerAt(v))
	storetest.WantState(t, other, v, storetest.Set("a", "1"))
}
