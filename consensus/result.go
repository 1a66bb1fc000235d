package consensus

import (
	"golang.org/x/crypto/cryptobyte"

	"github.com/varangian-bft/varangian/crypto"
)

// A ResultClass says how the execution of one operation ended. Numbers are part
// of the wire format; results are part of the replicated state.
type ResultClass uint8

// The classes. Only ClassOK left changes in the state.
const (
	ResultOK           ResultClass = 1 // Value is what the application returned
	ResultError        ResultClass = 2 // the application refused; Value is its text
	ResultPanic        ResultClass = 3 // the application panicked (R110)
	ResultLimit        ResultClass = 4 // over a limit of the group (R111); Value names it
	ResultUnauthorised ResultClass = 5 // key not enrolled, or not an operator (R20, R34)
	ResultNoSession    ResultClass = 6 // session unknown, closed or evicted (R26)
	ResultOutOfWindow  ResultClass = 7 // timestamp at or below done, or too far ahead (R26)
	ResultTaken        ResultClass = 8 // timestamp used by another request (R25)
	ResultGone         ResultClass = 9 // executed, result not kept any more (R28)
)

// A Result is the outcome of one operation.
type Result struct {
	Class ResultClass
	Value []byte
}

// MarshalResults returns the one encoding of a request's results.
func MarshalResults(results []Result) []byte {
	size := 0
	for _, r := range results {
		size += 5 + len(r.Value)
	}
	b := cryptobyte.NewBuilder(make([]byte, 0, size))
	for _, r := range results {
		b.AddUint8(uint8(r.Class))
		b.AddUint32(uint32(len(r.Value)))
		b.AddBytes(r.Value)
	}
	return b.BytesOrPanic()
}

// ReadResults reads what MarshalResults wrote. The values are slices of s.
func ReadResults(s cryptobyte.String) (results []Result, ok bool) {
	for !s.Empty() {
		var class uint8
		var size uint32
		var value []byte
		if !s.ReadUint8(&class) || !s.ReadUint32(&size) || uint64(size) > uint64(len(s)) || !s.ReadBytes(&value, int(size)) ||
			class < uint8(ResultOK) || class > uint8(ResultGone) {
			return nil, false
		}
		results = append(results, Result{Class: ResultClass(class), Value: value})
	}
	return results, len(results) > 0
}

// ResultsDigest is what a receipt's leaf names.
func ResultsDigest(encoded []byte) crypto.Digest { return crypto.Hash(crypto.KindResults, encoded) }
