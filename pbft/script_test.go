package pbft

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/consensus/consensustest"
	"github.com/varangian-bft/varangian/crypto"
)

// TestScripts runs the stories in testdata/script.
func TestScripts(t *testing.T) { consensustest.Run(t, "testdata/script", protocol{}) }

// protocol tells the script driver about PBFT.
type protocol struct{}

type (
	world = consensustest.World
	line  = consensustest.Line
)

func (protocol) Engine(w *world, self consensus.ReplicaID) consensus.Engine {
	return New(Config{Group: w.Group, Self: self, Signer: w.Signers[self]})
}

func (protocol) Codec(g *consensus.Group) consensus.Codec { return NewCodec(g) }

// Craft makes the message of a script line:
//
//	pre-prepare prepare commit   from= v= n= d=, flag "bare" leaves the content out, signer= lies about the signer
//	checkpoint                   from= n= c=
//	commit-certificate           v= n= d= by=(r0,r1,r2)
//	checkpoint-certificate       n= c= by=(...)
//	view-change                  from= v= h= c= p=(1:a@0,...): what prepared, at which number, in which view
//	new-view                     v= by=(...), per replica h1= c1= p1=(...), o=(...) in place of what is right
//	status                       from= v= w= h= ordered= slots=(flags:prepares:commits,...)
//	evidence                     kind= from= v= n= d=(a,b)
//	recall                       from= nonce= round= fill=
//	recalled                     nonce= round= h= c= by=(...) votes=(kind:from:v:n:d,...)
//	null                         v= n= from= fill= asker=: a proposal of the null batch with its question
func (protocol) Craft(w *world, kind string, l *line) ([]byte, error) {
	f := forge{w: w, l: l, domain: w.Group.Domain()}
	h := Header{
		View: consensus.ViewNumber(l.Number("v", 0)), Sequence: consensus.Sequence(l.Number("n", 0)),
	}
	if len(l.List("d")) == 1 {
		h.Batch = w.Batch(l.Text("d", "")).Digest
	}
	switch kind {
	case "pre-prepare", "prepare", "commit":
		return f.vote(kind, h), nil
	case "checkpoint":
		from := l.Replica("from")
		return newCheckpoint(h.Sequence, w.Chain(l.Text("c", "")), from, f.domain, w.Signers[from]).frame, nil
	case "commit-certificate":
		return newCommitCertificate(h, f.sign(TypeCommit, h, l.Replicas("by"))).frame, nil
	case "checkpoint-certificate":
		return f.stable(uint64(h.Sequence), l.Text("c", ""), l.Replicas("by")).frame, nil
	case "view-change":
		return f.viewChange(l.Replica("from"), h.View, l.Number("h", 0), l.Text("c", ""), l.List("p"), l.Replicas("by")).frame, nil
	case "new-view":
		return f.newView(h.View), nil
	case "status":
		return f.status(h.View), nil
	case "evidence":
		return f.evidence(h), nil
	case "recall":
		return f.recall(l.Replica("from")).frame, nil
	case "recalled":
		return f.recalled(), nil
	case "null":
		h.Batch = consensus.NullDigest
		from := l.Replica("from")
		return append(newVote(TypePrePrepare, h, from, f.domain, f.w.Signers[from]).frame, f.recall(l.Replica("asker")).frame...), nil
	}
	return nil, fmt.Errorf("no message %q", kind)
}

// A forge signs for anybody.
type forge struct {
	w      *world
	l      *line
	domain crypto.Domain
}

var kinds = map[string]consensus.MessageType{"pre-prepare": TypePrePrepare, "prepare": TypePrepare, "commit": TypeCommit}

func (f forge) vote(kind string, h Header) []byte {
	from := f.l.Replica("from")
	v := newVote(kinds[kind], h, from, f.domain, f.w.Signers[from])
	if f.l.Text("signer", "") != "" {
		v = voteOf(v.Kind, h, f.l.Replica("signer"), v.Signature)
	}
	if kind != "pre-prepare" || f.l.Flag("bare") || h.Batch == consensus.NullDigest {
		return v.frame
	}
	return newPrePrepare(v, &f.w.Batch(f.l.Text("d", "")).Content).wire
}

func (f forge) sign(kind consensus.MessageType, h Header, by []consensus.ReplicaID) (list []Signed) {
	for _, r := range by {
		list = append(list, Signed{Replica: r, Signature: newVote(kind, h, r, f.domain, f.w.Signers[r]).Signature})
	}
	return list
}

func (f forge) stable(n uint64, chain string, by []consensus.ReplicaID) *CheckpointCertificate {
	c := f.w.Chain(chain)
	if by == nil {
		by = f.first(f.w.Group.Quorum, f.l.Receiver())
	}
	var votes []Signed
	for _, r := range by {
		votes = append(votes, Signed{Replica: r, Signature: newCheckpoint(consensus.Sequence(n), c, r, f.domain, f.w.Signers[r]).Signature})
	}
	return newCheckpointCertificate(consensus.Sequence(n), c, votes)
}

// first returns the first replicas but some. Whoever is shown a vote of its own
// that it never gave would halt (R7), so the receiver is left out.
func (f forge) first(count int, but ...consensus.ReplicaID) (list []consensus.ReplicaID) {
	for i := consensus.ReplicaID(0); len(list) < count; i++ {
		if !slices.Contains(but, i) {
			list = append(list, i)
		}
	}
	return list
}

// prepared reads n:d@v and makes a certificate for it; n:d@v! lacks a prepare.
func (f forge) prepared(text string) PreparedCertificate {
	text, short := strings.CutSuffix(text, "!")
	n, rest, _ := strings.Cut(text, ":")
	d, v, _ := strings.Cut(rest, "@")
	h := Header{Batch: f.w.Batch(d).Digest}
	x, err := strconv.ParseUint(n, 10, 64)
	y, err2 := strconv.ParseUint(v, 10, 64)
	if err != nil || err2 != nil {
		panic("script: a prepared certificate is n:d@v, not " + text)
	}
	h.Sequence, h.View = consensus.Sequence(x), consensus.ViewNumber(y)
	primary := f.w.Group.Primary(h.View)
	p := PreparedCertificate{
		Header: h, Primary: newVote(TypePrePrepare, h, primary, f.domain, f.w.Signers[primary]).Signature,
		Prepares: f.sign(TypePrepare, h, f.first(f.w.Group.Quorum-1, primary, f.l.Receiver())),
	}
	if short {
		p.Prepares = p.Prepares[1:]
	}
	return p
}

func (f forge) viewChange(from consensus.ReplicaID, v consensus.ViewNumber, low uint64, chain string, prepared []string, by []consensus.ReplicaID) *ViewChange {
	c := &ViewChange{To: v}
	if low > 0 {
		c.Stable = f.stable(low, chain, by)
	}
	for _, text := range prepared {
		c.Prepared = append(c.Prepared, f.prepared(text))
	}
	signViewChange(c, from, f.domain, f.w.Signers[from])
	return c
}

func (f forge) newView(v consensus.ViewNumber) []byte {
	m := &NewView{View: v}
	for _, r := range f.l.Replicas("by") {
		key := strconv.Itoa(int(r))
		m.Changes = append(m.Changes, f.viewChange(r, v, f.l.Number("h"+key, 0), f.l.Text("c"+key, ""), f.l.List("p"+key), nil))
	}
	low, batches := computeNewView(m.Changes)
	if o := f.l.List("o"); o != nil {
		batches = nil
		for _, d := range o {
			batches = append(batches, f.w.Batch(d).Digest)
		}
	}
	signer := f.w.Signers[f.w.Group.Primary(v)]
	for i, d := range batches {
		h := Header{View: v, Sequence: low + consensus.Sequence(i) + 1, Batch: d}
		m.Proposals = append(m.Proposals, Proposal{Batch: d, Signature: newVote(TypePrePrepare, h, 0, f.domain, signer).Signature})
	}
	signNewView(m, f.domain, signer)
	return m.frame
}

func (f forge) status(v consensus.ViewNumber) []byte {
	st := &Status{
		View: v, ChangingTo: consensus.ViewNumber(f.l.Number("w", uint64(v))), Low: consensus.Sequence(f.l.Number("h", 0)),
		Ordered: consensus.Sequence(f.l.Number("ordered", 0)), Changes: make([]consensus.ViewNumber, f.w.Group.N),
	}
	for _, text := range f.l.List("slots") {
		var x SlotStatus
		if _, err := fmt.Sscanf(text, "%d:%d:%d", &x.Flags, &x.Prepares, &x.Commits); err != nil {
			panic("script: a slot is flags:prepares:commits, not " + text)
		}
		st.Slots = append(st.Slots, x)
	}
	return st.encode()
}

func (f forge) recall(from consensus.ReplicaID) *Recall {
	m := Recall{
		Nonce: consensus.Nonce{byte(f.l.Number("nonce", 1))}, Round: uint32(f.l.Number("round", 1)), Fill: consensus.Sequence(f.l.Number("fill", 0)),
	}
	return newRecall(m, from, f.domain, f.w.Signers[from])
}

func (f forge) recalled() []byte {
	var frames [][]byte
	if h := f.l.Number("h", 0); h > 0 {
		frames = append(frames, f.stable(h, f.l.Text("c", ""), f.l.Replicas("by")).frame)
	}
	for _, text := range f.l.List("votes") {
		var v, n uint64
		var from uint32
		part := strings.Split(text, ":")
		if len(part) != 5 {
			panic("script: a vote is kind:from:v:n:d, not " + text)
		}
		if _, err := fmt.Sscanf(strings.Join(part[1:4], " "), "r%d %d %d", &from, &v, &n); err != nil {
			panic("script: a vote is kind:from:v:n:d, not " + text)
		}
		h := Header{View: consensus.ViewNumber(v), Sequence: consensus.Sequence(n), Batch: f.w.Batch(part[4]).Digest}
		if part[0] == "view-change" {
			frames = append(frames, f.viewChange(consensus.ReplicaID(from), h.View, 0, "", nil, nil).frame)
			continue
		}
		frames = append(frames, newVote(kinds[part[0]], h, consensus.ReplicaID(from), f.domain, f.w.Signers[from]).frame)
	}
	return recalledFrame(f.recall(0), frames)
}

func (f forge) evidence(h Header) []byte {
	from := f.l.Replica("from")
	var pair []*Vote
	for _, d := range f.l.List("d") {
		h.Batch = f.w.Batch(d).Digest
		pair = append(pair, newVote(kinds[f.l.Text("kind", "pre-prepare")], h, from, f.domain, f.w.Signers[from]))
	}
	if string(pair[0].Header.Batch[:]) > string(pair[1].Header.Batch[:]) {
		pair[0], pair[1] = pair[1], pair[0]
	}
	return (&Evidence{A: pair[0], B: pair[1]}).encode()
}
