package crypto

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func TestText(t *testing.T) {
	d, k := Digest{0xab, 31: 1}, PublicKey{0xcd, 31: 2}
	for _, c := range []struct{ got, want string }{
		{d.String(), "ab" + strings.Repeat("0", 60) + "01"},
		{d.Short(), "ab000000"},
		{k.String(), "ed25519:cd" + strings.Repeat("0", 60) + "02"},
		{k.Short(), "cd000000"},
		{Signature{0xef}.String(), "ef" + strings.Repeat("0", 126)},
		{Statement{0xef}.String(), "ef" + strings.Repeat("0", 62)},
	} {
		if c.got != c.want {
			t.Errorf("%s, want %s", c.got, c.want)
		}
	}
	b, err := json.Marshal(map[PublicKey]Digest{k: d})
	if err != nil {
		t.Fatal(err)
	}
	var back map[PublicKey]Digest
	if err := json.Unmarshal(b, &back); err != nil || back[k] != d {
		t.Errorf("%s comes back as %v, %v", b, back, err)
	}
}

// One value has one text.
func TestTextRefuses(t *testing.T) {
	digits := strings.Repeat("ab", 32)
	for _, text := range []string{"", "0x" + digits, digits[1:], digits + "00", strings.ToUpper(digits), " " + digits[1:], digits[1:] + "\n", digits[1:] + "g"} {
		d := Digest{1}
		if err := d.UnmarshalText([]byte(text)); err == nil || d != (Digest{1}) {
			t.Errorf("digest %q: %v, %v", text, d, err)
		}
		k := PublicKey{1}
		if err := k.UnmarshalText([]byte("ed25519:" + text)); err == nil || k != (PublicKey{1}) {
			t.Errorf("public key %q: %v, %v", text, k, err)
		}
	}
	for _, text := range []string{digits, "ED25519:" + digits, "ed25519" + digits, "ed25519: " + digits} {
		if err := new(PublicKey).UnmarshalText([]byte(text)); err == nil {
			t.Errorf("public key %q is accepted", text)
		}
	}
}

// R90
func TestSeedIsNeverText(t *testing.T) {
	seed := Seed([]byte("0123456789abcdefghijklmnopqrstuv"))
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%c"} {
		fmt.Fprintf(&out, verb, seed)
		fmt.Fprintf(&out, verb, &seed)
		fmt.Fprintf(&out, verb, struct{ S Seed }{seed})
	}
	slog.New(slog.NewTextHandler(&out, nil)).Info("seed", "seed", seed)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("seed", "seed", struct{ S Seed }{seed})
	fmt.Fprint(&out, seed.String(), seed.GoString())
	for _, form := range []string{"89ab", "38396162", "56 57 97", "0x38, 0x39"} {
		if strings.Contains(out.String(), form) {
			t.Errorf("the output shows the seed: %s", out.String())
		}
	}
	if _, err := json.Marshal(seed); err == nil {
		t.Error("a seed is marshalled as JSON")
	}
	if err := gob.NewEncoder(&out).Encode(seed); err == nil {
		t.Error("a seed is marshalled by gob")
	}
}

func FuzzText(f *testing.F) {
	f.Add("ed25519:" + strings.Repeat("ab", 32))
	f.Fuzz(func(t *testing.T, text string) {
		var k PublicKey
		if err := k.UnmarshalText([]byte(text)); err == nil && k.String() != text {
			t.Errorf("%q and %q are one key", text, k)
		}
	})
}
