package vectors_test

import (
	"bytes"
	"encoding/binary"
	"slices"

	"github.com/varangian-bft/varangian/crypto"
)

// A change makes something of a valid vector that has to be refused.
type change struct {
	of, name, why string
	make          func(b []byte) []byte
}

// bySignature are the changes that only the check of a signature can find.
var bySignature = []string{"request_signature", "prepare_type", "receipt_root", "receipt_weak"}

func set(offset int, value ...byte) func([]byte) []byte {
	return func(b []byte) []byte { copy(b[offset:], value); return b }
}

func u64(offset int, value uint64) func([]byte) []byte {
	return func(b []byte) []byte { binary.BigEndian.PutUint64(b[offset:], value); return b }
}

// resigned makes a change to what a signature covers, and signs the outcome: only
// the form is wrong then. The signature is the last 64 bytes, or before from it.
func resigned(signer int, end int, edit func([]byte) []byte) func([]byte) []byte {
	return func(b []byte) []byte {
		b = edit(b)
		to := end
		if to == 0 {
			to = len(b) - 64
		}
		k := user
		if signer >= 0 {
			k = signers[signer]
		}
		s := k.Sign(crypto.Statement(statement(b[0], b[1:to])))
		if end == 0 {
			copy(b[to:], s[:])
		} else {
			copy(b[end+4:], s[:])
		}
		return b
	}
}

// signedEnd is where what a vote's signature covers ends, and checkpointEnd a
// CHECKPOINT's; the signer's id stands between it and the signature.
const (
	signedEnd     = 1 + 8 + 8 + 32
	checkpointEnd = 1 + 8 + 32
	byClient      = -1
)

// signerBytes is the length of a replica's id with its signature.
const signerBytes = 4 + 64

var changes = []change{
	{"request", "request_kind", "There is no kind 4.", resigned(byClient, 0, set(1, 4))},
	{"request", "request_signature", "One bit of the signature is another.", func(b []byte) []byte { b[len(b)-40] ^= 1; return b }},
	{"request", "request_timestamp", "Timestamps begin with 1 (R26).", resigned(byClient, 0, u64(42, 0))},
	{"request_open", "request_open_timestamp", "A request that opens a session has timestamp 0.", resigned(byClient, 0, u64(42, 1))},
	{"pre_prepare", "pre_prepare_backup", "Replica 1 is not the primary of view 0 (R35).", resigned(1, signedEnd, set(52, 1))},
	{"pre_prepare", "pre_prepare_content", "The content is not that of the digest (R15).", func(b []byte) []byte { b[len(b)-1] ^= 1; return b }},
	{"prepare", "prepare_primary", "The primary's own prepare does not count (R5).", resigned(0, signedEnd, set(49, 0, 0, 0, 0))},
	{"prepare", "prepare_stranger", "There is no replica 4 (R4).", set(49, 0, 0, 0, 4)},
	{"prepare", "prepare_sequence_zero", "Sequence numbers begin with 1.", resigned(1, signedEnd, u64(9, 0))},
	{"prepare", "prepare_sequence_large", "Numbers from 2^62 on are refused (R108).", resigned(1, signedEnd, u64(9, 1<<62))},
	{"prepare", "prepare_type", "The signature covers the type: a prepare is no commit (R8).", set(0, 18)},
	{"checkpoint", "checkpoint_between", "Checkpoints are at multiples of 2 here (R48).", resigned(0, checkpointEnd, u64(1, 3))},
	{"recall", "recall_stranger", "There is no replica 4 (R4).", set(29, 0, 0, 0, 4)},
	{"recalled", "recalled_status", "A STATUS is signed by nobody, and says nothing here.", set(29, 22)},
	{"recalled", "recalled_many", "No replica has more to tell than 2L + 3 frames.", set(21, 0xff)},
	{"commit_certificate", "certificate_twice", "One replica signs twice (R2).", func(b []byte) []byte {
		copy(b[50+signerBytes:], b[50:50+signerBytes])
		return b
	}},
	{"commit_certificate", "certificate_order", "Signers ascend.", func(b []byte) []byte {
		first := slices.Clone(b[50 : 50+signerBytes])
		copy(b[50:], b[50+signerBytes:50+2*signerBytes])
		copy(b[50+signerBytes:], first)
		return b
	}},
	{"commit_certificate", "certificate_short", "Two of three signatures are no quorum (R1).", func(b []byte) []byte {
		b[49] = 2
		return b[:len(b)-signerBytes]
	}},
	{"view_change", "view_change_zero", "View 0 needs no view change.", resigned(0, 0, u64(1, 0))},
	{"view_change", "view_change_prepared_later", "What prepared did so in an earlier view than the one asked for (R60).", resigned(0, 0, u64(preparedAt, 1))},
	{"view_change", "view_change_prepared_twice", "Each sequence number has one certificate (R60).", resigned(0, 0, func(b []byte) []byte {
		at := preparedAt
		one := slices.Clone(b[at : len(b)-signerBytes])
		b = append(slices.Clone(b[:len(b)-signerBytes]), append(one, b[len(b)-signerBytes:]...)...)
		binary.BigEndian.PutUint32(b[at-4:], 2)
		return b
	})},
	{"new_view", "new_view_short", "Two view changes are no quorum (R19).", func(b []byte) []byte { b[9] = 2; return b }},
	{"status", "status_flags", "There are four flags.", func(b []byte) []byte {
		at := 1 + 4*8 + 8 + 8*onesIn(b[33:41]) + 4
		b[at] = 16
		return b
	}},
	{"evidence", "evidence_order", "The lower digest comes first: one encoding for one proof.", func(b []byte) []byte {
		return slices.Concat(b[:1], b[118:], b[1:118])
	}},
	{"evidence", "evidence_same", "Two equal votes prove nothing (R47).", func(b []byte) []byte { copy(b[118:], b[1:118]); return b }},
	{"batch", "batch_body", "The body is not that of the digest (R22).", func(b []byte) []byte { b[len(b)-1] ^= 1; return b }},
	{"fetch_requests", "fetch_requests_none", "At least one body is asked for.", func(b []byte) []byte { return b[:33] }},
	{"plan_snapshot", "plan_signers", "A certificate needs three signatures (R93).", func(b []byte) []byte {
		b[18+72] = 2
		return slices.Concat(b[:18+73+2*signerBytes], b[18+73+3*signerBytes:])
	}},
	{"chunk", "chunk_kind", "There is no item of kind 5.", set(1, 5)},
	{"chunk", "chunk_partition", "A partition is not given by its bytes.", set(1, 2)},
	{"ask_entries", "ask_entries_first", "The first position is wanted.", set(14, 2)},
	{"ask_entries", "ask_entries_zero", "No zero stands at the end of what is wanted.", func(b []byte) []byte { return append(b, 0) }},
	{"chunk", "chunk_bool", "A truth value is 0 or 1.", set(19, 2)},
	{"ask_chunk", "ask_chunk_partition", "Only a partition and its list have an index.", set(10, 1)},
	{"reply", "reply_empty", "A reply has an entry.", func(b []byte) []byte { return b[:97] }},
	{"refusal", "refusal_reason", "There is no reason 7.", set(33, 7)},
	{"receipt", "receipt_root", "The path does not lead to the root (R14).", func(b []byte) []byte { b[120+4] ^= 1; return b }},
	{"receipt", "receipt_weak", "One replica alone proves nothing (R28).", func(b []byte) []byte { return b[:120+(len(b)-120)/2] }},
	{"enrolment", "enrolment_operator", "A truth value is 0 or 1.", func(b []byte) []byte { b[len(b)-1] = 2; return b }},
	{"enrolment", "enrolment_nameless", "A name has 1 to 64 bytes.", func(b []byte) []byte {
		b[0] = 0
		return slices.Concat(b[:1], b[1+len("operator"):])
	}},
}

// preparedAt is where the first prepared certificate of a view change with a
// stable checkpoint begins.
const preparedAt = 1 + 8 + 8 + 32 + 1 + 3*signerBytes + 4

func onesIn(mask []byte) (n int) {
	for _, b := range mask {
		for ; b > 0; b &= b - 1 {
			n++
		}
	}
	return n
}

// refusals makes the vectors that have to be refused, one failure each.
func refusals(valid []vector) (out []vector) {
	for _, c := range changes {
		i := slices.IndexFunc(valid, func(v vector) bool { return v.name == c.of })
		b := c.make(bytes.Clone(valid[i].data))
		out = append(out, vector{"refused_" + c.name, refusedPrefix + valid[i].kind, c.why, b})
	}
	return out
}
