// Package network may do what pure packages may not.
package network

import "time"

func wait(done chan struct{}) {
	go func() { done <- struct{}{} }()
	select {
	case <-done:
	case <-time.After(time.Second):
	}
}
