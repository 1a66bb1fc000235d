package storetest

import (
	"errors"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/statemachine"
)

// model is a store in the plainest way: each state in full, each write as it was
// given.
type model struct {
	marker   statemachine.Marker
	retired  statemachine.Version
	floor    statemachine.Version // the last installation
	versions []statemachine.Version
	states   map[statemachine.Version]map[string]string
	writes   map[statemachine.Version][]statemachine.Change
	snapshot []byte
}

func newModel() *model {
	return &model{
		versions: []statemachine.Version{0},
		states:   map[statemachine.Version]map[string]string{0: {}},
		writes:   map[statemachine.Version][]statemachine.Change{},
	}
}

func (m *model) apply(changes []statemachine.Change, to statemachine.Marker) {
	state := maps.Clone(m.states[m.marker.Version])
	for _, c := range changes {
		if c.Deleted {
			delete(state, string(c.Key))
		} else {
			state[string(c.Key)] = string(c.Value)
		}
	}
	m.advance(state, to)
	m.writes[to.Version] = changes
}

func (m *model) advance(state map[string]string, to statemachine.Marker) {
	m.states[to.Version] = state
	m.versions = append(m.versions, to.Version)
	m.marker = to
}

// at returns the state at any version: that of the newest not above it.
func (m *model) at(v statemachine.Version) []statemachine.Change {
	i, exact := slices.BinarySearch(m.versions, v)
	if !exact {
		i--
	}
	state := m.states[m.versions[i]]
	var out []statemachine.Change
	for _, k := range slices.Sorted(maps.Keys(state)) {
		out = append(out, Set(k, state[k]))
	}
	return out
}

func (m *model) window(after, through statemachine.Version) []statemachine.Change {
	last := map[string]statemachine.Change{}
	for _, v := range m.versions {
		if v > after && v <= through {
			for _, c := range m.writes[v] {
				last[string(c.Key)] = c
			}
		}
	}
	var out []statemachine.Change
	for _, k := range slices.Sorted(maps.Keys(last)) {
		out = append(out, last[k])
	}
	return out
}

var (
	drawKey     = rapid.StringOfN(rapid.SampledFrom([]rune("ab\x00")), 0, 3, -1)
	drawValue   = rapid.StringOfN(rapid.SampledFrom([]rune("xyz")), 0, 4, -1)
	drawEntries = rapid.MapOfN(drawKey, drawValue, 0, 12)
)

func drawChanges(t *rapid.T) (out []statemachine.Change) {
	entries := drawEntries.Draw(t, "changes")
	for _, k := range slices.Sorted(maps.Keys(entries)) {
		if rapid.IntRange(0, 2).Draw(t, "delete") == 0 {
			out = append(out, Delete(k))
		} else {
			out = append(out, Set(k, entries[k]))
		}
	}
	return out
}

// machine drives a store and the model side by side.
type machine struct {
	*model
	store  statemachine.Store
	reopen func() statemachine.Store
}

func (m *machine) nextSequence(t *rapid.T) consensus.Sequence {
	return m.marker.Version.Sequence() + consensus.Sequence(rapid.IntRange(0, 3).Draw(t, "sequences on"))
}

func (m *machine) version(t *rapid.T) statemachine.Version {
	v := rapid.SampledFrom(m.versions).Draw(t, "version")
	return v + statemachine.Version(rapid.IntRange(0, 2).Draw(t, "off by"))
}

func (m *machine) actions() map[string]func(*rapid.T) {
	return map[string]func(*rapid.T){
		"":              m.check,
		"apply":         m.applyNext,
		"install":       m.installNext,
		"install fails": m.installFails,
		"retire":        m.retireSome,
		"read":          m.readAt,
		"window":        m.windowOver,
		"snapshot":      m.saveSnapshot,
		"reopen":        m.reopenSome,
	}
}

// reopenSome reopens now and then: on disk it costs as much as all else together.
func (m *machine) reopenSome(t *rapid.T) {
	if rapid.IntRange(0, 3).Draw(t, "reopen") == 0 {
		m.store = m.reopen()
	}
}

func (m *machine) check(t *rapid.T) {
	WantMarker(t, m.store, m.marker)
	WantState(t, m.store, m.marker.Version, m.at(m.marker.Version)...)
	if got, err := m.store.SavedSnapshot(); err != nil || string(got) != string(m.snapshot) {
		t.Fatalf("snapshot is %q, %v; want %q", got, err, m.snapshot)
	}
}

func (m *machine) applyNext(t *rapid.T) {
	v, err := m.store.Next(m.nextSequence(t))
	if err != nil || v <= m.marker.Version {
		t.Fatalf("next version is %d, %v; the marker is at %d", v, err, m.marker.Version)
	}
	changes := drawChanges(t)
	apply(t, m.store, v, changes...)
	m.apply(changes, MarkerAt(v))
}

func (m *machine) installNext(t *rapid.T) {
	state := drawEntries.Draw(t, "contents")
	if rapid.Bool().Draw(t, "near") {
		merged := maps.Clone(m.states[m.marker.Version])
		maps.Copy(merged, state)
		state = merged
	}
	of := statemachine.AllPartitions()
	if rapid.Bool().Draw(t, "some") {
		word := rapid.Uint64().Draw(t, "partitions")
		of = statemachine.PartitionSet{word, ^word, word, ^word}
	}
	var contents []statemachine.Change
	for _, k := range slices.Sorted(maps.Keys(state)) {
		if of.Holds([]byte(k)) {
			contents = append(contents, Set(k, state[k]))
		} else {
			delete(state, k)
		}
	}
	for k, v := range m.states[m.marker.Version] {
		if !of.Holds([]byte(k)) {
			state[k] = v
		}
	}
	to := installSome(t, m.store, int(m.nextSequence(t)), of, contents...)
	if to.Version <= m.marker.Version {
		t.Fatalf("installed at %d, not above the marker at %d", to.Version, m.marker.Version)
	}
	m.advance(state, to)
	m.floor = to.Version
}

func (m *machine) installFails(t *rapid.T) {
	_, err := m.store.Install(m.nextSequence(t), m.marker.Chain, statemachine.AllPartitions(), failing(errSource, Set("", "lost"), Set("b", "lost")))
	WantErr(t, "install from a source that fails", err, errSource)
}

func (m *machine) retireSome(t *rapid.T) {
	v := m.version(t)
	err := m.store.Retire(v)
	if v > m.marker.Version {
		WantErr(t, "retire above the marker", err, statemachine.ErrVersion)
		return
	}
	if err != nil {
		t.Fatalf("retire %d: %v", v, err)
	}
	m.retired = max(m.retired, v)
}

func (m *machine) readAt(t *rapid.T) {
	v := m.version(t)
	_, _, err := m.store.Read([]byte("a"), v)
	switch {
	case v > m.marker.Version:
		WantErr(t, "read above the marker", err, statemachine.ErrVersion)
	case v < m.retired:
		WantErr(t, "read of a retired version", err, statemachine.ErrRetired)
	default:
		WantState(t, m.store, v, m.at(v)...)
	}
}

func (m *machine) windowOver(t *rapid.T) {
	after, through := m.version(t), m.version(t)
	got, err := m.store.Window(after, through)
	switch {
	case after >= through:
		if err != nil || len(got) != 0 {
			t.Fatalf("window from %d to %d: %d changes, %v", after, through, len(got), err)
		}
	case through > m.marker.Version && errors.Is(err, statemachine.ErrVersion):
	case after < max(m.retired, m.floor):
		WantErr(t, "window from a retired version", err, statemachine.ErrRetired)
	case through > m.marker.Version:
		WantErr(t, "window above the marker", err, statemachine.ErrVersion)
	default:
		WantWindow(t, m.store, after, through, m.window(after, through)...)
	}
}

func (m *machine) saveSnapshot(t *rapid.T) {
	b := []byte(drawValue.Draw(t, "snapshot"))
	if err := m.store.SaveSnapshot(b); err != nil {
		t.Fatalf("save a snapshot: %v", err)
	}
	m.snapshot = b
}

// testModel compares random histories with the model: R55, R84, R85, R95, R124.
func testModel(t *testing.T, open Open) {
	rapid.Check(t, func(r *rapid.T) {
		s, reopen := open(t)
		m := &machine{model: newModel(), store: s, reopen: reopen}
		r.Repeat(m.actions())
	})
}
