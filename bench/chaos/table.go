package chaos

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"
)

// A table holds how long replicas took to be whole after each kind of fault.
type table map[Kind][]time.Duration

func (t table) add(k Kind, took time.Duration) { t[k] = append(t[k], took) }

// write writes a line for each kind of fault that was injected.
func (t table) write(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "fault\tcount\twhole after: min\tmedian\tmax\t")
	var all []time.Duration
	line := func(name string, times []time.Duration) {
		slices.Sort(times)
		fmt.Fprintf(w, "%s\t%d\t%.2f s\t%.2f s\t%.2f s\t\n", name, len(times),
			times[0].Seconds(), times[len(times)/2].Seconds(), times[len(times)-1].Seconds())
	}
	for _, k := range Kinds() {
		if len(t[k]) > 0 {
			line(string(k), t[k])
			all = append(all, t[k]...)
		}
	}
	if len(all) > 0 {
		line("all", all)
	}
	return w.Flush()
}
