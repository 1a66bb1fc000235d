package consensus

import (
	"math"

	"golang.org/x/crypto/cryptobyte"

	"github.com/varangian-bft/varangian/crypto"
)

// Content is what a batch digest stands for: the proposed time and the digests
// of the requests, in order of execution. It travels unsigned beside the signed
// header and is checked against the digest (R76).
type Content struct {
	Time     Time
	Requests []crypto.Digest
}

// NullDigest is the digest of the null batch, which changes no state (R74).
var NullDigest = crypto.Hash(crypto.KindNullBatch)

// Marshal returns the one encoding of the content.
func (c Content) Marshal() []byte {
	b := cryptobyte.NewBuilder(make([]byte, 0, 12+crypto.DigestSize*len(c.Requests)))
	b.AddUint64(uint64(c.Time))
	b.AddUint32(uint32(len(c.Requests)))
	for i := range c.Requests {
		b.AddBytes(c.Requests[i][:])
	}
	return b.BytesOrPanic()
}

// Digest returns the batch digest of the content.
func (c Content) Digest() crypto.Digest { return crypto.Hash(crypto.KindBatch, c.Marshal()) }

// ReadContent reads content that fills s exactly. It refuses more requests than
// a batch may have, an empty batch, a negative time, and a request that stands
// in it twice: reasons that every replica sees alike (R24).
func ReadContent(s cryptobyte.String, p *Parameters) (Content, bool) {
	var c Content
	var count uint32
	var time uint64
	if !s.ReadUint64(&time) || !s.ReadUint32(&count) || time > math.MaxInt64 || count == 0 ||
		uint64(count) > p.BatchRequestsMax || len(s) != int(count)*crypto.DigestSize {
		return Content{}, false
	}
	c.Time, c.Requests = Time(time), make([]crypto.Digest, count)
	seen := make(map[crypto.Digest]struct{}, count)
	for i := range c.Requests {
		s.CopyBytes(c.Requests[i][:])
		seen[c.Requests[i]] = struct{}{}
	}
	return c, len(seen) == len(c.Requests)
}

// A Batch is what one sequence number orders, in full: content and the bodies of
// all its requests. It is immutable.
type Batch struct {
	Digest   crypto.Digest
	Content  Content
	Requests []*Request // same order as Content.Requests; empty for the null batch
}

// NullBatch is the batch that fills a gap in a new view (R74).
var NullBatch = &Batch{Digest: NullDigest}

// NewBatch makes a batch of requests in this order, proposed at a time. The
// requests are distinct and within the limits of a batch.
func NewBatch(t Time, requests []*Request) *Batch {
	c := Content{Time: t, Requests: make([]crypto.Digest, len(requests))}
	for i, r := range requests {
		c.Requests[i] = r.Digest()
	}
	return &Batch{Digest: c.Digest(), Content: c, Requests: requests}
}

// Null reports whether the batch is the null batch.
func (b *Batch) Null() bool { return b.Digest == NullDigest }

// Bytes is the sum of the request encodings.
func (b *Batch) Bytes() (n uint64) {
	for _, r := range b.Requests {
		n += uint64(len(r.encoding))
	}
	return n
}

// Marshal appends content and bodies, as the log and a fetch answer carry them.
func (b *Batch) Marshal() []byte {
	size := 4 + 12 + len(b.Requests)*(crypto.DigestSize+4)
	out := cryptobyte.NewBuilder(make([]byte, 0, uint64(size)+b.Bytes()))
	content := b.Content.Marshal()
	if b.Null() {
		content = nil
	}
	out.AddUint32(uint32(len(content)))
	out.AddBytes(content)
	for _, r := range b.Requests {
		out.AddUint32(uint32(len(r.encoding)))
		out.AddBytes(r.encoding)
	}
	return out.BytesOrPanic()
}

// BatchDigest is the digest of a batch that Marshal wrote, whose bodies are not read:
// enough to tell whether it is worth more (R17).
func BatchDigest(s cryptobyte.String) (d crypto.Digest, ok bool) {
	var size uint32
	var raw []byte
	if !s.ReadUint32(&size) || uint64(size) > uint64(len(s)) || !s.ReadBytes(&raw, int(size)) {
		return d, false
	}
	if size == 0 {
		return NullDigest, true
	}
	return crypto.Hash(crypto.KindBatch, raw), true
}

// DecodeBatch reads what Marshal wrote, and returns the client signatures that
// have to hold (R20, R22). The batch keeps the bytes of s. Whoever calls it
// compares the digest with the one it wants.
func DecodeBatch(s cryptobyte.String, g *Group) (crypto.Unverified[*Batch], bool) {
	var none crypto.Unverified[*Batch]
	var size uint32
	var raw []byte
	if !s.ReadUint32(&size) || uint64(size) > uint64(len(s)) || !s.ReadBytes(&raw, int(size)) {
		return none, false
	}
	if size == 0 {
		return crypto.Unverified[*Batch]{Value: NullBatch}, s.Empty()
	}
	content, ok := ReadContent(raw, &g.Genesis.Parameters)
	if !ok {
		return none, false
	}
	out := crypto.Unverified[*Batch]{Value: &Batch{Digest: crypto.Hash(crypto.KindBatch, raw), Content: content}}
	total := uint64(0)
	for _, want := range content.Requests {
		var body []byte
		if !s.ReadUint32(&size) || uint64(size) > uint64(len(s)) || !s.ReadBytes(&body, int(size)) {
			return none, false
		}
		r, err := DecodeRequest(body, g)
		if err != nil || r.Value.digest != want {
			return none, false
		}
		total += uint64(len(body))
		out.Value.Requests = append(out.Value.Requests, r.Value)
		out.Checks = append(out.Checks, r.Checks...)
	}
	return out, s.Empty() && total <= g.Genesis.Parameters.BatchBytesMax
}
