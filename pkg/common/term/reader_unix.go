//go:build unix

package term

import (
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// ReaderGone reports whether out is a pipe or a terminal that has no reader
// any more: what is written to it is lost.
func ReaderGone(out io.Writer) bool {
	file, ok := out.(*os.File)
	if !ok {
		return false
	}
	connection, err := file.SyscallConn()
	if err != nil {
		return false
	}
	gone := false
	err = connection.Control(func(fd uintptr) {
		fds := []unix.PollFd{{Fd: int32(fd)}} //nolint:gosec // a file descriptor
		n, err := unix.Poll(fds, 0)
		gone = err == nil && n > 0 && fds[0].Revents&(unix.POLLERR|unix.POLLHUP) != 0
	})
	return err == nil && gone
}
