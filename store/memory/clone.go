package memory

import "slices"

// Clone returns a store with the same contents, whole and without an end under way:
// a copy of the folder.
func (s *Store) Clone() *Store {
	s.mu.Lock()
	defer s.mu.Unlock()
	return &Store{
		cells: s.cells.Copy(), marker: s.marker, retired: s.retired, executed: s.executed,
		spent: slices.Clone(s.spent), snapshot: slices.Clone(s.snapshot),
	}
}
