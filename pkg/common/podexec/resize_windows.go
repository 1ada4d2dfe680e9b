package podexec

import (
	"context"
	"time"
)

// notifyResize sends to changed now and then: Windows has no signal for it.
func notifyResize(ctx context.Context, changed chan<- struct{}) (stop func()) {
	go func() {
		tick := time.NewTicker(250 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				select {
				case changed <- struct{}{}:
				default:
				}
			}
		}
	}()
	return func() {}
}
