package consensus

import (
	"encoding/hex"

	"github.com/varangian-bft/varangian/crypto"
)

// A ReplicaID is a replica's index in the membership of its epoch, 0 to n-1.
type ReplicaID uint32

// Everyone addresses all other replicas of the group.
const Everyone ReplicaID = 1<<32 - 1

// A ViewNumber numbers the views of a group; view v has primary v mod n (R5).
type ViewNumber uint64

// A Sequence numbers the batches of a group, from 1. Sequence 0 is the genesis
// state.
type Sequence uint64

// A Position numbers the records of one replica's log, from 1, without gaps.
// As an "after" value, 0 means: wait for nothing.
type Position uint64

// An Epoch numbers the memberships of a group, from 1 (R114).
type Epoch uint64

// A ClientID is a client's signing key: a request names the key that signed it,
// so that its validity depends on its own bytes alone (R20).
type ClientID crypto.PublicKey

// String returns the first 8 hexadecimal digits, for logs.
func (c ClientID) String() string { return hex.EncodeToString(c[:4]) }

// A SessionNumber numbers the sessions that one client key opened, from 1 (R26).
type SessionNumber uint64

// A Timestamp numbers the requests of one session, from 1 (R26).
type Timestamp uint64

// A Time is the agreed time in nanoseconds since the Unix epoch (R37).
type Time int64
