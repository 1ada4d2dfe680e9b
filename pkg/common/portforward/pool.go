package portforward

import (
	"context"
	"sync"
	"time"

	"github.com/moby/spdystream/spdy"
)

const (
	// keepIdle is how many unused connections to a pod are kept, and for how
	// long.
	keepIdle    = 8
	keepIdleFor = time.Minute
)

// podPool holds the connections to one pod. SPDY as kubelets speak it has no
// flow control per stream, so one that isn't read would hold up all others of
// its connection: each stream gets a connection of its own, which is used
// again after it. Only beyond the bound streams share.
type podPool struct {
	tunnel *Tunnel
	pod    Pod

	mu       sync.Mutex
	sessions map[*session]*usage
	dialling int
	closed   bool
}

type usage struct {
	streams int
	expiry  *time.Timer
}

// pool returns the pool of pod; nil when the tunnel is closed.
func (t *Tunnel) pool(pod Pod) *podPool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil
	}
	p := t.pods[pod]
	if p == nil {
		p = &podPool{tunnel: t, pod: pod, sessions: map[*session]*usage{}}
		t.pods[pod] = p
	}
	return p
}

// open gives a stream to end.
func (t *Tunnel) open(ctx context.Context, target Target, end endpoint) (*stream, error) {
	p := t.pool(end.pod)
	if p == nil {
		return nil, errSessionClosed
	}
	for {
		s, fresh, err := p.acquire(ctx, target)
		if err != nil {
			return nil, err
		}
		st, err := s.open(ctx, end.port, end.pod)
		if err == nil {
			st.onEnd = func(clean bool) { p.release(s, st, clean) } //nolint:contextcheck // a stream outlives the call that opened it
			t.remember(target, end)
			return st, nil
		}
		p.drop(s)
		if fresh || ctx.Err() != nil {
			return nil, err
		}
		// A kept connection may have died unnoticed; the next is tried, and
		// in the end a fresh one.
	}
}

// acquire finds or makes a session and counts one stream on it.
func (p *podPool) acquire(ctx context.Context, target Target) (s *session, fresh bool, err error) {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil, false, errSessionClosed
	}
	var least *session
	for s, use := range p.sessions {
		if s.failure() != nil {
			continue // its watcher removes it
		}
		if use.streams == 0 {
			use.take()
			p.mu.Unlock()
			return s, false, nil
		}
		if least == nil || use.streams < p.sessions[least].streams {
			least = s
		}
	}
	if least != nil && len(p.sessions)+p.dialling >= p.tunnel.options.Connections {
		p.sessions[least].take()
		p.mu.Unlock()
		return least, false, nil
	}
	p.dialling++
	p.mu.Unlock()

	s, via, err := p.tunnel.connector.connect(ctx, p.pod)
	p.mu.Lock()
	p.dialling--
	if err == nil && p.closed {
		p.mu.Unlock()
		s.close()
		return nil, false, errSessionClosed
	}
	if err != nil {
		p.mu.Unlock()
		return nil, false, err
	}
	first := len(p.sessions) == 0
	p.sessions[s] = &usage{streams: 1}
	p.tunnel.work.Add(1)
	p.mu.Unlock()
	p.tunnel.worked.Store(true)
	go p.watch(s, target)
	if first {
		p.tunnel.log(Event{Type: Connected, Target: target, Pod: p.pod, Transport: via})
	}
	return s, true, nil
}

func (u *usage) take() {
	u.streams++
	if u.expiry != nil {
		u.expiry.Stop()
		u.expiry = nil
	}
}

// watch removes s when it ends.
func (p *podPool) watch(s *session, target Target) {
	defer p.tunnel.work.Done()
	<-s.done
	s.stopped.Wait()
	p.mu.Lock()
	use := p.sessions[s]
	delete(p.sessions, s)
	if use != nil && use.expiry != nil {
		use.expiry.Stop()
	}
	last, closed := len(p.sessions) == 0 && p.dialling == 0, p.closed
	p.mu.Unlock()
	if closed || s.failure() == errSessionClosed { //nolint:errorlint // the very value
		return
	}
	p.tunnel.forget(target, p.pod, 0)
	if last {
		p.tunnel.log(Event{Type: Lost, Target: target, Pod: p.pod, Err: s.failure()})
	}
}

// release gives s back after a stream. One that ended out of order may still
// be sent data, because kubelets go on writing after a reset; the connection
// goes with it unless others use it.
func (p *podPool) release(s *session, st *stream, clean bool) {
	p.mu.Lock()
	use := p.sessions[s]
	if use == nil {
		p.mu.Unlock()
		return
	}
	use.streams--
	idle := 0
	for _, other := range p.sessions {
		if other.streams == 0 {
			idle++
		}
	}
	drop := use.streams == 0 && (!clean || idle > keepIdle)
	if use.streams == 0 && !drop {
		use.expiry = time.AfterFunc(keepIdleFor, func() { p.expire(s) })
	}
	p.mu.Unlock()
	switch {
	case drop:
		s.fail(errSessionClosed)
	case !clean:
		ctx, cancel := context.WithTimeout(context.Background(), controlTimeout)
		defer cancel()
		// A failure ends the session by itself.
		_ = s.writeControl(ctx,
			&spdy.RstStreamFrame{StreamId: st.id, Status: spdy.Cancel},
			&spdy.RstStreamFrame{StreamId: st.errorID, Status: spdy.Cancel})
	}
}

// drop ends s after a stream could not be opened.
func (p *podPool) drop(s *session) {
	p.mu.Lock()
	use := p.sessions[s]
	if use != nil {
		use.streams--
	}
	shared := use != nil && use.streams > 0
	p.mu.Unlock()
	if !shared {
		s.fail(errSessionClosed)
	}
}

func (p *podPool) expire(s *session) {
	p.mu.Lock()
	use := p.sessions[s]
	unused := use != nil && use.streams == 0
	p.mu.Unlock()
	if unused {
		s.fail(errSessionClosed)
	}
}

func (p *podPool) close() {
	p.mu.Lock()
	p.closed = true
	var all []*session
	for s := range p.sessions {
		all = append(all, s)
	}
	p.mu.Unlock()
	for _, s := range all {
		s.close()
	}
}
