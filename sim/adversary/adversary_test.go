package adversary_test

import (
	"flag"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/sim/adversary"
)

var seedsFlag = flag.Int("adversary.seeds", 1, "how many seeds each behaviour is run with")

// seedsMax is how many seeds a behaviour may need until it finds its occasion.
const seedsMax = 40

func liars(n int, names ...string) []string {
	list := make([]string, n)
	f := consensus.QuorumsOf(n).F
	for i := range f {
		list[i] = names[i%len(names)]
	}
	return list
}

// R118, R120: whatever one kind of lie f replicas tell, the others agree, and
// serve every correct client once the network is calm, while the lies go on. Each
// behaviour finds its occasion.
func TestEachAlone(t *testing.T) {
	for _, name := range adversary.Names() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			told := 0
			for seed := uint64(1); seed <= uint64(*seedsFlag) || told == 0 && seed <= seedsMax; seed++ {
				s := story{seed: seed, replicas: 4, liars: liars(4, name), clients: []string{"", ""}, storm: 8 * time.Second}
				told += newRig(t, s).tell()[name]
				s = story{seed: seed, replicas: 7, liars: liars(7, name), clients: []string{"", ""}, storm: 5 * time.Second}
				told += newRig(t, s).tell()[name]
			}
			if told == 0 {
				t.Errorf("%s never found an occasion to lie", name)
			}
		})
	}
}

// R10, R21, R25, R26, R31, R33: faulty clients hurt nobody but themselves.
func TestEachClient(t *testing.T) {
	for _, name := range adversary.ClientNames() {
		t.Run(name, func(t *testing.T) {
			s := story{seed: 1, replicas: 4, liars: liars(4, "censor"), clients: []string{"", name, name}, storm: 8 * time.Second}
			if newRig(t, s).tell()[name] == 0 {
				t.Errorf("%s never found an occasion to lie", name)
			}
		})
	}
}

// R118, R120: any mixture of lies, of f replicas and any clients.
func TestMixtures(t *testing.T) {
	for seed := uint64(1); seed <= uint64(10**seedsFlag); seed++ {
		rng := rand.New(rand.NewPCG(seed, 5))
		n := []int{4, 4, 5, 7}[rng.IntN(4)]
		names, clientNames := adversary.Names(), adversary.ClientNames()
		s := story{seed: seed, replicas: n, liars: make([]string, n), storm: 12 * time.Second, clients: []string{"", "", ""}}
		for _, i := range rng.Perm(n)[:consensus.QuorumsOf(n).F] {
			s.liars[i] = names[rng.IntN(len(names))]
			for range rng.IntN(3) {
				s.liars[i] += "+" + names[rng.IntN(len(names))]
			}
		}
		for i := range rng.IntN(3) {
			s.clients[i+1] = clientNames[rng.IntN(len(clientNames))]
		}
		newRig(t, s).tell()
	}
}
