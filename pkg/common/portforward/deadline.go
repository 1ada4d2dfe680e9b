package portforward

import (
	"sync"
	"time"
)

// deadline is a moment that can be moved and waited for.
type deadline struct {
	mu    *sync.Mutex
	state *deadlineState
}

type deadlineState struct {
	timer *time.Timer
	over  chan struct{}
	fired bool
	epoch int
}

func newDeadline() deadline {
	return deadline{mu: &sync.Mutex{}, state: &deadlineState{over: make(chan struct{})}}
}

func (d deadline) set(t time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.state
	s.epoch++
	if s.timer != nil {
		s.timer.Stop()
		s.timer = nil
	}
	if s.fired {
		s.over, s.fired = make(chan struct{}), false
	}
	if t.IsZero() {
		return
	}
	wait := time.Until(t)
	if wait <= 0 {
		s.fired = true
		close(s.over)
		return
	}
	epoch := s.epoch
	s.timer = time.AfterFunc(wait, func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		if s.epoch == epoch && !s.fired {
			s.fired = true
			close(s.over)
		}
	})
}

func (d deadline) done() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.state.over
}

func (d deadline) expired() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.state.fired
}
