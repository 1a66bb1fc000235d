package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/spf13/cobra"

	"github.com/varangian-bft/varangian/internal/groupfile"
)

func TestRun(t *testing.T) {
	own := errors.New("own")
	interrupted, cancel := context.WithCancel(t.Context())
	cancel()
	for name, c := range map[string]struct {
		ctx    context.Context
		args   []string
		fails  error
		status int
		text   string
	}{
		"fine":             {args: []string{"do"}},
		"surroundings":     {args: []string{"do"}, fails: errors.New("two\nlines"), status: 1, text: "Error: two lines\n"},
		"usage":            {args: []string{"do"}, fails: Usage("bad %s", "flag"), status: 2, text: "Error: bad flag\n"},
		"problem":          {args: []string{"do"}, fails: fmt.Errorf("x: %w", &Problem{7, own}), status: 7, text: "Error: x: own\n"},
		"own status":       {args: []string{"do"}, fails: own, status: 9, text: "Error: own\n"},
		"group file":       {args: []string{"do"}, fails: &groupfile.FormatError{Path: "g", Problem: "p"}, status: 2, text: "Error: g: p\n"},
		"interrupted":      {ctx: interrupted, args: []string{"do"}, fails: own, status: 130, text: "Error: own\n"},
		"no such command":  {args: []string{"undo"}, status: 2, text: "Error: unknown command \"undo\" for \"program\"; see program --help\n"},
		"no such flag":     {args: []string{"do", "--it"}, status: 2, text: "Error: unknown flag: --it; see program do --help\n"},
		"arguments":        {args: []string{"do", "it"}, status: 2, text: "Error: unknown command \"it\" for \"program do\"; usage: program do [flags]; see program do --help\n"},
		"no command, help": {},
	} {
		t.Run(name, func(t *testing.T) {
			root := Family(&cobra.Command{Use: "program"}, &cobra.Command{
				Use: "do", Args: cobra.NoArgs, RunE: func(*cobra.Command, []string) error { return c.fails },
			})
			var stdout, stderr bytes.Buffer
			root.SetOut(&stdout)
			root.SetArgs(append([]string{}, c.args...))
			ctx := c.ctx
			if ctx == nil {
				ctx = t.Context()
			}
			got := run(ctx, root, EnvReplica, func(err error) int {
				if errors.Is(err, own) {
					return 9
				}
				return 0
			}, &stderr)
			if got != c.status || stderr.String() != c.text {
				t.Errorf("status %d, %q; want %d, %q", got, stderr.String(), c.status, c.text)
			}
		})
	}
}

// A flag goes before its environment variable, and that before the default.
func TestEnvironment(t *testing.T) {
	for name, c := range map[string]struct {
		env  string
		args []string
		want int
	}{
		"default":     {want: 1},
		"environment": {env: "2", want: 2},
		"flag":        {env: "2", args: []string{"--some-count", "3"}, want: 3},
	} {
		t.Run(name, func(t *testing.T) {
			if c.env != "" {
				t.Setenv("VARANGIAN_SOME_COUNT", c.env)
			}
			var got int
			root := &cobra.Command{Use: "program", RunE: func(*cobra.Command, []string) error { return nil }}
			root.PersistentFlags().IntVar(&got, "some-count", 1, "")
			root.SetArgs(append([]string{}, c.args...))
			if status := run(t.Context(), root, EnvReplica, nil, &bytes.Buffer{}); status != 0 || got != c.want {
				t.Errorf("status %d, count %d; want %d", status, got, c.want)
			}
		})
	}
}

// A variable with a typing error is not taken for a setting that was made. The
// client's are none of the replica's.
func TestUnknownVariables(t *testing.T) {
	root := &cobra.Command{Use: "replica"}
	below := &cobra.Command{Use: "run", Run: func(*cobra.Command, []string) {}}
	root.PersistentFlags().String("dir", "", "")
	below.Flags().String("data-dir", "", "")
	root.AddCommand(below)
	variables := []string{"HOME=/", "VARANGIAN_DIR=a", "VARANGIAN_DATA_DIR=b", "VARANGIAN_CLIENT_KEY=c", "VARANGIAN_DATADIR=d"}
	if got := unknown(root, EnvReplica, variables); !slices.Equal(got, []string{"VARANGIAN_DATADIR"}) {
		t.Errorf("the replica does not know %v", got)
	}
	if got := unknown(root, EnvClient, variables); !slices.Equal(got, []string{"VARANGIAN_CLIENT_KEY"}) {
		t.Errorf("the client does not know %v", got)
	}
}
