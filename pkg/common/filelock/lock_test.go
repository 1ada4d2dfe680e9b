package filelock

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

func TestOneHolderAtATime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.lock")
	var group sync.WaitGroup
	// Atomic: the race detector knows nothing of locks on files.
	var holders, count atomic.Int32
	for range 20 {
		group.Go(func() {
			unlock, err := Lock(t.Context(), path)
			if err != nil {
				t.Error(err)
				return
			}
			defer unlock()
			if n := holders.Add(1); n != 1 {
				t.Errorf("%d hold the lock", n)
			}
			holders.Add(-1)
			count.Add(1)
		})
	}
	group.Wait()
	if n := count.Load(); n != 20 {
		t.Errorf("%d held it, want 20", n)
	}
}

func TestWaitingEndsWithItsContext(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.lock")
	unlock, err := Lock(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	ended := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(ended)
	if _, err := Lock(ctx, path); !errors.Is(err, ended) || !strings.Contains(err.Error(), path) {
		t.Error(err)
	}
}
