package statemachine

import (
	"encoding/binary"

	"github.com/varangian-bft/varangian/consensus"
)

// An Admission says how the client table stands to a request.
type Admission uint8

// The admissions. Only AdmissionAcceptable executes; what the others get is a
// deterministic refusal (R26), or the first execution's outcome.
const (
	AdmissionAcceptable   Admission = iota + 1
	AdmissionRepeated               // executed already: Answer has the outcome (R23)
	AdmissionStale                  // at or below what the client said it has done with
	AdmissionAhead                  // more than SessionWindow above it
	AdmissionTaken                  // another request has this timestamp (R25)
	AdmissionNoSession              // session not open, or closed
	AdmissionUnauthorised           // key not enrolled, or not an operator's (R34)
)

// Fresh judges a request for the pool, by the state after the last batch: all but
// acceptable ones start no timer and need no place in a batch (R31). A vote never
// depends on it (R24).
func (m *Machine) Fresh(r *consensus.Request) Admission {
	a, c, _, _ := m.judge(r)
	if a == AdmissionAcceptable && r.Kind == consensus.KindAdmin && !c.enrolment.Operator {
		return AdmissionUnauthorised
	}
	return a
}

// Answer returns the outcome of a request that was executed and is still in its
// session. Its Results are nil if only their digest is kept (R28).
func (m *Machine) Answer(r *consensus.Request) (Outcome, bool) {
	a, _, _, e := m.judge(r)
	if a != AdmissionRepeated {
		return Outcome{}, false
	}
	return e.outcome(r), true
}

// judge is the one place where it is decided whether a request executes (R23,
// R25, R26). It changes nothing.
func (m *Machine) judge(r *consensus.Request) (Admission, *client, *session, *executed) {
	c := m.clients.clients[r.Client]
	if c == nil {
		return AdmissionUnauthorised, nil, nil, nil
	}
	s, ok := c.session(r.Session)
	switch {
	case r.Kind == consensus.KindOpenSession && ok:
		if s.opened.request == r.Digest() {
			return AdmissionRepeated, c, s, &s.opened
		}
		return AdmissionTaken, c, s, nil
	case r.Kind == consensus.KindOpenSession && r.Session > c.highest:
		return AdmissionAcceptable, c, nil, nil
	case !ok:
		return AdmissionNoSession, c, nil, nil
	}
	low := max(s.low, r.Done)
	switch {
	case r.Timestamp <= low:
		return AdmissionStale, c, s, nil
	case uint64(r.Timestamp-low) > m.limits.SessionWindow:
		return AdmissionAhead, c, s, nil
	}
	i, used := s.find(r.Timestamp)
	switch {
	case !used:
		return AdmissionAcceptable, c, s, nil
	case s.entries[i].request == r.Digest():
		return AdmissionRepeated, c, s, &s.entries[i]
	}
	return AdmissionTaken, c, s, nil
}

// refusals are the results of requests that are not executed. They change no
// state and are therefore not the last word: one that comes before its session
// was opened may execute later.
var refusals = [...]consensus.ResultClass{
	AdmissionStale:        consensus.ResultOutOfWindow,
	AdmissionAhead:        consensus.ResultOutOfWindow,
	AdmissionTaken:        consensus.ResultTaken,
	AdmissionNoSession:    consensus.ResultNoSession,
	AdmissionUnauthorised: consensus.ResultUnauthorised,
}

// request executes one request, once.
func (m *Machine) request(r *consensus.Request, x *Execution) Outcome {
	a, c, s, e := m.judge(r)
	if a == AdmissionRepeated {
		return e.outcome(r)
	}
	if s != nil && s.advance(r.Done) {
		m.touch(s)
	}
	if a != AdmissionAcceptable {
		results := consensus.MarshalResults([]consensus.Result{{Class: refusals[a]}})
		return m.outcome(r, results)
	}
	if r.Kind == consensus.KindOpenSession {
		return m.openSession(c, r)
	}
	out := m.outcome(r, m.operations(r, x))
	s.record(executed{
		timestamp: r.Timestamp, request: r.Digest(), sequence: m.meta.sequence,
		digest: out.Leaf.Results, results: out.Results,
	}, m.limits.SessionBytesMax)
	m.touch(s)
	return out
}

// operations executes the operations of a request, each on its own.
func (m *Machine) operations(r *consensus.Request, x *Execution) []byte {
	m.results = m.results[:0]
	budget := m.limits.ResultsBytesMax()
	m.budget.request = m.limits.RequestReadsMax()
	for _, op := range r.Operations {
		var res consensus.Result
		if r.Kind == consensus.KindAdmin {
			res = m.admin(r.Client, op, x)
		} else {
			res = m.apply(r.Client, op, budget)
		}
		n := uint64(len(res.Value))
		budget -= min(n, budget)
		m.budget.results -= min(n, m.budget.results)
		m.results = append(m.results, res)
	}
	return consensus.MarshalResults(m.results)
}

func (m *Machine) openSession(c *client, r *consensus.Request) Outcome {
	s := &session{
		client: r.Client, number: r.Session, last: m.meta.sequence,
		opened: executed{request: r.Digest(), sequence: m.meta.sequence, digest: openedDigest, results: openedResults},
	}
	if old := c.open(s, m.limits.SessionsPerClient); old != nil {
		m.overlay.put(sessionKey(old.client, old.number), cell{deleted: true})
	}
	m.overlay.put(highestKey(r.Client), cell{value: binary.BigEndian.AppendUint64(nil, uint64(r.Session))})
	m.overlay.keep()
	m.touch(s)
	return s.opened.outcome(r)
}

// touch notes that a session has to be stored with the open window.
func (m *Machine) touch(s *session) {
	if !s.dirty {
		s.dirty = true
		m.touched = append(m.touched, s)
	}
}

func (m *Machine) outcome(r *consensus.Request, results []byte) Outcome {
	e := executed{sequence: m.meta.sequence, digest: consensus.ResultsDigest(results), results: results}
	return e.outcome(r)
}

func (e *executed) outcome(r *consensus.Request) Outcome {
	return Outcome{
		Leaf: consensus.Leaf{
			Client: r.Client, Session: r.Session, Timestamp: r.Timestamp, Request: r.Digest(),
			Sequence: e.sequence, Results: e.digest,
		},
		Results: e.results,
	}
}
