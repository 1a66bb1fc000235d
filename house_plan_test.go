package varangian_test

import "strings"

// A room is one line of the import plan: what the non-test files of a package
// may import beside the standard library.
type room struct {
	pkg    string   // a folder, or every folder below one: "examples/*"
	ours   []string // packages of this module; "*" for all
	others []string // import paths, with all that lies below them
	pure   bool     // decides, and so must be deterministic: see checkPurity
	suite  bool     // exists for tests: what it cites counts as tested
}

const (
	cryptobyte = "golang.org/x/crypto/cryptobyte"
	xsync      = "golang.org/x/sync"
	xsys       = "golang.org/x/sys"
	xterm      = "golang.org/x/term"
	cobra      = "github.com/spf13/cobra"
	pflag      = "github.com/spf13/pflag"
	toml       = "github.com/pelletier/go-toml/v2"
	tint       = "github.com/lmittmann/tint"
	progress   = "github.com/schollz/progressbar/v3"
	histogram  = "github.com/HdrHistogram/hdrhistogram-go"
	porcupine  = "github.com/anishathalye/porcupine"
	datadriven = "github.com/cockroachdb/datadriven"
	rapid      = "pgregory.net/rapid"
)

// plan says who may import whom. Whoever adds a package or an import adds it
// here, and says in docs/decisions why if it is another's library.
var plan = []room{
	{pkg: "."},
	{pkg: "crypto", others: []string{
		"golang.org/x/crypto", "github.com/oasisprotocol/curve25519-voi", "lukechampine.com/blake3",
	}},
	{pkg: "crypto/keyfile", ours: []string{"crypto"}, others: []string{"filippo.io/age"}},
	{pkg: "crypto/simsig", ours: []string{"crypto"}},

	{pkg: "consensus", pure: true, ours: []string{"crypto"}, others: []string{cryptobyte}},
	{pkg: "pbft", pure: true, ours: []string{"consensus", "crypto"}, others: []string{cryptobyte}},
	{pkg: "paxos", pure: true, ours: []string{"consensus", "crypto"}, others: []string{cryptobyte}},
	{pkg: "raft", pure: true, ours: []string{"consensus", "crypto"}, others: []string{cryptobyte, "go.etcd.io/raft/v3"}},
	{
		pkg: "statemachine", pure: true, ours: []string{"consensus", "crypto"},
		others: []string{cryptobyte, "github.com/tidwall/btree"},
	},
	{pkg: "statemachine/kv", pure: true, ours: []string{"consensus", "crypto", "statemachine"}, others: []string{cryptobyte}},
	{pkg: "internal/wire", pure: true, ours: []string{"consensus", "crypto"}, others: []string{cryptobyte}},
	{
		pkg: "internal/backup", pure: true, ours: []string{"consensus", "crypto", "internal/wire", "statemachine"},
		others: []string{cryptobyte, "github.com/klauspost/compress/zstd"},
	},
	{pkg: "internal/groupfile", ours: []string{"consensus", "crypto"}, others: []string{toml}},
	{
		pkg: "replica/transfer", pure: true, ours: []string{"consensus", "statemachine", "crypto", "internal/wire"},
		others: []string{cryptobyte},
	},
	{
		pkg: "replica/core", pure: true,
		ours:   []string{"consensus", "statemachine", "crypto", "internal/wire", "replica/transfer"},
		others: []string{cryptobyte},
	},
	{pkg: "client/session", pure: true, ours: []string{"consensus", "crypto", "internal/wire"}, others: []string{cryptobyte}},

	{pkg: "store/log", ours: []string{"consensus", "crypto"}, others: []string{cryptobyte, xsys}},
	{
		pkg: "store/memory", ours: []string{"consensus", "statemachine", "crypto"},
		others: []string{"github.com/tidwall/btree"},
	},
	{
		pkg: "store/state", ours: []string{"consensus", "statemachine", "crypto"},
		others: []string{cryptobyte, xsys, "github.com/dgraph-io/badger/v4"},
	},
	{
		pkg: "network", ours: []string{"consensus", "crypto", "internal/wire"},
		others: []string{cryptobyte, xsync, "github.com/libp2p", "github.com/multiformats/go-multiaddr"},
	},
	{
		pkg:    "client",
		ours:   []string{"client/session", "consensus", "crypto", "crypto/keyfile", "internal/groupfile", "internal/wire", "network"},
		others: []string{xsync},
	},
	{
		pkg: "replica",
		ours: []string{
			"consensus", "crypto", "crypto/keyfile", "internal/backup", "internal/groupfile", "internal/wire", "network", "paxos",
			"pbft", "raft", "replica/core", "replica/transfer", "statemachine", "statemachine/kv", "store/log", "store/state",
		},
		others: []string{cryptobyte, xsync, xsys},
	},

	{
		pkg: "sim", pure: true, suite: true,
		ours: []string{
			"client/session", "consensus", "crypto", "crypto/simsig", "internal/wire", "paxos", "pbft", "raft", "replica/core",
			"replica/transfer", "statemachine", "statemachine/kv", "store/log", "store/log/logtest", "store/memory",
		},
		others: []string{cryptobyte, porcupine},
	},
	{
		pkg: "sim/adversary", suite: true, pure: true, ours: []string{"consensus", "crypto", "internal/wire", "pbft", "sim"},
		others: []string{cryptobyte},
	},
	{pkg: "sim/twins", suite: true, ours: []string{"consensus", "crypto", "crypto/simsig", "pbft"}},
	{pkg: "sim/scenario", suite: true, ours: []string{"*"}, others: testLibraries},
	{pkg: "sim/page", ours: []string{"consensus", "sim"}},
	{pkg: "cmd/internal/cli", ours: []string{"consensus", "crypto", "crypto/keyfile", "internal/groupfile"}, others: cliLibraries},
	{
		pkg: "cmd/replica",
		ours: []string{
			"cmd/internal/cli", "consensus", "crypto", "crypto/keyfile", "internal/groupfile", "replica", "statemachine/kv",
		},
		others: cliLibraries,
	},
	{
		pkg: "cmd/client",
		ours: []string{
			"cmd/internal/cli", "client", "consensus", "crypto", "crypto/keyfile", "internal/groupfile", "statemachine",
			"statemachine/kv",
		},
		others: cliLibraries,
	},
	{pkg: "bench", ours: benchRooms, others: benchLibraries},
	{pkg: "bench/*", ours: benchRooms, others: benchLibraries},
	{
		pkg: "bench/witness", // hears the replies that the client library needs no more
		ours: []string{
			"client", "consensus", "crypto", "crypto/keyfile", "internal/groupfile", "internal/wire", "network", "statemachine/kv",
		},
	},
	{
		pkg:    "bench/liar",
		ours:   []string{"consensus", "crypto", "crypto/keyfile", "internal/groupfile", "replica", "sim", "sim/adversary", "statemachine/kv"},
		others: cliLibraries,
	},
	{pkg: "examples/*", ours: []string{"*"}, others: append([]string{cryptobyte}, cliLibraries...)},

	{pkg: "consensus/consensustest", suite: true, ours: []string{"*"}, others: testLibraries},
	{pkg: "store/log/logtest", suite: true, ours: []string{"*"}, others: testLibraries},
	{pkg: "store/storetest", suite: true, ours: []string{"*"}, others: testLibraries},
	{pkg: "sim/mutants", suite: true, ours: []string{"*"}, others: testLibraries},
	{pkg: "sim/mutants/*", suite: true, ours: []string{"*"}, others: testLibraries},
}

var (
	cliLibraries   = []string{cobra, pflag, toml, tint, progress, xterm, xsys}
	testLibraries  = []string{cryptobyte, datadriven, rapid, porcupine}
	benchLibraries = append([]string{histogram, porcupine, "gonum.org/v1/plot", xsync}, cliLibraries...)
	benchRooms     = []string{
		"bench/*", "client", "consensus", "crypto", "crypto/keyfile", "internal/groupfile", "sim", "sim/adversary", "sim/page", "sim/twins",
		"statemachine/kv",
	}
)

// A distance keeps two packages apart although neither imports the other
// directly.
type distance struct{ from, to, why string }

var distances = []distance{
	{"cmd/*", "crypto/simsig", "a simulated signature must not be able to pass for a real one"},
	{"replica", "crypto/simsig", "a simulated signature must not be able to pass for a real one"},
	{"replica", "client", "a replica is no client of its group"},
	{"client", "store/state", "whoever embeds the client must not have to compile Badger"},
	{"client", "replica", "whoever embeds the client must not have to compile the replica"},
	{"sim", "network", "the simulator owns every message"},
	{"sim", "store/state", "the simulator owns the disk"},
	{"sim", "replica", "the shell has clocks and goroutines, and no schedule with them can be repeated"},
	{"bench", "replica", "the bench measures the binaries that users run"},
}

// covers says whether a name of the plan stands for pkg.
func covers(name, pkg string) bool {
	if below, ok := strings.CutSuffix(name, "*"); ok {
		return strings.HasPrefix(pkg, below)
	}
	return name == pkg
}

// planned finds the line of the plan for pkg; a line for this very folder goes
// before one for all below another.
func planned(pkg string) (room, bool) {
	var found room
	for _, r := range plan {
		if r.pkg == pkg {
			return r, true
		}
		if covers(r.pkg, pkg) {
			found = r
		}
	}
	return found, found.pkg != ""
}
