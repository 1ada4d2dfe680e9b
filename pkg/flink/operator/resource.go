package operator

import (
	"context"
	"sync"
	"time"
)

// Silence notices that nothing happens.
type Silence struct {
	mu      sync.Mutex
	heard   bool
	finding string
	done    chan struct{}
	wake    chan struct{}
}

// SilenceLimit is how long the operator may take to react before somebody
// looks why. It watches its objects, so a healthy one reacts within a second
// or two.
const SilenceLimit = 12 * time.Second

// Start calls look each time that Heard hasn't been called for silenceLimit.
// begun says whether it ever was.
func (s *Silence) Start(ctx context.Context, look func(ctx context.Context, begun bool)) {
	s.mu.Lock()
	s.done, s.wake = make(chan struct{}), make(chan struct{}, 1)
	s.mu.Unlock()
	go func() {
		defer close(s.done)
		timer := time.NewTimer(SilenceLimit)
		defer timer.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-s.wake:
			case <-timer.C:
				s.mu.Lock()
				begun := s.heard
				s.mu.Unlock()
				look(ctx, begun)
			}
			timer.Reset(SilenceLimit)
		}
	}()
}

// Heard says that the operator did react.
func (s *Silence) Heard() {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default: // not begun, or woken already
	}
	s.heard, s.finding = true, ""
}

// Again begins the silence anew, without the operator having reacted.
func (s *Silence) Again() {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default: // not begun, or woken already
	}
}

// Found remembers why nothing happens, and reports whether that is new.
func (s *Silence) Found(finding string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.finding
	s.finding = finding
	return before != finding
}

// Finding is why nothing happens; "" if something did.
func (s *Silence) Finding() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.finding
}

// Wait ends the look-out.
func (s *Silence) Wait(cancel context.CancelCauseFunc) {
	cancel(nil)
	s.mu.Lock()
	done := s.done
	s.mu.Unlock()
	if done != nil {
		<-done
	}
}
