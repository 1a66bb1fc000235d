package page

import (
	"strconv"
	"strings"
	"time"
)

// data is what the page's script reads. Rows are lists of numbers, so that a
// recording of a hundred thousand messages stays small; texts are indices of
// Texts.
type data struct {
	Quorum   int         `json:"quorum"`
	Faults   int         `json:"faults"`
	Parties  []laneData  `json:"parties"`
	Phases   []phase     `json:"phases"`
	Types    []typeData  `json:"types"`
	Texts    []string    `json:"texts"`
	Messages [][]int64   `json:"messages"` // from, to, sent, arrives, fate, type, view, sequence, digest, bytes, detail, altered, core, signer
	Marks    []markData  `json:"marks"`
	Story    []storyData `json:"story"`
}

type laneData struct {
	Name   string `json:"name"`
	Client bool   `json:"client,omitempty"`
	Liar   string `json:"liar,omitempty"`
}

type typeData struct {
	Name   string `json:"name"`
	Phase  int    `json:"phase"`
	Lesson string `json:"lesson,omitempty"`
}

type markData struct {
	At       int64    `json:"at"`
	Party    int      `json:"party"`
	Kind     MarkKind `json:"kind"`
	View     uint64   `json:"view"`
	Sequence uint64   `json:"sequence,omitempty"`
	Digest   string   `json:"digest,omitempty"`
	Text     string   `json:"text,omitempty"`
}

// microseconds is the unit of all times on the page.
func microseconds(d time.Duration) int64 { return d.Microseconds() }

func newData(rec *Recording) *data {
	d := &data{Quorum: rec.Quorum, Faults: rec.Faults, Phases: phases, Story: story(rec), Texts: []string{""}}
	for _, p := range rec.Parties {
		d.Parties = append(d.Parties, laneData(p))
	}
	texts, types := map[string]int64{"": 0}, map[string]int64{}
	text := func(s string) int64 {
		i, ok := texts[s]
		if !ok {
			i = int64(len(d.Texts))
			texts[s] = i
			d.Texts = append(d.Texts, s)
		}
		return i
	}
	for i := range rec.Messages {
		m := &rec.Messages[i]
		kind, ok := types[m.Type]
		if !ok {
			kind = int64(len(d.Types))
			types[m.Type] = kind
			d.Types = append(d.Types, rec.typeData(m.Type))
		}
		altered := int64(0)
		if m.Altered {
			altered = 1
		}
		d.Messages = append(d.Messages, []int64{
			int64(m.From), int64(m.To), microseconds(m.Sent), microseconds(m.Arrives), int64(m.Fate), kind, int64(m.View),
			int64(m.Sequence), text(m.Digest), int64(m.Bytes), text(m.Detail), altered, text(m.Core), text(m.Signer),
		})
	}
	for _, m := range rec.Marks {
		d.Marks = append(d.Marks, markData{microseconds(m.At), m.Party, m.Kind, m.View, m.Sequence, m.Digest, m.Text})
	}
	return d
}

func (rec *Recording) typeData(kind string) typeData {
	l := lessonOf(kind)
	t := typeData{Name: kind, Lesson: strings.NewReplacer(
		"{quorum}", strconv.Itoa(rec.Quorum), "{quorum-1}", strconv.Itoa(rec.Quorum-1), "{weak}", strconv.Itoa(rec.Faults+1),
	).Replace(l.text)}
	for i, p := range phases {
		if p.Key == l.phase {
			t.Phase = i
		}
	}
	return t
}
