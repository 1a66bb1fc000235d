package page

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// storyData is one line of the list of what happened. Key lines are shown at
// first, the others on demand.
type storyData struct {
	At       int64  `json:"at"`
	Kind     string `json:"kind"` // fault, lie, view, proof, order, checkpoint or broken
	Text     string `json:"text"`
	Party    int    `json:"party"`
	Sequence uint64 `json:"sequence,omitempty"`
	Key      bool   `json:"key,omitempty"`
	Message  int    `json:"message"` // index, or -1
}

// A teller collects the lines of a story.
type teller struct {
	rec   *Recording
	lines []storyData
}

func (t *teller) tell(at time.Duration, l storyData) {
	l.At = microseconds(at)
	t.lines = append(t.lines, l)
}

func (t *teller) name(party int) string {
	if party == Everyone {
		return "all"
	}
	return t.rec.Parties[party].Name
}

// names lists parties in ascending order.
func (t *teller) names(set map[int]bool) string {
	var out []string
	for i, p := range t.rec.Parties {
		if set[i] {
			out = append(out, p.Name)
		}
	}
	return strings.Join(out, ", ")
}

// story is what a person would say happened, in order of time.
func story(rec *Recording) []storyData {
	t := &teller{rec: rec}
	t.faults()
	t.changes()
	t.lies()
	t.views()
	t.proofs()
	t.order()
	t.checkpoints()
	slices.SortStableFunc(t.lines, func(a, b storyData) int { return cmp.Compare(a.At, b.At) })
	return t.lines
}

// faults tells what befell replicas and the network.
func (t *teller) faults() {
	words := map[MarkKind]string{
		MarkCrashed: "crashes", MarkStarted: "starts from its disk", MarkPaused: "is suspended", MarkResumed: "goes on",
		MarkHalted: "stops for good", MarkCut: "channels are cut", MarkHealed: "channels are whole again", MarkFault: "",
	}
	for _, m := range t.rec.Marks {
		word, ok := words[m.Kind]
		if m.Kind == MarkBroken {
			t.tell(m.At, storyData{Kind: "broken", Text: "broken: " + m.Text, Party: m.Party, Key: true, Message: -1})
		}
		if !ok || m.Kind == MarkStarted && m.At == 0 {
			continue
		}
		text := word
		if m.Party != Everyone {
			text = strings.TrimSpace(t.name(m.Party) + " " + word)
		}
		if m.Text != "" {
			text = strings.TrimPrefix(text+": "+m.Text, ": ")
		}
		t.tell(m.At, storyData{Kind: "fault", Text: text, Party: m.Party, Key: true, Message: -1})
	}
}

type place struct {
	from           int
	kind           string
	view, sequence uint64
}

// A statement is what one party said about one place, to whom.
type statement struct {
	at      time.Duration
	message int
	to      map[int]bool
}

// proposes reports whether the sender itself says which batch stands at a number.
func (m *Message) proposes() bool {
	phase := lessonOf(m.Type).phase
	return m.Digest != "" && m.Sequence > 0 && m.Fate != FateWithheld && m.Signer == "" &&
		(phase == "preprepare" || phase == "prepare" || phase == "commit")
}

// changes tells when a liar alters or withholds a type of message for the first
// time.
func (t *teller) changes() {
	type change struct {
		from  int
		kind  string
		quiet bool
	}
	seen := map[change]bool{}
	for i := range t.rec.Messages {
		m := &t.rec.Messages[i]
		k := change{m.From, m.Type, m.Fate == FateWithheld}
		if !m.Altered && !k.quiet || seen[k] {
			continue
		}
		seen[k] = true
		what := "sends a " + m.Type + " that its core did not"
		if k.quiet {
			what = "withholds a " + m.Type
		}
		t.tell(m.Sent, storyData{
			Kind: "lie", Party: m.From, Sequence: m.Sequence, Key: true, Message: i,
			Text: fmt.Sprintf("%s %s, to %s, for the first time", t.name(m.From), what, t.name(m.To)),
		})
	}
}

// lies tells where one party says different things to different others.
func (t *teller) lies() {
	said := map[place]map[string]*statement{}
	var places []place
	for i := range t.rec.Messages {
		m := &t.rec.Messages[i]
		if !m.proposes() {
			continue
		}
		k := place{m.From, m.Type, m.View, m.Sequence}
		if said[k] == nil {
			said[k] = map[string]*statement{}
			places = append(places, k)
		}
		s := said[k][m.Digest]
		if s == nil {
			s = &statement{at: m.Sent, message: i, to: map[int]bool{}}
			said[k][m.Digest] = s
		}
		s.to[m.To] = true
	}
	for _, k := range places {
		t.equivocation(k, said[k])
	}
}

func (t *teller) equivocation(k place, said map[string]*statement) {
	if len(said) < 2 {
		return
	}
	digests := make([]string, 0, len(said))
	for d := range said {
		digests = append(digests, d)
	}
	slices.SortFunc(digests, func(a, b string) int {
		return cmp.Or(cmp.Compare(said[a].message, said[b].message), cmp.Compare(a, b))
	})
	var parts []string
	for _, d := range digests {
		parts = append(parts, fmt.Sprintf("%s to %s", d, t.names(said[d].to)))
	}
	last := said[digests[len(digests)-1]]
	t.tell(last.at, storyData{
		Kind: "lie", Party: k.from, Sequence: k.sequence, Key: true, Message: last.message,
		Text: fmt.Sprintf("%s equivocates: %s at %d in view %d is %s", t.name(k.from), k.kind, k.sequence, k.view, strings.Join(parts, " and ")),
	})
}

// views tells who gave up on whom, who opened a view, and when all were in it.
func (t *teller) views() {
	asked, entered := map[uint64]map[int]bool{}, map[uint64]map[int]bool{}
	for _, m := range t.rec.Marks {
		if m.Kind == MarkAsked {
			t.asked(m, asked)
		}
		if m.Kind == MarkEntered {
			t.entered(m, entered)
		}
	}
	opened := map[uint64]bool{}
	for i := range t.rec.Messages {
		m := &t.rec.Messages[i]
		if m.Type != "NEW-VIEW" || opened[m.View] {
			continue
		}
		opened[m.View] = true
		text := fmt.Sprintf("%s opens view %d with a NEW-VIEW", t.name(m.From), m.View)
		if m.Detail != "" {
			text += ": " + m.Detail
		}
		t.tell(m.Sent, storyData{Kind: "view", Text: text, Party: m.From, Key: true, Message: i})
	}
}

func (t *teller) entered(m Mark, entered map[uint64]map[int]bool) {
	if entered[m.View] == nil {
		entered[m.View] = map[int]bool{}
	}
	entered[m.View][m.Party] = true
	text, key := fmt.Sprintf("%s enters view %d", t.name(m.Party), m.View), false
	if n := len(entered[m.View]); n == t.rec.Quorum {
		text, key = fmt.Sprintf("%s is the %s replica in view %d: a quorum", t.name(m.Party), ordinal(n), m.View), true
	}
	t.tell(m.At, storyData{Kind: "view", Text: text, Party: m.Party, Key: key, Message: -1})
}

func (t *teller) asked(m Mark, asked map[uint64]map[int]bool) {
	if asked[m.View] == nil {
		asked[m.View] = map[int]bool{}
	}
	asked[m.View][m.Party] = true
	text, key := fmt.Sprintf("%s gives up on the primary and asks for view %d", t.name(m.Party), m.View), false
	switch len(asked[m.View]) {
	case 1:
		key = true
	case t.rec.Faults + 1:
		text += ": f+1 do, so one correct replica does, and the rest join"
	case t.rec.Quorum:
		text, key = text+": a quorum does", true
	}
	t.tell(m.At, storyData{Kind: "view", Text: text, Party: m.Party, Key: key, Message: -1})
}

// proofs tells of the first evidence of each replica against each liar.
func (t *teller) proofs() {
	for _, m := range t.rec.Marks {
		if m.Kind == MarkProof {
			t.tell(m.At, storyData{Kind: "proof", Text: fmt.Sprintf("%s can prove that %s lied", t.name(m.Party), m.Text), Party: m.Party, Key: true, Message: -1})
		}
	}
	seen := map[int]bool{}
	for i := range t.rec.Messages {
		m := &t.rec.Messages[i]
		if m.Type == "EVIDENCE" && !seen[m.From] {
			seen[m.From] = true
			t.tell(m.Sent, storyData{
				Kind: "proof", Text: strings.TrimSuffix(fmt.Sprintf("%s passes on evidence: %s", t.name(m.From), m.Detail), ": "),
				Party: m.From, Key: true, Message: i,
			})
		}
	}
}

func ordinal(n int) string {
	switch {
	case n%10 == 1 && n%100 != 11:
		return fmt.Sprintf("%dst", n)
	case n%10 == 2 && n%100 != 12:
		return fmt.Sprintf("%dnd", n)
	case n%10 == 3 && n%100 != 13:
		return fmt.Sprintf("%drd", n)
	}
	return fmt.Sprintf("%dth", n)
}
