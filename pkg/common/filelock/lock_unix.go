//go:build !windows

package filelock

import (
	"errors"
	"os"
	"syscall"
)

// tryLock reports whether another one holds the lock; if not, file does now,
// until it is closed.
func tryLock(file *os.File) (held bool, err error) {
	err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) || errors.Is(err, syscall.EINTR) {
		return true, nil
	}
	return false, err
}
