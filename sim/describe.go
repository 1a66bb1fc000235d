package sim

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/internal/wire"
	"github.com/varangian-bft/varangian/pbft"
)

// describe fills in what a frame is about, as far as it decodes. It checks no
// signature, and nothing is decided by it.
func (w *World) describe(e Event, frame []byte) Event {
	e.Type, e.Bytes, e.Signer = consensus.MessageType(frame[0]), len(frame), Nobody
	e.Name = messageNames[e.Type]
	switch {
	case e.Name != "":
	case e.Type >= wire.TypeStateFirst && e.Type <= wire.TypeStateLast:
		e.Name = "STATE"
	default:
		e.Name = fmt.Sprintf("TYPE-%d", e.Type)
	}
	if v, ok := pbft.ReadVote(frame); ok {
		e.View, e.Sequence, e.Digest = v.Header.View, v.Header.Sequence, v.Header.Batch.Short()
		e.Signer = int(v.Signer)
		return e
	}
	switch e.Type {
	case consensus.TypeRequest:
		w.describeRequest(&e, frame)
	case wire.TypeReply:
		w.describeReply(&e, frame)
	case wire.TypeRefusal:
		if m, err := wire.ReadRefusal(frame); err == nil {
			e.Digest, e.Text = m.Request.Short(), fmt.Sprintf("reason %d", m.Reason)
		}
	case wire.TypeFetchBatch:
		if m, err := wire.ReadFetchBatch(frame); err == nil {
			e.Digest = m.Digest.Short()
		}
	case consensus.TypeSnapshot:
		if u, err := wire.ReadSignedSnapshot(frame, w.group); err == nil {
			e.Sequence = u.Value.(wire.SignedSnapshot).Sequence
		}
	default:
		if u, err := w.checks.codec.Decode(frame, consensus.Hint{}); err == nil {
			describeMessage(&e, u.Value)
		}
	}
	return e
}

func (w *World) describeRequest(e *Event, frame []byte) {
	u, err := consensus.DecodeRequest(frame[1:], w.group)
	if err != nil {
		return
	}
	r := u.Value
	e.Digest = r.Digest().Short()
	e.Text = fmt.Sprintf("session %d, timestamp %d, operations %d", r.Session, r.Timestamp, len(r.Operations))
	if r.Kind == consensus.KindOpenSession {
		e.Text = fmt.Sprintf("opens session %d", r.Session)
	}
	if i, ok := w.clientOf(r.Client); ok {
		e.Text = clientName(i) + ": " + e.Text
	}
}

func (w *World) describeReply(e *Event, frame []byte) {
	m, err := wire.ReadReply(frame)
	if err != nil || len(m.Entries) == 0 {
		return
	}
	l := m.Entries[0].Leaf
	e.Sequence, e.Digest = l.Sequence, l.Request.Short()
	e.Text = fmt.Sprintf("to timestamp %d, results %s", l.Timestamp, l.Results.Short())
	if len(m.Entries) > 1 {
		e.Text += fmt.Sprintf(", and %d more", len(m.Entries)-1)
	}
}

func describeMessage(e *Event, m consensus.Message) {
	switch m := m.(type) {
	case *pbft.Checkpoint:
		e.Sequence, e.Digest = m.Sequence, m.Chain.Short()
	case *pbft.CommitCertificate:
		e.View, e.Sequence, e.Digest = m.Header.View, m.Header.Sequence, m.Header.Batch.Short()
		e.Text = "by " + signers(m.Commits)
	case *pbft.CheckpointCertificate:
		e.Sequence, e.Digest, e.Text = m.Sequence, m.Chain.Short(), "by "+signers(m.Votes)
	case *pbft.ViewChange:
		e.View, e.Text = m.To, describeChange(m)
	case *pbft.NewView:
		e.View, e.Text = m.View, describeNewView(m)
	case *pbft.Status:
		e.View = m.View
		e.Text = fmt.Sprintf("changing to %d, low water mark %d, ordered through %d", m.ChangingTo, m.Low, m.Ordered)
	case *pbft.Evidence:
		a, b := m.A.Header, m.B.Header
		e.View, e.Sequence = a.View, a.Sequence
		e.Text = fmt.Sprintf("%s signed %s for both %s and %s at %d in view %d", replicaName(int(m.A.Signer)),
			messageNames[m.A.Kind], a.Batch.Short(), b.Batch.Short(), a.Sequence, a.View)
	}
}

func signers(list []pbft.Signed) string {
	names := make([]string, len(list))
	for i := range list {
		names[i] = replicaName(int(list[i].Replica))
	}
	return strings.Join(names, ", ")
}

// describedMax is how many certificates of a message are named; of the others the
// number.
const describedMax = 8

func describeChange(m *pbft.ViewChange) string {
	text := "stable at 0"
	if m.Stable != nil {
		text = fmt.Sprintf("stable at %d", m.Stable.Sequence)
	}
	text += fmt.Sprintf("; prepared: %d", len(m.Prepared))
	for i, p := range m.Prepared {
		if i == describedMax {
			return text + " and more"
		}
		text += fmt.Sprintf(", %s at %d in view %d", p.Header.Batch.Short(), p.Header.Sequence, p.Header.View)
	}
	return text
}

func describeNewView(m *pbft.NewView) string {
	by := make([]string, len(m.Changes))
	low := consensus.Sequence(0)
	for i, c := range m.Changes {
		by[i] = replicaName(int(c.Signer))
		if c.Stable != nil {
			low = max(low, c.Stable.Sequence)
		}
	}
	text := fmt.Sprintf("view changes of %s; proposes again: %d", strings.Join(by, ", "), len(m.Proposals))
	for i, p := range m.Proposals {
		if i == describedMax {
			return text + " and more"
		}
		name := p.Batch.Short()
		if p.Batch == consensus.NullDigest {
			name = "nothing"
		}
		text += fmt.Sprintf(", %s at %d", name, low+consensus.Sequence(i)+1)
	}
	return text
}

// noteFrame notes what became of a frame.
func (w *World) noteFrame(kind EventKind, from, to int, frame []byte) {
	if w.cfg.Observe != nil {
		w.note(w.describe(Event{Kind: kind, From: from, To: to}, frame))
	}
}

// noteWithheld notes that a liar does not send what its core said.
func (w *World) noteWithheld(from, to int, core []byte, said [][]byte) {
	if len(said) == 0 && len(core) > 0 {
		w.noteFrame(EventWithheld, from, to, core)
	}
}

// noteAltered notes that a liar sends something else than its core did; core is
// nil if that said nothing.
func (w *World) noteAltered(from, to int, core, frame []byte) {
	switch {
	case w.cfg.Observe == nil || len(frame) == 0 || bytes.Equal(core, frame):
	case len(core) == 0:
		w.note(Event{Kind: EventAltered, From: from, To: to})
	default:
		w.noteFrame(EventAltered, from, to, core)
	}
}
