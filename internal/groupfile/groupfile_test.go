package groupfile

import (
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files anew")

func key(n byte) crypto.PublicKey { return crypto.Ed25519.NewSigner(crypto.Seed{n}).Public() }

func example() *File {
	f := &File{Name: "ledger", Engine: "pbft", Faults: 1, Parameters: consensus.DefaultParameters()}
	for i := range byte(4) {
		f.Replicas = append(f.Replicas, Replica{
			Name: "r" + string('0'+rune(i)), Key: key(1 + 2*i), Transport: key(2 + 2*i),
			Address: "/ip4/127.0.0.1/tcp/74" + string('0'+rune(i)) + "0",
		})
	}
	f.Clients = []Client{
		{Name: "olga", Key: key(21), Transport: key(22), Operator: true},
		{Name: `harald "hard\ruler"`, Key: key(23), Transport: key(24)},
	}
	return f
}

func TestGolden(t *testing.T) {
	text, err := example().Marshal()
	if err != nil {
		t.Fatal(err)
	}
	const golden = "testdata/group.toml"
	if *rewrite {
		if err := os.WriteFile(golden, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if string(text) != string(want) {
		t.Errorf("Marshal gives\n%s\nwant %s", text, golden)
	}
	f, err := Parse("", want)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(f, example()) {
		t.Errorf("Parse gives %+v", f)
	}
}

// Each parameter of the group has a key of the name by which its error calls it,
// and reaches the group id (R8).
func TestParametersComplete(t *testing.T) {
	fields, keys := reflect.TypeFor[consensus.Parameters](), reflect.TypeFor[documentParameter]()
	if fields.NumField() != keys.NumField() {
		t.Fatalf("consensus.Parameters has %d fields, the file %d keys", fields.NumField(), keys.NumField())
	}
	for i := range fields.NumField() {
		if fields.Field(i).Name != keys.Field(i).Name {
			t.Errorf("field %d is %s, in the file %s", i, fields.Field(i).Name, keys.Field(i).Name)
		}
		p := consensus.DefaultParameters()
		v := reflect.ValueOf(&p).Elem().Field(i)
		if v.Kind() == reflect.Uint64 {
			v.SetUint(1 << 62)
		} else {
			v.SetInt(1 << 62)
		}
		if got := newDocument(&File{Parameters: p}).Parameters.parameters(); got != p {
			t.Errorf("%s does not survive the file: %+v", fields.Field(i).Name, got)
		}
		if err := p.Validate(); err == nil || !strings.Contains(err.Error(), "parameter "+keys.Field(i).Tag.Get("toml")+" ") {
			t.Errorf("%s: the file says %s, its error %v", fields.Field(i).Name, keys.Field(i).Tag.Get("toml"), err)
		}
	}
}

// R8: addresses are no part of the group id, every other value is.
func TestGroupID(t *testing.T) {
	id := func(f *File) crypto.Digest {
		g, err := f.Group(crypto.Ed25519)
		if err != nil {
			t.Fatal(err)
		}
		return g.ID
	}
	f := example()
	f.Replicas[2].Address = "/dns/elsewhere.example/tcp/1"
	if id(f) != id(example()) {
		t.Error("an address changes the group id")
	}
	for name, change := range map[string]func(*File){
		"name":      func(f *File) { f.Name = "x" },
		"parameter": func(f *File) { f.Parameters.ReadsMax++ },
		"replica":   func(f *File) { f.Replicas[1].Name = "x" },
		"order":     func(f *File) { f.Replicas[0], f.Replicas[1] = f.Replicas[1], f.Replicas[0] },
		"client":    func(f *File) { f.Clients = f.Clients[1:] },
		"operator":  func(f *File) { f.Clients[1].Operator = true },
	} {
		f := example()
		change(f)
		if id(f) == id(example()) {
			t.Errorf("%s does not change the group id", name)
		}
	}
}

func TestRemotes(t *testing.T) {
	r := example().Remotes()
	if len(r) != 4 || r[3] != (Remote{ID: 3, Name: "r3", Transport: key(8), Address: "/ip4/127.0.0.1/tcp/7430"}) {
		t.Errorf("%+v", r)
	}
}

// What is wrong with a file is said with its place, in one line.
func TestErrors(t *testing.T) {
	golden, err := example().Marshal()
	if err != nil {
		t.Fatal(err)
	}
	k, address := key(1).String(), "/ip4/127.0.0.1/tcp/7410"
	for _, c := range []struct{ name, old, new, want string }{
		{"unknown key", "faults = 1", "faults = 1\nfault = 1", "g:16:1: the key fault is not known; remove or correct it"},
		{"unknown parameter", "window = 512", "windw = 512", "g:24:1: the key parameters.windw is not known; remove or correct it"},
		{"unknown table", "[parameters]", "[other]\n[parameters]", "g:18:2: the key other is not known; remove or correct it"},
		{"not TOML", "faults = 1", "faults = ", "g:15:10: "},
		{"not a number", "faults = 1", `faults = "1"`, "g:15:10: faults: here is a TOML string; want an integer"},
		{"negative", "window = 512", "window = -1", "g:24:10: parameters.window: "},
		{"key twice", "faults = 1", "faults = 1\nfaults = 1", "g:16:1: faults: "},
		{"malformed key", k, "ed25519:zz", `g:78:7: replicas.key: crypto: public key: after "ed25519:": `},
		{"absent parameter", "window = 512\n", "", "g: [parameters] lacks the key window, which has no default since"},
		{"absent name", "name = \"ledger\"\n", "", "g: the file lacks the key name"},
		{"absent address", `address = "` + address + "\"\n", "", "g: [[replicas]] number 1 lacks the key address"},
		{"absent operator", "operator = false\n", "", "g: [[clients]] number 1 lacks the key operator"},
		{"no version", "version = 1\n", "", "g: the key version is missing"},
		{"future version", "version = 1\n", "version = 2\nfuture = 1\n", "g: the file has format version 2 and this program reads version 1"},
		{"name twice", `name = "r2"`, `name = "r1"`, `g: replica 2 has the name "r1", which replica 1 has too`},
		{"client like replica", `name = "olga"`, `name = "r1"`, `g: client 0 has the name "r1", which replica 1 has too`},
		{"empty name", `name = "r2"`, `name = ""`, "g: replica 2 needs a name"},
		{"address", address, "127.0.0.1:7410", `g: replica 1 (r1): address "127.0.0.1:7410": want /ip4/`},
		{"not an address", address, "/ip4/127.0.0/tcp/7410", `"127.0.0" is not an ip4 address`},
		{"wrong family", address, "/ip6/127.0.0.1/tcp/7410", `"127.0.0.1" is not an ip6 address`},
		{"host name", address, "/dns/a..b/tcp/7410", `"a..b" is not a host name`},
		{"port 0", address, "/ip4/127.0.0.1/tcp/0", "the port must be from 1 to 65535"},
		{"port spelling", address, "/ip4/127.0.0.1/tcp/07410", "the port must be from 1 to 65535"},
		{"port", address, "/ip4/127.0.0.1/tcp/65536", "the port must be from 1 to 65535"},
		{"udp", address, "/ip4/127.0.0.1/udp/7410", "want /ip4/"},
	} {
		text := strings.Replace(string(golden), c.old, c.new, 1)
		if text == string(golden) {
			t.Errorf("%s: %q does not occur", c.name, c.old)
		}
		_, err := Parse("g", []byte(text))
		var format *FormatError
		if !errors.As(err, &format) || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want %s", c.name, err, c.want)
		}
	}
}

// What makes no group is an error of the file too.
func TestGroupErrors(t *testing.T) {
	for want, change := range map[string]func(*File){
		"use at least 4":  func(f *File) { f.Replicas = f.Replicas[:3] },
		"faults is 2":     func(f *File) { f.Faults = 2 },
		"that replica 0":  func(f *File) { f.Replicas[1].Key = f.Replicas[0].Key },
		"replica 1 (r1)":  func(f *File) { f.Replicas[1].Key = crypto.PublicKey{1} }, // R12: small order
		"reads_max is 0":  func(f *File) { f.Parameters.ReadsMax = 0 },
		"engine \"poxs\"": func(f *File) { f.Engine = "poxs" },
	} {
		f := example()
		change(f)
		_, err := f.Group(crypto.Ed25519)
		var format *FormatError
		if !errors.As(err, &format) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func TestWrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "group.toml")
	if err := Write(path, example()); err != nil {
		t.Fatal(err)
	}
	f, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	want := example()
	want.path = path
	if !reflect.DeepEqual(f, want) {
		t.Errorf("%+v", f)
	}
	if err := Write(path, example()); !errors.Is(err, fs.ErrExist) {
		t.Errorf("overwriting gives %v", err)
	}
	if _, err := Read(path + "x"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file gives %v", err)
	}
	bad := example()
	bad.Replicas[0].Address = ""
	if err := Write(path+"y", bad); err == nil {
		t.Error("a file that Read would refuse is written")
	}
}

func TestNames(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := example()
		f.Name = rapid.StringN(1, 16, 64).Draw(t, "name")
		f.Clients[0].Name = rapid.StringN(5, 16, 64).Draw(t, "client")
		text, err := f.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		got, err := Parse("", text)
		if err != nil || !reflect.DeepEqual(got, f) {
			t.Fatalf("%v: %+v", err, got)
		}
	})
}

func FuzzParse(f *testing.F) {
	golden, err := example().Marshal()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(golden)
	f.Add([]byte("version = 1\nname = 3"))
	f.Fuzz(func(t *testing.T, text []byte) {
		file, err := Parse("", text)
		if err != nil {
			return
		}
		again, err := file.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		if got, err := Parse("", again); err != nil || !reflect.DeepEqual(got, file) {
			t.Fatalf("%v: %+v, want %+v", err, got, file)
		}
	})
}
