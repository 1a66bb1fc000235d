package vectors_test

import (
	"fmt"

	"golang.org/x/crypto/cryptobyte"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/internal/wire"
	"github.com/varangian-bft/varangian/pbft"
	"github.com/varangian-bft/varangian/replica/core"
	"github.com/varangian-bft/varangian/replica/transfer"
	"github.com/varangian-bft/varangian/statemachine"
)

// A kind says how bytes are laid out, and how the code reads them. Kinds that the
// code does not read by an exported function are compared only as it writes them.
type kind struct {
	layout func(*reader)
	decode func(b []byte) (checks []crypto.Check, ok bool)
}

var kinds = map[string]kind{
	"request":                {func(r *reader) { r.u8("type"); r.request("") }, client},
	"pre-prepare":            {prePrepare, engine},
	"prepare":                {func(r *reader) { r.vote("") }, engine},
	"commit":                 {func(r *reader) { r.vote("") }, engine},
	"checkpoint":             {checkpoint, engine},
	"view-change":            {func(r *reader) { r.viewChange("") }, engine},
	"new-view":               {func(r *reader) { r.newView() }, engine},
	"status":                 {func(r *reader) { r.status() }, engine},
	"commit certificate":     {commitCertificate, engine},
	"checkpoint certificate": {func(r *reader) { r.u8("type"); r.stable("") }, engine},
	"evidence":               {func(r *reader) { r.u8("type"); r.vote("a "); r.vote("b ") }, engine},
	"recall":                 {recall, engine},
	"recalled":               {recalled, engine},
	"recovery record":        {recoveryRecord, nil},
	"snapshot":               {snapshot, replica},
	"fetch batch":            {func(r *reader) { r.u8("type"); r.digest("batch") }, replica},
	"batch":                  {func(r *reader) { r.u8("type"); r.batch() }, replica},
	"fetch requests":         {fetchRequests, replica},
	"requests":               {requests, replica},
	"partitions":             {partitions, readPartitions},
	"ask plan":               {askPlan, replica},
	"plan":                   {plan, replica},
	"ask chunk":              {func(r *reader) { r.u8("type"); r.item(); r.u64("offset") }, replica},
	"chunk":                  {chunk, replica},
	"gone":                   {func(r *reader) { r.u8("type"); r.item() }, replica},
	"ask entries":            {askEntries, replica},
	"entries":                {entries, replica},
	"hold":                   {func(r *reader) { r.u8("type"); r.u64("snapshot") }, replica},
	"wait":                   {func(r *reader) { r.u8("type"); r.item() }, replica},
	"reply":                  {reply, readReply},
	"refusal":                {func(r *reader) { r.u8("type"); r.digest("request"); r.u8("reason") }, readRefusal},
	"status query":           {func(r *reader) { r.u8("type") }, nil},
	"receipt":                {receipt, readReceipt},
	"hello":                  {hello, nil},
	"genesis":                {genesisLayout, nil},
	"origin":                 {origin, nil},
	"backup head":            {backupHead, nil},
	"enrolment":              {func(r *reader) { r.enrolment("") }, readEnrolment},
	"meta value":             {metaValue, nil},
	"session value":          {sessionValue, nil},
	"segment header":         {segmentHeader, nil},
	"round":                  {round, nil},
	"mark":                   {mark, nil},
	"kv operation":           {func(r *reader) { r.kv("") }, nil},
}

func prePrepare(r *reader) {
	r.vote("")
	if len(r.rest) > 0 {
		r.content()
	}
}

func checkpoint(r *reader) {
	r.u8("type")
	body := r.rest
	r.u64("sequence")
	r.digest("chain")
	signer := r.u32("signer")
	r.bytes("signature", 64)
	r.signed(replicaKey(signer), 19, body[:40])
}

func commitCertificate(r *reader) {
	r.u8("type")
	header, _ := r.header("")
	r.signatures("", 18, header)
}

func recall(r *reader) {
	all := r.rest
	r.u8("type")
	r.bytes("nonce", 16)
	r.u32("round")
	r.u64("fill")
	signer := r.u32("signer")
	body := all[1 : len(all)-len(r.rest)]
	r.bytes("signature", 64)
	r.signed(replicaKey(signer), 26, body)
}

func recalled(r *reader) {
	r.u8("type")
	r.bytes("nonce", 16)
	r.u32("round")
	for i := range r.u32("frames") {
		p := fmt.Sprintf("frame %d ", i)
		r.u32(p + "length")
		switch {
		case len(r.rest) == 0:
			r.bad = true
			return
		case r.rest[0] == 24:
			r.u8(p + "type")
			r.stable(p)
		default:
			r.vote(p)
		}
	}
}

func recoveryRecord(r *reader) {
	r.u64("first view that it votes in")
	r.text("reason", r.u16("reason length"))
	if len(r.rest) > 0 {
		r.u64("bound")
	}
}

func snapshot(r *reader) {
	r.u8("type")
	body := r.rest
	r.u64("sequence")
	r.digest("chain")
	r.digest("root")
	id := r.u32("signer")
	r.bytes("signature", 64)
	r.signed(replicaKey(id), 3, body[:72])
}

func fetchRequests(r *reader) {
	r.u8("type")
	r.digest("batch")
	for i := 0; len(r.rest) > 0; i++ {
		r.digest(fmt.Sprintf("request %d", i))
	}
}

func requests(r *reader) {
	r.u8("type")
	for i := 0; len(r.rest) > 0; i++ {
		r.u32(fmt.Sprintf("request %d length", i))
		r.request(fmt.Sprintf("request %d ", i))
	}
}

func askPlan(r *reader) {
	r.u8("type")
	r.u64("from")
	r.u64("target")
	r.u8("whole")
}

func plan(r *reader) {
	r.u8("type")
	r.u64("from")
	r.u64("target")
	if r.u8("has snapshot") == 1 {
		r.snapshotCertificate()
	}
	for i := range r.u32("windows") {
		r.u64(fmt.Sprintf("window %d checkpoint", i))
		r.digest(fmt.Sprintf("window %d write set", i))
	}
}

func origin(r *reader) {
	r.digest("group")
	r.u64("epoch")
	r.u64("sequence")
	r.digest("chain")
	r.digest("root")
}

func backupHead(r *reader) {
	r.text("magic", 8)
	r.u16("version")
	r.digest("group")
	r.u64("epoch")
	r.u32("certificate length")
	r.snapshotCertificate()
	r.u32("partitions length")
	partitions(r)
}

func partitions(r *reader) {
	r.u64("version")
	for i := range 256 {
		if r.u64(fmt.Sprintf("partition %d entries", i)) > 0 {
			r.bytes(fmt.Sprintf("partition %d lattice", i), 2048)
		}
	}
}

// chunk reads a chunk of a whole window: its data are changes.
func chunk(r *reader) {
	r.u8("type")
	list := len(r.rest) > 0 && r.rest[0] == 4
	r.item()
	r.u64("offset")
	r.u8("last")
	for i := 0; list && len(r.rest) > 0 && !r.bad; i++ {
		r.bytes(fmt.Sprintf("short digest %d", i), 8)
	}
	r.changes()
}

func askEntries(r *reader) {
	r.u8("type")
	r.u64("snapshot")
	r.u8("partition")
	r.u32("first position")
	r.bytes("wanted", uint64(len(r.rest)))
}

func entries(r *reader) {
	r.u8("type")
	r.u64("snapshot")
	r.u8("partition")
	r.u32("first position")
	r.changes()
}

func (r *reader) changes() {
	for i := 0; len(r.rest) > 0 && !r.bad; i++ {
		p := fmt.Sprintf("change %d ", i)
		r.u8(p + "deleted")
		r.bytes(p+"key", r.u32(p+"key length"))
		r.bytes(p+"value", r.u32(p+"value length"))
	}
}

func reply(r *reader) {
	r.u8("type")
	r.digest("root")
	r.bytes("signature", 64)
	for len(r.rest) > 0 && !r.bad {
		r.leaf()
		r.path("")
		size := r.u32("results length")
		for i := 0; size > 0 && !r.bad; i++ {
			r.u8(fmt.Sprintf("result %d class", i))
			n := r.u32(fmt.Sprintf("result %d length", i))
			r.bytes(fmt.Sprintf("result %d value", i), n)
			size -= min(size, 5+n)
		}
	}
}

func receipt(r *reader) {
	r.leaf()
	for i := 0; len(r.rest) > 0 && !r.bad; i++ {
		p := fmt.Sprintf("root %d ", i)
		id := r.u32(p + "replica")
		root := r.digest(p + "hash")
		r.bytes(p+"signature", 64)
		r.signed(replicaKey(id), 2, root)
		r.path(p)
	}
}

func hello(r *reader) {
	r.text("magic", 4)
	r.u16("version")
	r.u8("verdict")
	r.u8("lane")
	r.digest("group")
}

// decoders of the code

func client(b []byte) ([]crypto.Check, bool) {
	u, err := core.Decoder{Group: group}.Client(b)
	return u.Checks, err == nil
}

func engine(b []byte) ([]crypto.Check, bool) {
	u, err := pbft.NewCodec(group).Decode(b, consensus.Hint{})
	return u.Checks, err == nil
}

func replica(b []byte) ([]crypto.Check, bool) {
	if t := wire.Type(b); t >= wire.TypeStateFirst && t <= wire.TypeStateLast {
		u, err := transfer.Decode(b, group)
		return u.Checks, err == nil
	}
	u, err := core.Decoder{Group: group, Codec: pbft.NewCodec(group)}.Replica(b, consensus.Hint{})
	return u.Checks, err == nil
}

func readReply(b []byte) ([]crypto.Check, bool) {
	_, err := wire.ReadReply(b)
	return nil, err == nil
}

func readRefusal(b []byte) ([]crypto.Check, bool) {
	_, err := wire.ReadRefusal(b)
	return nil, err == nil
}

func readReceipt(b []byte) (checks []crypto.Check, ok bool) {
	r, err := wire.ReadReceipt(b)
	if err != nil || r.Verify(group, crypto.Ed25519) != nil {
		return nil, false
	}
	for _, root := range r.Roots {
		c, _ := root.Check(group)
		checks = append(checks, c)
	}
	return checks, true
}

func readPartitions(b []byte) ([]crypto.Check, bool) {
	_, ok := statemachine.ReadPartitions(b)
	return nil, ok
}

func readEnrolment(b []byte) ([]crypto.Check, bool) {
	s := cryptobyte.String(b)
	_, ok := consensus.ReadEnrolment(&s)
	return nil, ok && s.Empty()
}
