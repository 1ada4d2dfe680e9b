// Package interrupt decides whom Ctrl-C is for: the whole command, or the part
// of it that took it over.
package interrupt

import (
	"sync"
	"sync/atomic"
)

var (
	mu     sync.Mutex
	owners []chan struct{}
)

// Take makes the caller the one whom Ctrl-C is for, until release is
// called. Who took it last gets it.
func Take() (pressed <-chan struct{}, release func()) {
	own := make(chan struct{}, 1)
	mu.Lock()
	defer mu.Unlock()
	owners = append(owners, own)
	return own, func() {
		mu.Lock()
		defer mu.Unlock()
		for i, owner := range owners {
			if owner == own {
				owners = append(owners[:i:i], owners[i+1:]...)
				return
			}
		}
	}
}

// Deliver tells the owner of Ctrl-C that it was pressed, and reports whether
// there is one.
func Deliver() bool {
	mu.Lock()
	defer mu.Unlock()
	if len(owners) == 0 {
		return false
	}
	select {
	case owners[len(owners)-1] <- struct{}{}:
	default:
		// It knows already.
	}
	return true
}

var busy atomic.Bool

// Busy says that the command talks to others from here on: where it is to end, it
// may have to tidy up first, and is waited for.
func Busy() { busy.Store(true) }

// IsBusy reports whether Busy was called. A command that isn't busy only reads
// what its user named, and may be held up in that by a pipe into which nothing is
// written.
func IsBusy() bool { return busy.Load() }
