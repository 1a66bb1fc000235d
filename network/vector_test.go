package network

import (
	"encoding/hex"
	"os"
	"strings"
	"testing"
)

// R16: a hello is what docs/wire-format.md says.
func TestHelloVector(t *testing.T) {
	text, err := os.ReadFile("../docs/vectors/hello.txt")
	if err != nil {
		t.Fatal(err)
	}
	_, digits, found := strings.Cut(string(text), "\nbytes: ")
	data, err := hex.DecodeString(strings.TrimSpace(digits))
	if err != nil || !found {
		t.Fatalf("no bytes in the vector: %v", err)
	}
	m, ok := decodeHello(data)
	if !ok || m.version != protocolVersion || m.lane != laneBulk || m.verdict != ReasonNone {
		t.Errorf("the vector reads as %+v", m)
	}
	if string(m.marshal()) != string(data) {
		t.Errorf("the code writes %x", m.marshal())
	}
}
