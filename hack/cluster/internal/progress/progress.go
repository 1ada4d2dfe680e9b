// Package progress prints what is being done and how long it has taken, as
// plain lines that read equally well on a terminal and in a CI log.
package progress

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// Log prints lines with the time since it was made. It is safe for concurrent
// use.
type Log struct {
	mu    sync.Mutex
	w     io.Writer
	start time.Time
}

// New returns a Log that writes to w.
func New(w io.Writer) *Log { return &Log{w: w, start: time.Now()} }

// Printf prints one line about the thing called what.
func (l *Log) Printf(what, format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, _ = fmt.Fprintf(l.w, "[%4ds] %s: %s\n", int(time.Since(l.start).Seconds()), what, fmt.Sprintf(format, args...))
}

// Elapsed is the time since the Log was made.
func (l *Log) Elapsed() time.Duration { return time.Since(l.start) }
