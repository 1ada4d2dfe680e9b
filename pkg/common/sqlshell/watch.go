package sqlshell

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/progress"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/screen"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/sorting"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
)

const (
	// A result that isn't there after so long is shown while it changes.
	patience = 700 * time.Millisecond
	// mostWatched rows are kept of a result that is watched.
	mostWatched      = 5000
	mostWatchedBytes = 64 << 20
	// redraw is the least time between two pictures.
	redraw = 150 * time.Millisecond
)

// canLive reports whether a result can be shown while it changes.
func (r *runner) canLive() bool {
	return !r.again && r.shown() == Table && r.out == r.options.Out && screen.Possible(r.options.Out) && term.IsTerminal(r.options.In)
}

// errEnded ends the screen of a result that is complete.
var errEnded = errors.New("ended")

// watch prints a result that is there soon, and shows one that isn't while it
// changes, until it ends or the user leaves.
func (r *runner) watch(ctx context.Context, feed *feed, schema Schema, toEnd bool, line *progress.Line) (int, error) {
	v := &view{toEnd: toEnd, columns: schema.Columns, picture: newPicture(mostWatched, mostWatchedBytes), palette: r.palette, sortBy: -1, whole: r.whole}
	var late <-chan time.Time
	look := time.NewTicker(lookAtTrouble)
	defer look.Stop()
	for {
		select {
		case <-look.C:
			r.tellTrouble(ctx, feed, line)
		case <-ctx.Done():
			if v.picture.len() > 0 {
				line.Done()
				_ = r.printPicture(v, schema)
			}
			return v.picture.len(), context.Cause(ctx)
		case <-late:
			line.Done()
			return r.screen(ctx, feed, schema, v)
		case b := <-feed.batches:
			done, err := r.take(v, b)
			if err != nil {
				return 0, err
			}
			if done && v.picture.dropped == 0 {
				line.Done()
				return v.picture.len(), errors.Join(r.printPicture(v, schema), v.end)
			}
			if done || v.picture.dropped > 0 {
				// More than is printed at once: look at the newest.
				line.Done()
				return r.screen(ctx, feed, schema, v)
			}
			if late == nil && v.picture.len() > 0 {
				late = time.After(patience)
			}
		}
	}
}

// take applies a batch; done says that the result is complete, or as long as
// was asked for.
func (r *runner) take(v *view, b batch) (done bool, err error) {
	for _, row := range b.rows {
		v.changed = v.changed || row.Change != Insert
		v.picture.apply(row)
		if r.options.Limit > 0 && !v.toEnd && v.picture.len() >= r.options.Limit {
			v.end = errLimit
			return true, nil
		}
	}
	if errors.Is(b.err, io.EOF) {
		return true, nil
	}
	return false, b.err
}

// printPicture prints all rows.
func (r *runner) printPicture(v *view, schema Schema) error {
	writer := r.writer(schema)
	if err := writer.begin(schema.Columns); err != nil {
		return err
	}
	for i, row := range v.picture.snapshot() {
		if r.options.Limit > 0 && i >= r.options.Limit {
			break
		}
		if err := writer.row(Row{Fields: row.fields}); err != nil {
			return err
		}
	}
	return writer.end()
}

// view is what the screen shows, and how. The screen's loop and the source
// take turns with it: the source sends copies.
type view struct {
	columns []Column
	picture *picture
	palette term.Palette
	// changed says that rows were not only added.
	changed bool
	// end is errLimit where the limit ended the result; toEnd says that only
	// the result's end says which rows the limit takes.
	end   error
	toEnd bool

	sortBy     int
	descending bool
	whole      bool
	from       int
	drawn      *screen.Picture
	drawnFor   string
}

// scene is one state of the result.
type scene struct {
	number  int
	rows    []held
	changes int
	dropped int
	changed bool
	ended   bool
	trouble string
}

func (v *view) scene(number int, ended bool) scene {
	return scene{number: number, rows: v.picture.snapshot(), changes: v.picture.changes, dropped: v.picture.dropped, changed: v.changed, ended: ended}
}

func (r *runner) screen(ctx context.Context, feed *feed, schema Schema, v *view) (int, error) {
	done := v.end != nil
	source := func(ctx context.Context, show func(scene)) error {
		number, trouble := 0, ""
		send := func(ended bool) {
			number++
			scene := v.scene(number, ended)
			if !ended {
				scene.trouble = trouble
			}
			show(scene)
		}
		send(done)
		tick := time.NewTicker(redraw)
		defer tick.Stop()
		for fresh := false; !done; {
			select {
			case <-ctx.Done():
				return nil
			case <-tick.C:
				if now := feed.trouble(); now != trouble {
					trouble, fresh = now, true
				}
				if fresh {
					send(false)
					fresh = false
				}
			case b := <-feed.batches:
				var err error
				if done, err = r.take(v, b); err != nil {
					return err
				}
				fresh = true
			}
		}
		send(true)
		if v.picture.dropped == 0 {
			return errEnded
		}
		return nil // stays until the user has seen it
	}
	err := screen.Run(ctx, r.options.In, r.options.Out, screen.Screen[scene]{
		Source: source, Draw: v.draw, Waiting: "waiting for rows", Data: true,
		Last: func(p screen.Picture, height int) screen.Picture {
			if done && v.picture.dropped == 0 {
				return screen.Picture{} // printed whole below
			}
			if most := max(height-len(p.Head)-3, 5); len(p.Body) > most {
				p.Body = append(slices.Clone(p.Body[:most]), fmt.Sprintf("… and %d more rows", len(p.Body)-most))
			}
			return p
		},
		Keys: []screen.Key{
			{Press: "s", Does: "sort", Do: v.sortNext},
			{Press: "r", Does: "reverse", Do: func() { v.descending = !v.descending }},
			{Press: "w", Does: "whole", Do: func() { v.whole = !v.whole }},
			{Press: "right", Does: "", Do: func() { v.from = min(v.from+1, max(len(v.columns)-1, 0)) }},
			{Press: "left", Does: "", Do: func() { v.from = max(v.from-1, 0) }},
		},
	})
	switch {
	case errors.Is(err, errEnded):
		err = errors.Join(r.printPicture(v, schema), v.end)
	case err == nil && !done:
		err = errLimit // the user has seen enough: the query is ended
	case err == nil:
		err = v.end
	}
	return v.picture.len(), err
}

func (v *view) sortNext() {
	v.sortBy++
	if v.sortBy >= len(v.columns) {
		v.sortBy = -1
	}
}

// draw is the screen's picture of a scene.
func (v *view) draw(s scene, width int) screen.Picture {
	key := fmt.Sprint(s.number, width, v.sortBy, v.descending, v.whole, v.from)
	if v.drawn != nil && v.drawnFor == key {
		return *v.drawn
	}
	// The scene may be drawn again in another order.
	s.rows = slices.Clone(s.rows)
	order := v.order(s)
	var out bytes.Buffer
	limit := width
	if v.whole {
		limit = 0
	}
	columns := v.columns[v.from:]
	table := &tableWriter{out: bufio.NewWriter(&out), lines: true, palette: v.palette, limit: limit, hold: len(s.rows) + 1}
	err := table.begin(columns)
	for _, row := range s.rows {
		if err == nil {
			err = table.row(Row{Fields: row.fields[min(v.from, len(row.fields)):]})
		}
	}
	if err == nil {
		err = table.end()
	}
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	if err != nil || len(lines) < 2 {
		return screen.Picture{Head: lines}
	}
	what := "running"
	if s.ended {
		what = "complete"
	}
	status := fmt.Sprintf("%s  %s rows  %s changes  %s", what, thousands(len(s.rows)+s.dropped), thousands(s.changes), order)
	if s.dropped > 0 {
		status += fmt.Sprintf("  the %s oldest are no longer here", thousands(s.dropped))
	}
	if v.from > 0 {
		status += fmt.Sprintf("  columns from %d (←)", v.from+1)
	}
	p := screen.Picture{Head: []string{v.palette.Paint(term.Bold, status), lines[0], lines[1]}, Body: lines[2:]}
	if s.trouble != "" {
		p.Head = slices.Insert(p.Head, 1, v.palette.Paint(term.Yellow, s.trouble))
	}
	v.drawn, v.drawnFor = &p, key
	return p
}

// order sorts the rows as the user wants them and says how. A result that only
// grows has its newest rows on top, one whose rows change keeps their places.
func (v *view) order(s scene) string {
	if v.sortBy < 0 {
		if s.changed == v.descending {
			slices.Reverse(s.rows)
			return "newest first"
		}
		return "oldest first"
	}
	column := v.columns[v.sortBy]
	sorting.By(s.rows, func(a, b held) int {
		c := compare(a.fields[v.sortBy], b.fields[v.sortBy], column.Type)
		if v.descending {
			c = -c
		}
		return c
	})
	direction := "↑"
	if v.descending {
		direction = "↓"
	}
	return "by " + term.SafeLine(column.Name) + " " + direction
}

// compare orders two values of a column; NULL comes last.
func compare(a, b any, t Type) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return 1
	case b == nil:
		return -1
	}
	x, y := textOf(a, t), textOf(b, t)
	if t.numeric() {
		m, errM := strconv.ParseFloat(x, 64)
		n, errN := strconv.ParseFloat(y, 64)
		if errM == nil && errN == nil && m != n {
			if m < n {
				return -1
			}
			return 1
		}
	}
	return strings.Compare(x, y)
}

// thousands writes a number with commas between thousands.
func thousands(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
