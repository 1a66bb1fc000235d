package network

import (
	"crypto/ed25519"
	"fmt"

	p2pcrypto "github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
)

// A Remote is a replica as the transport knows it.
type Remote struct {
	ID        consensus.ReplicaID
	Transport crypto.PublicKey
	Address   string // a multiaddr with a TCP port: /ip4/127.0.0.1/tcp/7400, /dns4/r1.example.org/tcp/7400
}

// String names the replica in errors and logs.
func (r Remote) String() string { return fmt.Sprintf("replica %d at %s", r.ID, r.Address) }

// An identity is what a seed makes this process on the transport.
type identity struct {
	key  p2pcrypto.PrivKey
	peer peer.ID
}

func newIdentity(seed crypto.Seed) (identity, error) {
	key, err := p2pcrypto.UnmarshalEd25519PrivateKey(ed25519.NewKeyFromSeed(seed[:]))
	if err != nil {
		return identity{}, fmt.Errorf("network: transport seed: %w", err)
	}
	id, err := peer.IDFromPrivateKey(key)
	if err != nil {
		return identity{}, fmt.Errorf("network: transport seed: %w", err)
	}
	return identity{key: key, peer: id}, nil
}

func peerOf(key crypto.PublicKey) (peer.ID, error) {
	k, err := p2pcrypto.UnmarshalEd25519PublicKey(key[:])
	if err != nil {
		return "", err
	}
	return peer.IDFromPublicKey(k)
}

// A target is a remote, checked.
type target struct {
	Remote
	peer peer.ID
	addr ma.Multiaddr
}

func newTarget(r Remote) (target, error) {
	id, err := peerOf(r.Transport)
	if err != nil {
		return target{}, fmt.Errorf("network: transport key of replica %d: %w", r.ID, err)
	}
	addr, err := parseAddress(r.Address)
	if err != nil {
		return target{}, fmt.Errorf("network: replica %d: %w", r.ID, err)
	}
	return target{Remote: r, peer: id, addr: addr}, nil
}

// newTargets checks remotes: ids are distinct and below consensus.ReplicasMax,
// keys are distinct.
func newTargets(remotes []Remote) ([]target, error) {
	var out []target
	seen := map[peer.ID]consensus.ReplicaID{}
	ids := map[consensus.ReplicaID]bool{}
	for _, r := range remotes {
		t, err := newTarget(r)
		if err != nil {
			return nil, err
		}
		if other, ok := seen[t.peer]; ok {
			return nil, fmt.Errorf("network: replicas %d and %d have the same transport key", other, r.ID)
		}
		if ids[r.ID] || r.ID >= consensus.ReplicasMax {
			return nil, fmt.Errorf("network: replica id %d is listed twice or above %d", r.ID, consensus.ReplicasMax-1)
		}
		seen[t.peer], ids[r.ID] = r.ID, true
		out = append(out, t)
	}
	return out, nil
}

// parseAddress reads a multiaddr that names a host and a TCP port and no more.
func parseAddress(s string) (ma.Multiaddr, error) {
	addr, err := ma.NewMultiaddr(s)
	if err != nil {
		return nil, fmt.Errorf("address %q: %w; write it like /ip4/127.0.0.1/tcp/7400", s, err)
	}
	host, ok := map[int]bool{ma.P_IP4: true, ma.P_IP6: true, ma.P_DNS: true, ma.P_DNS4: true, ma.P_DNS6: true}, false
	if protocols := addr.Protocols(); len(protocols) == 2 {
		ok = host[protocols[0].Code] && protocols[1].Code == ma.P_TCP
	}
	if !ok {
		return nil, fmt.Errorf("address %q has not the form /ip4/127.0.0.1/tcp/7400 or /dns4/host.example.org/tcp/7400", s)
	}
	return addr, nil
}
