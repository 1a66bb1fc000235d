package pbft_test

// R1
