package replica

import (
	"context"
	"errors"
	"testing"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/statemachine"
)

// A salvagedStore has entries without end.
type salvagedStore struct {
	statemachine.Store
	left int
	end  func()
}

func (*salvagedStore) Marker() (statemachine.Marker, error) {
	return statemachine.Marker{Version: statemachine.VersionAt(8, 0)}, nil
}

func (s *salvagedStore) Salvage(_ statemachine.Version, yield func(key, value []byte, damaged bool) bool) error {
	for yield([]byte("key"), nil, false) {
		if s.left--; s.left == 0 {
			s.end()
		}
	}
	return nil
}

// A comparison ends with whoever asked for it, and when the replica stops, which waits
// until nobody reads its state: half of one is an error.
func TestViewEnds(t *testing.T) {
	for name, read := range map[string]func(context.Context, storeView) error{
		"partitions": func(ctx context.Context, v storeView) error { _, err := v.partitions(ctx, 8); return err },
		"entries": func(ctx context.Context, v storeView) error {
			return v.entries(ctx, 8, statemachine.AllPartitions(), func([]byte, crypto.Digest) error { return nil })
		},
	} {
		ctx, stop := context.WithCancel(t.Context())
		store := &salvagedStore{left: 3, end: stop}
		if err := read(ctx, storeView{group: &consensus.Group{}, store: store}); !errors.Is(err, context.Canceled) || store.left != 0 {
			t.Errorf("%s: %d were left, %v", name, store.left, err)
		}
	}
}
