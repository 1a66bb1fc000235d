// Package crypto holds the keys, signatures and digests of Varangian: what a
// signature covers (Domain, Statement), when it is valid (Scheme, Ed25519), what
// has been verified (Verified), and what a digest is the digest of (Kind).
//
// It does not decide who may sign: a valid signature says which key made it,
// and membership is for the caller. It reads no files (package keyfile does) and
// draws no keys; its only randomness are the factors of batch verification, which
// change no answer.
//
// The caller
//
//  1. enrols a key only after CheckKey accepted it, and passes Verify only
//     enrolled keys (R12): for a key of small order anyone can sign;
//  2. makes statements from the exact bytes sent or received, and decodes the
//     message from the same bytes (R9);
//  3. lists every nested signature of a message among its checks, in bounded
//     number, and lets nothing but a Verified have an effect (R19);
//  4. gives each meaning a Kind of its own, and each Kind one layout (R13);
//  5. compares the index and count of a Path with those it asked for (R14).
//
// Ed25519 alone and in batches, Merkle trees and lattice hashes are described
// with examples for other implementations in testdata/vectors.
package crypto
