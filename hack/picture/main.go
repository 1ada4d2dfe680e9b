//go:build unix

// Command picture runs a command in a terminal, as a user would, and draws
// what is to be seen at the end as SVG.
//
//	go run ./hack/picture -out status.svg -see 'q quit' -- kubectl flink status basic-example -w
//
// -see waits for a text, -press types keys (as in a Go string: \r, \x03); they
// may be repeated and are followed in order.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/charmbracelet/x/vt"
	"github.com/creack/pty"
)

// patience bounds each wait for a text.
const patience = 2 * time.Minute

// step is one of -see and -press.
type step struct{ see, press string }

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "picture:", err)
		os.Exit(1)
	}
}

func run() error {
	var steps []step
	width := flag.Int("width", 100, "columns")
	height := flag.Int("height", 30, "lines at most; empty ones at the end are left out")
	out := flag.String("out", "", "SVG to write")
	title := flag.String("title", "", "command in the title (default: the command itself)")
	settle := flag.Duration("settle", time.Second, "how long to let the screen come to rest at the end")
	flag.Func("see", "text to wait for", func(text string) error { steps = append(steps, step{see: text}); return nil })
	flag.Func("press", "keys to type", func(text string) error {
		keys, err := strconv.Unquote(`"` + text + `"`)
		steps = append(steps, step{press: keys})
		return err
	})
	flag.Parse()
	if *out == "" || flag.NArg() == 0 || len(steps) == 0 {
		return errors.New("usage: picture -out FILE.svg -see TEXT [-press KEYS -see TEXT ...] -- COMMAND")
	}
	if *title == "" {
		*title = strings.Join(flag.Args(), " ")
	}
	t, err := open(*width, *height)
	if err != nil {
		return err
	}
	defer t.close()
	command := exec.Command(flag.Arg(0), flag.Args()[1:]...)
	command.Env = append(os.Environ(), "TERM=xterm-256color", "COLORTERM=truecolor")
	command.Stdin, command.Stdout, command.Stderr = t.file, t.file, t.file
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := command.Start(); err != nil {
		return err
	}
	defer func() {
		// What it needs to end well: kubectl flink sql takes its gateway down.
		_ = command.Process.Signal(syscall.SIGHUP)
		_ = command.Wait()
	}()
	for _, s := range steps {
		if s.press != "" {
			if _, err := io.WriteString(t.master, s.press); err != nil {
				return err
			}
		} else if err := t.wait(s.see); err != nil {
			return err
		}
	}
	time.Sleep(*settle)
	t.mu.Lock()
	defer t.mu.Unlock()
	return os.WriteFile(*out, draw(t.screen, *title), 0o644)
}

// terminal is a pseudo-terminal with an emulator behind it.
type terminal struct {
	file, master *os.File
	mu           sync.Mutex
	screen       *vt.Emulator
	changed      chan struct{}
}

func open(width, height int) (*terminal, error) {
	master, file, err := pty.Open()
	if err != nil {
		return nil, err
	}
	if err := pty.Setsize(master, &pty.Winsize{Cols: uint16(width), Rows: uint16(height)}); err != nil {
		return nil, err
	}
	t := &terminal{file: file, master: master, screen: vt.NewEmulator(width, height), changed: make(chan struct{}, 1)}
	go t.show()
	go func() { _, _ = io.Copy(master, t.screen) }() // answers to the program's questions
	return t, nil
}

func (t *terminal) close() {
	_ = t.file.Close()
	_ = t.master.Close()
}

func (t *terminal) show() {
	buffer := make([]byte, 32<<10)
	for {
		n, err := t.master.Read(buffer)
		t.mu.Lock()
		_, _ = t.screen.Write(buffer[:n])
		t.mu.Unlock()
		select {
		case t.changed <- struct{}{}:
		default:
		}
		if err != nil {
			return
		}
	}
}

func (t *terminal) wait(text string) error {
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	for {
		t.mu.Lock()
		now := t.screen.String()
		t.mu.Unlock()
		if strings.Contains(now, text) {
			return nil
		}
		select {
		case <-t.changed:
		case <-deadline.C:
			return fmt.Errorf("%q was not seen within %s; the screen:\n%s", text, patience, now)
		}
	}
}
