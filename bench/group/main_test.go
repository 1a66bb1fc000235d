package group

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The test binary also plays the programs that lose their parent, or are killed
// themselves.
const roleVariable = "VARANGIAN_BENCH_TEST_ROLE"

var built Binaries

func TestMain(m *testing.M) {
	if role := os.Getenv(roleVariable); role != "" {
		play(role)
		return
	}
	os.Exit(test(m))
}

func test(m *testing.M) int {
	dir, err := os.MkdirTemp("", "varangian-group-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Minute)
	defer cancel()
	if built, err = Build(ctx, dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// play says on standard output what a test waits for.
func play(role string) {
	switch role {
	case "parent": // starts the child and waits to be killed
		c := exec.Command(os.Args[0])
		c.Env = append(os.Environ(), roleVariable+"=child")
		c.Stdout = os.Stdout
		if err := c.Run(); err != nil {
			fmt.Println(err)
		}
	case "child":
		ctx, err := EndWithParent(context.Background())
		fmt.Println("child", os.Getpid(), err)
		ctx, cancel := context.WithTimeout(ctx, time.Minute) // in case the test finds that it never is
		defer cancel()
		<-ctx.Done()
		fmt.Println(context.Cause(ctx))
	case "bench": // starts replicas and waits to be killed
		g := &Group{}
		dir := os.Getenv("VARANGIAN_BENCH_TEST_DIR")
		r := &Replica{Name: "replica-0", Dir: filepath.Join(dir, "replica-0"), log: filepath.Join(dir, "log"), binary: os.Getenv("VARANGIAN_BENCH_TEST_REPLICA")}
		g.Replicas = []*Replica{r}
		err := g.Start(context.Background())
		fmt.Println("replica", r.PID(), err)
		_, _ = io.Copy(io.Discard, os.Stdin)
	}
}

// actor starts the test binary in a role, and returns the lines it says.
func actor(t *testing.T, role string, env ...string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	c := exec.Command(os.Args[0])
	c.Env = append(append(os.Environ(), roleVariable+"="+role), env...)
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Process.Kill() }) // is gone if all went well
	return c, bufio.NewScanner(out)
}

// gone waits until a process that is not our child has ended.
func gone(t *testing.T, pid int) {
	t.Helper()
	fd, err := unix.PidfdOpen(pid, 0)
	if err == unix.ESRCH {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	for {
		n, err := unix.Poll(poll, 15_000)
		if err == unix.EINTR {
			continue
		}
		if n == 0 || err != nil {
			t.Errorf("process %d goes on (%v)", pid, err)
			_ = unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0) // may end by itself yet
		}
		return
	}
}

func limited(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 40*time.Second)
	t.Cleanup(cancel)
	return ctx
}
