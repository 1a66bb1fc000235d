package replica

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// TestTablesAreChecked: R56 – tables are checked one after the other without waiting
// for a round over all keys, at most one a second and for a hundredth of the time; one
// that fails its check does not end that.
func TestTablesAreChecked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithTimeout(t.Context(), 61*time.Second)
		defer stop()
		checked, told := 0, 0
		planted := errors.New("planted")
		s := &scrubber{
			keys: DefaultScrubKeys,
			check: func() (more bool, err error) {
				if checked++; checked == 10 {
					<-time.After(300 * time.Millisecond) // the next one comes 30 s later
					err = planted
				}
				return true, err
			},
			found: func(err error) {
				if told++; !errors.Is(err, planted) {
					t.Error(err)
				}
			},
		}
		s.runTables(ctx)
		if checked != 31 || told != 1 {
			t.Errorf("%d tables were checked in a minute, and %d errors told", checked, told)
		}
	})
}
