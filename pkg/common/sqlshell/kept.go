package sqlshell

import (
	"context"
	"errors"
	"io"
	"time"
)

const (
	// mostKept rows of the last result are kept for \g, of so many bytes.
	mostKept      = 10_000
	mostKeptBytes = 16 << 20
)

// kept is the last result, as it came.
type kept struct {
	statement Statement
	schema    Schema
	rows      []Row
	bytes     int
	at        time.Time
	// over says that there were more rows than are kept: then none are.
	over bool
	// ended says that the result came to its end, changed that it took rows
	// back.
	ended, changed bool
}

func (k *kept) add(rows []Row) {
	for _, row := range rows {
		if k.over {
			return
		}
		k.changed = k.changed || row.Change != Insert
		k.bytes += footprint(row.Fields)
		if len(k.rows) >= mostKept || k.bytes > mostKeptBytes {
			k.over, k.rows = true, nil
			return
		}
		k.rows = append(k.rows, row)
	}
}

// footprint is about how many bytes a value takes.
func footprint(value any) int {
	const header = 24
	size := header
	switch v := value.(type) {
	case string:
		size += len(v)
	case []byte:
		size += len(v)
	case []any:
		for _, element := range v {
			size += footprint(element)
		}
	case []Pair:
		for _, pair := range v {
			size += footprint(pair.Key) + footprint(pair.Value)
		}
	}
	return size
}

// recorder is an execution whose rows are kept.
type recorder struct {
	Execution
	kept *kept
}

// Next waits for more rows.
func (r *recorder) Next(ctx context.Context) ([]Row, error) {
	rows, err := r.Execution.Next(ctx)
	r.kept.add(rows)
	if errors.Is(err, io.EOF) {
		r.kept.ended = true
	}
	return rows, err
}

// Trouble is what keeps rows from coming.
func (r *recorder) Trouble() string {
	if t, ok := r.Execution.(Troubled); ok {
		return t.Trouble()
	}
	return ""
}

// AppendOnly reports whether rows are only added.
func (r *recorder) AppendOnly(ctx context.Context) bool {
	growing, ok := r.Execution.(Growing)
	return ok && growing.AppendOnly(ctx)
}

// replay is an execution of a kept result.
type replay struct {
	kept *kept
	done bool
}

// Schema is what was kept.
func (r *replay) Schema(context.Context) (Schema, error) { return r.kept.schema, nil }

// Next gives all rows at once.
func (r *replay) Next(context.Context) ([]Row, error) {
	if r.done {
		return nil, io.EOF
	}
	r.done = true
	return r.kept.rows, nil
}

// AppendOnly reports whether no row was taken back.
func (r *replay) AppendOnly(context.Context) bool { return !r.kept.changed }

// JobID is none: nothing runs.
func (r *replay) JobID() string { return "" }

// Cancel does nothing.
func (r *replay) Cancel(context.Context) error { return nil }

// Close does nothing.
func (r *replay) Close(context.Context) error { return nil }
