package cmd

import (
	"bytes"
	"context"
	"io"
	"regexp"
)

// output is where what sql-client prints goes where it has no terminal.
func (o *sqlClientOptions) output() (io.Writer, *failureWatcher) {
	w := &failureWatcher{out: &plainWriter{out: o.Out}}
	return w, w
}

// failureWatcher passes on what sql-client prints and sees whether it says that
// a statement failed.
type failureWatcher struct {
	out  io.Writer
	tail []byte
	seen bool
}

// seenIn reports whether a statement of the file failed: Flink 1.20's client
// ends with 0 all the same.
func (w *failureWatcher) seenIn(file string) bool { return w != nil && file != "" && w.seen }

const failureMark = "[ERROR] Could not execute SQL statement"

func (w *failureWatcher) Write(p []byte) (int, error) {
	w.tail = append(w.tail, p...)
	w.seen = w.seen || bytes.Contains(w.tail, []byte(failureMark))
	if over := len(w.tail) - len(failureMark); over > 0 {
		w.tail = append(w.tail[:0], w.tail[over:]...)
	}
	return w.out.Write(p)
}

// plainWriter leaves out colors, which sql-client writes into pipes and files
// too.
type plainWriter struct {
	out  io.Writer
	text []byte
}

var (
	color = regexp.MustCompile(`\x1b\[[0-9;]*m`)
	// colorBegun is one that the end of a portion may have cut.
	colorBegun = regexp.MustCompile(`\x1b(\[[0-9;]*)?$`)
)

func (w *plainWriter) Write(p []byte) (int, error) {
	w.text = append(w.text, p...)
	whole := len(w.text)
	if cut := colorBegun.FindIndex(w.text[max(0, whole-16):]); cut != nil {
		whole = max(0, whole-16) + cut[0]
	}
	_, err := w.out.Write(color.ReplaceAll(w.text[:whole], nil))
	w.text = append(w.text[:0], w.text[whole:]...)
	return len(p), err
}

// untilDone passes on what sql-client prints until it is ended: what it then
// says of that is no news.
type untilDone struct {
	ctx context.Context
	out io.Writer
}

func (w *untilDone) Write(p []byte) (int, error) {
	if w.ctx.Err() != nil {
		return len(p), nil //nolint:nilerr // what comes after the end is dropped
	}
	return w.out.Write(p)
}
