package keyfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"filippo.io/age"
	"filippo.io/age/armor"
)

const (
	fileBytesMax = 16 << 10
	// workFactorMax bounds the memory that opening a file may take: 2^20 costs
	// 1 GiB and some seconds.
	workFactorMax = 20
	// WorkFactorDefault makes one guess of a passphrase cost 256 MiB and about
	// a second.
	WorkFactorDefault = 18
)

// What Read and Write refuse. Each comes wrapped with the path and what to do.
var (
	ErrExists      = errors.New("a file is there already and is never overwritten")
	ErrPermissions = errors.New("others than its owner may access the key file")
	ErrSealed      = errors.New("the key file is sealed and no passphrase was given")
	ErrPassphrase  = errors.New("wrong passphrase, or the sealed file is damaged")
	ErrFormat      = errors.New("not a key file")
)

// An Option changes how Write seals.
type Option func(*options)

type options struct{ workFactor int }

// WithWorkFactor sets the base-2 logarithm of scrypt's cost, from 1 to 20 (a
// value outside is moved to the nearer end). Below WorkFactorDefault is for
// tests.
func WithWorkFactor(logN int) Option {
	return func(o *options) { o.workFactor = min(max(logN, 1), workFactorMax) }
}

// Write stores the keys at path with mode 0600, sealed if there is a passphrase
// and as open text if it is empty. It refuses to overwrite anything. When it
// returns nil the file is durable.
func Write(path string, k Keys, passphrase []byte, opts ...Option) error {
	if err := k.check(); err != nil {
		return fmt.Errorf("keyfile: %w", err)
	}
	o := options{workFactor: WorkFactorDefault}
	for _, opt := range opts {
		opt(&o)
	}
	content := render(k)
	if len(passphrase) > 0 {
		var err error
		if content, err = seal(content, passphrase, o.workFactor); err != nil {
			return fmt.Errorf("keyfile: sealing: %w", err)
		}
	}
	if err := create(path, content); err != nil {
		return fmt.Errorf("keyfile: writing %s: %w", path, err)
	}
	return nil
}

// create claims the path before it moves the finished file there, so that two
// writers cannot both succeed. No crash leaves half a key at the path: nothing,
// an empty claim, or all of it.
func create(path string, content []byte) error {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, ".keyfile-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // gone already if all went well
	_, err = f.Write(content)
	if err := errors.Join(err, f.Chmod(0o600), f.Sync(), f.Close()); err != nil {
		return err
	}
	claim, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%w; choose another path, or move the old file away", ErrExists)
	}
	if err != nil {
		return err
	}
	if err := errors.Join(claim.Close(), os.Rename(f.Name(), path)); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return syncDir(dir)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Read returns the keys at path. It refuses a file that group or others may
// access (ErrPermissions, R90), and anything but the exact format (ErrFormat). It
// calls passphrase at most once, and only if the file is sealed; a nil function
// or an empty passphrase gives ErrSealed, a wrong one ErrPassphrase.
func Read(path string, passphrase func() ([]byte, error)) (Keys, error) {
	content, err := load(path)
	if err == nil && bytes.HasPrefix(content, []byte(armor.Header)) {
		content, err = open(content, passphrase)
	}
	var k Keys
	if err == nil {
		k, err = parse(content)
	}
	if err != nil {
		return Keys{}, fmt.Errorf("keyfile: reading %s: %w", path, err)
	}
	return k, nil
}

func load(path string) ([]byte, error) {
	// Without O_NONBLOCK a pipe in the file's place would hang the start.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	// Asked of the open file, so that nobody swaps it between check and read.
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%w: it is not a regular file", ErrFormat)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return nil, fmt.Errorf("%w (mode %04o); run: chmod 600 %s", ErrPermissions, mode, path)
	}
	content, err := io.ReadAll(io.LimitReader(f, fileBytesMax+1))
	if err != nil {
		return nil, err
	}
	if len(content) > fileBytesMax {
		return nil, fmt.Errorf("%w: it has more than %d bytes", ErrFormat, fileBytesMax)
	}
	return content, nil
}

func seal(text, passphrase []byte, workFactor int) ([]byte, error) {
	r, err := age.NewScryptRecipient(string(passphrase))
	if err != nil {
		return nil, err
	}
	r.SetWorkFactor(workFactor)
	var b bytes.Buffer
	armored := armor.NewWriter(&b)
	w, err := age.Encrypt(armored, r)
	if err != nil {
		return nil, err
	}
	_, err = w.Write(text)
	if err := errors.Join(err, w.Close(), armored.Close()); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func open(sealed []byte, passphrase func() ([]byte, error)) ([]byte, error) {
	if passphrase == nil {
		return nil, ErrSealed
	}
	p, err := passphrase()
	if err != nil {
		return nil, fmt.Errorf("asking for the passphrase: %w", err)
	}
	if len(p) == 0 {
		return nil, ErrSealed
	}
	id, err := age.NewScryptIdentity(string(p))
	if err != nil {
		return nil, err
	}
	id.SetMaxWorkFactor(workFactorMax)
	r, err := age.Decrypt(armor.NewReader(bytes.NewReader(sealed)), id)
	if errors.As(err, new(*age.NoIdentityMatchError)) {
		return nil, ErrPassphrase
	}
	if err != nil {
		return nil, fmt.Errorf("%w (%w)", ErrPassphrase, err)
	}
	text, err := io.ReadAll(io.LimitReader(r, fileBytesMax+1))
	if err != nil {
		return nil, fmt.Errorf("%w (%w)", ErrPassphrase, err)
	}
	return text, nil
}
