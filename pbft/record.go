package pbft

import (
	"errors"

	"golang.org/x/crypto/cryptobyte"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
)

// Kinds of log records. Numbers are part of the format of the log.
const (
	recordProposal   consensus.RecordKind = 1 // accepted pre-prepare, own prepare, batch
	recordPrepared   consensus.RecordKind = 2 // prepared certificate and own commit
	recordCommitted  consensus.RecordKind = 3 // commit certificate and batch
	recordCheckpoint consensus.RecordKind = 4 // own CHECKPOINT
	recordStable     consensus.RecordKind = 5 // checkpoint certificate
	recordViewChange consensus.RecordKind = 6 // own VIEW-CHANGE
	recordNewView    consensus.RecordKind = 7 // accepted or own NEW-VIEW
	recordRoot       consensus.RecordKind = 8 // what survives a trim (R123)
	recordProof      consensus.RecordKind = 9 // certificate that contradicts another one (R52)

	recordRecovery consensus.RecordKind = 10 // where the recovery of this replica stands (R92)
)

// ErrProof keeps a replica from starting again on a log that ends in a proof (R52).
var ErrProof = errors.New("this certificate contradicts another one: more than f replicas lied, and the group needs its operators before any replica goes on")

var errRecord = errors.New("not a record of this engine and group")

// proposalRecord encodes an accepted proposal: header, primary's signature, own
// prepare if there is one, and the batch unless an earlier record has it.
func proposalRecord(v, own *Vote, body *consensus.Batch) []byte {
	b := cryptobyte.NewBuilder(make([]byte, 0, headerBytes+2*crypto.SignatureSize+1))
	v.Header.marshal(b)
	b.AddBytes(v.Signature[:])
	if own == nil {
		b.AddUint8(0)
	} else {
		b.AddUint8(1)
		b.AddBytes(own.Signature[:])
	}
	return withBody(b.BytesOrPanic(), body)
}

func withBody(data []byte, body *consensus.Batch) []byte {
	if body == nil {
		return data
	}
	return append(data, body.Marshal()...)
}

// A proposal is what proposalRecord wrote. The batch is nil if the record has none.
type proposal struct {
	header  Header
	primary crypto.Signature
	own     *crypto.Signature
	batch   *consensus.Batch
}

func (c *codec) readProposalRecord(data []byte) (p proposal, err error) {
	s := cryptobyte.String(data)
	var voted uint8
	if !readHeader(&s, &p.header) || !s.CopyBytes(p.primary[:]) || !s.ReadUint8(&voted) || voted > 1 {
		return p, errRecord
	}
	if voted == 1 {
		p.own = new(crypto.Signature)
		if !s.CopyBytes(p.own[:]) {
			return p, errRecord
		}
	}
	p.batch, err = c.readBody(s)
	return p, err
}

// readBody reads the batch at the end of a record. Its signatures were verified
// before it was logged.
func (c *codec) readBody(s cryptobyte.String) (*consensus.Batch, error) {
	if s.Empty() {
		return nil, nil
	}
	b, ok := consensus.DecodeBatch(s, c.group)
	if !ok {
		return nil, errRecord
	}
	return b.Value, nil
}

func preparedRecord(p *PreparedCertificate, own *Vote) []byte {
	b := cryptobyte.NewBuilder(make([]byte, 0, headerBytes+2*crypto.SignatureSize+1+len(p.Prepares)*signedBytes))
	b.AddBytes(own.Signature[:])
	p.marshal(b)
	return b.BytesOrPanic()
}

func (c *codec) readPreparedRecord(data []byte) (p *PreparedCertificate, own crypto.Signature, err error) {
	s := cryptobyte.String(data)
	p = new(PreparedCertificate)
	if !s.CopyBytes(own[:]) {
		return nil, own, errRecord
	}
	if _, ok := c.readPrepared(&s, p, nil); !ok || !s.Empty() {
		return nil, own, errRecord
	}
	return p, own, nil
}

func committedRecord(c *CommitCertificate, body *consensus.Batch) []byte {
	return withBody(append(make([]byte, 0, len(c.frame)), c.frame...), body)
}

func (c *codec) readCommittedRecord(data []byte) (*CommitCertificate, *consensus.Batch, error) {
	size := 1 + headerBytes + 1 + c.group.Quorum*signedBytes
	if len(data) < size {
		return nil, nil, errRecord
	}
	m, err := c.Decode(data[:size:size], consensus.Hint{})
	certificate, ok := m.Value.(*CommitCertificate)
	if err != nil || !ok {
		return nil, nil, errRecord
	}
	body, err := c.readBody(data[size:])
	return certificate, body, err
}

// readFrame decodes a frame that the log holds. It was verified before.
func readFrame[M consensus.Message](c *codec, frame []byte) (m M, err error) {
	u, err := c.Decode(frame, consensus.Hint{})
	if err != nil {
		return m, err
	}
	m, ok := u.Value.(M)
	if !ok {
		return m, errRecord
	}
	return m, nil
}

// A root is everything promised that belongs to no single sequence. What prepared
// above the checkpoint stays in the records of its sequences, which a trim spares.
type root struct {
	view, changing consensus.ViewNumber
	stable         []byte // frames; empty if there is none
	change         []byte
	newView        []byte
}

func (e *Engine) root() root {
	r := root{view: e.view, changing: e.changing}
	if e.stable != nil {
		r.stable = e.stable.frame
	}
	if c := e.changes[e.self]; c != nil {
		r.change = c.frame
	}
	if e.newView != nil {
		r.newView = e.newView.frame
	}
	return r
}

func (r root) marshal() []byte {
	b := cryptobyte.NewBuilder(make([]byte, 0, 28+len(r.stable)+len(r.change)+len(r.newView)))
	b.AddUint64(uint64(r.view))
	b.AddUint64(uint64(r.changing))
	for _, frame := range [][]byte{r.stable, r.change, r.newView} {
		b.AddUint32(uint32(len(frame)))
		b.AddBytes(frame)
	}
	return b.BytesOrPanic()
}

func readRoot(data []byte) (r root, err error) {
	s := cryptobyte.String(data)
	if !s.ReadUint64((*uint64)(&r.view)) || !s.ReadUint64((*uint64)(&r.changing)) || r.changing < r.view {
		return r, errRecord
	}
	for _, frame := range []*[]byte{&r.stable, &r.change, &r.newView} {
		var size uint32
		if !s.ReadUint32(&size) || uint64(size) > uint64(len(s)) || !s.ReadBytes(frame, int(size)) {
			return r, errRecord
		}
	}
	if !s.Empty() {
		return r, errRecord
	}
	return r, nil
}
