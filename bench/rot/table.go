package rot

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/varangian-bft/varangian/bench/damage"
)

// An end is how a round ended.
type end string

const (
	repaired end = "repaired"
	unsaid   end = "repaired, nothing said"
	refused  end = "refused, naming the file"
	harmless end = "harmless"
)

// A table holds how long each round took, by what was damaged and how it ended.
type table map[damage.Class]map[end][]time.Duration

func (t table) add(h damage.Harm, e end, took time.Duration) {
	if t[h.Class] == nil {
		t[h.Class] = map[end][]time.Duration{}
	}
	t[h.Class][e] = append(t[h.Class][e], took)
}

// write writes a line for each class of files that was damaged, and one for all.
func (t table) write(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "damaged\t%s\t%s\t%s\t%s\tback after: median\tmax\t\n", repaired, unsaid, refused, harmless)
	all := map[end][]time.Duration{}
	line := func(name string, by map[end][]time.Duration) {
		times := slices.Sorted(slices.Values(slices.Concat(by[repaired], by[unsaid], by[refused], by[harmless])))
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%.2f s\t%.2f s\t\n", name, len(by[repaired]), len(by[unsaid]), len(by[refused]), len(by[harmless]),
			times[len(times)/2].Seconds(), times[len(times)-1].Seconds())
	}
	for _, c := range damage.Classes() {
		if t[c] == nil {
			continue
		}
		line(string(c), t[c])
		for e, times := range t[c] { // order-free: they are sorted before they are shown
			all[e] = append(all[e], times...)
		}
	}
	if len(all) > 0 {
		line("all", all)
	}
	return w.Flush()
}
