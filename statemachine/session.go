package statemachine

import (
	"cmp"
	"slices"

	"golang.org/x/crypto/cryptobyte"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
)

// A session is what exactly-once execution rests on (R23, R26). It is bounded:
// at most SessionWindow executed requests, of which results of SessionBytesMax
// bytes are kept.
type session struct {
	client  consensus.ClientID
	number  consensus.SessionNumber
	opened  executed            // by the request that opened it; timestamp 0
	low     consensus.Timestamp // at or below it the client needs nothing any more
	last    consensus.Sequence  // of the last execution, by which sessions are evicted
	entries []executed          // timestamps in (low, low+W], ascending
	bytes   uint64              // of the results in entries
	dirty   bool                // changed in the open window
	evicted bool
}

// An executed is one request that was executed, and what came of it.
type executed struct {
	timestamp consensus.Timestamp
	request   crypto.Digest
	sequence  consensus.Sequence // of the execution
	digest    crypto.Digest      // of the results
	results   []byte             // nil if only the digest is kept (R28)
}

// advance drops what the client needs no longer, and reports whether it changed
// anything.
func (s *session) advance(done consensus.Timestamp) bool {
	if done <= s.low {
		return false
	}
	s.low = done
	n, _ := s.find(done + 1)
	for i := range s.entries[:n] {
		s.bytes -= uint64(len(s.entries[i].results))
	}
	s.entries = slices.Delete(s.entries, 0, n)
	return true
}

// find returns where the entry with a timestamp stands, or would stand.
func (s *session) find(t consensus.Timestamp) (int, bool) {
	if n := len(s.entries); n == 0 || s.entries[n-1].timestamp < t {
		return n, false
	}
	return slices.BinarySearchFunc(s.entries, t, func(e executed, t consensus.Timestamp) int {
		return cmp.Compare(e.timestamp, t)
	})
}

// record keeps an execution. Over the budget, the results of the lowest
// timestamps survive only as digests: the client has most likely had them.
func (s *session) record(e executed, bytesMax uint64) {
	if uint64(len(e.results)) > bytesMax {
		e.results = nil
	}
	s.last = e.sequence
	s.bytes += uint64(len(e.results))
	i, _ := s.find(e.timestamp)
	s.entries = slices.Insert(s.entries, i, e)
	for j := 0; s.bytes > bytesMax; j++ {
		if j != i {
			s.bytes -= uint64(len(s.entries[j].results))
			s.entries[j].results = nil
		}
	}
}

// marshal returns the value under which the session is stored.
func (s *session) marshal() []byte {
	size := 68 + len(s.entries)*81 + int(s.bytes)
	b := cryptobyte.NewBuilder(make([]byte, 0, size))
	b.AddBytes(s.opened.request[:])
	b.AddUint64(uint64(s.opened.sequence))
	b.AddUint64(uint64(s.low))
	b.AddUint64(uint64(s.last))
	b.AddUint32(uint32(len(s.entries)))
	for i := range s.entries {
		e := &s.entries[i]
		b.AddUint64(uint64(e.timestamp))
		b.AddBytes(e.request[:])
		b.AddUint64(uint64(e.sequence))
		b.AddBytes(e.digest[:])
		b.AddUint32(uint32(len(e.results)))
		b.AddBytes(e.results)
	}
	return b.BytesOrPanic()
}

// readSession reads what marshal wrote, and nothing else.
func readSession(s cryptobyte.String, p *consensus.Parameters) (*session, bool) {
	out := &session{opened: executed{digest: openedDigest, results: openedResults}}
	var count uint32
	if !s.CopyBytes(out.opened.request[:]) || !s.ReadUint64((*uint64)(&out.opened.sequence)) ||
		!s.ReadUint64((*uint64)(&out.low)) || !s.ReadUint64((*uint64)(&out.last)) || !s.ReadUint32(&count) ||
		uint64(count) > p.SessionWindow {
		return nil, false
	}
	previous := out.low
	for range count {
		e, ok := readExecuted(&s)
		if !ok || e.timestamp <= previous || uint64(e.timestamp-out.low) > p.SessionWindow {
			return nil, false
		}
		previous = e.timestamp
		out.bytes += uint64(len(e.results))
		out.entries = append(out.entries, e)
	}
	return out, s.Empty() && out.bytes <= p.SessionBytesMax
}

func readExecuted(s *cryptobyte.String) (e executed, ok bool) {
	var size uint32
	var results []byte
	if !s.ReadUint64((*uint64)(&e.timestamp)) || !s.CopyBytes(e.request[:]) || !s.ReadUint64((*uint64)(&e.sequence)) ||
		!s.CopyBytes(e.digest[:]) || !s.ReadUint32(&size) || uint64(size) > uint64(len(*s)) || !s.ReadBytes(&results, int(size)) {
		return executed{}, false
	}
	if size > 0 {
		e.results = slices.Clone(results)
	}
	return e, true
}

// What opening a session gives.
var (
	openedResults = consensus.MarshalResults([]consensus.Result{{Class: consensus.ResultOK}})
	openedDigest  = consensus.ResultsDigest(openedResults)
)
