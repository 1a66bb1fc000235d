package pbft_test

import _ "github.com/varangian-bft/varangian/replica/core"
