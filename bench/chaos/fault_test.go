package chaos

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// Every kind of fault comes up, lasts as long as it may, and disturbs links of its
// victim only.
func TestDraw(t *testing.T) {
	r := &run{Config: Config{Replicas: 7, Faults: Kinds()}, random: rand.New(rand.NewPCG(1, 2))}
	seen := map[Kind]int{}
	for range 1000 {
		f := r.draw(3)
		seen[f.form.kind]++
		if f.hold < f.form.least || f.hold >= f.form.most {
			t.Errorf("%s: lasts %v", f, f.hold)
		}
		if len(f.others) == 0 || slices.Contains(f.others, 3) {
			t.Errorf("%s: links with %v", f, f.others)
		}
	}
	if len(seen) != len(Kinds()) {
		t.Errorf("drew %v", seen)
	}
	r.Faults = []Kind{Pause}
	for range 100 {
		if f := r.draw(0); f.form.kind != Pause {
			t.Fatalf("drew %s", f)
		}
	}
}

func TestTable(t *testing.T) {
	table := table{}
	for _, took := range []time.Duration{3, 1, 2} {
		table.add(Kill, took*time.Second)
	}
	table.add(Wipe, 10*time.Second)
	var b strings.Builder
	if err := table.write(&b); err != nil {
		t.Fatal(err)
	}
	want := `                fault  count  whole after: min   median      max
  killed with SIGKILL      3            1.00 s   2.00 s   3.00 s
           disk wiped      1           10.00 s  10.00 s  10.00 s
                  all      4            1.00 s   3.00 s  10.00 s
`
	if b.String() != want {
		t.Errorf("wrote\n%s", b.String())
	}
}
