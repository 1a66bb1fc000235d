// Package crypto holds the keys, signatures and digests of Varangian.
package crypto
