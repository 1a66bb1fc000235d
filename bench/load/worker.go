package load

import (
	"encoding/binary"
	"math/rand/v2"
	"strconv"

	"github.com/varangian-bft/varangian/statemachine/kv"
)

// poolBytes is the length of the random text that values are cut from: values
// do not compress, and none costs much to make.
const poolBytes = 1 << 20

var pool = newPool()

func newPool() []byte {
	var seed [32]byte
	copy(seed[:], "values of the bench")
	source := rand.NewChaCha8(seed)
	b := make([]byte, poolBytes)
	for i := 0; i < len(b); i += 8 {
		binary.LittleEndian.PutUint64(b[i:], source.Uint64())
	}
	return b
}

// A Worker is one place in flight; it makes the same operations in every run.
type Worker struct{ random *rand.Rand }

func newWorker(client, place uint64) *Worker {
	return &Worker{random: rand.New(rand.NewPCG(client, place))}
}

// Puts returns what makes operations that each set one of some keys, evenly
// chosen, to a value of some bytes, at most 512 KiB.
func Puts(keys, valueBytes int) func(*Worker) []byte {
	return func(w *Worker) []byte {
		from := w.random.IntN(poolBytes - valueBytes)
		key := strconv.AppendInt([]byte("bench/"), int64(w.random.IntN(keys)), 10)
		return kv.Put(key, pool[from:from+valueBytes])
	}
}
