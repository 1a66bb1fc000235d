package consensus

// The limits below follow from Parameters, so that all replicas have the same.
// They bound what a small request can make a replica hold in memory (R111).

// ResultsBytesMax bounds the values of all results of one request together. An
// operation that would go over it ends with ResultLimit, and may be sent again
// in a request of its own.
func (p *Parameters) ResultsBytesMax() uint64 { return 4 * p.ResultBytesMax }

// BatchResultsBytesMax bounds the values of all results of one batch together.
func (p *Parameters) BatchResultsBytesMax() uint64 { return 256 * p.ResultBytesMax }

// BatchWritesBytesMax bounds the keys and values that the operations of one batch
// write together (R125). Writing out every byte of a full batch four times stays
// within it.
func (p *Parameters) BatchWritesBytesMax() uint64 {
	return max(16*p.WriteSetBytesMax, 4*p.BatchBytesMax)
}

// RequestReadsMax bounds what the operations of one request read together, whatever
// becomes of them: one that ends with an error has cost every replica as much.
func (p *Parameters) RequestReadsMax() uint64 {
	return max(4*p.ReadsMax, 16*p.RequestOperationsMax)
}

// BatchReadsMax bounds what the operations of one batch read together. One read for
// each byte of a full batch stays within it.
func (p *Parameters) BatchReadsMax() uint64 { return max(64*p.ReadsMax, p.BatchBytesMax) }

// The values of a ResultLimit that says that the operations beside this one used
// up what they share: it changed nothing, and may be sent again with fewer.
const (
	LimitRequestResults = "results of one request"
	LimitBatchResults   = "results of one batch"
	LimitBatchWrites    = "writes of one batch"
	LimitRequestReads   = "reads of one request"
	LimitBatchReads     = "reads of one batch"
)
