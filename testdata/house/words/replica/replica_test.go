package replica_test

type node int
