package replica

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/crypto/keyfile"
	"github.com/varangian-bft/varangian/internal/groupfile"
	"github.com/varangian-bft/varangian/network"
	"github.com/varangian-bft/varangian/pbft"
	"github.com/varangian-bft/varangian/replica/core"
)

// A Remote is a replica of the group with its address.
type Remote = network.Remote

// Config says which replica this is and what it works with. The zero value of
// everything below DataDir is usable.
type Config struct {
	// GroupFile is the path of the group's file. Without it Group and Remotes
	// are used.
	GroupFile string
	Group     *consensus.Group
	Remotes   []Remote // all of the group, this one too

	Keys    keyfile.Keys
	DataDir string // made if it does not exist; mode 0700
	Listen  string // multiaddr for replicas and clients, e.g. /ip4/0.0.0.0/tcp/7400; empty: this replica's among Remotes

	// FirstStart says that an empty data folder is that of a replica which never
	// ran, and not one that has lost what the replica promised. Folders that
	// `replica init` or MarkNew made need it not. It changes nothing for a folder
	// with contents, and must not be left set: see docs/operations.md.
	FirstStart bool

	Timeout      time.Duration // base time-out of a view (R67); 0 means DefaultTimeout
	SegmentBytes int64         // size of a log segment; 0 means the log's default
	Network      *network.Limits
	Pool         *core.PoolLimits
	// ScrubKeys is how many stored keys a second are compared with what was certified
	// (R56). 0 means DefaultScrubKeys; below 0 none are.
	ScrubKeys int
	Serve     core.ServeLimits // of the state that this replica gives to others; zero means core's defaults
	Verifiers int              // goroutines that check signatures; 0 means one for each processor
	Logger    *slog.Logger
}

// Defaults of Config.
const (
	DefaultTimeout = time.Second
	// tickInterval moves timers; it is far below every time-out.
	tickInterval = 20 * time.Millisecond
	// verifyCacheMax is the number of signatures remembered as valid: at least two
	// votes of each replica in each open sequence number, else a view change
	// verifies everything anew (R18).
	verifyCacheMax = 1 << 15
)

// complete checks the configuration and fills in the defaults.
func (c *Config) complete() (self consensus.ReplicaID, err error) {
	if c.GroupFile != "" {
		if err := c.readGroup(); err != nil {
			return 0, err
		}
	}
	if c.Group == nil || c.DataDir == "" {
		return 0, errors.New("replica: a group and a data folder are needed")
	}
	self, err = c.identify()
	if err != nil {
		return 0, err
	}
	for _, r := range c.Remotes {
		if c.Listen == "" && r.ID == self {
			c.Listen = r.Address
		}
	}
	if c.Listen == "" {
		return 0, errors.New("replica: neither a listen address nor an address of this replica is given")
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.ScrubKeys == 0 {
		c.ScrubKeys = DefaultScrubKeys
	}
	if c.Timeout == 0 {
		c.Timeout = DefaultTimeout
	}
	if c.Timeout < 5*tickInterval {
		return 0, fmt.Errorf("replica: a time-out of %v is below %v", c.Timeout, 5*tickInterval)
	}
	return self, nil
}

// configError gives a configuration that does not fit its exit status.
func configError(err error) error {
	if errors.As(err, new(*groupfile.FormatError)) {
		return &Error{Code: ExitUsage, Cause: err}
	}
	return &Error{Code: ExitSurroundings, Cause: err}
}

// readGroup reads the group file.
func (c *Config) readGroup() error {
	f, err := groupfile.Read(c.GroupFile)
	if err != nil {
		return err
	}
	if c.Group, err = f.Group(crypto.Ed25519); err != nil {
		return err
	}
	c.Remotes = nil
	for _, r := range f.Remotes() {
		c.Remotes = append(c.Remotes, Remote{ID: r.ID, Transport: r.Transport, Address: r.Address})
	}
	return nil
}

// identify finds the replica whose keys these are.
func (c *Config) identify() (consensus.ReplicaID, error) {
	public := c.Keys.Public()
	for i, m := range c.Group.Genesis.Replicas {
		if m.Key != public.Signing {
			continue
		}
		if m.Transport != public.Transport {
			return 0, fmt.Errorf("replica: the key file's transport key is not that of replica %s in the group file", m.Name)
		}
		return consensus.ReplicaID(i), nil
	}
	return 0, fmt.Errorf("replica: the key %s belongs to no replica of group %q; use this replica's key file or its group file",
		public.Signing, c.Group.Genesis.Name)
}

// limits are those of the network, with room for the largest NEW-VIEW that the
// group can need: without it the group could get stuck for good (R76).
func (r *Replica) limits() network.Limits {
	if r.cfg.Network != nil {
		return *r.cfg.Network
	}
	l := network.LimitsFor(&r.cfg.Group.Genesis.Parameters)
	for _, class := range []consensus.Class{consensus.ClassVote, consensus.ClassStatus} {
		frame := int(pbft.FrameBytesMax(r.cfg.Group))
		l.Classes[class].FrameBytesMax = max(l.Classes[class].FrameBytesMax, frame)
		l.Classes[class].QueueBytesMax = max(l.Classes[class].QueueBytesMax, 4*frame)
	}
	return l
}

func (r *Replica) poolLimits() core.PoolLimits {
	if r.cfg.Pool != nil {
		return *r.cfg.Pool
	}
	return core.DefaultPoolLimits(r.cfg.Group.Genesis.Parameters)
}

// identity binds a data folder to group, replica and key (R87).
func identity(g *consensus.Group, self consensus.ReplicaID) crypto.Digest {
	m, _ := g.Member(self)
	return crypto.Hash(crypto.KindConfiguration, g.ID[:], []byte{byte(self)}, m.Key[:], m.Transport[:])
}
