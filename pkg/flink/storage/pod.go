package storage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Exec runs a program in the container that sees the files. Its error is an
// exit code other than 0, or that it couldn't be run.
type Exec func(ctx context.Context, args []string, out, errOut io.Writer) error

// Pod reads files as a container of a pod sees them, with cat, stat and find,
// which every image of Flink has.
type Pod struct {
	// Name is the pod's.
	Name string
	Exec Exec
}

// Where names the pod.
func (p *Pod) Where() string { return "in pod " + p.Name }

// file is the absolute path that a path of state means in the pod: file:/x,
// file:///x and /x are one. It always begins with a slash, so that no program
// takes it for an option.
func (p *Pod) file(text string) (string, error) {
	scheme, rest := Split(text)
	if scheme != "" && scheme != "file" || !strings.HasPrefix(rest, "/") {
		return "", fmt.Errorf("%q is no path of a file", text)
	}
	if strings.ContainsAny(rest, "\x00\n") {
		return "", fmt.Errorf("%q has characters that no file of Flink has", text)
	}
	return path.Clean("/" + strings.TrimLeft(rest, "/")), nil
}

// Open reads a file.
func (p *Pod) Open(ctx context.Context, name string) (io.ReadCloser, error) {
	file, err := p.file(name)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	out, in := io.Pipe()
	go func() {
		var said tail
		err := p.Exec(ctx, []string{"cat", file}, in, &said)
		in.CloseWithError(p.explain(ctx, name, said.String(), err))
	}()
	return &podFile{PipeReader: out, cancel: cancel}, nil
}

type podFile struct {
	*io.PipeReader
	cancel context.CancelFunc
}

func (f *podFile) Close() error {
	f.cancel()
	return f.PipeReader.Close()
}

const statForm = "%s %Y %n"

// Stat tells of a file.
func (p *Pod) Stat(ctx context.Context, name string) (Entry, error) {
	file, err := p.file(name)
	if err != nil {
		return Entry{}, err
	}
	var out bytes.Buffer
	var said tail
	if err := p.Exec(ctx, []string{"stat", "-L", "-c", statForm, file}, &limited{to: &out, left: 1 << 20}, &said); err != nil {
		return Entry{}, p.explain(ctx, name, said.String(), err)
	}
	entry, ok := parseStat(strings.TrimSuffix(out.String(), "\n"))
	if !ok {
		return Entry{}, fmt.Errorf("%s: stat in pod %s says %q", name, p.Name, out.String())
	}
	entry.Path = name
	return entry, nil
}

// parseStat reads a line in statForm.
func parseStat(line string) (Entry, bool) {
	size, rest, _ := strings.Cut(line, " ")
	seconds, file, ok := strings.Cut(rest, " ")
	n, err1 := strconv.ParseInt(size, 10, 64)
	at, err2 := strconv.ParseInt(seconds, 10, 64)
	if !ok || err1 != nil || err2 != nil || n < 0 {
		return Entry{}, false
	}
	return Entry{Path: file, Size: n, Modified: time.Unix(at, 0)}, true
}

// List runs find.
func (p *Pod) List(ctx context.Context, name string, each func(Entry) error) error {
	dir, err := p.file(name)
	if err != nil {
		return err
	}
	var said tail
	rows := &lineWriter{}
	n := 0
	rows.each = func(line string) error {
		entry, ok := parseStat(line)
		if !ok || !strings.HasPrefix(entry.Path, "/") {
			return nil // of a name with a line break, which no file of Flink has
		}
		if n++; n > MaxEntries {
			return fmt.Errorf("%s: %w", name, ErrTooMany)
		}
		return each(entry)
	}
	err = p.Exec(ctx, []string{"find", dir, "-type", "f", "-exec", "stat", "-c", statForm, "{}", "+"}, rows, &said)
	if rows.err != nil {
		return rows.err
	}
	text := said.String()
	if err != nil && !strings.Contains(text, dir+"': No such file") && !strings.Contains(text, dir+": No such file") && onlyGone(text) {
		// Flink deletes files while they are listed; what is left was told.
		return nil
	}
	return p.explain(ctx, name, text, err)
}

// onlyGone reports whether all that a program complained of is files that are
// gone.
func onlyGone(said string) bool {
	if said == "" || len(said) > maxTail-maxTail/8 {
		return false // its beginning may be missing
	}
	for line := range strings.Lines(said) {
		if !strings.Contains(line, "No such file") {
			return false
		}
	}
	return true
}

// removeAtOnce is how many files one program deletes.
const removeAtOnce = 200

// Remove runs rm with the files' names, which no shell sees.
func (p *Pod) Remove(ctx context.Context, files []string, gone func(file string)) error {
	for batch := range slices.Chunk(files, removeAtOnce) {
		args := []string{"rm", "-f", "--"}
		for _, name := range batch {
			file, err := p.file(name)
			if err != nil {
				return err
			}
			args = append(args, file)
		}
		var said tail
		if err := p.Exec(ctx, args, io.Discard, &said); err != nil {
			return p.failed(ctx, "delete files", said.String(), err)
		}
		for _, name := range batch {
			gone(name)
		}
	}
	return nil
}

// Clear runs find, which removes nothing but empty directories.
func (p *Pod) Clear(ctx context.Context, dirs []string) error {
	for _, name := range dirs {
		dir, err := p.file(name)
		if err != nil {
			return err
		}
		var said tail
		err = p.Exec(ctx, []string{"find", dir, "-depth", "-type", "d", "-empty", "-delete"}, io.Discard, &said)
		if err != nil && !strings.Contains(said.String(), "No such file") {
			return p.failed(ctx, "remove the empty directory "+dir, said.String(), err)
		}
	}
	return nil
}

func (p *Pod) failed(ctx context.Context, what, said string, err error) error {
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case said != "":
		return fmt.Errorf("%s in pod %s: %s", what, p.Name, said)
	}
	return fmt.Errorf("%s in pod %s: %w", what, p.Name, err)
}

func (p *Pod) explain(ctx context.Context, file, said string, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case strings.Contains(said, "No such file"):
		return notThere(file, p.Where())
	case said != "":
		return fmt.Errorf("read %s in pod %s: %s", file, p.Name, said)
	}
	return fmt.Errorf("read %s in pod %s: %w", file, p.Name, err)
}

// tail keeps the end of what a program says of its failure.
type tail struct{ text []byte }

// maxTail is in bytes.
const maxTail = 64 << 10

func (t *tail) Write(p []byte) (int, error) {
	if t.text = append(t.text, p...); len(t.text) > maxTail {
		t.text = append([]byte(nil), t.text[len(t.text)-maxTail:]...)
	}
	return len(p), nil
}

func (t *tail) String() string { return strings.TrimSpace(string(t.text)) }

// limited fails after so many bytes.
type limited struct {
	to   io.Writer
	left int
}

var errTooLong = errors.New("the program's answer is too long")

func (l *limited) Write(p []byte) (int, error) {
	if l.left -= len(p); l.left < 0 {
		return 0, errTooLong
	}
	return l.to.Write(p)
}

// lineWriter tells whole lines.
type lineWriter struct {
	each func(string) error
	rest []byte
	err  error
}

func (l *lineWriter) Write(p []byte) (int, error) {
	if l.err != nil {
		return 0, l.err
	}
	l.rest = append(l.rest, p...)
	for {
		line, rest, ok := bytes.Cut(l.rest, []byte("\n"))
		if !ok {
			break
		}
		l.rest = rest
		if l.err = l.each(string(line)); l.err != nil {
			return 0, l.err
		}
	}
	if len(l.rest) > 1<<20 {
		l.err = errTooLong
		return 0, l.err
	}
	return len(p), nil
}
