//go:build !windows

package podexec

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// notifyResize sends to changed whenever the terminal's size changes.
func notifyResize(ctx context.Context, changed chan<- struct{}) (stop func()) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGWINCH)
	go func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-signals:
				select {
				case changed <- struct{}{}:
				default:
				}
			}
		}
	}()
	return func() { signal.Stop(signals) }
}
