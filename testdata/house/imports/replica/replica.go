package replica

import _ "github.com/varangian-bft/varangian/crypto/simsig" // want: replica may not import crypto/simsig
