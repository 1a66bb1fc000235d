package main

import (
	_ "github.com/spf13/cobra"

	_ "github.com/varangian-bft/varangian/replica"
)
