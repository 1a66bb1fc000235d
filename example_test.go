package varangian_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/signal"

	"github.com/varangian-bft/varangian/client"
	"github.com/varangian-bft/varangian/crypto/keyfile"
	"github.com/varangian-bft/varangian/replica"
	"github.com/varangian-bft/varangian/statemachine"
)

// A counter is a whole service: it adds up what it is sent, under a key that the
// framework replicates.
type counter struct{}

func (counter) Apply(w statemachine.Writer, op []byte) ([]byte, error) {
	if len(op) != 8 {
		return nil, errors.New("want a number of 8 bytes") // changes nothing, and is the result
	}
	sum := binary.BigEndian.Uint64(op)
	if old, found := w.Read([]byte("sum")); found {
		sum += binary.BigEndian.Uint64(old)
	}
	value := binary.BigEndian.AppendUint64(nil, sum)
	w.Set([]byte("sum"), value)
	return value, nil
}

func (counter) Query(r statemachine.Reader, _ []byte) ([]byte, error) {
	value, _ := r.Read([]byte("sum"))
	return value, nil
}

// One replica of a group that "replica init --dir group" has laid out, with a
// service of its own inside. The other replicas run the same program.
func Example_replica() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	keys, err := keyfile.Read("group/replica-0/keys", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	r, err := replica.New(replica.Config{GroupFile: "group/group.toml", Keys: keys, DataDir: "group/replica-0/data"}, counter{})
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := r.Run(ctx); err != nil {
		fmt.Println(err)
		os.Exit(replica.ExitCode(err)) // 3 and 4: do not start it again by itself
	}
}

// A client of the group. It is safe for concurrent use, and packs operations that
// wait together into one signed request.
func Example_client() {
	ctx := context.Background()
	keys, err := keyfile.Read("group/client-0/keys", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	c, err := client.Dial(ctx, client.Config{GroupFile: "group/group.toml", Keys: keys})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	result, err := c.Invoke(ctx, binary.BigEndian.AppendUint64(nil, 5), client.WithReceipt())
	if err != nil {
		fmt.Println(err, client.OutcomeOf(err)) // whether it can have taken effect
		return
	}
	receipt, err := result.Receipt() // f+1 replicas vouch for it to anyone
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(binary.BigEndian.Uint64(result.Value), "at", receipt.Leaf.Sequence)
}
