package core

// mute reports whether this replica must sign nothing: it may have forgotten what it
// signed (R92), or has just started and does not know yet (R91). The engine is silent by
// itself; the core then signs no receipt and no snapshot either. Both would say the same
// as before, but such a replica counts as faulty, and nobody is to rest on its word: f+1
// others answer the clients.
func (c *Core) mute() bool { return c.engine.Status().Mute }

// recovering reports whether it is known that something may be forgotten: then others
// answer long before this replica may.
func (c *Core) recovering() bool { return c.engine.Status().Recovering != "" }
