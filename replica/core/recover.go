package core

// recovering reports whether this replica may have forgotten what it signed (R92).
// The engine is silent by itself; the core then signs no receipt and no snapshot
// either. Both would say the same as before, but a replica that recovers counts as
// faulty, and nobody is to rest on its word: f+1 others answer the clients.
func (c *Core) recovering() bool { return c.engine.Status().Recovering != "" }
