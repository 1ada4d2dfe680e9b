// Package progress shows long work on standard error: one live line on a
// terminal, plain lines elsewhere, nothing when quiet.
package progress

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/secret"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
)

var frames = []string{"⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"}

// Line is one piece of long work. Its zero value and nil are quiet.
// It is safe for use by several goroutines.
type Line struct {
	mu      sync.Mutex
	out     io.Writer
	live    bool
	started time.Time
	now     func() time.Time
	rewrite func(string) string
	text    string
	shown   bool
	frame   int
	stop    chan struct{}
	stopped sync.WaitGroup
}

// New starts showing work on w: by a live line, or plain ones where there is no
// terminal or its cursor can't be moved; quiet makes it show nothing. Call Done at the
// end. Text given to it is made safe, without the secrets in it.
func New(w io.Writer, quiet bool) *Line {
	return start(w, quiet, term.Moves(w), time.Now)
}

var (
	// all are the live lines, held says how often Hold was called.
	all  = map[*Line]bool{}
	held int
	// holding guards both; a line's mu is taken while it is held, and not the other
	// way round.
	holding sync.RWMutex
)

// Hold removes all live lines until release is called: another program has the
// terminal, such as one that asks for a password, whose question would be erased.
func Hold() (release func()) {
	holding.Lock()
	defer holding.Unlock()
	held++
	for l := range all {
		l.mu.Lock()
		l.erase()
		l.mu.Unlock()
	}
	return func() {
		holding.Lock()
		defer holding.Unlock()
		held--
	}
}

func start(w io.Writer, quiet, live bool, now func() time.Time) *Line {
	if quiet || w == nil {
		return nil
	}
	l := &Line{out: term.Raw(w), live: live, started: now(), now: now, stop: make(chan struct{})}
	if live {
		holding.Lock()
		all[l] = true
		holding.Unlock()
		l.stopped.Add(1)
		go l.spin()
	}
	return l
}

// Through has rewrite complete the lines that stay, and gives the line.
func (l *Line) Through(rewrite func(string) string) *Line {
	if l != nil {
		l.rewrite = rewrite
	}
	return l
}

func (l *Line) spin() {
	defer l.stopped.Done()
	tick := time.NewTicker(120 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-l.stop:
			return
		case <-tick.C:
			holding.RLock()
			l.mu.Lock()
			l.frame++
			l.draw()
			l.mu.Unlock()
			holding.RUnlock()
		}
	}
}

// draw repaints the live line; holding and mu are held.
func (l *Line) draw() {
	if l.text == "" || held > 0 {
		return
	}
	clock := fmt.Sprintf(" %s", l.now().Sub(l.started).Round(time.Second))
	// Room is left for the ^C that a terminal echoes: a line that wraps could
	// not be erased.
	width := max(term.Width(l.out)-term.DisplayWidth(clock)-6, 10)
	fmt.Fprintf(l.out, "\r\x1b[2K%s %s%s", frames[l.frame%len(frames)], term.Cut(l.text, width), clock)
	l.shown = true
}

// Set says what is being waited for now. Elsewhere than on a terminal a line
// is printed whenever the text changes.
func (l *Line) Set(format string, args ...any) {
	if l == nil {
		return
	}
	text := secret.Text(term.SafeLine(term.Short(fmt.Sprintf(format, args...), term.MaxShown)))
	holding.RLock()
	defer holding.RUnlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.out == nil || text == l.text {
		return
	}
	l.text = text
	if l.live {
		l.draw()
		return
	}
	fmt.Fprintln(l.out, text)
}

// Print leaves a line above the live one that stays.
func (l *Line) Print(format string, args ...any) {
	if l == nil {
		return
	}
	holding.RLock()
	defer holding.RUnlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.out == nil {
		return
	}
	l.erase()
	text := secret.Text(term.Safe(term.Short(fmt.Sprintf(format, args...), term.MaxShown)))
	if l.rewrite != nil {
		text = l.rewrite(text)
	}
	fmt.Fprintln(l.out, text)
	if l.live {
		l.draw()
	}
}

// Clear removes the live line until the next Set: somebody is going to be asked
// something below it.
func (l *Line) Clear() {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.erase()
	l.text = ""
}

// erase removes the live line; mu is held.
func (l *Line) erase() {
	if l.shown {
		fmt.Fprint(l.out, "\r\x1b[2K")
		l.shown = false
	}
}

// Done ends the work and removes the live line. Calling it again does nothing.
func (l *Line) Done() {
	if l == nil || l.out == nil {
		return
	}
	l.mu.Lock()
	select {
	case <-l.stop:
		l.mu.Unlock()
		return
	default:
	}
	close(l.stop)
	l.mu.Unlock()
	l.stopped.Wait()
	holding.Lock()
	delete(all, l)
	holding.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.erase()
	l.text = ""
}
