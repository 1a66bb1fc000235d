package replica

type nodeID int // want: nodeID uses the word "node"

type Reader interface {
	Get(key string) string
	GetAll() []string // want: GetAll uses the word "get"
}

type VoteManager struct { // want: VoteManager uses the word "manager"
	peers  []nodeID // want: peers uses the word "peer"
	anode  int
	target int
}

func leaderOf(view int) (sum int) { // want: leaderOf uses the word "leader"
	for clusterSize := range view { // want: clusterSize uses the word "cluster"
		sum += clusterSize
	}
	txn := sum // want: txn uses the word "txn"
	return txn
}

func utilGetter() {}
