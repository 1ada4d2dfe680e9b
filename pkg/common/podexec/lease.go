package podexec

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"k8s.io/client-go/rest"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/clientset"
)

// LeaseEvery is how often a Lease's program gets a line.
const LeaseEvery = 5 * time.Second

// Lease is a program in a container that outlives its client by no more than it
// wants to: as long as the client lives, it gets an empty line every LeaseEvery
// on its standard input, and the line "end" where the client ends in good
// order. A container's process doesn't notice its client's end otherwise.
type Lease struct {
	hold   *io.PipeWriter
	first  chan string
	done   chan struct{}
	err    error
	ending sync.Once
	ended  chan struct{}
}

// StartLease runs a program as a Lease. It ends with End, or by itself; ctx
// doesn't end it.
func StartLease(ctx context.Context, config *rest.Config, core clientset.Interface, c Command) *Lease {
	return startLease(ctx, c, LeaseEvery, func(ctx context.Context, c Command) error { return Run(ctx, config, core, c) })
}

func startLease(ctx context.Context, c Command, every time.Duration, run func(context.Context, Command) error) *Lease {
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	input, hold := io.Pipe()
	l := &Lease{hold: hold, first: make(chan string, 1), done: make(chan struct{}), ended: make(chan struct{})}
	c.In, c.Out = input, &firstLine{to: l.first}
	go func() {
		defer close(l.done)
		defer cancel()
		l.err = run(running, c)
		_ = input.CloseWithError(io.ErrClosedPipe) // who writes doesn't wait any more
	}()
	go func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-l.ended:
				_, _ = io.WriteString(hold, "end\n")
				_ = hold.Close()
				// One that doesn't end is left alone, not waited for.
				select {
				case <-l.done:
				case <-time.After(4 * every):
					cancel()
				}
				return
			case <-l.done:
				return
			case <-tick.C:
				_, _ = io.WriteString(hold, "\n")
			}
		}
	}()
	return l
}

// First is the first line that the program prints. The error is why there is
// none: what Run returned, or the cause of ctx.
func (l *Lease) First(ctx context.Context) (string, error) {
	select {
	case line := <-l.first:
		return line, nil
	case <-ctx.Done():
		return "", context.Cause(ctx)
	case <-l.done:
	}
	select {
	case line := <-l.first:
		return line, nil
	default:
	}
	if l.err != nil {
		return "", l.err
	}
	return "", errors.New("the program ended without a word")
}

// Broken is why the program ended before End was called; nil where it didn't.
func (l *Lease) Broken() error {
	select {
	case <-l.ended:
		return nil
	default:
	}
	select {
	case <-l.done:
	default:
		return nil
	}
	if l.err != nil {
		return l.err
	}
	return errors.New("it ended early")
}

// End tells the program that its client ends, and waits until it has ended, or
// for ctx.
func (l *Lease) End(ctx context.Context) {
	l.ending.Do(func() { close(l.ended) })
	select {
	case <-l.done:
	case <-ctx.Done():
	}
}

// firstLine passes on the first line that is written to it.
type firstLine struct {
	to   chan<- string
	text []byte
	seen bool
}

func (f *firstLine) Write(p []byte) (int, error) {
	if f.seen {
		return len(p), nil
	}
	f.text = append(f.text, p[:min(len(p), 4096)]...)
	if line, _, ok := bytes.Cut(f.text, []byte("\n")); ok || len(f.text) > 4096 {
		f.seen = true
		f.to <- string(line)
	}
	return len(p), nil
}
