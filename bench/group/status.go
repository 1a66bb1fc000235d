package group

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"time"
)

const (
	pollInterval   = 50 * time.Millisecond
	statusTimeout  = 2 * time.Second
	statusBytesMax = 1 << 20
)

// A Status is the part of a replica's status that a bench reads.
type Status struct {
	Name     string `json:"name"`
	View     uint64 `json:"view"`
	Primary  string `json:"primary"`
	Executed uint64 `json:"executed"`
	History  string `json:"history"`
	Ordered  uint64 `json:"ordered"`
	Durable  uint64 `json:"durable_checkpoint"`
	Waiting  string `json:"waiting"`
	Transfer string `json:"transfer"`
	Room     string `json:"room_lacking"`
	Recovery string `json:"recovering"`
	Repair   string `json:"repair"`
	Alarm    string `json:"alarm"`
	Evidence int    `json:"evidence"`
	Scrub    struct {
		Rounds  uint64 `json:"rounds"`
		Waiting bool   `json:"waiting"`
	} `json:"scrub"`
	Connected []string `json:"connected"`
}

// Status asks the replica on its control socket where it stands.
func (r *Replica) Status(ctx context.Context) (Status, error) {
	path := filepath.Join(r.Data(), "control")
	transport := &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", path)
		},
	}
	ctx, cancel := context.WithTimeout(ctx, statusTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://control/status", nil)
	if err != nil {
		return Status{}, err
	}
	answer, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		return Status{}, fmt.Errorf("status of %s: %w", r.Name, err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, statusBytesMax))
	if err != nil {
		return Status{}, err
	}
	var s Status
	if err := json.Unmarshal(text, &s); err != nil {
		return Status{}, fmt.Errorf("status of %s: %w", r.Name, err)
	}
	return s, nil
}

// Statuses asks all running replicas, and returns those that answered.
func (g *Group) Statuses(ctx context.Context) []Status {
	var out []Status
	for _, r := range g.Replicas {
		if !r.Running() {
			continue
		}
		if s, err := r.Status(ctx); err == nil {
			out = append(out, s)
		}
	}
	return out
}

// AwaitAll waits until all replicas answer and their statuses are as wanted. The
// error says how far each of them came.
func (g *Group) AwaitAll(ctx context.Context, wanted func([]Status) bool) error {
	var last []Status
	err := g.await(ctx, func() bool {
		last = g.Statuses(ctx)
		return len(last) == len(g.Replicas) && wanted(last)
	})
	if err == nil {
		return nil
	}
	for _, s := range last {
		err = fmt.Errorf("%w; %s: view %d, executed %d, connected %d", err, s.Name, s.View, s.Executed, len(s.Connected))
		if s.Waiting != "" {
			err = fmt.Errorf("%w, %s", err, s.Waiting)
		}
	}
	return err
}

// Await waits until the replica answers and its status is as wanted, and returns
// it. A replica that ends by itself is an error.
func (g *Group) Await(ctx context.Context, r *Replica, wanted func(Status) bool) (Status, error) {
	var last Status
	err := g.await(ctx, func() bool {
		s, err := r.Status(ctx)
		if err != nil {
			return false
		}
		last = s
		return wanted(s)
	})
	if err != nil {
		err = fmt.Errorf("%s: %w; its last status: %+v; its last line: %s", r.Name, err, last, r.LastLine())
	}
	return last, err
}

// primaryTimeout is how long the last replicas may take to follow into a new view.
const primaryTimeout = 10 * time.Second

// Primary returns the replica that most replicas take for the primary, as soon as
// they do: after a view change some are later than the quorum that clients hear.
func (g *Group) Primary(ctx context.Context) (*Replica, error) {
	ctx, cancel := context.WithTimeout(ctx, primaryTimeout)
	defer cancel()
	var primary *Replica
	votes := map[string]int{}
	err := g.await(ctx, func() bool {
		clear(votes)
		for _, s := range g.Statuses(ctx) {
			votes[s.Primary]++
		}
		for _, r := range g.Replicas {
			if 2*votes[r.Name] > len(g.Replicas) {
				primary = r
			}
		}
		return primary != nil
	})
	if err != nil {
		return nil, fmt.Errorf("the replicas do not agree who the primary is: %v: %w", votes, err)
	}
	return primary, nil
}

// Agree waits until all replicas have executed the same sequence number, and
// returns it with the history that all of them have there. Histories that differ
// are an error. Nothing must be submitted meanwhile.
func (g *Group) Agree(ctx context.Context) (executed uint64, history string, err error) {
	var all []Status
	err = g.AwaitAll(ctx, func(s []Status) bool {
		all = s
		for i := range s {
			if s[i].Executed != s[0].Executed || s[i].Executed != s[i].Ordered {
				return false
			}
		}
		return true
	})
	if err != nil {
		return 0, "", err
	}
	for _, s := range all {
		if s.History != all[0].History {
			return 0, "", fmt.Errorf("the replicas diverged: at %d, %s has history %s and %s has %s",
				s.Executed, all[0].Name, all[0].History, s.Name, s.History)
		}
	}
	return all[0].Executed, all[0].History, nil
}

// Witness waits until a replica other than the liar holds evidence, and returns
// it; nil if none does in time.
func (g *Group) Witness(ctx context.Context, liar *Replica, timeout time.Duration) *Replica {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var found *Replica
	err := g.await(ctx, func() bool {
		for _, r := range g.Replicas {
			if r == liar || !r.Running() {
				continue
			}
			if s, err := r.Status(ctx); err == nil && s.Evidence > 0 {
				found = r
				return true
			}
		}
		return false
	})
	if err != nil {
		return nil
	}
	return found
}
