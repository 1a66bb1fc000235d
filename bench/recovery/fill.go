package recovery

import (
	"context"
	"math/rand/v2"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/varangian-bft/varangian/statemachine/kv"
)

// key names an entry as package load does.
func key(i int) []byte { return strconv.AppendInt([]byte("bench/"), int64(i), 10) }

// A source makes values that do not compress.
type source struct{ random *rand.Rand }

func (s *source) value() []byte {
	v := make([]byte, valueBytes)
	for i := range v {
		v[i] = byte(s.random.Uint32())
	}
	return v
}

// put makes one operation that writes some entries.
func (s *source) put(keys []int) []byte {
	puts := make([][]byte, len(keys))
	for i, k := range keys {
		puts[i] = kv.Put(key(k), s.value())
	}
	return kv.Atomic(puts...)
}

// fill writes all entries, with several operations in flight.
func (r *run) fill(ctx context.Context) error {
	began := time.Now()
	const workers = 12
	g, filling := errgroup.WithContext(ctx)
	for w := range workers {
		g.Go(func() error {
			s := &source{rand.New(rand.NewPCG(7, uint64(w)))}
			for from := w * putsMax; from < r.Keys; from += workers * putsMax {
				var keys []int
				for k := from; k < min(from+putsMax, r.Keys); k++ {
					keys = append(keys, k)
				}
				if _, err := r.clients[w%loadClients].Invoke(filling, s.put(keys)); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	executed, _, err := r.group.Agree(ctx)
	if err != nil {
		return err
	}
	r.say("filled %d entries of %d bytes in %.1f s, and %d batches", r.Keys, valueBytes, time.Since(began).Seconds(), executed)
	return nil
}

// change writes a share of the entries anew, one operation after the other, so that
// the group moves on by about so many batches.
func (r *run) change(ctx context.Context, share float64, batches int) (changed int, err error) {
	s := &source{rand.New(rand.NewPCG(8, 0))}
	keys := s.random.Perm(r.Keys)[:int(share*float64(r.Keys))]
	each := (len(keys) + batches - 1) / batches
	for from := 0; from < len(keys); from += each {
		if _, err := r.clients[0].Invoke(ctx, s.put(keys[from:min(from+each, len(keys))])); err != nil {
			return from, err
		}
	}
	return len(keys), nil
}
