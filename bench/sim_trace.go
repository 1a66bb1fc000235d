package main

import (
	"bufio"
	"fmt"
	"io"
	"os"

	"github.com/varangian-bft/varangian/sim"
	"github.com/varangian-bft/varangian/sim/page"
)

// traceCountMax bounds the events of a page: what comes after is left out, and
// the page says so.
const traceCountMax = 1 << 18

// run runs a plan, and draws it if that was asked for: also if it fails.
func (h *hunt) run(p sim.Plan, out io.Writer) (sim.Report, error) {
	if h.trace == "" {
		return sim.Run(p, nil), nil
	}
	rec := sim.Record(p, traceCountMax)
	drawn := page.Of(rec, h.command())
	if err := writePage(h.trace, drawn); err != nil {
		return sim.Report{}, fmt.Errorf("cannot write the trace: %w", err)
	}
	fmt.Fprintf(out, "trace of %d messages: %s\n", len(drawn.Messages), h.trace)
	return rec.Report, nil
}

// command is how to make the same page again.
func (h *hunt) command() string {
	text := "go run ./bench sim"
	if h.plan != "" {
		return text + " --plan " + h.plan + " --trace " + h.trace
	}
	text += fmt.Sprintf(" --seed %d", h.seed)
	if h.replicas != 0 {
		text += fmt.Sprintf(" --replicas %d", h.replicas)
	}
	if h.adversary != "" {
		text += " --adversary " + h.adversary
	}
	return text + " --trace " + h.trace
}

func writePage(name string, drawn page.Recording) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	err = page.Write(w, drawn)
	if flushed := w.Flush(); err == nil {
		err = flushed
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	return err
}
