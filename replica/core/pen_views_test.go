package core_test

import "github.com/varangian-bft/varangian/crypto"

// A prepared is a prepared certificate.
type prepared struct {
	v, n     uint64
	d        crypto.Digest
	by       int // signs the pre-prepare
	bad      bool
	prepares list
}

func (p *pen) prepared(x prepared) []byte {
	h := header(x.v, x.n, x.d)
	s := p.sign(x.by, tPrePrepare, h)
	if x.bad {
		s = flipped(s, 3)
	}
	return cat(h, s, p.list(x.prepares, h))
}

// A viewChange is a VIEW-CHANGE. A stable list of nil is the right one.
type viewChange struct {
	to, h    uint64
	stable   *list
	prepared []prepared
	count    uint32 // what it says of prepared; the truth if 0
	by       int
	field    uint32
	bad      bool
	signedAs byte // tViewChange if 0
}

func (p *pen) viewChange(x viewChange) []byte {
	stable := others(tCheckpoint)
	if x.stable != nil {
		stable = *x.stable
	}
	count := x.count
	if count == 0 {
		count = uint32(len(x.prepared))
	}
	body := cat(x.to, p.stable(x.h, stable), count)
	for _, c := range x.prepared {
		body = cat(body, p.prepared(c))
	}
	return p.signed(tViewChange, cat(body, x.field), x.by, x.bad, x.signedAs)
}

// signed puts a body between its type and its signature.
func (p *pen) signed(kind byte, body []byte, by int, bad bool, signedAs byte) []byte {
	if signedAs == 0 {
		signedAs = kind
	}
	s := p.sign(by, signedAs, body)
	if bad {
		s = flipped(s, -1)
	}
	return cat(kind, body, s)
}

// A newView is a NEW-VIEW.
type newView struct {
	v         uint64
	changes   []viewChange
	count     int // what it says of changes; the truth if 0
	longer    int // added to the length of the first change
	low       uint64
	proposals []crypto.Digest
	proposed  uint32 // what it says of proposals; the truth if 0
	signer    int    // of the proposals; by if 0
	spoilt    int    // 1 + the place of a spoilt proposal
	by        int
	bad       bool
	signedAs  byte
}

func (p *pen) newView(x newView) []byte {
	count, proposed, signer := x.count, x.proposed, x.signer
	if count == 0 {
		count = len(x.changes)
	}
	if proposed == 0 {
		proposed = uint32(len(x.proposals))
	}
	if signer == 0 {
		signer = x.by
	}
	body := cat(x.v, count)
	for i, c := range x.changes {
		frame := p.viewChange(c)
		size := len(frame)
		if i == 0 {
			size += x.longer
		}
		body = cat(body, uint32(size), frame)
	}
	body = cat(body, proposed)
	for i, d := range x.proposals {
		s := p.sign(signer, tPrePrepare, header(x.v, x.low+uint64(i)+1, d))
		if x.spoilt == i+1 {
			s = flipped(s, 9)
		}
		body = cat(body, d, s)
	}
	return p.signed(tNewView, body, x.by, x.bad, x.signedAs)
}
