package keyfile

import (
	"bytes"
	"encoding/hex"
	"fmt"

	"github.com/varangian-bft/varangian/crypto"
)

// The open text: a title, then five lines in this order. The public keys are
// there for the reader, and so that a damaged seed is not taken for another key.
const title = "varangian key file 1"

var labels = [...]string{"comment: ", "signing public key: ", "signing seed: ", "transport public key: ", "transport seed: "}

func render(k Keys) []byte {
	p := k.Public()
	b := []byte(title + "\n")
	for i, value := range [len(labels)]string{
		k.Comment, p.Signing.String(), hex.EncodeToString(k.Signing[:]),
		p.Transport.String(), hex.EncodeToString(k.Transport[:]),
	} {
		b = append(b, labels[i]...)
		b = append(b, value...)
		b = append(b, '\n')
	}
	return b
}

// parse accepts exactly what render gives. No error quotes the text: a seed may
// stand anywhere in a damaged file (R90).
func parse(text []byte) (Keys, error) {
	rest, ok := bytes.CutPrefix(text, []byte(title+"\n"))
	if !ok {
		return Keys{}, fmt.Errorf("%w: the first line is not %q", ErrFormat, title)
	}
	var values [len(labels)][]byte
	for i, label := range labels {
		line, after, ok := bytes.Cut(rest, []byte("\n"))
		value, labelled := bytes.CutPrefix(line, []byte(label))
		if !ok || !labelled {
			return Keys{}, fmt.Errorf("%w: line %d is not a whole line that starts with %q", ErrFormat, i+2, label)
		}
		values[i], rest = value, after
	}
	if len(rest) != 0 {
		return Keys{}, fmt.Errorf("%w: there is more after the last line", ErrFormat)
	}
	k := Keys{Comment: string(values[0])}
	signing, err := parsePair(values[1], values[2], &k.Signing)
	if err != nil {
		return Keys{}, fmt.Errorf("%w: signing %w", ErrFormat, err)
	}
	transport, err := parsePair(values[3], values[4], &k.Transport)
	if err != nil {
		return Keys{}, fmt.Errorf("%w: transport %w", ErrFormat, err)
	}
	if err := k.check(); err != nil {
		return Keys{}, err
	}
	if k.Public() != (Public{Signing: signing, Transport: transport}) {
		return Keys{}, fmt.Errorf("%w: a seed does not belong to its public key: the file was damaged or edited", ErrFormat)
	}
	return k, nil
}

func parsePair(public, secret []byte, seed *crypto.Seed) (crypto.PublicKey, error) {
	var key crypto.PublicKey
	if err := key.UnmarshalText(public); err != nil {
		return key, fmt.Errorf("public key: %w", err)
	}
	if err := crypto.Ed25519.CheckKey(key); err != nil {
		return key, fmt.Errorf("public key: %w", err)
	}
	// Digest's text form is as strict as that of a seed has to be.
	if err := (*crypto.Digest)(seed).UnmarshalText(secret); err != nil {
		return key, fmt.Errorf("seed: want %d lower-case hexadecimal digits", 2*crypto.SeedSize)
	}
	return key, nil
}
