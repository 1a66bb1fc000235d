package crypto

// Unverified is a decoded value together with every signature, nested ones
// included, that has to hold before the value may have an effect (R19).
type Unverified[T any] struct {
	Value  T
	Checks []Check
}

// Verified is a value whose signatures have all been checked. Only this package
// makes one, so a function that takes a Verified cannot be given anything else.
type Verified[T any] struct{ value T }

// Value returns the value that was verified.
func (v Verified[T]) Value() T { return v.value }

// VerifyAll checks all signatures of all items in as few passes of the scheme
// as possible, and calls accept(i, v) for each item i whose checks all hold and
// reject(i) for each other one, in order of i. An item without checks is
// accepted: whoever decodes a message owes it every check (R19).
func VerifyAll[T any](s Scheme, items []Unverified[T], accept func(int, Verified[T]), reject func(int)) {
	count := 0
	for _, it := range items {
		count += len(it.Checks)
	}
	checks := make([]Check, 0, count)
	for _, it := range items {
		checks = append(checks, it.Checks...)
	}
	valid := make([]bool, count)
	s.Verify(checks, valid)
	for i, it := range items {
		ok := true
		for range it.Checks {
			ok = ok && valid[0]
			valid = valid[1:]
		}
		if ok {
			accept(i, Verified[T]{it.Value})
		} else {
			reject(i)
		}
	}
}
