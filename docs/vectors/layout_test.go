package vectors_test

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/varangian-bft/varangian/crypto"
)

// A field is one value in the order in which its bytes stand.
type field struct {
	kind  string // u8, u16, u24, u32, u64: big-endian numbers; b: bytes in hexadecimal; text: ASCII
	name  string
	value []byte
}

// A reader takes bytes apart by docs/wire-format.md alone: it shares no code with
// the decoders that it is compared with, but for hashing.
type reader struct {
	rest   []byte
	fields []field
	checks []crypto.Check
	bad    bool
}

func (r *reader) take(kind, name string, n int) []byte {
	if n < 0 || n > len(r.rest) {
		r.bad = true
		n = len(r.rest)
	}
	v := r.rest[:n]
	r.rest = r.rest[n:]
	r.fields = append(r.fields, field{kind, name, v})
	return v
}

func (r *reader) number(bytes int, name string) uint64 {
	var b [8]byte
	v := r.take(fmt.Sprintf("u%d", 8*bytes), name, bytes)
	copy(b[8-len(v):], v)
	return binary.BigEndian.Uint64(b[:])
}

func (r *reader) u8(name string) uint64              { return r.number(1, name) }
func (r *reader) u16(name string) uint64             { return r.number(2, name) }
func (r *reader) u32(name string) uint64             { return r.number(4, name) }
func (r *reader) u64(name string) uint64             { return r.number(8, name) }
func (r *reader) bytes(name string, n uint64) []byte { return r.take("b", name, int(n)) }
func (r *reader) text(name string, n uint64) string  { return string(r.take("text", name, int(n))) }
func (r *reader) digest(name string) []byte          { return r.bytes(name, 32) }

// signed notes the signature that has just been read.
func (r *reader) signed(key crypto.PublicKey, messageType byte, body []byte) {
	c := crypto.Check{Key: key, Statement: crypto.Statement(statement(messageType, body))}
	copy(c.Signature[:], r.fields[len(r.fields)-1].value)
	r.checks = append(r.checks, c)
}

// statement is what a signature of the group of these vectors covers.
func statement(messageType byte, body []byte) [32]byte {
	b := append([]byte{2}, "varangian/1"...)
	b = append(b, group.ID[:]...)
	b = binary.BigEndian.AppendUint64(b, 1)
	b = append(b, messageType)
	return sha256.Sum256(append(b, body...))
}

// replicaKey is the signing key of a replica, or no key of anyone.
func replicaKey(id uint64) crypto.PublicKey {
	if id >= uint64(len(group.Genesis.Replicas)) {
		return crypto.PublicKey{}
	}
	return group.Genesis.Replicas[id].Key
}

// primary is the primary of a view.
func primary(view uint64) uint64 { return view % 4 }

func (r *reader) enrolment(prefix string) {
	r.text(prefix+"name", r.u8(prefix+"name length"))
	r.bytes(prefix+"signing key", 32)
	r.bytes(prefix+"transport key", 32)
	r.u8(prefix + "operator")
}

// request reads what a client signed, with the signature.
func (r *reader) request(prefix string) {
	all := r.rest
	r.u8(prefix + "kind")
	client := publicKey(r.bytes(prefix+"client", 32))
	r.u64(prefix + "session")
	r.u64(prefix + "timestamp")
	r.u64(prefix + "done")
	for i := range r.u32(prefix + "operations") {
		r.bytes(fmt.Sprintf("%soperation %d", prefix, i), r.u32(fmt.Sprintf("%soperation %d length", prefix, i)))
	}
	body := all[:len(all)-len(r.rest)]
	r.bytes(prefix+"signature", 64)
	r.signed(client, 1, body)
}

func publicKey(b []byte) (k crypto.PublicKey) {
	copy(k[:], b)
	return k
}

func (r *reader) content() {
	r.u64("proposed time")
	for i := range r.u32("requests") {
		r.digest(fmt.Sprintf("request %d", i))
	}
}

func (r *reader) batch() {
	size := r.u32("content length")
	if size == 0 {
		return
	}
	r.u64("proposed time")
	count := r.u32("requests")
	for i := range count {
		r.digest(fmt.Sprintf("request %d", i))
	}
	for i := range count {
		r.u32(fmt.Sprintf("body %d length", i))
		r.request(fmt.Sprintf("body %d ", i))
	}
}

// header reads view, sequence and batch digest, and returns its bytes.
func (r *reader) header(prefix string) (bytes []byte, view uint64) {
	all := r.rest
	view = r.u64(prefix + "view")
	r.u64(prefix + "sequence")
	r.digest(prefix + "batch")
	return all[:len(all)-len(r.rest)], view
}

// vote reads a PRE-PREPARE without content, a PREPARE or a COMMIT.
func (r *reader) vote(prefix string) {
	kind := byte(r.u8(prefix + "type"))
	header, _ := r.header(prefix)
	signer := r.u32(prefix + "signer")
	r.bytes(prefix+"signature", 64)
	r.signed(replicaKey(signer), kind, header)
}

func (r *reader) signatures(prefix string, messageType byte, body []byte) {
	for i := range r.u8(prefix + "signatures") {
		id := r.u32(fmt.Sprintf("%ssigner %d", prefix, i))
		r.bytes(fmt.Sprintf("%ssignature %d", prefix, i), 64)
		r.signed(replicaKey(id), messageType, body)
	}
}

// stable reads a checkpoint with its certificate; sequence 0 has none.
func (r *reader) stable(prefix string) {
	all := r.rest
	if r.u64(prefix+"sequence") == 0 {
		return
	}
	r.digest(prefix + "chain")
	r.signatures(prefix, 19, all[:40])
}

func (r *reader) viewChange(prefix string) {
	all := r.rest
	r.u8(prefix + "type")
	r.u64(prefix + "new view")
	r.stable(prefix + "stable ")
	for i := range r.u32(prefix + "prepared") {
		p := fmt.Sprintf("%sprepared %d ", prefix, i)
		header, view := r.header(p)
		r.bytes(p+"primary's signature", 64)
		r.signed(replicaKey(primary(view)), 16, header)
		r.signatures(p, 17, header)
	}
	signer := r.u32(prefix + "signer")
	body := all[1 : len(all)-len(r.rest)]
	r.bytes(prefix+"signature", 64)
	r.signed(replicaKey(signer), 20, body)
}

// newView reads a NEW-VIEW. Its proposals are for the sequence numbers above the
// highest stable checkpoint of its view changes.
func (r *reader) newView() {
	all := r.rest
	r.u8("type")
	view := r.u64("view")
	low := uint64(0)
	for i := range r.u8("view changes") {
		r.u32(fmt.Sprintf("change %d length", i))
		r.viewChange(fmt.Sprintf("change %d ", i))
		for _, f := range r.fields {
			if f.name == fmt.Sprintf("change %d stable sequence", i) {
				low = max(low, binary.BigEndian.Uint64(f.value))
			}
		}
	}
	for i := range r.u32("proposals") {
		digest := r.digest(fmt.Sprintf("proposal %d batch", i))
		header := binary.BigEndian.AppendUint64(nil, view)
		header = binary.BigEndian.AppendUint64(header, low+1+i)
		r.bytes(fmt.Sprintf("proposal %d signature", i), 64)
		r.signed(replicaKey(primary(view)), 16, append(header, digest...))
	}
	body := all[1 : len(all)-len(r.rest)]
	r.bytes("signature", 64)
	r.signed(replicaKey(primary(view)), 21, body)
}

func (r *reader) status() {
	r.u8("type")
	r.u64("view")
	r.u64("changing to")
	r.u64("low")
	r.u64("ordered")
	mask := r.u64("view changes held")
	for i := range 64 {
		if mask&(1<<i) != 0 {
			r.u64(fmt.Sprintf("view change of replica %d", i))
		}
	}
	for i := range r.u32("slots") {
		r.u8(fmt.Sprintf("slot %d flags", i))
		r.u64(fmt.Sprintf("slot %d prepares held", i))
		r.u64(fmt.Sprintf("slot %d commits held", i))
	}
	for i := range r.u32("checkpoints") {
		r.u64(fmt.Sprintf("checkpoint %d held", i))
	}
}

func (r *reader) leaf() {
	r.bytes("client", 32)
	r.u64("session")
	r.u64("timestamp")
	r.digest("request")
	r.u64("sequence")
	r.digest("results digest")
}

func (r *reader) path(prefix string) {
	r.u32(prefix + "index")
	r.u32(prefix + "count")
	for i := range r.u8(prefix + "siblings") {
		r.digest(fmt.Sprintf("%ssibling %d", prefix, i))
	}
}

func (r *reader) snapshotCertificate() {
	body := r.rest
	r.u64("snapshot sequence")
	r.digest("snapshot chain")
	r.digest("snapshot root")
	r.signatures("snapshot ", 3, body[:min(72, len(body))])
}

func (r *reader) item() {
	r.u8("item kind")
	r.u64("item checkpoint")
	r.u8("item partition")
}
