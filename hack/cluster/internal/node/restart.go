package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
)

// RestartSignal asks a node to restart the component whose name is in the
// file RestartRequest.
const RestartSignal = syscall.SIGUSR1

// RestartRequest is the file that names the component to restart.
func (s Spec) RestartRequest() string { return s.Path("restart") }

// restart ends a component as a crash does, and starts it again.
func (s *supervisor) restart() error {
	raw, err := os.ReadFile(s.spec.RestartRequest())
	if err != nil {
		return err
	}
	name := strings.TrimSpace(string(raw))
	argv, known := Commands(s.spec)[name]
	if !known {
		return fmt.Errorf("restart: no component %q", name)
	}
	s.mu.Lock()
	pid := s.state.Components[name].PID
	s.mu.Unlock()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("restart %s: %w", name, err)
	}
	err = poll(context.Background(), name+"'s end", func() error {
		if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
			return errors.New("still running")
		}
		return nil
	})
	if err != nil {
		return err
	}
	return s.launch(name, argv...)
}
