package vectors_test

import "fmt"

// The layouts of what stands on disk and in the state.

func genesisLayout(r *reader) {
	r.text("name", r.u8("name length"))
	r.text("engine", r.u8("engine length"))
	r.u32("faults")
	for i := range r.u32("replicas") {
		p := fmt.Sprintf("replica %d ", i)
		r.text(p+"name", r.u8(p+"name length"))
		r.bytes(p+"signing key", 32)
		r.bytes(p+"transport key", 32)
	}
	for i := range r.u32("clients") {
		r.enrolment(fmt.Sprintf("client %d ", i))
	}
	for _, name := range []string{
		"checkpoint_interval", "window", "snapshot_interval", "batch_bytes_max", "batch_requests_max", "request_bytes_max",
		"request_operations_max", "key_bytes_max", "value_bytes_max", "result_bytes_max", "write_set_bytes_max", "reads_max",
		"session_window", "sessions_per_client", "session_bytes_max", "clients_max", "drift_max_ns",
	} {
		r.u64(name)
	}
}

func metaValue(r *reader) {
	r.u32("execution version")
	r.digest("group")
	r.u64("epoch")
	r.u64("sequence")
	r.u64("agreed time")
	r.digest("history")
}

func sessionValue(r *reader) {
	r.digest("opened by request")
	r.u64("opened at sequence")
	r.u64("low")
	r.u64("last execution")
	for i := range r.u32("executed") {
		p := fmt.Sprintf("executed %d ", i)
		r.u64(p + "timestamp")
		r.digest(p + "request")
		r.u64(p + "sequence")
		r.digest(p + "results digest")
		r.bytes(p+"results", r.u32(p+"results length"))
	}
}

func segmentHeader(r *reader) {
	r.text("magic", 4)
	r.u32("checksum")
	r.u32("version")
	r.u32("zero")
	r.u64("number")
	r.u64("file size")
	r.u64("first position")
	r.digest("round before")
	r.digest("identity")
	r.bytes("salt", 16)
	r.u64("zero")
}

func round(r *reader) {
	r.text("magic", 4)
	r.u32("checksum")
	r.u64("segment")
	r.u64("life")
	r.u64("first position")
	r.u64("synced through")
	r.u32("data length")
	count := r.u32("records")
	r.bytes("salt", 16)
	r.digest("round before")
	lengths := make([]uint64, count)
	for i := range count {
		p := fmt.Sprintf("record %d ", i)
		lengths[i] = r.u32(p + "length")
		r.u32(p + "checksum")
		r.u64(p + "position")
		r.u8(p + "kind")
	}
	for i, n := range lengths {
		r.bytes(fmt.Sprintf("record %d data", i), n)
	}
}

func mark(r *reader) {
	r.text("magic", 4)
	r.u32("checksum")
	r.u32("version")
	r.u32("zero")
	r.u64("serial")
	r.u64("life")
	r.u64("first segment")
	r.u64("last segment")
	r.u64("synced through")
	r.digest("last round")
	r.digest("identity")
	r.bytes("salt", 16)
	r.u64("zero")
}

func (r *reader) value(prefix string) {
	if r.u8(prefix+"present") == 1 {
		r.bytes(prefix+"value", r.number(3, prefix+"length"))
	}
}

func (r *reader) kv(prefix string) {
	code := r.u8(prefix + "code")
	if code == 7 {
		for i := range r.u16(prefix + "operations") {
			r.kv(fmt.Sprintf("operation %d ", i))
		}
		return
	}
	r.bytes(prefix+"key", r.u16(prefix+"key length"))
	switch code {
	case 1:
		r.bytes(prefix+"value", r.number(3, prefix+"value length"))
	case 4:
		r.value(prefix + "old ")
		r.value(prefix + "new ")
	case 5:
		r.u64(prefix + "delta")
	case 6:
		r.value(prefix + "end ")
		r.u32(prefix + "limit")
	}
}
