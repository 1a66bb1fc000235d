package vectors_test

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"
	"time"

	"golang.org/x/crypto/cryptobyte"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/internal/backup"
	"github.com/varangian-bft/varangian/internal/wire"
	"github.com/varangian-bft/varangian/replica/core"
	"github.com/varangian-bft/varangian/replica/transfer"
	"github.com/varangian-bft/varangian/statemachine"
	"github.com/varangian-bft/varangian/statemachine/kv"
	"github.com/varangian-bft/varangian/store/log"
	"github.com/varangian-bft/varangian/store/log/logtest"
	"github.com/varangian-bft/varangian/store/memory"
)

// made are the vectors as the code writes them now.
func made(t *testing.T) []vector {
	out := engineVectors(t)
	out = append(out, requestVectors()...)
	out = append(out, executionVectors(t)...)
	out = append(out, logVectors(t)...)
	out = append(out, kvVectors()...)
	out = append(out, helloVector())
	return append(out, refusals(out)...)
}

func engineVectors(t *testing.T) []vector {
	frames := engineFrames(t)
	first := func(messageType byte) []byte {
		i := slices.IndexFunc(frames, func(f []byte) bool { return f[0] == messageType })
		if i < 0 {
			t.Fatalf("no engine sent a frame of type %d", messageType)
		}
		return frames[i]
	}
	longest := func(messageType byte) []byte {
		var out []byte
		for _, f := range frames {
			if f[0] == messageType && len(f) > len(out) {
				out = f
			}
		}
		return out
	}
	recall, recalled, record := recovery(t)
	return []vector{
		{"recall", "recall", "Replica 3 begins a life and asks what the others hold of it (R91).", recall},
		{"recalled", "recalled", "Replica 0 tells it: the stable checkpoint, and the votes that replica 3 signed above it.", recalled},
		{"recovery_record", "recovery record", "Record of kind 10: from which view on replica 3 votes again, and why not before (R92).", record},
		{"pre_prepare", "pre-prepare", "The primary proposes batch 1; the content travels beside the signed header (R76).", first(16)},
		{"pre_prepare_bare", "pre-prepare", "The same without its content, which the receiver then fetches by digest.", first(16)[:117]},
		{"prepare", "prepare", "A backup votes for batch 1.", first(17)},
		{"commit", "commit", "A replica for which batch 1 prepared votes again.", first(18)},
		{"checkpoint", "checkpoint", "The state after sequence 2 is on this replica's disk (R50).", first(19)},
		{"view_change", "view-change", "A stable checkpoint and what prepared above it (R57).", first(20)},
		{"new_view", "new-view", "Three view changes; 3 becomes the null batch, 4 is carried over (R62).", first(21)},
		{"status", "status", "What a replica holds and lacks (R122).", longest(22)},
		{"commit_certificate", "commit certificate", "Proof that batch 1 committed (R39).", first(23)},
		{"checkpoint_certificate", "checkpoint certificate", "Proof of the state at 2 (R50).", first(24)},
		{"evidence", "evidence", "Replica 2 prepared two batches at one place (R47). The lower digest comes first.", first(25)},
	}
}

func requestVectors() []vector {
	enrol := statemachine.EnrolOperation(consensus.Enrolment{
		Name: "another", Client: consensus.ClientID(signer(0x50).Public()), Transport: signer(0x51).Public(),
	})
	byOperator := consensus.SignRequest(consensus.Request{
		Kind: consensus.KindAdmin, Session: 1, Timestamp: 1, Operations: [][]byte{enrol},
	}, group.Domain(), admin)
	var enrolment cryptobyte.Builder
	group.Genesis.Clients[1].Marshal(&enrolment)
	return []vector{
		{"genesis", "genesis", "Its hash under kind 1 is the group id that all signatures cover (R8).", genesisBytes()},
		{"enrolment", "enrolment", "An operator's entry in the table of clients.", enrolment.BytesOrPanic()},
		{"request_open", "request", "Opens session 7; it has timestamp 0 and no operations (R26).", wire.RequestFrame(openSession)},
		{"request", "request", "Two operations under one signature.", wire.RequestFrame(putTwice)},
		{"request_admin", "request", "An operator enrols a client: the operation is the byte 1 and an enrolment (R34).", wire.RequestFrame(byOperator)},
		{"fetch_batch", "fetch batch", "Asks for content and bodies.", wire.FetchBatch{Digest: batches[1].Digest}.Marshal()},
		{"batch", "batch", "Content and bodies of batch 2.", wire.BatchFrame(batches[1])},
		{"batch_null", "batch", "The null batch has no content (R74).", wire.BatchFrame(consensus.NullBatch)},
		{"fetch_requests", "fetch requests", "Asks for one body of batch 2.", wire.FetchRequests{
			Batch: batches[1].Digest, Requests: batches[1].Content.Requests,
		}.Marshal()},
		{"requests", "requests", "Gives it.", wire.RequestsFrame([]*consensus.Request{putTwice})},
		{"refusal", "refusal", "One replica is overloaded.", wire.Refusal{Request: putTwice.Digest(), Reason: wire.RefusedOverloaded}.Marshal()},
		{"status_query", "status query", "Asks for a replica's status, which is answered by 131 and JSON.", wire.StatusQueryFrame()},
	}
}

// executionVectors executes the first two batches on a real state machine.
func executionVectors(t *testing.T) []vector {
	store := memory.New()
	machine, err := statemachine.NewMachine(kv.New(), group, store)
	if err != nil {
		t.Fatal(err)
	}
	var x *statemachine.Execution
	for i, b := range batches[:2] {
		if x, err = machine.Execute(b, consensus.Sequence(i+1)); err != nil {
			t.Fatal(err)
		}
	}
	version, err := store.Next(2)
	if err != nil {
		t.Fatal(err)
	}
	marker := statemachine.Marker{Version: version, Chain: x.Window.Chain}
	if err := store.Apply(x.Window.Changes, marker); err != nil {
		t.Fatal(err)
	}
	var reply []byte
	root := core.Reply{Outcomes: x.Outcomes, Tree: x.Tree, Signature: signers[0].Sign(consensus.ReceiptStatement(group, x.Root))}
	root.Frames(func(consensus.ClientID) bool { return true }, func(_ consensus.ClientID, f []byte) { reply = f })
	receipt := consensus.Receipt{Leaf: x.Outcomes[0].Leaf}
	for _, id := range []consensus.ReplicaID{0, 2} {
		receipt.Roots = append(receipt.Roots, consensus.SignedRoot{
			Replica: id, Root: x.Root, Signature: signers[id].Sign(consensus.ReceiptStatement(group, x.Root)), Path: x.Tree.Path(0),
		})
	}
	out := []vector{
		{"reply", "reply", "Replica 0 answers the client's request in batch 2 under one signed root (R29).", reply},
		{"receipt", "receipt", "Two replicas signed a root over the same leaf: f+1, so it proves the results to anyone (R28).", wire.MarshalReceipt(receipt)},
	}
	for _, c := range x.Window.Changes {
		switch {
		case c.Key[0] == 0 && c.Key[1] == 'm':
			out = append(out, vector{"meta_value", "meta value", "The value under the key 00 6d at checkpoint 2.", c.Value})
		case c.Key[0] == 0 && c.Key[1] == 's':
			out = append(out, vector{"session_value", "session value", "The value under 00 73, the client's key and session 7, at checkpoint 2.", c.Value})
		}
	}
	return append(out, transferVectors(t, store, x, marker)...)
}

func transferVectors(t *testing.T, store *memory.Store, x *statemachine.Execution, marker statemachine.Marker) []vector {
	partitions, err := statemachine.ComputePartitions(store, marker.Version)
	if err != nil {
		t.Fatal(err)
	}
	stated := wire.Snapshot{Sequence: 2, Chain: x.Window.Chain, Root: partitions.Root()}
	certificate := wire.SnapshotCertificate{Snapshot: stated}
	for id := range consensus.ReplicaID(3) {
		certificate.Signers = append(certificate.Signers, wire.SnapshotSigner{Replica: id, Signature: stated.Sign(group, id, signers[id]).Signature})
	}
	if err := store.SaveSnapshot(append(certificate.Marshal(), partitions.Marshal()...)); err != nil {
		t.Fatal(err)
	}
	atGenesis := memory.New()
	if _, err := statemachine.NewMachine(kv.New(), group, atGenesis); err != nil {
		t.Fatal(err)
	}
	table, err := statemachine.ComputePartitions(atGenesis, statemachine.VersionAt(0, 1))
	if err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	table.Version = 0
	head := backup.Head{Group: group.ID, Epoch: 1, Certificate: certificate.Marshal(), Table: table.Marshal()}
	if _, err := backup.NewWriter(&file, head); err != nil {
		t.Fatal(err)
	}
	table.Version = statemachine.VersionAt(0, 1)
	server := transfer.NewServer(group, store, &transfer.MemorySpool{})
	answer := func(frame []byte) []byte {
		u, err := transfer.Decode(frame, group)
		if err != nil {
			t.Fatal(err)
		}
		return server.Answer(u.Value)[0]
	}
	fetcher := transfer.NewFetcher(group, 3)
	_, first := statemachine.Genesis(group)
	var out transfer.Effects
	fetcher.Start(consensus.Checkpoint{Sequence: 2, Chain: x.Window.Chain}, first, false, epoch, &out)
	askPlan := out.Send[0].Frame
	plan := answer(askPlan)
	out = transfer.Effects{}
	receive(t, fetcher, plan, &out)
	askChunk := out.Send[0].Frame
	whole := slices.Clone(askPlan)
	whole[len(whole)-1] = 1
	gone := slices.Clone(askChunk)
	gone[1] = 1 // the table of a snapshot
	binary.BigEndian.PutUint64(gone[2:], 8)
	p := statemachine.PartitionOf(x.Window.Changes[0].Key)
	holds := []byte{87, 0, 0, 0, 0, 0, 0, 0, 2}
	answer(holds)
	askEntries := append([]byte{85, 0, 0, 0, 0, 0, 0, 0, 2, p}, 0, 0, 0, 0, 1)
	waits := answer(askEntries)
	for server.Work() {
	}
	askList := append([]byte{82, 4, 0, 0, 0, 0, 0, 0, 0, 2, p}, make([]byte, 8)...)
	return []vector{
		{"ask_list", "ask chunk", "Asks for the list of a partition of the snapshot at 2.", askList},
		{"list", "chunk", "Gives it: a short digest for each entry of the partition.", answer(askList)},
		{"ask_entries", "ask entries", "Asks for the entry at position 0.", askEntries},
		{"entries", "entries", "Gives it.", answer(askEntries)},
		{"hold", "hold", "Asks to keep the snapshot at 2.", holds},
		{"wait", "wait", "The partition is being made ready.", waits},
		{"snapshot", "snapshot", "Replica 1 states the partitions' root at checkpoint 2.", stated.Sign(group, 1, signers[1]).Marshal()},
		{"partitions", "partitions", "The table of the state at genesis: two enrolments and the meta entry.", table.Marshal()},
		{"origin", "origin", "A group that begins with the state at 2: this is the second part of what its id is the hash of (R8).", originBytes(stated)},
		{"backup_head", "backup head", "What a backup begins with; the table is that of genesis.", file.Bytes()},
		{"ask_plan", "ask plan", "From genesis to checkpoint 2.", askPlan},
		{"plan", "plan", "One window leads there.", plan},
		{"plan_snapshot", "plan", "The answer to an asker who wants a whole snapshot: its certificate, and no windows after it.", answer(whole)},
		{"ask_chunk", "ask chunk", "Asks for the write set of the window that ends at 2.", askChunk},
		{"chunk", "chunk", "Gives it, all in one chunk; the keys stand in ascending order.", answer(askChunk)},
		{"gone", "gone", "There is no snapshot at 8.", answer(gone)},
	}
}

func receive(t *testing.T, f *transfer.Fetcher, frame []byte, out *transfer.Effects) {
	u, err := transfer.Decode(frame, group)
	if err != nil {
		t.Fatal(err)
	}
	f.Receive(0, u.Value, epoch.Add(time.Millisecond), out)
	if len(out.Send) == 0 {
		t.Fatal("the plan leads nowhere")
	}
}

func logVectors(t *testing.T) []vector {
	disk := logtest.NewDisk()
	config := log.Config{Identity: crypto.Hash(crypto.KindConfiguration, []byte("identity")), SegmentBytes: 1 << 16}
	for i := range config.Salt {
		config.Salt[i] = byte(0xa0 + i)
	}
	l, err := log.Open(disk, config, func(consensus.Record) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	records := []consensus.Record{{Position: 1, Kind: 4, Data: []byte("the first record")}, {Position: 2, Kind: 8, Data: []byte("another")}}
	if err := l.Append(records); err != nil {
		t.Fatal(err)
	}
	if err := l.Sync(); err != nil {
		t.Fatal(err)
	}
	cut := func(name string, offset int64, n int) []byte {
		f, err := disk.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		b := make([]byte, n)
		if _, err := f.ReadAt(b, offset); err != nil {
			t.Fatal(err)
		}
		return b
	}
	table := 96 + 2*17 + len("the first record") + len("another")
	return []vector{
		{"segment_header", "segment header", "The first 128 bytes of the first segment; the rest of its page is zero.", cut("segment-0000000000000001", 0, 128)},
		{"round", "round", "Two records, at offset 4096 of that segment; zeros follow up to the next page.", cut("segment-0000000000000001", 4096, table)},
		{"mark", "mark", "The third slot of the mark, at offset 8192, after both records were synced (R82).", cut("mark", 8192, 144)},
	}
}

func kvVectors() []vector {
	return []vector{
		{"kv_put", "kv operation", "Sets a key.", kv.Put([]byte("colour"), []byte("green"))},
		{"kv_get", "kv operation", "Reads a key; code 3 with the same form removes it.", kv.Get([]byte("colour"))},
		{"kv_compare", "kv operation", "Sets a key if there is no value yet.", kv.CompareAndSet([]byte("colour"), kv.Missing, kv.Some([]byte("red")))},
		{"kv_increment", "kv operation", "Adds -2: the delta is in two's complement.", kv.Increment([]byte("visits"), -2)},
		{"kv_scan", "kv operation", "Up to 10 keys from a, below b.", kv.Scan([]byte("a"), kv.Some([]byte("b")), 10)},
		{"kv_atomic", "kv operation", "Two operations that take effect together or not at all.", kv.Atomic(kv.Delete([]byte("a")), kv.Put([]byte("b"), []byte("1")))},
	}
}

func helloVector() vector {
	b := binary.BigEndian.AppendUint16([]byte("vrng"), 1)
	b = append(b, 0, 2)
	return vector{"hello", "hello", "Opens the bulk lane; package network tests this one.", append(b, group.ID[:]...)}
}
