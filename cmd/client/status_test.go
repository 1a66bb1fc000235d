package main

import (
	"errors"
	"strings"
	"testing"

	"github.com/varangian-bft/varangian/cmd/internal/cli"
	"github.com/varangian-bft/varangian/consensus"
)

// TestStatusOfALostQuorum: replicas that recover answer, and sign nothing (R92). With
// more than f of them nothing moves any more, which must not look like health.
func TestStatusOfALostQuorum(t *testing.T) {
	up, mute, down := report{}, report{said: said{Recovering: "recovering: wiped"}}, report{err: errors.New("no answer")}
	for _, c := range []struct {
		name    string
		reports []report
		fails   string
	}{
		{"all up", []report{up, up, up, up}, ""},
		{"one down", []report{up, down, up, up}, ""},
		{"one recovers", []report{up, up, mute, up}, ""},
		{"two recover", []report{mute, up, mute, up}, "only 2 of 4 replicas answer and may vote, 3 needed"},
		{"one recovers and one is down", []report{down, up, mute, up}, "only 2 of 4 replicas answer and may vote, 3 needed"},
		{"two down", []report{down, up, down, up}, "2 of 4 replicas answered, 3 needed"},
		{"one is asked, and recovers", []report{mute}, ""},
	} {
		err := enough(t.Context(), &consensus.Group{Quorums: consensus.QuorumsOf(4)}, c.reports)
		var p *cli.Problem
		switch {
		case c.fails == "" && err != nil:
			t.Errorf("%s: %v", c.name, err)
		case c.fails != "" && (!errors.As(err, &p) || p.Status != exitNoAnswer || !strings.HasPrefix(err.Error(), c.fails)):
			t.Errorf("%s: %v, want %q with status %d", c.name, err, c.fails, exitNoAnswer)
		}
	}
}

// TestStatusRemark: what is worst comes first.
func TestStatusRemark(t *testing.T) {
	s := said{Recovering: "recovering: wiped", Waiting: "waiting for r1", Transfer: "snapshot 8", Alarm: "rot"}
	if got, want := s.remark(), "alarm: rot; recovering: wiped; waiting for r1; snapshot 8"; got != want {
		t.Errorf("remark %q, want %q", got, want)
	}
	s = said{Repair: "rot", Alarm: "rot"}
	if got, want := s.remark(), "own state suspect: rot"; got != want {
		t.Errorf("remark %q, want %q", got, want)
	}
}
