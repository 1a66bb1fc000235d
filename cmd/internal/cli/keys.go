package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/term"

	"github.com/varangian-bft/varangian/crypto/keyfile"
)

// passphraseBytesMax bounds what is read of a passphrase file.
const passphraseBytesMax = 4096

// ReadKeys reads a key file. A passphrase, if it is sealed, comes from the first
// line of the passphrase file, or without one from whoever sits at the terminal.
// env names the variable of the key file in what it advises.
func ReadKeys(ctx context.Context, path, passphraseFile string, env Environment) (keyfile.Keys, error) {
	var unread error // of the passphrase
	keys, err := keyfile.Read(path, func() (p []byte, err error) {
		p, unread = passphrase(ctx, path, passphraseFile)
		return p, unread
	})
	switch {
	case unread != nil && ctx.Err() != nil:
		return keys, fmt.Errorf("passphrase of %s: %w", path, ctx.Err())
	case unread != nil:
		return keys, fmt.Errorf("passphrase of %s: %w; give --passphrase-file FILE", path, unread)
	case errors.Is(err, keyfile.ErrFormat), errors.Is(err, keyfile.ErrKeys):
		return keys, &Problem{ExitUsage, err}
	case errors.Is(err, fs.ErrNotExist):
		return keys, fmt.Errorf("%w; name the key file with --key FILE or %s", err, env.Name("key"))
	case errors.Is(err, keyfile.ErrSealed):
		return keys, fmt.Errorf("%w; give --passphrase-file FILE", err)
	}
	return keys, err
}

// Await returns what read returns, or gives up when ctx is done: a read of a terminal
// or pipe may never end, and does not keep the process.
func Await(ctx context.Context, read func() ([]byte, error)) ([]byte, error) {
	type result struct {
		bytes []byte
		err   error
	}
	done := make(chan result, 1)
	go func() {
		b, err := read()
		done <- result{b, err}
	}()
	select {
	case r := <-done:
		return r.bytes, r.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func passphrase(ctx context.Context, path, file string) ([]byte, error) {
	if file != "" {
		return firstLine(file)
	}
	if !term.IsTerminal(int(os.Stdin.Fd())) {
		return nil, nil
	}
	fmt.Fprintf(os.Stderr, "Passphrase of %s: ", path)
	p, err := typed(ctx)
	fmt.Fprintln(os.Stderr)
	return p, err
}

// typed reads what is typed at the terminal, and leaves its echo on.
func typed(ctx context.Context) ([]byte, error) {
	fd := int(os.Stdin.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return nil, err
	}
	p, err := Await(ctx, func() ([]byte, error) { return term.ReadPassword(fd) })
	if ctx.Err() != nil {
		err = errors.Join(ctx.Err(), term.Restore(fd, before))
	}
	return p, err
}

func firstLine(file string) ([]byte, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	p, _, _ := bytes.Cut(text, []byte("\n"))
	p = bytes.TrimSuffix(p, []byte("\r"))
	if len(p) == 0 || len(p) > passphraseBytesMax {
		return nil, fmt.Errorf("the first line of %s is no passphrase: it has %d bytes, 1 to %d are allowed", file, len(p), passphraseBytesMax)
	}
	return p, nil
}

// NewPassphrase returns the passphrase that new key files are sealed with: the
// first line of a file, or without one what is typed twice at the terminal.
func NewPassphrase(file string) ([]byte, error) {
	if file != "" {
		return firstLine(file)
	}
	fd := int(os.Stdin.Fd())
	if !term.IsTerminal(fd) {
		return nil, errors.New("sealing needs a passphrase, and there is no terminal to ask; give --passphrase-file FILE")
	}
	var typed [2][]byte
	for i, prompt := range []string{"New passphrase: ", "Once more: "} {
		fmt.Fprint(os.Stderr, prompt)
		p, err := term.ReadPassword(fd)
		fmt.Fprintln(os.Stderr)
		if err != nil {
			return nil, err
		}
		typed[i] = p
	}
	switch {
	case len(typed[0]) == 0:
		return nil, errors.New("the passphrase is empty; type one, or leave out --seal")
	case !bytes.Equal(typed[0], typed[1]):
		return nil, errors.New("the two passphrases differ; try again")
	}
	return typed[0], nil
}
