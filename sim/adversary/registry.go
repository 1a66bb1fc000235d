package adversary

import (
	"strings"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/pbft"
	"github.com/varangian-bft/varangian/sim"
)

// An entry is one behaviour under its name.
type entry struct {
	name string
	make func(stage) lie
}

// registry lists the behaviours of replicas, by what they lie about.
var registry = []entry{
	// The primary.
	{"equivocate", newEquivocator},
	{"withhold", newWithholder},
	{"dark", newDarkener},
	{"gap", newGapMaker},
	{"censor", newCensor},
	{"slow", newSlow},
	{"unfetchable", fabricate(unfetchable)},
	{"unsigned", fabricate(unsigned)},
	{"repeated", fabricate(repeated)},
	{"stranger", fabricate(stranger)},
	{"future", fabricate(future)},
	{"past", fabricate(past)},
	{"null", newNullifier},

	// Votes.
	{"double-vote", newDoubleVoter},
	{"absurd", newAbsurd},
	{"replay", newReplayer},
	{"foreign", newForeigner},
	{"frame-up", newAccuser},

	// View changes and new views.
	{"vc-hides", change(hides)},
	{"vc-stale", change(staleChange)},
	{"vc-lower", change(lowerChange)},
	{"vc-invalid", change(invalidChange)},
	{"vc-far", change(farChange)},
	{"vc-spam", newSpammer},
	{"nv-forgets", open(forgetful)},
	{"nv-wrong", open(wrong)},
	{"nv-two", open(twoViews)},
	{"nv-thin", open(thin)},
	{"nv-silent", open(silent)},

	// Checkpoints and certificates.
	{"checkpoint-wrong", newCheckpointer},
	{"checkpoint-far", newFarCheckpointer},
	{"certificates", newCertifier},
	{"snapshot-wrong", newPhotographer},

	// Recovery.
	{"recall-denied", newDenier},
	{"recall-fill", newGlutton},

	// State transfer and fetches.
	{"state-plan", serve(wrongPlan)},
	{"state-chunk", serve(wrongChunk)},
	{"state-short", serve(shortChunk)},
	{"state-item", serve(wrongItem)},
	{"state-gone", serve(goneState)},
	{"state-mute", serve(muteState)},
	{"state-table", serve(wrongTable)},
	{"state-list", serve(wrongList)},
	{"state-value", serve(wrongValue)},
	{"state-wait", serve(waitState)},
	{"state-swollen", serve(swollen)},
	{"state-hoard", newHoarder},
	{"fetch-garbage", serve(garbage)},
	{"fetch-short", serve(truncated)},
	{"fetch-mute", serve(nothing)},

	// Floods.
	{"flood", newFlooder},
	{"status", newBeggar},
	{"nag", newNagger},

	// Answers to clients.
	{"reply-altered", lieToClients(alteredResult)},
	{"reply-huge", lieToClients(hugeNumbers)},
	{"reply-leaf", lieToClients(wrongLeaf)},
	{"reply-path", lieToClients(wrongPath)},
	{"reply-unsigned", lieToClients(wrongSignature)},
	{"reply-refused", lieToClients(refuses)},
	{"reply-mute", lieToClients(hushed)},

	// Everything.
	{"two-faced", newTwoFaced},
	{"mute", newMute},
	{"bit-flip", newBitFlipper},
	{"mutate", newMutator},
}

// Names returns the names of all behaviours of replicas, always in the same
// order.
func Names() []string {
	list := make([]string, len(registry))
	for i := range registry {
		list[i] = registry[i].name
	}
	return list
}

// New returns what makes a behaviour, for sim.World.Corrupt; nil if there is none
// of that name. Several names joined by "+" make one behaviour that tells all of
// these lies: what one says goes through the next.
func New(name string) func(*sim.Faulty) sim.Behaviour {
	var parts []entry
	for _, part := range strings.Split(name, "+") {
		i := index(part)
		if i < 0 {
			return nil
		}
		parts = append(parts, registry[i])
	}
	return func(f *sim.Faulty) sim.Behaviour {
		b := &combined{}
		for _, p := range parts {
			b.names, b.parts = append(b.names, p.name), append(b.parts, p.make(newStage(f)))
		}
		return b
	}
}

func index(name string) int {
	for i := range registry {
		if registry[i].name == name {
			return i
		}
	}
	return -1
}

// A Deviation says how often a behaviour has departed from what is right.
type Deviation struct {
	Name  string
	Count int
}

// Deviations returns what a behaviour of this package did so far, for each name
// that it was made of, in that order.
func Deviations(b sim.Behaviour) (list []Deviation) {
	if c, ok := b.(*combined); ok {
		for i := range c.parts {
			list = append(list, Deviation{c.names[i], c.parts[i].lies()})
		}
	}
	return list
}

// combined lets several lies speak, one after the other.
type combined struct {
	names []string
	parts []lie
}

// Say implements sim.Behaviour.
func (c *combined) Say(to consensus.ReplicaID, frame []byte) [][]byte {
	return through(c.parts, frame, func(l lie, f []byte) [][]byte { return l.Say(to, f) })
}

// Answer implements sim.Behaviour.
func (c *combined) Answer(client int, frame []byte) [][]byte {
	return through(c.parts, frame, func(l lie, f []byte) [][]byte { return l.Answer(client, f) })
}

func through(parts []lie, frame []byte, say func(lie, []byte) [][]byte) [][]byte {
	frames := [][]byte{frame}
	for _, l := range parts {
		var next [][]byte
		for _, f := range frames {
			next = append(next, say(l, f)...)
		}
		frames = next
	}
	return frames
}

// String returns the name of the behaviour.
func (c *combined) String() string { return strings.Join(c.names, "+") }

// Hear implements sim.Listener: the core hears what no part keeps from it. It is
// spared the proofs against itself, for which it would halt (R7).
func (c *combined) Hear(from int, client bool, frame []byte) bool {
	heard := kind(frame) != pbft.TypeEvidence
	for _, l := range c.parts {
		heard = l.Hear(from, client, frame) && heard
	}
	return heard
}

// Tick implements sim.Behaviour.
func (c *combined) Tick() {
	for _, l := range c.parts {
		l.Tick()
	}
}
