package replica

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// controlTimeout bounds one exchange over the control socket.
const controlTimeout = 5 * time.Second

// controlPath is where the control socket of a data folder is.
func controlPath(dataDir string) string { return filepath.Join(dataDir, "control") }

// serveControl answers the operator on a socket of mode 0600 in the data folder.
// The function that it returns closes it.
func serveControl(dataDir string, status func() []byte, backup http.HandlerFunc, more ...func(*http.ServeMux)) (closing func(), err error) {
	path := controlPath(dataDir)
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, failure(ExitSurroundings, "control socket: %w", err)
	}
	listener, err := net.Listen("unix", path)
	if err != nil {
		return nil, failure(ExitSurroundings, "control socket: %w (a path of over 100 bytes is too long for a socket)", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		listener.Close()
		return nil, failure(ExitSurroundings, "control socket: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(status()) // the asker may be gone
	})
	mux.HandleFunc("GET /backup", backup)
	for _, add := range more {
		add(mux)
	}
	server := &http.Server{Handler: mux, ReadTimeout: controlTimeout, WriteTimeout: controlTimeout}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener) // returns when closed
	}()
	return func() { server.Close(); <-done }, nil
}

// ReadStatus asks the replica that runs on a data folder for its status, as JSON.
func ReadStatus(ctx context.Context, dataDir string) ([]byte, error) {
	answer, err := askControl(ctx, dataDir, "/status", controlTimeout)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	return io.ReadAll(io.LimitReader(answer.Body, 1<<20))
}

// askControl asks the replica that runs on a data folder. The whole exchange may
// take the time-out; without one the context alone ends it.
func askControl(ctx context.Context, dataDir, what string, timeout time.Duration) (*http.Response, error) {
	path := controlPath(dataDir)
	client := &http.Client{
		Timeout: timeout,
		Transport: &http.Transport{
			DisableKeepAlives: true,
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return (&net.Dialer{}).DialContext(ctx, "unix", path)
			},
		},
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://control"+what, nil)
	if err != nil {
		return nil, err
	}
	answer, err := client.Do(request)
	if errors.Is(err, fs.ErrPermission) {
		return nil, failure(ExitSurroundings, "%s answers only to its owner: ask as the user that runs the replica", path)
	}
	if err != nil {
		return nil, fmt.Errorf("no replica answers on %s: is it running on this data folder?", path)
	}
	return answer, nil
}
