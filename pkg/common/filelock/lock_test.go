package filelock

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func TestOneHolderAtATime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.lock")
	var group sync.WaitGroup
	holders, count := 0, 0
	for range 20 {
		group.Go(func() {
			unlock, err := Lock(t.Context(), path)
			if err != nil {
				t.Error(err)
				return
			}
			defer unlock()
			if holders++; holders != 1 {
				t.Errorf("%d hold the lock", holders)
			}
			holders--
			count++
		})
	}
	group.Wait()
	if count != 20 {
		t.Errorf("%d held it, want 20", count)
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
