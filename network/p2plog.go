package network

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/libp2p/go-libp2p/gologshim"
)

// p2pLog receives what libp2p logs in this process, which it would otherwise
// write to standard error. libp2p has one log for all hosts: it goes to the
// logger of the Host or Dialer that was made last.
var p2pLog = newSink()

// A sink passes warnings and errors on, at a rate that strangers cannot turn
// into a full disk.
type sink struct {
	to atomic.Pointer[slog.Handler]
	mu sync.Mutex
	b  bucket
}

func newSink() *sink {
	s := &sink{b: newBucket(1, 20)}
	s.set(slog.DiscardHandler)
	gologshim.SetDefaultHandler(sinkHandler{sink: s})
	return s
}

func (s *sink) set(h slog.Handler) { s.to.Store(&h) }

func (s *sink) allow() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.take(1)
}

type sinkHandler struct {
	sink  *sink
	attrs []slog.Attr
}

func (h sinkHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && (*h.sink.to.Load()).Enabled(ctx, slog.LevelWarn)
}

func (h sinkHandler) Handle(ctx context.Context, r slog.Record) error {
	if !h.sink.allow() {
		return nil
	}
	r.Level = slog.LevelWarn
	r.AddAttrs(h.attrs...)
	return (*h.sink.to.Load()).Handle(ctx, r)
}

func (h sinkHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	h.attrs = append(h.attrs[:len(h.attrs):len(h.attrs)], attrs...)
	return h
}

func (h sinkHandler) WithGroup(string) slog.Handler { return h }
