package cli

import (
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/varangian-bft/varangian/crypto"
)

// Version is the release; the build sets it with -ldflags "-X ...cli.Version=v1.2.3".
var Version = "development"

// VersionCommand returns the command that says what this binary is, as JSON if
// asJSON points to true when it runs.
func VersionCommand(program string, asJSON *bool) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print release, commit, Go version and protocol version",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			commit, modified := revision()
			if *asJSON {
				return json.NewEncoder(c.OutOrStdout()).Encode(map[string]any{
					"program": program, "version": Version, "commit": commit, "modified": modified,
					"go": runtime.Version(), "platform": runtime.GOOS + "/" + runtime.GOARCH, "protocol": crypto.ProtocolVersion,
				})
			}
			if modified {
				commit += " with changes"
			}
			_, err := fmt.Fprintf(c.OutOrStdout(), "varangian %s %s, commit %s, %s %s/%s, protocol %d\n",
				program, Version, commit, runtime.Version(), runtime.GOOS, runtime.GOARCH, crypto.ProtocolVersion)
			return err
		},
	}
}

func revision() (commit string, modified bool) {
	commit = "unknown"
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return commit, false
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			commit = s.Value
		case "vcs.modified":
			modified = s.Value == "true"
		}
	}
	return commit, modified
}
