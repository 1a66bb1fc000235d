package group

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// ErrParentGone is the cause of a context that ended because the process that
// started this one has.
var ErrParentGone = errors.New("the process that started this one is gone")

// EndWithParent returns a context that also ends when the parent of this process
// does: `go run` does not pass on what ends it. From then on, output that nobody
// reads is an error and no longer ends the process, which has to clean up.
func EndWithParent(ctx context.Context) (context.Context, error) {
	signal.Ignore(syscall.SIGPIPE)
	ctx, end := context.WithCancelCause(ctx)
	parent := os.Getppid()
	fd, err := unix.PidfdOpen(parent, 0)
	if err != nil || os.Getppid() != parent {
		end(ErrParentGone)
		if err != nil && !errors.Is(err, unix.ESRCH) {
			return nil, os.NewSyscallError("pidfd_open", err)
		}
		return ctx, nil
	}
	go func() {
		for {
			// A pidfd becomes readable when its process ends.
			_, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, -1)
			if !errors.Is(err, unix.EINTR) {
				end(ErrParentGone)
				return
			}
		}
	}()
	return ctx, nil
}
