package tally

import (
	"bytes"
	"context"
	"fmt"
	"strconv"

	"github.com/varangian-bft/varangian/statemachine/kv"
)

// pageCount is how many entries one scan asks for.
const pageCount = 1000

// A Verdict counts the writes of a Tally by what became of them.
type Verdict struct {
	Acknowledged int // all of them there once
	Unknown      int // the load got no answer to these
	Found        int // of the unknown ones, these were executed
}

// Check reads the state and compares it with the book. An error names the first
// write that is lost, was executed more than once, or only in part.
func (t *Tally) Check(ctx context.Context) (Verdict, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	state, err := t.read(ctx)
	if err != nil {
		return Verdict{}, fmt.Errorf("reading the state: %w", err)
	}
	var v Verdict
	entries := 0
	for worker, fates := range t.fates {
		sum := 0
		for write, f := range fates {
			key := t.key(worker, write)
			value, there := state[string(key)]
			if err := judge(f, value, there); err != nil {
				return v, fmt.Errorf("write %s: %w", key, err)
			}
			if there {
				sum++
			}
			switch {
			case f == acknowledged:
				v.Acknowledged++
			case f == unknown && there:
				v.Unknown++
				v.Found++
			case f == unknown:
				v.Unknown++
			}
		}
		if have := state[string(t.sumKey(worker))]; have != sumText(sum) {
			return v, fmt.Errorf("worker %d: %d writes are there and their sum is %q: a write was executed in part", worker, sum, have)
		}
		entries += sum + min(sum, 1)
	}
	if entries != len(state) {
		return v, fmt.Errorf("%d entries are there that nobody wrote", len(state)-entries)
	}
	return v, nil
}

func sumText(n int) string {
	if n == 0 {
		return "" // nobody wrote it
	}
	return strconv.Itoa(n)
}

func judge(f fate, value string, there bool) error {
	switch {
	case there && value != "1":
		return fmt.Errorf("executed %s times instead of once", value)
	case there && f == never:
		return fmt.Errorf("executed although the client said that it never would be")
	case !there && f == acknowledged:
		return fmt.Errorf("acknowledged and lost")
	}
	return nil
}

// read returns all entries under the prefix.
func (t *Tally) read(ctx context.Context) (map[string]string, error) {
	out := map[string]string{}
	start := []byte(t.prefix + "/")
	end := kv.Some([]byte(t.prefix + "0")) // the byte after '/'
	for {
		result, err := t.client.Invoke(ctx, kv.Scan(start, end, pageCount))
		if err != nil {
			return nil, err
		}
		page, err := kv.DecodeScan(result.Value)
		if err != nil {
			return nil, err
		}
		for _, e := range page.Entries {
			out[string(bytes.Clone(e.Key))] = string(e.Value)
		}
		if !page.More {
			return out, nil
		}
		after := page.After()
		if after == nil {
			return nil, fmt.Errorf("a scan from %q returned no entry, and says that there are more", start)
		}
		start = after
	}
}
