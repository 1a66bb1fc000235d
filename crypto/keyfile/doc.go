// Package keyfile stores the two secret keys of a replica or client in one file.
//
// The signing key is what the group enrols; the transport key only identifies
// the holder to the network, so that a leak of one is not a leak of the other.
// An open file is text that only its owner can read; a sealed file is the same
// text encrypted by age under a passphrase (scrypt and ChaCha20-Poly1305), so
// `age -d` opens it too (R90). The package does not generate passphrases, prompt
// for them or keep a key in memory out of reach of a core dump.
//
// The caller
//
//  1. passes crypto/rand.Reader to Generate, except in tests;
//  2. backs up the file: who loses it must be enrolled anew;
//  3. never uses the signing key on two machines at once: two replicas that
//     hold one key contradict each other, and the group counts that as a lie.
package keyfile
