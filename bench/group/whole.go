package group

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// AwaitWhole waits until a replica takes part in full again: it is connected to
// all others, has executed what they had when the call began, withholds no vote, and
// believes its state; one whose folder was damaged has compared all of it, too.
// Before that it counts as faulty, and no other one may be disturbed. The error says
// how far it came.
func (g *Group) AwaitWhole(ctx context.Context, r *Replica) error {
	target := uint64(0)
	for _, s := range g.Statuses(ctx) {
		if s.Name != r.Name {
			target = max(target, s.Executed)
		}
	}
	var last Status
	ended := false
	err := g.await(ctx, func() bool {
		if ended = !r.Running(); ended {
			return true
		}
		s, err := r.Status(ctx)
		if err != nil {
			return false
		}
		last = s
		return s.whole(target, len(g.Replicas)-1) && (!r.Harmed || s.compared())
	})
	if ended {
		return r.unexpected()
	}
	if err != nil {
		return fmt.Errorf("%s is not whole: %w; it executed %d of %d, connected %d of %d, recovering %q, repair %q, transfer %q, waiting %q",
			r.Name, err, last.Executed, target, len(last.Connected), len(g.Replicas)-1, last.Recovery, last.Repair, last.Transfer, last.Waiting)
	}
	return nil
}

func (s *Status) whole(executed uint64, others int) bool {
	return s.Executed >= executed && s.Recovery == "" && s.Transfer == "" && s.Repair == "" && len(s.Connected) == others
}

// compared says whether the stored state was compared with what was certified, or
// there is nothing to compare it with.
func (s *Status) compared() bool { return s.Scrub.Rounds > 0 || s.Scrub.Waiting }

// Sound fails if something is wrong with a replica that should be correct: another
// one holds proof that it lied, or it found its own state different, which it repairs
// in seconds, and which only damage excuses. Nothing but this tells of either.
func (g *Group) Sound() error {
	files, err := g.Evidence()
	if err != nil {
		return err
	}
	if len(files) > 0 {
		return fmt.Errorf("evidence of a lie, although no replica lies: %s", filepath.ToSlash(files[0]))
	}
	for _, r := range g.Replicas {
		alarm, err := os.ReadFile(filepath.Join(r.Data(), "ALARM"))
		switch {
		case r.Harmed, errors.Is(err, os.ErrNotExist):
		case err != nil:
			return err
		default:
			return fmt.Errorf("%s raised an alarm about its own state, although nobody damaged it: %s", r.Name, alarm)
		}
	}
	return nil
}

// Evidence returns the files with proofs of lies that the replicas keep. Where no
// replica lies, each of them is a contradictory vote.
func (g *Group) Evidence() ([]string, error) {
	var out []string
	for _, r := range g.Replicas {
		dir := filepath.Join(r.Data(), "evidence")
		files, err := os.ReadDir(dir)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, err
		}
		for _, f := range files {
			out = append(out, filepath.Join(dir, f.Name()))
		}
	}
	return out, nil
}

// Refused waits until a replica ends by itself, and returns what it said last. It
// fails unless that was a refusal of the folder which names the file: whoever dies of
// it, with a panic for example, may name it as well.
func (r *Replica) Refused(ctx context.Context, file string) (line string, err error) {
	status, line, err := r.Ended(ctx)
	if err != nil {
		return "", err
	}
	if status != exitForeign && status != exitDamaged || !strings.Contains(line, filepath.Base(file)) {
		return "", fmt.Errorf("the replica ended with status %d, which is no refusal that names the file: %s", status, line)
	}
	return line, nil
}

// Data returns the data folder of the replica.
func (r *Replica) Data() string { return filepath.Join(r.Dir, "data") }

// Wipe removes what is in the data folder of a replica that does not run.
func (r *Replica) Wipe() error {
	if r.Running() {
		return fmt.Errorf("%s runs", r.Name)
	}
	if err := os.RemoveAll(r.Data()); err != nil {
		return err
	}
	r.Harmed = false
	return os.Mkdir(r.Data(), 0o700)
}

// Verify has `replica verify` look at the data folder of a replica that does not
// run. It returns what that says; damaged says whether something that counts is.
func (g *Group) Verify(ctx context.Context, r *Replica) (said string, damaged bool, err error) {
	c := command(ctx, g.binaries.Replica, "verify", "--dir", r.Dir)
	out, err := c.Output()
	if err == nil {
		return string(out), false, nil
	}
	if c.ProcessState != nil && c.ProcessState.ExitCode() == exitDamaged {
		return string(out), true, nil
	}
	return "", false, failed(ctx, "replica verify", err, stderr(err))
}

// Exit statuses of a replica that refuses its folder. Where the damage is to the name
// of the owner, the folder looks like that of another replica. The commands of a
// replica end with that for damage as well.
const (
	exitForeign = 1
	exitDamaged = 3
)
