package usage

import (
	"os"
	"testing"
	"time"
)

const (
	stat   = "4242 (a (strange) name) S 1 4242 4242 0 -1 4194560 1000 0 0 0 150 50 9 9 20 0 12 0 100 1000000 2560 18446744073709551615"
	status = "Name:\ta\nVmHWM:\t   20480 kB\nVmRSS:\t   10240 kB\nThreads:\t12\n"
)

func TestParse(t *testing.T) {
	u, err := parse([]byte(stat), []byte(status))
	if err != nil {
		t.Fatal(err)
	}
	if want := (Usage{CPU: 2 * time.Second, MemoryBytes: 10 << 20, MemoryBytesMax: 20 << 20}); u != want {
		t.Errorf("have %+v, want %+v", u, want)
	}
}

func TestParseRefuses(t *testing.T) {
	for name, c := range map[string]struct{ stat, status string }{
		"no name":   {"4242 S 1", status},
		"too short": {"4242 (a) S 1 2 3", status},
		"no number": {"4242 (a) S 1 2 3 4 5 6 7 8 9 10 x 50", status},
		"negative":  {"4242 (a) S 1 2 3 4 5 6 7 8 9 10 -1 50", status},
		"zombie":    {stat, "Name:\ta\nThreads:\t1\n"},
		"no memory": {stat, "VmHWM:\t   20480 kB\nVmRSS:\t   x kB\n"},
	} {
		if u, err := parse([]byte(c.stat), []byte(c.status)); err == nil {
			t.Errorf("%s: read as %+v", name, u)
		}
	}
}

// The figures are those of the process: work shows in them.
func TestOf(t *testing.T) {
	before, err := Of(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if before.MemoryBytes == 0 || before.MemoryBytesMax < before.MemoryBytes {
		t.Errorf("memory %d of at most %d", before.MemoryBytes, before.MemoryBytesMax)
	}
	deadline := time.Now().Add(20 * time.Second)
	for n := 0; ; n++ {
		after, err := Of(os.Getpid())
		if err != nil {
			t.Fatal(err)
		}
		if after.CPU >= before.CPU+10*tick {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("after %d readings the processor time is still %v", n, after.CPU)
		}
	}
}

func TestOfNobody(t *testing.T) {
	if _, err := Of(1 << 30); err == nil {
		t.Error("a process that does not exist has a usage")
	}
}
