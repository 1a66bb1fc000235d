package main

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"

	"github.com/varangian-bft/varangian/cmd/internal/cli"
)

const (
	portStep = 10
	// Free ports are looked for below those that systems give to outgoing
	// connections: one of these may be taken while its replica is down.
	portFreeMin = 10_000
	portFreeMax = 32_000
	portTries   = 1000
)

// addresses returns the address of each replica.
func (l *layout) addresses() ([]string, error) {
	host, port, err := splitAddress(l.addressBase)
	if err != nil {
		return nil, err
	}
	out := make([]string, l.replicas)
	switch l.ports {
	case portsStep:
		last := port + portStep*(l.replicas-1)
		if last > 65535 {
			return nil, cli.Usage("--address-base: replica %d would have port %d; start lower", l.replicas-1, last)
		}
		for i := range out {
			out[i] = fmt.Sprintf("%s/tcp/%d", host, port+portStep*i)
		}
		return out, nil
	case portsAuto:
		ports, err := freePorts(l.replicas)
		if err != nil {
			return nil, err
		}
		for i, p := range ports {
			out[i] = fmt.Sprintf("%s/tcp/%d", host, p)
		}
		return out, nil
	}
	return nil, cli.Usage("--ports is %q; want %s or %s", l.ports, portsStep, portsAuto)
}

// splitAddress takes an address as /ip4/127.0.0.1/tcp/7400 apart. Whether the
// host is one, the group file checks.
func splitAddress(address string) (host string, port int, err error) {
	host, text, found := strings.Cut(address, "/tcp/")
	port, bad := strconv.Atoi(text)
	if !found || bad != nil || port < 1 || port > 65535 {
		return "", 0, cli.Usage("--address-base is %q; want an address as /ip4/127.0.0.1/tcp/7400", address)
	}
	return host, port, nil
}

// freePorts returns different TCP ports that nobody listens on now.
func freePorts(count int) ([]int, error) {
	var out []int
	var held []net.Listener // to the end, so that no port comes twice
	defer func() {
		for _, listener := range held {
			listener.Close()
		}
	}()
	for range portTries {
		if len(out) == count {
			break
		}
		port := portFreeMin + rand.IntN(portFreeMax-portFreeMin)
		listener, err := net.Listen("tcp", fmt.Sprintf(":%d", port))
		if err != nil {
			continue
		}
		held = append(held, listener)
		out = append(out, port)
	}
	if len(out) < count {
		return nil, fmt.Errorf("found no %d free ports from %d to %d; use --ports %s with --address-base", count, portFreeMin, portFreeMax, portsStep)
	}
	return out, nil
}
