// Package network carries frames between the replicas of a group and to and from
// its clients, over libp2p: TCP, TLS 1.3, yamux. Each side proves its transport
// key, and only replicas and clients that are listed get past the handshake.
//
// It moves bytes and judges none: what a frame says, who signed it and whether
// it may leave yet is decided above (R6, R19). It loses frames when it has to, at
// written bounds, and counts them; engines repeat what matters (R122).
//
// Between two replicas stand three streams, called lanes: votes and status,
// client requests, fetches and state (R102). A client has one lane to each
// replica. Of two replicas the one with the higher id dials. A lane begins with
// a hello that names protocol version and group; then frames follow in both
// directions:
//
//	4 bytes  length of the payload, big-endian, 1 to the limit of the class
//	1 byte   class
//	n bytes  payload
//
// What the caller owes it:
//
//  1. A Handler may block: that is the back-pressure on one stream. It must
//     return once the caller shuts down, else Close waits for it.
//  2. ReplicaUp, ReplicaDown and ClientGone must not block. Up and down alternate
//     strictly. One frame per lane that was already on its way to the handler may
//     still arrive after ReplicaDown, and some a moment before ReplicaUp.
//  3. A frame handed to Send or Reply is never changed afterwards.
//  4. A frame that does not decode is reported with CutOff or CutOffClient.
//  5. FrameBytesMax agrees within a group (LimitsFor): a frame over the receiver's
//     limit is taken for an attack.
package network
