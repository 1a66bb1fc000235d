package pbft

import (
	"fmt"
	"strings"

	"github.com/varangian-bft/varangian/consensus"
)

// Frame implements consensustest.Protocol.
func (protocol) Frame(w *world, frame []byte) string {
	u, err := NewCodec(w.Group).Decode(frame, consensus.Hint{})
	if err != nil {
		return fmt.Sprintf("unreadable frame: %v", err)
	}
	switch m := u.Value.(type) {
	case *PrePrepare:
		text := describeHeader(w, "pre-prepare", m.Header)
		switch {
		case m.Fill != nil:
			text += fmt.Sprintf(" for r%d up to n=%d", m.Fill.Signer, m.Fill.Fill)
		case m.Content == nil:
			text += " bare"
		}
		return text
	case *Vote:
		return describeHeader(w, map[consensus.MessageType]string{TypePrepare: "prepare", TypeCommit: "commit"}[m.Kind], m.Header)
	case *Checkpoint:
		return fmt.Sprintf("checkpoint n=%d c=%s", m.Sequence, w.Name(m.Chain))
	case *CommitCertificate:
		return describeHeader(w, "commit-certificate", m.Header) + " by=" + signers(m.Commits)
	case *CheckpointCertificate:
		return fmt.Sprintf("checkpoint-certificate n=%d c=%s by=%s", m.Sequence, w.Name(m.Chain), signers(m.Votes))
	case *ViewChange:
		return describeChange(w, m)
	case *NewView:
		return describeNewView(w, m)
	case *Status:
		return describeStatus(m)
	case *Recall:
		return fmt.Sprintf("recall nonce=%d round=%d fill=%d", m.Nonce[0], m.Round, m.Fill)
	case *Recalled:
		return describeRecalled(w, m)
	case *Evidence:
		return fmt.Sprintf("evidence against r%d: %s | d=%s", m.A.Signer, describeHeader(w, strings.ToLower(kindName(m.A.Kind)), m.A.Header), w.Name(m.B.Header.Batch))
	}
	return "unknown"
}

// Routine implements consensustest.Protocol.
func (protocol) Routine(frame []byte) bool { return frame[0] == byte(TypeStatus) }

// Record implements consensustest.Protocol.
func (p protocol) Record(w *world, r consensus.Record) string {
	c := newCodec(w.Group)
	switch r.Kind {
	case recordProposal:
		x, err := c.readProposalRecord(r.Data)
		if err != nil {
			return err.Error()
		}
		text := describeHeader(w, "pre-prepare", x.header)
		if x.batch != nil {
			text += " with batch"
		}
		if x.own != nil {
			text += "; own prepare"
		}
		return text
	case recordPrepared:
		x, _, err := c.readPreparedRecord(r.Data)
		if err != nil {
			return err.Error()
		}
		return describeHeader(w, "prepared", x.Header) + " by=" + signers(x.Prepares) + "; own commit"
	case recordCommitted:
		x, batch, err := c.readCommittedRecord(r.Data)
		if err != nil {
			return err.Error()
		}
		text := describeHeader(w, "committed", x.Header) + " by=" + signers(x.Commits)
		if batch != nil {
			text += " with batch"
		}
		return text
	case recordRecovery:
		return describeRecovery(w, r)
	case recordRoot:
		x, err := readRoot(r.Data)
		if err != nil {
			return err.Error()
		}
		text := fmt.Sprintf("root v=%d w=%d", x.view, x.changing)
		for _, frame := range [][]byte{x.stable, x.change, x.newView} {
			if len(frame) > 0 {
				text += "; " + p.Frame(w, frame)
			}
		}
		return text
	}
	if r.Kind == recordProof {
		return "proof " + p.Frame(w, r.Data)
	}
	return p.Frame(w, r.Data)
}

func describeRecovery(w *world, r consensus.Record) string {
	e := &Engine{group: w.Group}
	if err := e.replayRecovery(r); err != nil {
		return err.Error()
	}
	switch x := &e.recovery; {
	case x.reason == "":
		return fmt.Sprintf("recovered, votes from v=%d", x.from)
	case x.bounded:
		return fmt.Sprintf("recovering, bound n=%d", x.bound)
	default:
		return "recovering, bound unknown"
	}
}

func describeRecalled(w *world, m *Recalled) string {
	text := fmt.Sprintf("recalled nonce=%d round=%d", m.Nonce[0], m.Round)
	if m.Stable != nil {
		text += fmt.Sprintf(" h=%d", m.Stable.Sequence)
	}
	for _, x := range m.Signed {
		switch x := x.(type) {
		case *Vote:
			text += fmt.Sprintf("; r%d %s", x.Signer, describeHeader(w, strings.ToLower(kindName(x.Kind)), x.Header))
		case *Checkpoint:
			text += fmt.Sprintf("; r%d checkpoint n=%d", x.Signer, x.Sequence)
		case *ViewChange:
			text += "; " + describeChange(w, x)
		}
	}
	return text
}

func describeHeader(w *world, kind string, h Header) string {
	return fmt.Sprintf("%s v=%d n=%d d=%s", kind, h.View, h.Sequence, w.Name(h.Batch))
}

func signers(list []Signed) string {
	var names []string
	for _, s := range list {
		names = append(names, fmt.Sprintf("r%d", s.Replica))
	}
	return strings.Join(names, ",")
}

func describeChange(w *world, m *ViewChange) string {
	text := fmt.Sprintf("view-change v=%d from=r%d h=%d", m.To, m.Signer, m.low())
	for _, p := range m.Prepared {
		text += fmt.Sprintf(" p=%d:%s@%d", p.Header.Sequence, w.Name(p.Header.Batch), p.Header.View)
	}
	return text
}

func describeNewView(w *world, m *NewView) string {
	low, _ := computeNewView(m.Changes)
	var by []string
	for _, c := range m.Changes {
		by = append(by, fmt.Sprintf("r%d", c.Signer))
	}
	text := fmt.Sprintf("new-view v=%d by=%s low=%d", m.View, strings.Join(by, ","), low)
	for i, p := range m.Proposals {
		text += fmt.Sprintf(" o=%d:%s", low+consensus.Sequence(i)+1, w.Name(p.Batch))
	}
	return text
}

func describeStatus(m *Status) string {
	text := fmt.Sprintf("status v=%d w=%d h=%d ordered=%d", m.View, m.ChangingTo, m.Low, m.Ordered)
	for _, s := range m.Slots {
		text += fmt.Sprintf(" %d:%b:%b", s.Flags, s.Prepares, s.Commits)
	}
	for i, c := range m.Changes {
		if c != 0 {
			text += fmt.Sprintf(" r%d>%d", i, c)
		}
	}
	return text
}
