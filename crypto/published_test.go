package crypto

import (
	"compress/gzip"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

func readPublished(t *testing.T, name string, into any) {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", "published", name+".json.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.NewDecoder(r).Decode(into); err != nil {
		t.Fatal(err)
	}
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func wantPath(t *testing.T, i int, key string, message []byte, sig string, want bool) {
	t.Helper()
	k, s := unhex(t, key), unhex(t, sig)
	if len(k) != KeySize || len(s) != SignatureSize {
		t.Fatalf("case %d: sizes %d and %d", i, len(k), len(s))
	}
	if got := everyPath(t, PublicKey(k), message, Signature(s)); got != want {
		t.Errorf("case %d: %v, want %v", i, got, want)
	}
}

// R12: the published edge cases through every path give one answer.
func TestPublishedZIP215(t *testing.T) {
	var cases [][2]string
	readPublished(t, "zip215", &cases)
	if len(cases) != 196 {
		t.Errorf("%d cases, want 196", len(cases))
	}
	for i, c := range cases {
		wantPath(t, i, c[0], []byte("Zcash"), c[1], true)
		// S, key and R are such that the message does not matter.
		wantPath(t, i, c[0], make([]byte, DigestSize), c[1], true)
	}
}

// R12
func TestPublishedSpeccheck(t *testing.T) {
	var cases []struct {
		Message   string
		PublicKey string `json:"pub_key"`
		Signature string
	}
	readPublished(t, "speccheck_cases", &cases)
	want := []bool{true, true, true, true, true, true, false, false, false, true, true, true}
	if len(cases) != len(want) {
		t.Fatalf("%d cases, want %d", len(cases), len(want))
	}
	for i, c := range cases {
		wantPath(t, i, c.PublicKey, unhex(t, c.Message), c.Signature, want[i])
	}
}

// R12
func TestPublishedLowOrder(t *testing.T) {
	var cases []struct {
		A, R, S, M string
		Flags      []string
	}
	readPublished(t, "ed25519vectors", &cases)
	if len(cases) != 768 {
		t.Errorf("%d cases, want 768", len(cases))
	}
	for i, c := range cases {
		wantPath(t, i, c.A, []byte(c.M), c.R+c.S, true)
		err := Ed25519.CheckKey(PublicKey(unhex(t, c.A)))
		refused := false
		for _, flag := range c.Flags {
			refused = refused || flag == "LowOrderA" || flag == "NonCanonicalA"
		}
		if (err != nil) != refused {
			t.Errorf("case %d, %v: CheckKey says %v", i, c.Flags, err)
		}
	}
}

// R12, R80
func TestPublishedWycheproof(t *testing.T) {
	var file struct {
		TestGroups []struct {
			Key   struct{ PK, SK string }
			Tests []struct {
				ID               int `json:"tcId"`
				Msg, Sig, Result string
			}
		}
	}
	readPublished(t, "eddsa_test", &file)
	count := 0
	for _, g := range file.TestGroups {
		if s := Ed25519.NewSigner(Seed(unhex(t, g.Key.SK))); s.Public() != PublicKey(unhex(t, g.Key.PK)) {
			t.Errorf("seed has public key %v, want %s", s.Public(), g.Key.PK)
		}
		for _, c := range g.Tests {
			if len(c.Sig) != 2*SignatureSize {
				continue // no Signature has another size
			}
			count++
			wantPath(t, c.ID, g.Key.PK, unhex(t, c.Msg), c.Sig, c.Result == "valid")
		}
	}
	if count < 100 {
		t.Errorf("only %d cases", count)
	}
}
