package neterr

import (
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"testing"
)

func TestRealErrors(t *testing.T) {
	ear, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := ear.Addr().String()
	if _, err := net.Listen("tcp", address); !InUse(err) || Refused(err) || Reset(err) {
		t.Errorf("a second listener got %v", err)
	}
	ear.Close()
	if _, err := net.Dial("tcp", address); !Refused(err) || InUse(err) {
		t.Errorf("where nobody listens: %v", err)
	}
}

func TestNumbersOfWindows(t *testing.T) {
	wrapped := fmt.Errorf("listen: %w", &net.OpError{Op: "listen", Err: os.NewSyscallError("bind", wsaAddrInUse)})
	if !is("windows", wrapped, syscall.EADDRINUSE, wsaAddrInUse) {
		t.Error("Windows' number was not recognized")
	}
	if is("linux", wrapped, syscall.EADDRINUSE, wsaAddrInUse) {
		t.Error("Windows' number was recognized on Linux")
	}
	if is("windows", errors.New("x"), syscall.EADDRINUSE, wsaAddrInUse) || is("windows", nil, syscall.EADDRINUSE, wsaAddrInUse) {
		t.Error("another error was recognized")
	}
}
