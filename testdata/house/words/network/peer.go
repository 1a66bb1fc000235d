package network

type peer struct{ id int }
