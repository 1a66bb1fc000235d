package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"path/filepath"
	"testing"
	"time"

	"github.com/varangian-bft/varangian/client"
)

// A talk is with a command whose standard input stays open.
type talk struct {
	in    io.Writer
	out   *bufio.Scanner
	stop  context.CancelFunc
	ended chan error
}

// converse starts a command with the keys of a client of a group, which runs or not.
func converse(t *testing.T, running bool, args ...string) *talk {
	t.Helper()
	dir := t.TempDir()
	f, err := prepare(dir)
	if err != nil {
		t.Fatal(err)
	}
	group := "good.toml"
	if running {
		end, err := live(dir, f)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(end)
		group = "live.toml"
	}
	ctx, stop := context.WithCancel(t.Context())
	in, lines := io.Pipe()
	results, out := io.Pipe()
	k := &talk{in: lines, out: bufio.NewScanner(results), stop: stop, ended: make(chan error, 1)}
	c := newRoot()
	c.SilenceErrors, c.SilenceUsage = true, true // as cli.Main does
	c.SetIn(in)
	c.SetOut(out)
	c.SetArgs(append(args, "--group", filepath.Join(dir, group), "--key", filepath.Join(dir, "olga.key")))
	go func() {
		err := c.ExecuteContext(ctx)
		out.Close()
		k.ended <- err
	}()
	t.Cleanup(func() {
		lines.Close()
		stop()
	})
	return k
}

func (k *talk) end(t *testing.T) error {
	t.Helper()
	select {
	case err := <-k.ended:
		return err
	case <-time.After(30 * time.Second):
		t.Fatal("the command does not end")
		return nil
	}
}

// Whoever writes a line and waits for its answer gets it.
func TestBatchAnswersEachLine(t *testing.T) {
	k := converse(t, true, "batch")
	for _, want := range []string{"1", "2", "3"} {
		if _, err := io.WriteString(k.in, "incr n\n"); err != nil {
			t.Fatal(err)
		}
		if !k.out.Scan() || k.out.Text() != want {
			t.Fatalf("answered %q, want %s", k.out.Text(), want)
		}
	}
	k.stop()
	if err := k.end(t); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
}

// A signal ends a command that waits for its input, and so does the want of answers.
func TestInputIsAbandoned(t *testing.T) {
	put := converse(t, true, "put", "k", "-")
	put.stop()
	if err := put.end(t); !errors.Is(err, context.Canceled) {
		t.Errorf("put: %v", err)
	}
	batch := converse(t, false, "batch", "--timeout", "100ms")
	if _, err := io.WriteString(batch.in, "incr n\n"); err != nil {
		t.Fatal(err)
	}
	batch.out.Scan()
	if err := batch.end(t); !errors.Is(err, client.ErrTimeout) {
		t.Errorf("batch: %v", err)
	}
}
