package pbft

import (
	_ "crypto/sha256"

	_ "golang.org/x/crypto/cryptobyte"

	_ "github.com/dgraph-io/badger/v4" // want: pbft may not import github.com/dgraph-io/badger/v4
	_ "github.com/varangian-bft/varangian/crypto"
	_ "github.com/varangian-bft/varangian/replica/core" // want: pbft may not import replica/core
)
