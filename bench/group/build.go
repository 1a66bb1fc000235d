package group

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

const module = "github.com/varangian-bft/varangian"

// Binaries are the paths of the two programs that a user runs.
type Binaries struct {
	Replica string
	Client  string
	Liar    string // a replica that lies; empty unless BuildLiar made it
}

// BinariesIn returns the programs in a folder, where somebody has built them.
func BinariesIn(dir string) (Binaries, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return Binaries{}, err
	}
	b := Binaries{Replica: filepath.Join(dir, "replica"), Client: filepath.Join(dir, "client")}
	for _, path := range []string{b.Replica, b.Client} {
		if _, err := os.Stat(path); err != nil {
			return b, fmt.Errorf("%w; build it with go build -o %s %s/cmd/replica %[3]s/cmd/client", err, dir, module)
		}
	}
	return b, nil
}

// Build builds both programs into a folder. It needs the go command, and a working
// folder inside the module.
func Build(ctx context.Context, dir string) (Binaries, error) {
	scratch, err := os.MkdirTemp(dir, "go-build-")
	if err != nil {
		return Binaries{}, err
	}
	defer os.RemoveAll(scratch)
	c := command(ctx, "go", "build", "-buildvcs=false", "-o", dir+string(filepath.Separator), module+"/cmd/replica", module+"/cmd/client")
	c.Env = append(c.Env, "GOTMPDIR="+scratch)
	if out, err := c.CombinedOutput(); err != nil {
		return Binaries{}, failed(ctx, "go build", err, out)
	}
	return BinariesIn(dir)
}

// BuildLiar builds the replica that lies into the folder of the other programs.
func (b *Binaries) BuildLiar(ctx context.Context, dir string) error {
	scratch, err := os.MkdirTemp(dir, "go-build-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	path := filepath.Join(dir, "liar")
	c := command(ctx, "go", "build", "-buildvcs=false", "-o", path, module+"/bench/liar")
	c.Env = append(c.Env, "GOTMPDIR="+scratch)
	if out, err := c.CombinedOutput(); err != nil {
		return failed(ctx, "go build", err, out)
	}
	b.Liar = path
	return nil
}

// environment is that of this process without what it sets for the user's own
// replicas and clients: VARANGIAN_DATA_DIR, say, would go to all of ours.
func environment() []string {
	return slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "VARANGIAN_") })
}

// command prepares a program that ends within the call: it is killed when ctx is
// done, and when this process is.
func command(ctx context.Context, program string, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, program, args...)
	c.Env = environment()
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	c.Cancel = func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGKILL) }
	return c
}

// failed turns the end of a program into one error with what it said.
func failed(ctx context.Context, what string, err error, output []byte) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", what, context.Cause(ctx))
	}
	said := strings.TrimPrefix(strings.TrimSpace(string(output)), "Error: ")
	if said == "" {
		return fmt.Errorf("%s: %w", what, err)
	}
	return fmt.Errorf("%s: %w: %s", what, err, said)
}
