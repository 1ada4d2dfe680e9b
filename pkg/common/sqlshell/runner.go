package sqlshell

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/progress"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/secret"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
)

// runner runs statements and prints what they give.
type runner struct {
	backend Backend
	options Options
	palette term.Palette
	// prompt says that somebody types: results get lines, footers and a live
	// view, and jobs get notes.
	prompt bool
	// out is where results go: the standard output, or an exported file.
	out io.Writer
	// format is the current one; timing prints how long a statement took;
	// expand prints a line per field; whole cuts no columns; pager shows what is
	// taller than the terminal in a pager, for which pages hold it back.
	format               string
	timing, whole, pager bool
	expand               expansion
	pages                *pages
	// last is the last failure, for \full.
	last *Error
	// lastTrouble is the trouble of the query that was printed last.
	lastTrouble string
	// keeps says that results are kept, kept is the last one, latest the last
	// statement that ran.
	keeps  bool
	kept   *kept
	latest Statement
	// ran are the statements that defined and set something.
	ran []Statement
	// forced is the format of one result only, which replays an old one; again
	// says that a query runs again and again.
	forced         string
	replays, again bool
}

func newRunner(backend Backend, options Options) (*runner, error) {
	if err := CheckFormat(options.Format); err != nil {
		return nil, err
	}
	if options.Limit < 0 {
		return nil, exit.Usagef("--limit must not be negative, not %d", options.Limit)
	}
	if options.Timeout < 0 {
		return nil, exit.Usagef("--timeout must not be negative, not %s", options.Timeout)
	}
	palette, err := term.NewPalette("auto", options.Out)
	if err != nil {
		return nil, err
	}
	r := &runner{backend: backend, options: options, palette: palette, out: options.Out, format: cmp.Or(options.Format, options.Mode, Table)}
	return r, nil
}

// closing bounds what is done after a statement or the session ended.
const closing = 10 * time.Second

// run runs one statement and prints its result.
func (r *runner) run(ctx context.Context, statement Statement) error {
	one := r.runOne
	if statement.steps != nil {
		one = r.runSteps
	}
	err := one(ctx, statement)
	r.latest = statement
	if err == nil {
		r.succeeded(statement)
	}
	return err
}

// succeeded takes note of a statement that ran.
func (r *runner) succeeded(statement Statement) {
	if r.prompt {
		if r.ran = append(r.ran, statement); len(r.ran) > 2*mostLasting {
			r.ran = Lasting(r.ran)
		}
	}
	if r.options.Succeeded != nil {
		r.options.Succeeded(statement)
	}
}

func (r *runner) runOne(ctx context.Context, statement Statement) error {
	if r.options.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, r.options.Timeout,
			exit.Timeoutf("%s did not end within %s (--timeout)", statement.label(), r.options.Timeout))
		defer cancel()
	}
	started := time.Now()
	line := progress.New(r.options.ErrOut, r.options.Quiet || !term.Moves(r.options.ErrOut))
	defer line.Done()
	line.Set("%s", statement.label())
	execution, err := r.backend.Run(ctx, statement.Text)
	if err != nil {
		return r.failure(ctx, statement, err)
	}
	if !r.options.ShowSecrets {
		execution = withoutSecrets(statement.Text, execution)
	}
	if statement.keep != nil {
		execution = &sifted{execution, statement.keep}
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closing)
		defer cancel()
		// Nothing is lost where this fails: the session's end frees it too.
		_ = execution.Close(ctx)
	}()
	schema, err := execution.Schema(ctx)
	if err != nil {
		r.stop(ctx, statement, execution)
		if ctx.Err() != nil && statement.Kind() == KindJob {
			r.givenUp(execution)
		}
		return r.failure(ctx, statement, err)
	}
	rows := 0
	switch {
	case schema.Job:
		err = r.job(ctx, execution, line)
	case schema.Command:
		line.Done()
		if r.prompt {
			fmt.Fprintln(r.options.Out, "OK")
		}
	default:
		rows, err = r.result(ctx, r.recorded(execution, statement, schema), schema, line)
		if errors.Is(err, errLimit) {
			r.stop(ctx, statement, execution)
			err = nil
		}
	}
	line.Done()
	if err != nil {
		r.stop(ctx, statement, execution)
		return r.failure(ctx, statement, err)
	}
	r.footer(schema, rows, time.Since(started))
	return nil
}

// recorded is an execution whose rows are kept for \g.
func (r *runner) recorded(execution Execution, statement Statement, schema Schema) Execution {
	if !r.keeps || r.replays {
		return execution
	}
	r.kept = &kept{statement: statement, schema: schema, at: time.Now()}
	return &recorder{execution, r.kept}
}

// footer says at the prompt how much there was and how long it took.
func (r *runner) footer(schema Schema, rows int, took time.Duration) {
	if !r.prompt {
		if r.timing {
			r.note("Time: %.3f s", took.Seconds())
		}
		return
	}
	text := ""
	if !schema.Job && !schema.Command {
		text = fmt.Sprintf("(%d rows)", rows)
		if rows == 1 {
			text = "(1 row)"
		}
	}
	if r.timing && took > 0 {
		if text != "" {
			text += " "
		}
		text += fmt.Sprintf("Time: %.3f s", took.Seconds())
	}
	if text != "" {
		fmt.Fprintln(r.options.Out, r.palette.Paint(term.Dim, text))
	}
}

// note says what a command to the shell did: not among the rows of a script.
func (r *runner) note(format string, args ...any) {
	switch {
	case r.prompt:
		fmt.Fprintf(r.options.Out, format+"\n", args...)
	case !r.options.Quiet:
		fmt.Fprintf(r.options.ErrOut, format+"\n", args...)
	}
}

// stop cancels what runs of a statement that failed or was given up. A job of
// its own, such as an INSERT's, goes on.
func (r *runner) stop(ctx context.Context, statement Statement, execution Execution) {
	if statement.Kind() == KindJob && execution.JobID() != "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closing)
	defer cancel()
	if err := execution.Cancel(ctx); err != nil && !r.options.Quiet {
		fmt.Fprintf(r.options.ErrOut, "warning: the query may not have ended: %s\n", secret.Text(term.SafeLine(err.Error())))
		if id := execution.JobID(); id != "" {
			if hint := r.backend.StopHint(id); hint != "" {
				fmt.Fprintf(r.options.ErrOut, "its job may still run; stop it with: %s\n", term.SafeLine(hint))
			}
		}
	}
}

// lookAtTrouble is how often is looked for what keeps rows from coming.
const lookAtTrouble = time.Second

// tellTrouble says once what keeps rows from coming; a job that is restarted for
// ever runs in between. Why, and what to do, is said where it is known.
func (r *runner) tellTrouble(ctx context.Context, feed *feed, line *progress.Line) {
	text := feed.trouble()
	if text == "" || text == r.lastTrouble {
		return
	}
	r.lastTrouble = text
	if r.options.Explain != nil && !r.options.Quiet {
		if why := r.options.Explain(ctx, &Error{Root: text, Full: text}); why != "" {
			text += "\n" + secret.Text(term.Safe(why))
		}
	}
	switch {
	case r.options.Quiet:
	case term.Moves(r.options.ErrOut):
		line.Print("%s", text)
	default:
		fmt.Fprintln(r.options.ErrOut, text)
	}
}

// result prints the rows of an execution and returns how many it printed.
func (r *runner) result(ctx context.Context, execution Execution, schema Schema, line *progress.Line) (int, error) {
	if format := r.shown(); schema.Opaque != "" && (format == JSON || format == NDJSON) {
		return 0, errors.New(schema.Opaque)
	}
	toEnd, err := r.limitAtEnd(ctx, execution, schema, line)
	if err != nil {
		return 0, err
	}
	end := r.beginPages()
	count, err := r.printRows(ctx, execution, schema, toEnd, line)
	return count, errors.Join(err, end(ctx, err != nil && !errors.Is(err, errLimit)))
}

// printRows prints the rows of an execution.
func (r *runner) printRows(ctx context.Context, execution Execution, schema Schema, toEnd bool, line *progress.Line) (int, error) {
	feed := newFeed(ctx, execution)
	defer feed.close()
	r.lastTrouble = ""
	if schema.Query && r.canLive() {
		return r.watch(ctx, feed, schema, toEnd, line)
	}
	inner := r.writer(schema)
	writer, settling := inner, (*settlingWriter)(nil)
	if !showsChanges(r.shown()) {
		settling = newSettlingWriter(inner, r.options.Limit, toEnd)
		writer = settling
	}
	if err := writer.begin(schema.Columns); err != nil {
		return 0, err
	}
	count, err := r.copy(ctx, feed, writer, settling, !schema.Query, line)
	line.Done()
	// The end is printed after a failure too, so that what was printed can be
	// read.
	if ended := writer.end(); err == nil {
		err = ended
	}
	if settling != nil {
		count = settling.printed
	}
	return count, err
}

// errLimit ends a result that has as many rows as were asked for.
var errLimit = errors.New("limit")

// copy prints what a feed gives; ends says that it is no query's, which may go
// on for ever.
func (r *runner) copy(ctx context.Context, feed *feed, writer rowWriter, settling *settlingWriter, ends bool, line *progress.Line) (int, error) {
	count := 0
	file := regular(r.out)
	// shows ends the line of what is waited for when rows come on the terminal;
	// those that go to a file are counted there.
	shows := func() {
		if file == "" {
			line.Done()
		}
	}
	// Without rows for a moment, what was printed should be seen.
	var idle, settle <-chan time.Time
	look := time.NewTicker(lookAtTrouble)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return count, context.Cause(ctx)
		case <-look.C:
			if term.ReaderGone(r.out) {
				return count, exit.Silent(exit.BrokenPipe)
			}
			r.tellTrouble(ctx, feed, line)
		case <-idle:
			idle = nil
			if file != "" {
				line.Set("%s rows written to %s", thousands(count), file)
			}
			if settling != nil && !settling.streams {
				continue
			}
			err := writer.flush()
			if !ends {
				err = errors.Join(err, r.pages.release())
			}
			if err != nil {
				return count, err
			}
		case <-settle:
			settle = nil
			if !settling.gathering {
				shows()
			}
			if err := settling.settle(); err != nil {
				return count, err
			}
			idle = time.After(0)
		case b := <-feed.batches:
			for _, row := range b.rows {
				if settling == nil || settling.streams {
					shows()
				}
				if err := writer.row(row); err != nil {
					return count, err
				}
				count++
				if settling != nil && settling.full() || settling == nil && r.options.Limit > 0 && count >= r.options.Limit {
					return count, errLimit
				}
			}
			if errors.Is(b.err, io.EOF) {
				return count, nil
			}
			if b.err != nil {
				if ctx.Err() != nil {
					return count, context.Cause(ctx)
				}
				return count, b.err
			}
			if len(b.rows) > 0 && idle == nil {
				idle = time.After(100 * time.Millisecond)
			}
			if settling != nil && settle == nil && count > 0 && !settling.streams && !settling.gathering {
				settle = time.After(heldFor)
			}
		}
	}
}

// regular is the name of the file that out is; "" if it is none, but a
// terminal, a pipe or a device.
func regular(out io.Writer) string {
	file, ok := out.(*os.File)
	if !ok {
		return ""
	}
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
		return ""
	}
	if file == os.Stdout {
		return "the file"
	}
	return file.Name()
}
