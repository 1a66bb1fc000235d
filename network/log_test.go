package network

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/libp2p/go-libp2p/gologshim"
)

// What libp2p logs goes to our logger, from warnings on, and at a bounded rate.
func TestLibp2pLogsThroughOurs(t *testing.T) {
	var out bytes.Buffer
	p2pLog.set(slog.NewTextHandler(&out, nil))
	defer p2pLog.set(slog.DiscardHandler)
	log := gologshim.Logger("stack")
	log.Info("chatter")
	for range 100 {
		log.With("k", "v").Error("trouble")
	}
	got := out.String()
	if strings.Contains(got, "chatter") || !strings.Contains(got, "level=WARN msg=trouble") || !strings.Contains(got, "k=v") {
		t.Errorf("logged %q", got)
	}
	if n := strings.Count(got, "trouble"); n > 25 {
		t.Errorf("%d lines of 100 passed", n)
	}
}
