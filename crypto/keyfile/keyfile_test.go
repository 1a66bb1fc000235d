package keyfile

import (
	"bytes"
	stded25519 "crypto/ed25519"
	"encoding/gob"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"filippo.io/age/armor"

	"github.com/varangian-bft/varangian/crypto"
)

func testKeys() Keys {
	k := Keys{Comment: "r2 of payments"}
	for i := range k.Signing {
		k.Signing[i] = byte(i + 1)
		k.Transport[i] = byte(i + 101)
	}
	return k
}

func ask(passphrase string) func() ([]byte, error) {
	return func() ([]byte, error) { return []byte(passphrase), nil }
}

// R90
func TestWriteRead(t *testing.T) {
	for _, passphrase := range []string{"", "correct horse"} {
		path := filepath.Join(t.TempDir(), "key")
		if err := Write(path, testKeys(), []byte(passphrase), WithWorkFactor(4)); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil || info.Mode() != 0o600 {
			t.Fatalf("mode %v, %v", info.Mode(), err)
		}
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if open := bytes.Contains(content, []byte(title)); open != (passphrase == "") {
			t.Errorf("passphrase %q: open text is %v", passphrase, open)
		}
		k, err := Read(path, ask(passphrase))
		if err != nil || k != testKeys() {
			t.Errorf("passphrase %q: %v, %v", passphrase, k, err)
		}
		if err := Write(path, testKeys(), nil); !errors.Is(err, ErrExists) {
			t.Errorf("overwriting: %v", err)
		}
		if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, content) {
			t.Error("a refused Write changed the file")
		}
		entries, err := os.ReadDir(filepath.Dir(path))
		if err != nil || len(entries) != 1 {
			t.Errorf("left behind: %v, %v", entries, err)
		}
	}
}

func TestWriteFailsCleanly(t *testing.T) {
	dir := t.TempDir()
	bad := testKeys()
	bad.Transport = bad.Signing
	if err := Write(filepath.Join(dir, "key"), bad, nil); !errors.Is(err, ErrKeys) {
		t.Errorf("one seed twice: %v", err)
	}
	if err := Write(filepath.Join(dir, "none", "key"), testKeys(), nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing folder: %v", err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

// R90
func TestReadRefuses(t *testing.T) {
	dir := t.TempDir()
	sealed, err := seal(render(testKeys()), []byte("right"), 4)
	if err != nil {
		t.Fatal(err)
	}
	flipped := bytes.Clone(sealed)
	flipped[len(flipped)/2] ^= 1
	for _, c := range []struct {
		name    string
		content []byte
		mode    os.FileMode
		ask     func() ([]byte, error)
		want    error
	}{
		{"group may read", render(testKeys()), 0o640, nil, ErrPermissions},
		{"others may read", render(testKeys()), 0o604, nil, ErrPermissions},
		{"group may write", render(testKeys()), 0o620, nil, ErrPermissions},
		{"sealed and readable", sealed, 0o644, ask("right"), ErrPermissions},
		{"sealed without function", sealed, 0o600, nil, ErrSealed},
		{"sealed without passphrase", sealed, 0o600, ask(""), ErrSealed},
		{"wrong passphrase", sealed, 0o600, ask("wrong"), ErrPassphrase},
		{"flipped bit", flipped, 0o600, ask("right"), ErrPassphrase},
		{"cut", sealed[:len(sealed)-40], 0o600, ask("right"), ErrPassphrase},
		{"costly", withCost(t, sealed, "30"), 0o600, ask("right"), ErrPassphrase},
		{"asking fails", sealed, 0o600, func() ([]byte, error) { return nil, io.ErrClosedPipe }, io.ErrClosedPipe},
		{"empty", nil, 0o600, nil, ErrFormat},
		{"garbage", []byte("\x00\xff"), 0o600, nil, ErrFormat},
		{"too long", bytes.Repeat([]byte("a"), fileBytesMax+1), 0o600, nil, ErrFormat},
	} {
		path := filepath.Join(dir, c.name)
		if err := os.WriteFile(path, c.content, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, c.mode); err != nil {
			t.Fatal(err)
		}
		k, err := Read(path, c.ask)
		if !errors.Is(err, c.want) || k != (Keys{}) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
		if c.want == ErrPermissions && !strings.Contains(err.Error(), "chmod 600 "+path) {
			t.Errorf("%s: no command in %q", c.name, err)
		}
	}
	if _, err := Read(filepath.Join(dir, "too long"), nil); !strings.Contains(err.Error(), "more than 16384 bytes") {
		t.Errorf("too long: %v", err)
	}
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{pipe, dir} {
		if _, err := Read(path, nil); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: %v", path, err)
		}
	}
	if _, err := Read(filepath.Join(dir, "none"), nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing: %v", err)
	}
}

// withCost returns a sealed file that asks its reader for another work factor:
// 30 would take a terabyte.
func withCost(t *testing.T, sealed []byte, logN string) []byte {
	t.Helper()
	raw, err := io.ReadAll(armor.NewReader(bytes.NewReader(sealed)))
	if err != nil || !bytes.Contains(raw, []byte(" 4\n")) {
		t.Fatalf("no work factor in %q, %v", raw, err)
	}
	var b bytes.Buffer
	w := armor.NewWriter(&b)
	if _, err := w.Write(bytes.Replace(raw, []byte(" 4\n"), []byte(" "+logN+"\n"), 1)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestParseRefuses(t *testing.T) {
	good := string(render(testKeys()))
	p := testKeys().Public()
	signing, seed := p.Signing.String(), hex.EncodeToString(new(testKeys()).Signing[:])
	for name, text := range map[string]string{
		"other title":        strings.Replace(good, "file 1", "file 2", 1),
		"no last newline":    strings.TrimSuffix(good, "\n"),
		"more after it":      good + "\n",
		"carriage returns":   strings.ReplaceAll(good, "\n", "\r\n"),
		"upper case":         strings.Replace(good, seed, strings.ToUpper(seed), 1),
		"short seed":         strings.Replace(good, seed, seed[2:], 1),
		"damaged seed":       strings.Replace(good, seed, "ff"+seed[2:], 1),
		"other public key":   strings.Replace(good, signing, p.Transport.String(), 1),
		"small-order key":    strings.Replace(good, signing, "ed25519:01"+strings.Repeat("00", 31), 1),
		"order of the lines": strings.Replace(good, "signing", "transport", 1),
	} {
		if _, err := parse([]byte(text)); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: %v", name, err)
		} else if strings.Contains(err.Error(), seed[2:]) {
			t.Errorf("%s: the error shows the seed: %v", name, err)
		}
	}
	_, err := parse([]byte(strings.Replace(good, signing, "ed25519:01"+strings.Repeat("00", 31), 1)))
	if !errors.Is(err, crypto.ErrKeySmallOrder) {
		t.Errorf("small-order key: %v", err)
	}
	for _, comment := range []string{"two\nlines", "bell\a", "\xff", strings.Repeat("a", CommentBytesMax+1)} {
		k := testKeys()
		k.Comment = comment
		if _, err := parse(render(k)); err == nil {
			t.Errorf("comment %q is accepted", comment)
		}
	}
	if _, err := parse(render(Keys{Signing: crypto.Seed{1}})); !errors.Is(err, ErrKeys) {
		t.Errorf("zero seed: %v", err)
	}
}

func TestGenerate(t *testing.T) {
	random := bytes.Repeat([]byte{7}, 32)
	random = append(random, bytes.Repeat([]byte{9}, 32)...)
	k, err := Generate(bytes.NewReader(random))
	if err != nil || k.Signing[31] != 7 || k.Transport[0] != 9 {
		t.Errorf("%v, %v", k, err)
	}
	if _, err := Generate(bytes.NewReader(random[:63])); err == nil {
		t.Error("short random source is accepted")
	}
	if _, err := Generate(bytes.NewReader(make([]byte, 64))); !errors.Is(err, ErrKeys) {
		t.Errorf("random source of zeros: %v", err)
	}
}

// The keys mean the same to this project's signer, to the standard library and
// so to the transport.
func TestPublic(t *testing.T) {
	k := testKeys()
	p := k.Public()
	if want := crypto.Ed25519.NewSigner(k.Signing).Public(); p.Signing != want {
		t.Errorf("signing key %v, want %v", p.Signing, want)
	}
	std := stded25519.NewKeyFromSeed(k.Transport[:]).Public().(stded25519.PublicKey)
	if !bytes.Equal(p.Transport[:], std) {
		t.Errorf("transport key %v, want %x", p.Transport, []byte(std))
	}
}

// R90: whatever prints keys prints no secret.
func TestSecretsStayHidden(t *testing.T) {
	k := testKeys()
	var out bytes.Buffer
	for _, v := range []any{k, &k, k.Signing, &k.Transport, struct{ K Keys }{k}, []Keys{k}, map[string]Keys{"k": k}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%o", "%b", "%c", "%U", "%t"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
		for _, h := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
			slog.New(h).Info("keys", "keys", v)
		}
		if b, err := json.Marshal(v); err == nil {
			t.Errorf("JSON of %T: %s", v, b)
		}
		if err := gob.NewEncoder(io.Discard).Encode(v); err == nil {
			t.Errorf("gob of %T succeeds", v)
		}
	}
	if got := fmt.Sprintf("%d", k); got != k.String() {
		t.Errorf("keys print as %q", got)
	}
	for _, seed := range []crypto.Seed{k.Signing, k.Transport} {
		for _, form := range []string{string(seed[8:16]), fmt.Sprintf("%x", seed[8:16]), fmt.Sprintf("%X", seed[8:16]), strings.Trim(fmt.Sprint(seed[8:16]), "[]"), fmt.Sprintf("%#v", seed[8:16])[7:30]} {
			if strings.Contains(out.String(), form) {
				t.Errorf("output shows the seed as %q", form)
			}
		}
	}
	if !strings.Contains(out.String(), k.Public().Signing.String()) {
		t.Error("output does not show the public key")
	}
}

func FuzzParse(f *testing.F) {
	f.Add(render(testKeys()))
	f.Add(render(Keys{}))
	f.Add([]byte(title + "\ncomment: \n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		k, err := parse(text)
		if err != nil {
			return
		}
		if again := render(k); !bytes.Equal(again, text) {
			t.Errorf("two texts for one file: %q and %q", text, again)
		}
	})
}
