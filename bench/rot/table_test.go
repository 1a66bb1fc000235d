package rot

import (
	"strings"
	"testing"
	"time"

	"github.com/varangian-bft/varangian/bench/damage"
)

func TestTable(t *testing.T) {
	table := table{}
	table.add(damage.Harm{Class: damage.Mark}, refused, 2*time.Second)
	table.add(damage.Harm{Class: damage.Log}, repaired, 3*time.Second)
	table.add(damage.Harm{Class: damage.Log}, harmless, time.Second)
	var b strings.Builder
	if err := table.write(&b); err != nil {
		t.Fatal(err)
	}
	want := `      damaged  repaired  repaired, nothing said  refused, naming the file  harmless  back after: median     max
  log segment         1                       0                         0         1              3.00 s  3.00 s
     log mark         0                       0                         1         0              2.00 s  2.00 s
          all         1                       0                         1         1              2.00 s  3.00 s
`
	if b.String() != want {
		t.Errorf("wrote\n%s", b.String())
	}
}
