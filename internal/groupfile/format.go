package groupfile

import (
	"reflect"
	"time"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
)

// The file as TOML. Pointers tell an absent key from a zero one. The tag "doc"
// is the comment that stands above the key.
type (
	document struct {
		Version    *int64             `toml:"version" doc:"Format of this file."`
		Name       *string            `toml:"name" doc:"Name of the group, 1 to 64 bytes."`
		Engine     *string            `toml:"engine" doc:"Protocol that orders requests: \"pbft\" tolerates replicas that lie."`
		Faults     *int64             `toml:"faults" doc:"Replicas that may be faulty at once: 1 of 4, 2 of 7, 3 of 10, 4 of 13."`
		Parameters *documentParameter `toml:"parameters"`
		Origin     *documentOrigin    `toml:"origin"`
		Replicas   []documentReplica  `toml:"replicas"`
		Clients    []documentClient   `toml:"clients"`
	}

	documentReplica struct {
		Name      *string           `toml:"name" doc:"Name for people, unique in this file."`
		Key       *crypto.PublicKey `toml:"key" doc:"Public key that signs protocol messages and receipts."`
		Transport *crypto.PublicKey `toml:"transport" doc:"Public key that identifies the replica to the transport."`
		Address   *string           `toml:"address" doc:"Where it is reached: /ip4/A.B.C.D/tcp/PORT, /ip6/... or /dns/NAME/tcp/PORT. May change later; it is not part of the group id."`
	}

	documentClient struct {
		Name      *string           `toml:"name" doc:"Name for people, unique in this file."`
		Key       *crypto.PublicKey `toml:"key" doc:"Public key that signs requests."`
		Transport *crypto.PublicKey `toml:"transport" doc:"Public key that identifies the client to the transport."`
		Operator  *bool             `toml:"operator" doc:"Whether it may add and remove clients."`
	}

	documentOrigin struct {
		Group    *crypto.Digest `toml:"group" doc:"Id of the group that ended."`
		Epoch    *uint64        `toml:"epoch" doc:"Its epoch at the snapshot."`
		Sequence *uint64        `toml:"sequence" doc:"Sequence number of the snapshot; nothing after it is in the backup."`
		Chain    *crypto.Digest `toml:"chain" doc:"Write-set chain of the snapshot."`
		Root     *crypto.Digest `toml:"root" doc:"Digest of the whole state: what the parties compare before they begin with it."`
	}

	// documentParameter has the field names of consensus.Parameters.
	documentParameter struct {
		CheckpointInterval   *uint64 `toml:"checkpoint_interval" doc:"A checkpoint every so many sequence numbers, 1 to 65536."`
		Window               *uint64 `toml:"window" doc:"Sequence numbers that may be open above the last stable checkpoint; a multiple of checkpoint_interval, at least twice it."`
		SnapshotInterval     *uint64 `toml:"snapshot_interval" doc:"A snapshot, from which an empty replica can start, every so many checkpoints, 1 to 1024."`
		BatchBytesMax        *uint64 `toml:"batch_bytes_max" doc:"Bytes of requests in one batch, 1024 to 4194304; at least request_bytes_max."`
		BatchRequestsMax     *uint64 `toml:"batch_requests_max" doc:"Requests in one batch, 1 to 16384."`
		RequestBytesMax      *uint64 `toml:"request_bytes_max" doc:"Bytes of one signed request, 512 to 2097152."`
		RequestOperationsMax *uint64 `toml:"request_operations_max" doc:"Operations under one signature, 1 to 16384."`
		KeyBytesMax          *uint64 `toml:"key_bytes_max" doc:"Bytes of a key of the application, 16 to 16384."`
		ValueBytesMax        *uint64 `toml:"value_bytes_max" doc:"Bytes of the value under one key, 16 to 1048576."`
		ResultBytesMax       *uint64 `toml:"result_bytes_max" doc:"Bytes of the result of one operation, 64 to 1048576; a scan is cut before it."`
		WriteSetBytesMax     *uint64 `toml:"write_set_bytes_max" doc:"Bytes of keys and values that one operation may write, 64 to 4194304."`
		ReadsMax             *uint64 `toml:"reads_max" doc:"Reads and scanned entries of one operation, 1 to 1048576."`
		SessionWindow        *uint64 `toml:"session_window" doc:"Requests of one session that may be open at once, 1 to 65536."`
		SessionsPerClient    *uint64 `toml:"sessions_per_client" doc:"Sessions of one client key that are kept, 1 to 1024; the least recently used goes first."`
		SessionBytesMax      *uint64 `toml:"session_bytes_max" doc:"Bytes of results kept for one session, 0 to 16777216; above it only their digests are."`
		ClientsMax           *uint64 `toml:"clients_max" doc:"Enrolled clients and operators, 1 to 1048576."`
		DriftMax             *uint64 `toml:"drift_max_ns" doc:"Nanoseconds that a proposed time may be away from a replica's clock, 1000000 to 86400000000000."`
	}
)

func newDocument(f *File) *document {
	version, faults := int64(Version), int64(f.Faults)
	d := &document{Version: &version, Name: &f.Name, Engine: &f.Engine, Faults: &faults, Parameters: &documentParameter{}}
	values, fields := reflect.ValueOf(f.Parameters), reflect.ValueOf(d.Parameters).Elem()
	for i := range fields.NumField() {
		n := new(uint64)
		switch v := values.FieldByName(fields.Type().Field(i).Name).Interface().(type) {
		case uint64:
			*n = v
		case time.Duration:
			*n = uint64(v)
		}
		fields.Field(i).Set(reflect.ValueOf(n))
	}
	if o := &f.Origin; o.Given() {
		d.Origin = &documentOrigin{&o.Group, (*uint64)(&o.Epoch), (*uint64)(&o.Sequence), &o.Chain, &o.Root}
	}
	for i := range f.Replicas {
		r := &f.Replicas[i]
		d.Replicas = append(d.Replicas, documentReplica{&r.Name, &r.Key, &r.Transport, &r.Address})
	}
	for i := range f.Clients {
		c := &f.Clients[i]
		d.Clients = append(d.Clients, documentClient{&c.Name, &c.Key, &c.Transport, &c.Operator})
	}
	return d
}

// file is the inverse of newDocument. No pointer in d is nil.
func (d *document) file(path string) *File {
	f := &File{Name: *d.Name, Engine: *d.Engine, Faults: int(*d.Faults), Parameters: d.Parameters.parameters(), path: path}
	if o := d.Origin; o != nil {
		f.Origin = consensus.Origin{
			Group: *o.Group, Epoch: consensus.Epoch(*o.Epoch), Sequence: consensus.Sequence(*o.Sequence), Chain: *o.Chain, Root: *o.Root,
		}
	}
	for _, r := range d.Replicas {
		f.Replicas = append(f.Replicas, Replica{*r.Name, *r.Key, *r.Transport, *r.Address})
	}
	for _, c := range d.Clients {
		f.Clients = append(f.Clients, Client{*c.Name, *c.Key, *c.Transport, *c.Operator})
	}
	return f
}

func (d *documentParameter) parameters() (p consensus.Parameters) {
	values, fields := reflect.ValueOf(&p).Elem(), reflect.ValueOf(d).Elem()
	for i := range fields.NumField() {
		v, n := values.FieldByName(fields.Type().Field(i).Name), fields.Field(i).Elem().Uint()
		if v.Kind() == reflect.Uint64 {
			v.SetUint(n)
		} else {
			v.SetInt(int64(n))
		}
	}
	return p
}
