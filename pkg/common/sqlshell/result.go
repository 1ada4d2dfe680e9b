package sqlshell

import (
	"context"
	"fmt"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/progress"
)

// settlingWriter shows what the changes of a result lead to, in a format that
// can't show changes. It holds the first rows back for a moment: a result that
// takes rows back is gathered to its end, up to mostGathered rows, and one that
// only grows is printed as it comes, with constant memory.
type settlingWriter struct {
	rowWriter
	// limit is how many rows are printed at most; 0 is no limit. toEnd says that
	// only the result's end says which.
	limit int
	toEnd bool
	held  *picture
	// streams says that rows are printed as they come.
	streams   bool
	gathering bool
	printed   int
}

const (
	// Rows are held back until there are so many of them…
	mostHeld = 1000
	// …or the first one has waited so long.
	heldFor      = 3 * time.Second
	mostGathered = 200_000
	mostBytes    = 256 << 20
)

func newSettlingWriter(inner rowWriter, limit int, toEnd bool) *settlingWriter {
	// One more than what may be there, so that too many can be noticed.
	return &settlingWriter{rowWriter: inner, limit: limit, toEnd: toEnd, gathering: toEnd, held: newPicture(mostGathered+1, mostBytes)}
}

func (w *settlingWriter) row(row Row) error {
	if w.streams {
		if row.Change != Insert {
			return fmt.Errorf("the query now changes rows that were printed before; show the changes themselves with the format %s or %s, or run it once over bounded tables with SET 'execution.runtime-mode' = 'batch'", Changelog, NDJSON)
		}
		w.printed++
		return w.rowWriter.row(row)
	}
	w.held.apply(row)
	w.gathering = w.gathering || row.Change != Insert
	switch {
	case w.held.dropped > 0 || w.held.len() > mostGathered:
		return fmt.Errorf("the result changes rows that were there before and has more than %d of them: too many to gather; show the changes themselves with the format %s or %s, or run it once over bounded tables with SET 'execution.runtime-mode' = 'batch'", w.held.len()-1, Changelog, NDJSON)
	case !w.gathering && w.held.len() >= mostHeld:
		return w.settle()
	}
	return nil
}

// full reports whether the limit is reached and nothing that comes can change
// the rows up to it.
func (w *settlingWriter) full() bool {
	if w.limit <= 0 || w.toEnd {
		return false
	}
	if w.streams {
		return w.printed >= w.limit
	}
	return w.held.len() >= w.limit
}

// settle prints what was held back; what comes now is printed at once.
func (w *settlingWriter) settle() error {
	if w.streams || w.gathering {
		return nil
	}
	w.streams = true
	return w.release()
}

func (w *settlingWriter) release() error {
	rows := w.held.snapshot()
	w.held = newPicture(0, 0)
	for i, row := range rows {
		if w.limit > 0 && i >= w.limit {
			break
		}
		if err := w.rowWriter.row(Row{Fields: row.fields}); err != nil {
			return err
		}
		w.printed++
	}
	return nil
}

func (w *settlingWriter) end() error {
	err := w.release()
	if ended := w.rowWriter.end(); err == nil {
		err = ended
	}
	return err
}

// limitAtEnd reports whether a result has to be read to its end before its
// first rows are known: those of a query that changes rows that it gave before
// may be others by then.
func (r *runner) limitAtEnd(ctx context.Context, execution Execution, schema Schema, line *progress.Line) (bool, error) {
	if r.options.Limit == 0 || !schema.Query {
		return false, nil
	}
	if growing, ok := execution.(Growing); ok && growing.AppendOnly(ctx) {
		return false, nil
	}
	if ctx.Err() != nil {
		return false, context.Cause(ctx)
	}
	switch r.shown() {
	case NDJSON:
		return false, fmt.Errorf("--limit %d can't end this query: it may change rows that it gave before, and its first %d changes are not its result; "+
			"use -o %s or %s for the first rows at its end, or -o %s for the first changes", r.options.Limit, r.options.Limit, JSON, CSV, Changelog)
	case Changelog, Tableau:
		return false, nil
	}
	if !r.options.Quiet {
		line.Done()
		fmt.Fprintf(r.options.ErrOut, "note: this query may change rows that it gave before: --limit %d takes the rows that are there at its end, which a query over unbounded tables doesn't have\n", r.options.Limit)
	}
	return true, nil
}
