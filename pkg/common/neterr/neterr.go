// Package neterr knows the system's errors of connections, on every system.
package neterr

import (
	"errors"
	"runtime"
	"syscall"
)

// Windows has numbers of its own for sockets. Go's syscall.ECONNREFUSED and
// the like are made up there, and no call ever returns them.
const (
	wsaAddrInUse   = syscall.Errno(10048)
	wsaConnAborted = syscall.Errno(10053)
	wsaConnReset   = syscall.Errno(10054)
	wsaConnRefused = syscall.Errno(10061)
)

// InUse says that err is about an address that somebody else listens on.
func InUse(err error) bool { return is(runtime.GOOS, err, syscall.EADDRINUSE, wsaAddrInUse) }

// Refused says that err is about an address that nobody listens on.
func Refused(err error) bool { return is(runtime.GOOS, err, syscall.ECONNREFUSED, wsaConnRefused) }

// Reset says that err is about a connection that the other side broke off.
func Reset(err error) bool {
	return is(runtime.GOOS, err, syscall.ECONNRESET, wsaConnReset) || is(runtime.GOOS, err, syscall.EPIPE, wsaConnAborted)
}

func is(goos string, err error, number, windows syscall.Errno) bool {
	if errors.Is(err, number) {
		return true
	}
	var got syscall.Errno
	return goos == "windows" && errors.As(err, &got) && got == windows
}
