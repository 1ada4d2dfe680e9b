package reach

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// asGateway has the test program listen on a port, as a gateway does; "0" only
// starts for ever.
const asGateway = "GATEWAY_TEST_PORT"

func init() {
	port := os.Getenv(asGateway)
	if port == "" {
		return
	}
	if port == "0" {
		time.Sleep(time.Hour)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:"+port)
	if err != nil {
		os.Exit(1)
	}
	for {
		connection, err := listener.Accept()
		if err != nil {
			os.Exit(1)
		}
		go func() { _, _ = io.Copy(connection, connection) }()
	}
}

// startScript runs gatewayScript with a gateway that is called java; ended gets
// its exit code.
func startScript(t *testing.T, port int, listens bool, start string) (input io.WriteCloser, ended <-chan int) {
	t.Helper()
	home := t.TempDir()
	for _, dir := range []string{"bin", "opt"} {
		if err := os.Mkdir(filepath.Join(home, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	java := filepath.Join(home, "bin", "java")
	if err := os.Symlink(os.Args[0], java); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"bin/sql-gateway.sh": "#!/bin/sh\nexec " + java + "\n", "opt/flink-sql-gateway-1.jar": ""} {
		if err := os.WriteFile(filepath.Join(home, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	command := exec.Command("bash", "-c", gatewayScript, gatewayName, strconv.Itoa(port), "3", start, "stdin")
	own := strconv.Itoa(port)
	if !listens {
		own = "0"
	}
	command.Env = append(os.Environ(), "FLINK_HOME="+home, asGateway+"="+own)
	var out bytes.Buffer
	command.Stdout, command.Stderr = &out, &out
	input, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	code, done := make(chan int, 1), make(chan struct{})
	go func() {
		defer close(done)
		_ = command.Wait()
		code <- command.ProcessState.ExitCode()
	}()
	t.Cleanup(func() {
		_ = command.Process.Signal(os.Interrupt)
		select {
		case <-done:
		case <-time.After(20 * time.Second):
			_ = command.Process.Kill()
		}
		if t.Failed() {
			t.Log(out.String())
		}
	})
	return input, code
}

func freePort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

func client(t *testing.T, port int) net.Conn {
	t.Helper()
	for until := time.Now().Add(30 * time.Second); ; {
		connection, err := net.Dial("tcp", fmt.Sprint("127.0.0.1:", port))
		if err == nil {
			return connection
		}
		if time.Now().After(until) {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// ends waits for the script's end.
func ends(t *testing.T, ended <-chan int, code int) {
	t.Helper()
	select {
	case got := <-ended:
		if got != code {
			t.Errorf("exit code %d, want %d", got, code)
		}
	case <-time.After(60 * time.Second):
		t.Fatal("the gateway goes on without a client")
	}
}

// talk sends heartbeats for longer than a gateway without client would live.
func talk(t *testing.T, connection net.Conn, ended <-chan int) {
	t.Helper()
	answer := make([]byte, 1)
	for until := time.Now().Add(6 * time.Second); time.Now().Before(until); time.Sleep(100 * time.Millisecond) {
		if _, err := connection.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(connection, answer); err != nil {
			t.Fatal(err)
		}
		select {
		case code := <-ended:
			t.Fatalf("it ended (%d) while a client talked to it", code)
		default:
		}
	}
}

func TestAGatewayEndsWithoutItsClient(t *testing.T) {
	if _, err := exec.LookPath("bash"); err != nil {
		t.Fatal(err)
	}
	t.Run("a client that goes", func(t *testing.T) {
		t.Parallel()
		port := freePort(t)
		_, ended := startScript(t, port, true, "60")
		connection := client(t, port)
		talk(t, connection, ended)
		_ = connection.Close()
		ends(t, ended, 0)
	})
	t.Run("a connection that outlives its client", func(t *testing.T) {
		t.Parallel()
		port := freePort(t)
		_, ended := startScript(t, port, true, "60")
		connection := client(t, port)
		defer connection.Close()
		talk(t, connection, ended)
		ends(t, ended, 0)
	})
	t.Run("no client at all", func(t *testing.T) {
		t.Parallel()
		_, ended := startScript(t, freePort(t), true, "60")
		ends(t, ended, 0)
	})
	t.Run("a start without end", func(t *testing.T) {
		t.Parallel()
		_, ended := startScript(t, freePort(t), false, "2")
		ends(t, ended, 0)
	})
	t.Run("a client that says so", func(t *testing.T) {
		t.Parallel()
		port := freePort(t)
		input, ended := startScript(t, port, true, "60")
		defer client(t, port).Close()
		if _, err := io.WriteString(input, "end\n"); err != nil && !errors.Is(err, os.ErrClosed) {
			t.Fatal(err)
		}
		select {
		case <-ended:
		case <-time.After(60 * time.Second):
			t.Fatal("it goes on")
		}
	})
}
