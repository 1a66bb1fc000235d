package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"github.com/varangian-bft/varangian/client"
	"github.com/varangian-bft/varangian/cmd/internal/cli"
)

const (
	// lineBytesMax bounds one line of a batch.
	lineBytesMax = 16 << 20
	// inFlightMax bounds --in-flight.
	inFlightMax = 1 << 16
)

func (s *settings) batchCommand() *cobra.Command {
	var inFlight int
	c := &cobra.Command{
		Use:   "batch",
		Short: "Execute operations from standard input, one a line",
		Long: `Execute operations from standard input: put KEY VALUE, get KEY, delete KEY,
cas KEY OLD NEW and incr KEY [DELTA], one a line. A word in double quotes is a Go
string ("two words", "\x00"); empty lines and lines that begin with # are skipped.
The results come in the order of the lines, one a line.

Operations are in flight together and may be executed in any order; --in-flight 1
keeps the order of the lines. A refused operation does not stop the others; the
exit status is that of the first one that failed. Without answers it ends.`,
		Example: `  seq 1000 | sed 's/.*/put key-& value-&/' | client batch
  client batch --in-flight 1 < steps.txt`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if inFlight < 1 || inFlight > inFlightMax {
				return cli.Usage("--in-flight is %d; want 1 to %d", inFlight, inFlightMax)
			}
			cl, err := s.connect(c.Context())
			if err != nil {
				return err
			}
			defer cl.Close()
			b := batch{settings: s, command: c, client: cl, queue: make(chan *step, inFlight-1)}
			return b.run()
		},
	}
	c.Flags().IntVar(&inFlight, "in-flight", 512, "operations that wait for their result at once")
	return c
}

// A batch reads steps, has them executed, and prints them in order.
type batch struct {
	*settings
	command *cobra.Command
	client  *client.Client
	queue   chan *step // in order of lines; its room and the printer bound what is in flight
	failed  atomic.Int64
}

// A step is one line of a batch.
type step struct {
	line   int
	action action
	result client.Result
	err    error
	done   chan struct{}
}

func (b *batch) run() error {
	ctx, cancel := context.WithCancel(b.command.Context())
	defer cancel()
	ended := make(chan error, 1) // says why the input did
	go func() {                  // abandoned if it waits for a line when no more are wanted
		defer close(b.queue)
		ended <- b.read(ctx)
	}()
	total, first, err := b.show(ctx, cancel)
	var broken error
	select {
	case broken = <-ended:
	default:
	}
	switch {
	case err != nil:
		return err
	case first != nil:
		err = fmt.Errorf("%d of %d operations failed, the first in line %d: %w", b.failed.Load(), total, first.line, first.err)
		if broken != nil && ctx.Err() == nil {
			err = fmt.Errorf("%w; the input ended at %w", err, broken)
		}
		return &cli.Problem{Status: exitOf(b.command.Context(), first.err), Err: err}
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return broken
}

// read starts the operation of each line. Its error names the line at which the
// input ended.
func (b *batch) read(ctx context.Context) error {
	in := bufio.NewScanner(b.command.InOrStdin())
	in.Buffer(nil, lineBytesMax)
	line := 1
	for ; in.Scan(); line++ {
		a, err := parse(in.Text())
		if err != nil {
			return cli.Usage("line %d: %w", line, err)
		}
		if a.op == nil {
			continue
		}
		st := &step{line: line, action: a, done: make(chan struct{})}
		select {
		case b.queue <- st:
		case <-ctx.Done():
			return ctx.Err()
		}
		go func() {
			defer close(st.done)
			st.result, st.err = b.client.Invoke(ctx, st.action.op) // nothing, if ctx is done
		}()
	}
	if errors.Is(in.Err(), bufio.ErrTooLong) {
		return cli.Usage("line %d: it has more than %d bytes", line, lineBytesMax)
	}
	if in.Err() != nil {
		return fmt.Errorf("line %d: %w", line, in.Err())
	}
	return nil
}

// show prints results in order, and counts. After an operation that got no
// answer it starts no more.
func (b *batch) show(ctx context.Context, stop func()) (total int, first *step, err error) {
	out := bufio.NewWriter(b.command.OutOrStdout())
	bar := b.bar()
	write := func(do func() error) {
		if err == nil {
			if err = do(); err != nil {
				stop()
			}
		}
	}
	flush := func() { write(out.Flush) }
	for st := b.next(ctx, flush); st != nil; st = b.next(ctx, flush) {
		if !st.ended() {
			flush() // nothing to print for a while
		}
		<-st.done
		total++
		if bar != nil {
			_ = bar.Add(1)
		}
		text := b.text(st)
		if st.err != nil && first == nil {
			first = st
		}
		if st.err != nil && !errors.Is(st.err, client.ErrRejected) {
			stop()
		}
		write(func() error {
			_, err := io.WriteString(out, text+"\n")
			return err
		})
	}
	if bar != nil {
		_ = bar.Finish()
	}
	flush()
	return total, first, err
}

// next returns the next step, or nil if none comes any more. Before it waits for a
// line it flushes: whoever writes the lines may wait for the answers.
func (b *batch) next(ctx context.Context, flush func()) *step {
	select {
	case st := <-b.queue:
		return st
	default:
	}
	flush()
	select {
	case st := <-b.queue:
		return st
	case <-ctx.Done():
	}
	select { // what is under way has a result, too
	case st := <-b.queue:
		return st
	default:
		return nil
	}
}

func (st *step) ended() bool {
	select {
	case <-st.done:
		return true
	default:
		return false
	}
}

// text returns the line that an ended step prints, and counts it if it failed.
func (b *batch) text(st *step) (text string) {
	if st.err == nil {
		text, st.err = st.action.show(st.result, b.json)
	}
	if st.err != nil {
		text = failure(st, b.json)
		b.failed.Add(1)
	}
	return text
}

// bar shows progress to a person who does not see the results pass by.
func (b *batch) bar() *progressbar.ProgressBar {
	errs := b.command.ErrOrStderr()
	if !terminal(errs) || terminal(b.command.OutOrStdout()) {
		return nil
	}
	return progressbar.NewOptions64(-1, progressbar.OptionSetWriter(errs), progressbar.OptionShowIts(), progressbar.OptionShowCount(),
		progressbar.OptionSetItsString("operations"), progressbar.OptionThrottle(200*time.Millisecond), progressbar.OptionClearOnFinish())
}

func exitOf(ctx context.Context, err error) int {
	var p *cli.Problem
	switch {
	case ctx.Err() != nil:
		return cli.ExitInterrupted
	case errors.As(err, &p):
		return p.Status
	}
	if n := status(err); n != 0 {
		return n
	}
	return cli.ExitSurrounding
}
