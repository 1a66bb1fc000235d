package page

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/varangian-bft/varangian/sim"
	_ "github.com/varangian-bft/varangian/sim/adversary"
)

const attack = `</script><script>alert(1)</script><img src=x onerror="alert(2)">'"&`

// small is a recording with one of everything.
func small(text string) Recording {
	ms := time.Millisecond
	return Recording{
		Title: "A run " + text, Command: "go run " + text, Config: []Field{{"name" + text, "value" + text}}, Faults: 1, Quorum: 3, Omitted: 2,
		Parties: []Party{{Name: "r0", Liar: "equivocate" + text}, {Name: "r1"}, {Name: "r2"}, {Name: "r3"}, {Name: "c0" + text, Client: true}},
		Messages: []Message{
			{From: 4, To: 0, Sent: 0, Arrives: ms, Type: "REQUEST", Digest: "aa", Detail: text},
			{From: 0, To: 1, Sent: 2 * ms, Arrives: 3 * ms, Type: "PRE-PREPARE", Sequence: 1, Digest: "aa"},
			{From: 0, To: 2, Sent: 2 * ms, Arrives: 3 * ms, Type: "PRE-PREPARE", Sequence: 1, Digest: "bb", Altered: true, Core: "PRE-PREPARE of aa" + text},
			{From: 0, To: 3, Sent: 2 * ms, Arrives: 2 * ms, Type: "PRE-PREPARE", Sequence: 1, Digest: "aa", Fate: FateWithheld},
			{From: 1, To: 2, Sent: 4 * ms, Arrives: 4 * ms, Type: "PREPARE", Sequence: 1, Digest: "aa", Fate: FateLost},
			{From: 1, To: 3, Sent: 4 * ms, Arrives: 5 * ms, Type: text, Fate: FateCut},
			{From: 1, To: 3, Sent: 5 * ms, Arrives: 6 * ms, Type: "COMMIT", Sequence: 1, Digest: "aa"},
			{From: 1, To: 0, Sent: 8 * ms, Arrives: 9 * ms, Type: "NEW-VIEW", View: 1, Detail: text, Fate: FateDown},
			{From: 2, To: 1, Sent: 9 * ms, Arrives: 9 * ms, Type: "EVIDENCE", Detail: text},
			{From: 2, To: 1, Sent: 9 * ms, Arrives: 9 * ms, Type: "PRE-PREPARE", Sequence: 1, Digest: "bb", Signer: "r0"},
			{From: 2, To: 1, Sent: 9 * ms, Arrives: 9 * ms, Type: "PRE-PREPARE", Sequence: 1, Digest: "aa", Signer: "r0"},
		},
		Marks: []Mark{
			{Party: 0, Kind: MarkStarted},
			{At: ms, Party: Everyone, Kind: MarkCut, Text: text},
			{At: 5 * ms, Party: 1, Kind: MarkExecuted, Sequence: 1, Digest: "aa"},
			{At: 6 * ms, Party: 3, Kind: MarkExecuted, Sequence: 1, Digest: "aa"},
			{At: 7 * ms, Party: 1, Kind: MarkAsked, View: 1},
			{At: 7 * ms, Party: 2, Kind: MarkAsked, View: 1},
			{At: 7 * ms, Party: 3, Kind: MarkAsked, View: 1},
			{At: 9 * ms, Party: 1, Kind: MarkEntered, View: 1},
			{At: 9 * ms, Party: 2, Kind: MarkProof, Text: "r0" + text},
			{At: 9 * ms, Party: 3, Kind: MarkCrashed},
			{At: 9 * ms, Party: 1, Kind: MarkStable, Sequence: 4},
			{At: 9 * ms, Party: Everyone, Kind: MarkBroken, Text: text},
		},
	}
}

func write(t *testing.T, rec Recording) string {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, rec); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestPageIsWellFormed: elements are closed in the order in which they were
// opened, and the data is JSON with every message and mark.
func TestPageIsWellFormed(t *testing.T) {
	page := write(t, small(""))
	script := regexp.MustCompile(`(?s)(<script[^>]*>).*?(</script>)`)
	d := xml.NewDecoder(strings.NewReader(script.ReplaceAllString(page, "$1$2")))
	elements := map[string]int{}
	for {
		token, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if e, ok := token.(xml.StartElement); ok {
			elements[e.Name.Local]++
		}
	}
	for _, name := range []string{"html", "head", "body", "title", "main", "h1", "noscript"} {
		if elements[name] != 1 {
			t.Errorf("%d elements %s", elements[name], name)
		}
	}
	if elements["script"] != 2 || elements["canvas"] != 2 {
		t.Errorf("%d scripts and %d canvases", elements["script"], elements["canvas"])
	}
	got := readData(t, page)
	if len(got.Messages) != 11 || len(got.Marks) != 12 || len(got.Parties) != 5 {
		t.Errorf("the data has %d messages, %d marks, %d parties", len(got.Messages), len(got.Marks), len(got.Parties))
	}
}

func readData(t *testing.T, page string) data {
	t.Helper()
	_, rest, _ := strings.Cut(page, `id="data">`)
	encoded, _, found := strings.Cut(rest, "</script>")
	var got data
	if err := json.Unmarshal([]byte(encoded), &got); err != nil || !found {
		t.Fatalf("the data does not decode: %v", err)
	}
	return got
}

// TestPageLoadsNothing: no address, no source, no import, and a policy that
// forbids them all.
func TestPageLoadsNothing(t *testing.T) {
	page := write(t, small(""))
	for _, word := range []string{"http://", "https://", "src=", "href=", "@import", "url(", "fetch(", "XMLHttpRequest", "import(", "WebSocket", "eval(", "innerHTML"} {
		if strings.Contains(page, word) {
			t.Errorf("the page contains %q", word)
		}
	}
	if !strings.Contains(page, `content="default-src 'none';`) {
		t.Error("the page has no policy against loading")
	}
}

func TestPageIsDeterministic(t *testing.T) {
	if write(t, small("")) != write(t, small("")) {
		t.Error("one recording gave two pages")
	}
}

// TestPageEscapes: whatever stands in a recording, it adds no element.
func TestPageEscapes(t *testing.T) {
	plain, hostile := write(t, small("")), write(t, small(attack))
	if n, m := strings.Count(plain, "<script"), strings.Count(hostile, "<script"); n != m {
		t.Errorf("%d scripts became %d", n, m)
	}
	for _, word := range []string{"<img", "</script><script>alert"} {
		if strings.Contains(hostile, word) {
			t.Errorf("the page contains %q", word)
		}
	}
	if got := readData(t, hostile); got.Parties[4].Name != "c0"+attack {
		t.Errorf("the name of a client became %q", got.Parties[4].Name)
	}
}

func TestWriteRefusesUnknownParties(t *testing.T) {
	for name, change := range map[string]func(*Recording){
		"message": func(r *Recording) { r.Messages[1].To = 5 },
		"mark":    func(r *Recording) { r.Marks[2].Party = -2 },
	} {
		rec := small("")
		change(&rec)
		if err := Write(io.Discard, rec); err == nil {
			t.Errorf("a %s of nobody was drawn", name)
		}
	}
}

// TestStory: the list tells the turning points, in order of time.
func TestStory(t *testing.T) {
	rec := small("")
	var key []string
	last := int64(0)
	for _, l := range story(&rec) {
		if l.At < last {
			t.Errorf("%q is out of order", l.Text)
		}
		last = l.At
		if l.Key {
			key = append(key, l.Text)
		}
	}
	all := strings.Join(key, "\n")
	if strings.Contains(all, "r2 equivocates") {
		t.Error("a replica that passes on what a liar signed is called a liar")
	}
	for _, want := range []string{
		"r0 equivocates: PRE-PREPARE at 1 in view 0 is aa to r1 and bb to r2", "r0 withholds a PRE-PREPARE, to r3",
		"r1 gives up on the primary and asks for view 1", "r3 gives up on the primary and asks for view 1: a quorum does",
		"r1 opens view 1", "r2 can prove that r0 lied", "r2 passes on evidence", "r1 executes aa at 1, the first to do so",
		"r3 crashes", "the checkpoint at 4 is stable", "channels are cut",
	} {
		if !strings.Contains(all, want) {
			t.Errorf("the story does not tell %q:\n%s", want, all)
		}
	}
}

// TestOf: a run with a lying primary becomes a page that shows the lie, what the
// core said in its place, the proof, and fates of frames that did not arrive.
func TestOf(t *testing.T) {
	plan := sim.Plan{
		Seed: 7, Replicas: 4, Clients: 2, Parameters: sim.SmallParameters(), Timeout: 500 * time.Millisecond, Sync: 2 * time.Millisecond,
		Network: sim.Conditions{DelayMin: time.Millisecond, DelayMax: 4 * time.Millisecond, Loss: 0.05},
		Load:    sim.Load{Operations: 40, InFlight: 1, Pause: 50 * time.Millisecond, Keys: 1},
		Faults:  []sim.Fault{{Party: 0, Name: "equivocate"}}, Quiet: 5 * time.Second,
		Steps: []sim.Step{
			{At: 2 * time.Second, Do: sim.Crash, Replica: 3},
			{At: 2500 * time.Millisecond, Do: sim.Cut, From: []int{1}, To: []int{0, 2}},
			{At: 3 * time.Second, Do: sim.Heal},
			{At: 4 * time.Second, Do: sim.Start, Replica: 3},
			{At: 4500 * time.Millisecond, Do: sim.Pause, Replica: 2, For: 100 * time.Millisecond},
		},
	}
	rec := Of(sim.Record(plan, 1<<16), "bench sim")
	if rec.Omitted != 0 || len(rec.Parties) != 4+plan.Clients {
		t.Fatalf("omitted %d, parties %v", rec.Omitted, rec.Parties)
	}
	lies, fates, kinds := 0, map[Fate]int{}, map[MarkKind]int{}
	for _, m := range rec.Messages {
		fates[m.Fate]++
		if m.Altered && m.Type == "PRE-PREPARE" && strings.HasPrefix(m.Core, "PRE-PREPARE") && !strings.HasSuffix(m.Core, m.Digest) {
			lies++
		}
	}
	for _, m := range rec.Marks {
		kinds[m.Kind]++
	}
	if lies == 0 {
		t.Error("no lie is shown")
	}
	for _, f := range []Fate{FateArrived, FateLost, FateCut, FateDown} {
		if fates[f] == 0 {
			t.Errorf("no message has fate %d: %v", f, fates)
		}
	}
	for _, k := range []MarkKind{
		MarkExecuted, MarkDone, MarkAsked, MarkEntered, MarkStable, MarkCrashed, MarkStarted, MarkPaused, MarkResumed, MarkCut, MarkHealed, MarkProof,
	} {
		if kinds[k] == 0 {
			t.Errorf("no mark is %q: %v", k, kinds)
		}
	}
	if write(t, rec) != write(t, Of(sim.Record(plan, 1<<16), "bench sim")) {
		t.Error("one seed gave two pages")
	}
	if short := Of(sim.Record(plan, 100), ""); short.Omitted == 0 || len(short.Messages)+len(short.Marks) > 200 {
		t.Errorf("a recording of 100 events has %d messages, and omits %d", len(short.Messages), short.Omitted)
	}
}
