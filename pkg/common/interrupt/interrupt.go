// Package interrupt decides whom Ctrl-C is for: the whole command, or the part
// of it that took it over.
package interrupt

import "sync"

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
