// Package filelock lets one process at a time change a file.
package filelock

import (
	"context"
	"fmt"
	"os"
	"time"
)

// retryEvery is how often a lock that another process holds is tried again.
const retryEvery = 10 * time.Millisecond

// Lock waits until no other process, and nothing else in this one, holds the
// lock called path, an empty file that is made with mode 0600 and stays. The
// system releases the lock of a process that ends in any way. The error of ctx
// says which lock was waited for.
func Lock(ctx context.Context, path string) (unlock func(), err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		held, err := tryLock(file)
		if err != nil {
			_ = file.Close()
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		if !held {
			return func() { _ = file.Close() }, nil
		}
		select {
		case <-ctx.Done():
			_ = file.Close()
			return nil, fmt.Errorf("another process holds the lock %s: %w", path, context.Cause(ctx))
		case <-time.After(retryEvery):
		}
	}
}
