package state

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"syscall"
)

// logger passes on what Badger says. It says much at its "info" that no operator
// needs, and calls "error" what it then goes on with.
type logger struct {
	to     *slog.Logger
	failed func(error) // may be nil
}

func (l logger) Errorf(format string, args ...any) {
	l.log(slog.LevelWarn, format, args)
	l.notice(args)
}

func (l logger) Warningf(format string, args ...any) {
	l.log(slog.LevelWarn, format, args)
	l.notice(args)
}

func (l logger) Infof(format string, args ...any)  { l.log(slog.LevelDebug, format, args) }
func (l logger) Debugf(format string, args ...any) { l.log(slog.LevelDebug, format, args) }

func (l logger) log(level slog.Level, format string, args []any) {
	if ctx := context.Background(); l.to.Enabled(ctx, level) {
		l.to.Log(ctx, level, "badger: "+strings.TrimSpace(fmt.Sprintf(format, args...)))
	}
}

// notice passes on what the system answered to a flush or a compaction in the
// background. There is no other way to hear of it.
func (l logger) notice(args []any) {
	for _, a := range args {
		var cause syscall.Errno
		if err, ok := a.(error); ok && l.failed != nil && errors.As(err, &cause) {
			l.failed(err)
		}
	}
}
