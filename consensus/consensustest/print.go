package consensustest

import (
	"fmt"
	"strings"

	"github.com/varangian-bft/varangian/consensus"
)

// A printer writes effects, one per line.
type printer struct {
	w          *World
	b          strings.Builder
	showStatus bool
}

func (w *World) printer() *printer { return &printer{w: w} }

func (p *printer) String() string {
	if p.b.Len() == 0 {
		return "nothing"
	}
	return strings.TrimSuffix(p.b.String(), "\n")
}

func (p *printer) line(effect, text string) { fmt.Fprintf(&p.b, "%-8s %s\n", effect, text) }

func (p *printer) effects(e *consensus.Effects) {
	for _, r := range e.Persist {
		p.line("persist", fmt.Sprintf("@%d %s", r.Position, p.w.protocol.Record(p.w, r)))
	}
	for _, s := range e.Send {
		p.send(s)
	}
	for _, x := range e.Execute {
		p.line("execute", fmt.Sprintf("n=%d d=%s%s", x.Sequence, p.w.Name(x.Batch.Digest), after(", replies", x.After)))
	}
	for _, f := range e.Fetch {
		content := "bodies"
		if f.Content == nil {
			content = "content and bodies"
		}
		p.line("want", fmt.Sprintf("%s of n=%d d=%s", content, f.Sequence, p.w.Name(f.Digest)))
	}
	for _, c := range e.Stable {
		p.line("stable", fmt.Sprintf("n=%d c=%s", c.Sequence, p.w.Name(c.Chain)))
	}
	for _, at := range e.Trim {
		p.line("trim", fmt.Sprintf("below @%d", at))
	}
	for _, c := range e.Behind {
		p.line("behind", fmt.Sprintf("n=%d c=%s", c.Sequence, p.w.Name(c.Chain)))
	}
	for _, reason := range e.Diverged {
		p.line("diverged", reason)
	}
	for _, r := range e.Report {
		p.line("report", fmt.Sprintf("r%d said both: %s | %s", r.Against, p.w.protocol.Frame(p.w, r.A), p.w.protocol.Frame(p.w, r.B)))
	}
	for _, h := range e.Halt {
		p.line("halt", fmt.Sprintf("cause=%d: %s", h.Cause, h.Reason))
	}
}

func (p *printer) send(s consensus.Outbound) {
	if s.Class == consensus.ClassStatus && s.To == consensus.Everyone && !p.showStatus && p.w.protocol.Routine(s.Frame) {
		return
	}
	to := ""
	if s.To != consensus.Everyone {
		to = fmt.Sprintf("to r%d ", s.To)
	}
	p.line("send", to+p.w.protocol.Frame(p.w, s.Frame)+after(",", s.After))
}

func after(what string, at consensus.Position) string {
	if at == 0 {
		return ""
	}
	return fmt.Sprintf("%s once @%d is durable", what, at)
}
