package network

import (
	"bytes"
	"testing"

	"github.com/varangian-bft/varangian/consensus"
)

// One hello, one encoding.
func FuzzHello(f *testing.F) {
	f.Add(hello{version: protocolVersion, lane: laneBulk, group: testGroup}.marshal())
	f.Add(hello{version: 7, lane: 9, verdict: ReasonBusy}.marshal())
	f.Add([]byte(helloMagic))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, ok := decodeHello(data)
		if !ok {
			return
		}
		if m.version != protocolVersion {
			if m.judge(testGroup) != ReasonVersion {
				t.Fatal("another version passed")
			}
			return
		}
		if m.lane >= lanes || m.verdict > ReasonBusy || !bytes.Equal(m.marshal(), data) {
			t.Fatalf("%x decodes to %+v", data, m)
		}
	})
}

// R103: the header is judged before memory is taken, and a payload takes at most
// twice what arrived.
func FuzzFrame(f *testing.F) {
	f.Add(framed(consensus.ClassVote, "payload"), uint8(laneConsensus))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0}, uint8(laneConsensus))
	f.Add([]byte{0, 2, 0, 0, 4, 1, 2, 3}, uint8(laneBulk))
	limits := DefaultLimits()
	f.Fuzz(func(t *testing.T, data []byte, in uint8) {
		l := lane(in % uint8(lanes))
		if len(data) < headerBytes {
			return
		}
		class, length, r := header(data[:headerBytes]).check(l, &limits.Classes)
		if r != ReasonNone {
			return
		}
		if !l.carries(class) || length < 1 || length > limits.Classes[class].FrameBytesMax {
			t.Fatalf("accepted class %d, length %d in lane %v", class, length, l)
		}
		body := data[headerBytes:]
		if got := headerOf(class, length); !bytes.Equal(got[:], data[:headerBytes]) {
			t.Fatalf("%x encodes to %x", data[:headerBytes], got)
		}
		frame, err := readPayload(bytes.NewReader(body), length, func(int) bool { return true })
		if (err == nil) != (len(body) >= length) {
			t.Fatalf("length %d of %d bytes: %v", length, len(body), err)
		}
		if err == nil && !bytes.Equal(frame, body[:length]) {
			t.Fatal("the payload changed")
		}
	})
}

// What is on the wire is fixed.
func TestWireFormat(t *testing.T) {
	if got := framed(consensus.ClassFetch, "ab"); !bytes.Equal(got, []byte{0, 0, 0, 2, 3, 'a', 'b'}) {
		t.Errorf("frame %x", got)
	}
	got := hello{version: 1, verdict: ReasonBusy, lane: laneClient, group: testGroup}.marshal()
	want := append([]byte{'v', 'r', 'n', 'g', 0, 1, 3, 1, 1, 2, 3}, make([]byte, 29)...)
	if !bytes.Equal(got, want) {
		t.Errorf("hello %x", got)
	}
	for r := range Reasons {
		if reasonWords[r] == "" {
			t.Errorf("reason %d has no words", r)
		}
	}
}
