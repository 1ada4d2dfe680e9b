package podexec

import (
	"context"
	"errors"
	"io"
	"os"
	"sync"

	"golang.org/x/term"
	"k8s.io/client-go/tools/remotecommand"
)

// raw puts the terminal in into raw mode, so that every key (also Ctrl-C and
// Ctrl-D) goes to the program, and follows its size. restore must be called.
func raw(ctx context.Context, in io.Reader) (restore func(), sizes *sizeQueue, err error) {
	file, ok := in.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return nil, nil, errors.New("a terminal is needed, and standard input is none")
	}
	state, err := term.MakeRaw(int(file.Fd()))
	if err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	sizes = &sizeQueue{ctx: ctx, file: file, changed: make(chan struct{}, 1)}
	sizes.changed <- struct{}{}
	stop := notifyResize(ctx, sizes.changed)
	var once sync.Once
	return func() {
		once.Do(func() {
			cancel()
			stop()
			_ = term.Restore(int(file.Fd()), state)
		})
	}, sizes, nil
}

// sizeQueue tells the terminal's size at first and after each change.
type sizeQueue struct {
	ctx     context.Context
	file    *os.File
	changed chan struct{}
	last    remotecommand.TerminalSize
}

// Next waits for the next size; nil is the end.
func (q *sizeQueue) Next() *remotecommand.TerminalSize {
	for {
		select {
		case <-q.ctx.Done():
			return nil
		case <-q.changed:
		}
		width, height, err := term.GetSize(int(q.file.Fd()))
		if err != nil {
			return nil
		}
		size := remotecommand.TerminalSize{Width: uint16(width), Height: uint16(height)} //nolint:gosec // a terminal's size
		if size != q.last {
			q.last = size
			return &size
		}
	}
}

// lineFeeds reads carriage returns as line feeds.
type lineFeeds struct{ in io.Reader }

// Read implements io.Reader.
func (l lineFeeds) Read(p []byte) (int, error) {
	n, err := l.in.Read(p)
	for i := range p[:n] {
		if p[i] == '\r' {
			p[i] = '\n'
		}
	}
	return n, err
}
