package sqlgateway

import "context"

// prefetchedPage is a page that is requested while rows of the page before it are
// written.
type prefetchedPage struct {
	// done is closed when page and err are set.
	done chan struct{}
	page page
	err  error
	// canceled reports whether the request's context had ended when it returned.
	canceled bool
	cancel   context.CancelFunc
}

// prefetchLimit is how large a page may be, in bytes of its values, for the next one
// to be prefetched: then there are two of them in memory.
const prefetchLimit = 4 << 20

// size is that of a page's values, in bytes.
func (p page) size() int {
	sum := 0
	for _, row := range p.Results.Data {
		for _, field := range row.Fields {
			sum += len(field)
		}
	}
	return sum
}

// prefetch requests the next page in the background, so that the gateway makes it
// while the rows of this one are written. Only ask runs there; nextPage and
// dropPrefetched wait for it before the execution is used again.
func (e *execution) prefetch(ctx context.Context) {
	if e.local {
		return // ask may set the session's time zone, on which other statements wait
	}
	ctx, cancel := context.WithCancel(ctx)
	p := &prefetchedPage{done: make(chan struct{}), cancel: cancel}
	e.prefetched = p
	go func() {
		defer close(p.done)
		p.page, p.err = e.ask(ctx)
		p.canceled = ctx.Err() != nil
	}()
}

// nextPage returns the prefetched page, or requests one.
func (e *execution) nextPage(ctx context.Context) (page, error) {
	p := e.prefetched
	if p == nil {
		return e.ask(ctx)
	}
	select {
	case <-p.done:
	case <-ctx.Done():
	}
	e.dropPrefetched()
	if p.err != nil && p.canceled && ctx.Err() == nil {
		return e.ask(ctx) // the caller before was canceled; the same token has the same rows
	}
	return p.page, p.err
}

// dropPrefetched cancels the request of the next page, and waits for its end.
func (e *execution) dropPrefetched() {
	if e.prefetched == nil {
		return
	}
	e.prefetched.cancel()
	<-e.prefetched.done
	e.prefetched = nil
}
