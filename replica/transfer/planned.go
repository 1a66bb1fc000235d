package transfer

// Planned reports whether a transfer is under way and somebody has given a plan for
// it.
func (f *Fetcher) Planned() bool { return f.Active() && f.plan != nil }
