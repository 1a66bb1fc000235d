package core

import (
	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/statemachine"
)

// The outbox holds back whatever rests on log records that are not durable yet
// (R6, R78). It never reorders items of equal standing, and is bounded by the
// engine's window: an engine says only so much about L open sequence numbers.
type outbox struct {
	through consensus.Position
	items   []held
}

// A held item is one of a frame, a reply or a flush.
type held struct {
	after consensus.Position
	send  *consensus.Outbound
	reply *Reply
	flush *statemachine.Window
}

func (b *outbox) add(h held, out *Output) {
	if h.after <= b.through {
		h.release(out)
		return
	}
	b.items = append(b.items, h)
}

// persisted releases what the log now covers. The frontier never falls.
func (b *outbox) persisted(through consensus.Position, out *Output) {
	if through <= b.through {
		return
	}
	b.through = through
	kept := b.items[:0]
	for _, h := range b.items {
		if h.after <= through {
			h.release(out)
		} else {
			kept = append(kept, h)
		}
	}
	clear(b.items[len(kept):])
	b.items = kept
}

// forget drops what rests on the state, and returns how many of it were flushes.
func (b *outbox) forget() (flushes int) {
	kept := b.items[:0]
	for _, h := range b.items {
		switch {
		case h.send != nil && !h.send.State:
			kept = append(kept, h)
		case h.flush != nil:
			flushes++
		}
	}
	clear(b.items[len(kept):])
	b.items = kept
	return flushes
}

func (h held) release(out *Output) {
	switch {
	case h.send != nil:
		out.Send = append(out.Send, *h.send)
	case h.reply != nil:
		out.Reply = append(out.Reply, *h.reply)
	case h.flush != nil:
		out.Flush = append(out.Flush, h.flush)
	}
}
