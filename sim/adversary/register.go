package adversary

import "github.com/varangian-bft/varangian/sim"

// Plans and the command line name behaviours.
func init() {
	for _, name := range Names() {
		sim.RegisterBehaviour(name, New(name))
	}
	for _, name := range ClientNames() {
		sim.RegisterClientBehaviour(name, NewClient(name))
	}
}

// Deviated implements sim.Deviator.
func (c *combined) Deviated() (n int) {
	for _, l := range c.parts {
		n += l.lies()
	}
	return n
}

// Deviated implements sim.Deviator, for clients.
func (f *fool) Deviated() int { return f.count }
