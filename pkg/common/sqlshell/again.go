package sqlshell

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/progress"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
)

// again is \g: the last result in another format, on the terminal or in a file.
func again(ctx context.Context, s *shell, argument string) error {
	format, file, _ := strings.Cut(argument, " ")
	file = fileName(strings.TrimSpace(file))
	if format == "" {
		format = s.format
	}
	if !slices.Contains(Formats(), format) {
		return fmt.Errorf(`unknown format %q, as in \g csv FILE; use one of: %s`, format, strings.Join(Formats(), ", "))
	}
	k := s.kept
	if k == nil {
		return errors.New("there was no result yet")
	}
	label := brief(k.statement.Text)
	switch {
	case !k.over && !k.ended:
		s.note("%s: the rows that came until it was ended", label)
	case !k.over:
		s.note("%s: as it was at %s", label, k.at.Format(time.TimeOnly))
	case !k.ended:
		return fmt.Errorf(`%s gave more rows than the %s that are kept, and didn't end: write its rows to a file as they come, with \export FILE before it`, label, thousands(mostKept))
	case !asks(k.statement):
		return fmt.Errorf("%s gave more rows than the %s that are kept, and it may change something: it isn't run again", label, thousands(mostKept))
	default:
		s.note("%s gave more rows than the %s that are kept: it runs again", label, thousands(mostKept))
	}
	if file == "" {
		return s.printAs(ctx, k, format, s.options.Out)
	}
	replace := false
	if _, err := os.Lstat(file); err == nil {
		if s.prompt {
			s.note("%s exists", term.SafeLine(file))
		}
		if !s.ask("Overwrite it? Type yes: ") {
			return fmt.Errorf("%s exists already; nothing was overwritten", term.SafeLine(file))
		}
		replace = true
	}
	if err := writeFile(file, replace, func(out io.Writer) error { return s.printAs(ctx, k, format, out) }); err != nil {
		return err
	}
	s.note("%s is written", term.SafeLine(file))
	return nil
}

// asks reports whether a statement only asks for something, so that it may run
// again.
func asks(s Statement) bool {
	return s.Kind() == KindQuery || len(s.words) > 0 && slices.Contains([]string{"SHOW", "DESCRIBE", "DESC", "EXPLAIN"}, s.words[0])
}

// printAs prints a result once in another way than results are printed now.
func (s *shell) printAs(ctx context.Context, k *kept, format string, out io.Writer) error {
	before, forced := s.out, s.forced
	defer func() { s.out, s.forced, s.replays = before, forced, false }()
	s.out, s.forced, s.replays = out, format, true
	if k.over {
		return s.runOne(ctx, k.statement)
	}
	line := progress.New(s.options.ErrOut, true)
	defer line.Done()
	rows, err := s.result(ctx, &replay{kept: k}, k.schema, line)
	if errors.Is(err, errLimit) {
		err = nil
	}
	if err == nil && out == s.options.Out {
		s.footer(k.schema, rows, 0)
	}
	return err
}

// writeFile writes a file that is there as a whole or not at all. One that is
// there stays, unless it may be replaced.
func writeFile(file string, replace bool, write func(io.Writer) error) error {
	info, err := os.Lstat(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is no regular file; nothing was written", file)
	}
	partial := filepath.Join(filepath.Dir(file), "."+filepath.Base(file)+"."+strconv.FormatUint(rand.Uint64(), 36)) //nolint:gosec // it only has to be new
	out, err := os.OpenFile(partial, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o666)
	if err != nil {
		return err
	}
	defer os.Remove(partial)
	err = write(out)
	if closed := out.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return err
	}
	if replace {
		return os.Rename(partial, file)
	}
	// A link, unlike a rename, fails where the file was made meanwhile.
	err = os.Link(partial, file)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s exists already; nothing was overwritten", file)
	}
	if err == nil {
		return nil
	}
	if _, there := os.Lstat(file); !errors.Is(there, fs.ErrNotExist) {
		return fmt.Errorf("%s exists already; nothing was overwritten", file)
	}
	return os.Rename(partial, file) // a file system without links
}

// watchPause is the default of \watch.
const watchPause = 2 * time.Second

// watchLimit is how long a query may take that is run again and again; a
// variable for tests.
var watchLimit = time.Minute

// watchAgain is \watch: the last query again and again, until Ctrl-C.
func watchAgain(ctx context.Context, s *shell, argument string) error {
	pause := watchPause
	if argument != "" {
		seconds, err := strconv.ParseFloat(argument, 64)
		if err != nil || !(seconds >= 0.1 && seconds <= 86400) {
			return fmt.Errorf(`\watch takes a number of seconds from 0.1 to 86400, not %q`, argument)
		}
		pause = time.Duration(seconds * float64(time.Second))
	}
	statement := s.latest
	switch label := brief(statement.Text); {
	case statement.Text == "":
		return errors.New("there was no query yet")
	case !asks(statement):
		return fmt.Errorf("only SELECT, SHOW, DESCRIBE and EXPLAIN are run again,\nand the last statement may change something: %s", label)
	case s.kept != nil && s.kept.statement.Text == statement.Text && !s.kept.ended:
		return fmt.Errorf("%s didn't end by itself; it is shown while it changes anyway.\nWhat is run again must end, as with SET 'execution.runtime-mode' = 'batch'", label)
	}
	s.again = true
	defer func() { s.again = false }()
	for {
		fmt.Fprintln(s.options.Out, s.palette.Paint(term.Dim, fmt.Sprintf("%s (every %s, Ctrl-C ends)", time.Now().Format(time.DateTime), pause)))
		limited, cancel := context.WithTimeoutCause(ctx, watchLimit, exit.Timeoutf(`the query did not end within %s and was ended: \watch is for queries that end`, watchLimit))
		err := s.runOne(limited, statement)
		cancel()
		if err != nil {
			return err
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		case <-timer.C:
		}
	}
}
