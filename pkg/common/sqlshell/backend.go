// Package sqlshell is a SQL prompt and a runner of SQL files. It knows
// nothing of where statements run: that is behind Backend.
package sqlshell

import (
	"context"
	"fmt"
)

// Backend runs statements in one session: a Flink SQL Gateway, or CMF.
type Backend interface {
	// Run sends one statement, without its semicolon. It returns as soon as the
	// statement is accepted; an *Error says that it was refused.
	Run(ctx context.Context, statement string) (Execution, error)
	// Names are the names below path, for completion: catalogs for none,
	// databases for {catalog}, tables and views for {catalog, database}, columns
	// for {catalog, database, table}. It is called lazily and with a short
	// deadline; the shell keeps answers until the next statement that may change
	// them.
	Names(ctx context.Context, path ...string) ([]string, error)
	// Current are the catalog and the database that unqualified names are in.
	Current(ctx context.Context) (catalog, database string, err error)
	// Jobs are the jobs that this session started, and what became of them.
	Jobs(ctx context.Context) ([]Job, error)
	// CancelJob ends a job.
	CancelJob(ctx context.Context, id string) error
	// StopHint is the command line with which a user stops job id later; ""
	// if there is none.
	StopHint(id string) string
	// Close ends the session; running jobs go on.
	Close(ctx context.Context) error
}

// Execution is one statement that runs.
type Execution interface {
	// Schema waits until the columns of the result are known.
	Schema(ctx context.Context) (Schema, error)
	// Next waits for more rows. It returns io.EOF after the last one, and an
	// *Error if the statement failed. The slice and its rows belong to the
	// caller.
	Next(ctx context.Context) ([]Row, error)
	// JobID is Flink's id of the job behind the statement; "" where there is
	// none or none yet.
	JobID() string
	// Cancel ends the statement and the job behind a query.
	Cancel(ctx context.Context) error
	// Close frees what the backend keeps of the statement. A job that an
	// INSERT started goes on.
	Close(ctx context.Context) error
}

// Troubled is an Execution that knows what keeps it from giving rows.
type Troubled interface {
	// Trouble is one line for people; "" while there is none. It may be called
	// while another method runs.
	Trouble() string
}

// Growing is an Execution that can find out whether its rows are only ever
// added to.
type Growing interface {
	// AppendOnly reports whether no row is taken back or replaced later. It is
	// called before Next; false also stands for what can't be known.
	AppendOnly(ctx context.Context) bool
}

// Schema is the shape of a result.
type Schema struct {
	Columns []Column
	// Query says that the rows are those of a query (SELECT and its like), not
	// the answer to a command such as SHOW TABLES or CREATE TABLE.
	Query bool
	// Command says that the statement has no rows to show: "OK" is the answer.
	Command bool
	// Job says that the statement started a job that goes on after it: an
	// INSERT, a statement set.
	Job bool
	// Opaque is why JSON of the rows can't have the shape that their columns
	// have; "" where it can.
	Opaque string
}

// Column is one column, or one field of a ROW.
type Column struct {
	Name string
	Type Type
}

// Type is a logical type of Flink SQL.
type Type struct {
	// Name is the type's root in SQL's words: BIGINT, DECIMAL, VARCHAR, BYTES,
	// ARRAY, MAP, MULTISET, ROW, TIMESTAMP, TIMESTAMP_LTZ, …
	Name     string
	Nullable bool
	// Precision, Scale and Length are -1 where the type has none.
	Precision, Scale, Length int
	// Fields are those of a ROW; Element is the element of an ARRAY or
	// MULTISET, or the value of a MAP whose key is Key.
	Fields       []Column
	Key, Element *Type
}

// typeNames are the roots of Flink's logical types whose names aren't SQL's.
var typeNames = map[string]string{
	"INTEGER":                        "INT",
	"TIME_WITHOUT_TIME_ZONE":         "TIME",
	"TIMESTAMP_WITHOUT_TIME_ZONE":    "TIMESTAMP",
	"TIMESTAMP_WITH_LOCAL_TIME_ZONE": "TIMESTAMP_LTZ",
	"TIMESTAMP_WITH_TIME_ZONE":       "TIMESTAMP_TZ",
	"INTERVAL_YEAR_MONTH":            "INTERVAL YEAR TO MONTH",
	"INTERVAL_DAY_TIME":              "INTERVAL DAY TO SECOND",
}

// TypeName is the name of a type in SQL, from the root of a logical type as
// Flink's REST APIs write it.
func TypeName(root string) string {
	if name, ok := typeNames[root]; ok {
		return name
	}
	return root
}

// Change says what a row does to a result.
type Change int

// The changes of a changelog, as Flink's RowKind.
const (
	Insert Change = iota
	UpdateBefore
	UpdateAfter
	Delete
)

// Symbol is the change as Flink writes it: +I, -U, +U or -D.
func (c Change) Symbol() string { return [...]string{"+I", "-U", "+U", "-D"}[c] }

// Row is one row of a result.
type Row struct {
	Change Change
	// Fields hold one value per column: nil, bool, json.Number, string (also
	// for decimals and times, as the backend writes them), []byte, []any (ARRAY
	// and ROW), or []Pair (MAP and MULTISET).
	Fields []any
}

// Pair is one entry of a MAP; of a MULTISET, Value is the count.
type Pair struct{ Key, Value any }

// The states of jobs that something here depends on.
const (
	JobFinished = "FINISHED"
	JobFailed   = "FAILED"
	JobCanceled = "CANCELED"
)

// Job is one job that a session started.
type Job struct {
	ID, Name string
	// State is Flink's: RUNNING, FINISHED, FAILED, CANCELED, …
	State string
	// Cause is why it failed; "" if it didn't.
	Cause string
}

// Ended reports whether the job will not run any more.
func (j Job) Ended() bool {
	switch j.State {
	case JobFinished, JobFailed, JobCanceled:
		return true
	}
	return false
}

// Error is why a statement failed, in a form that people can read.
type Error struct {
	// Root is the root cause, one or a few lines.
	Root string
	// Full is all that the backend said.
	Full string
	// Line and Column are where in the statement, from 1; 0 if unknown.
	Line, Column int
}

func (e *Error) Error() string {
	if e.Line > 0 {
		return fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, e.Root)
	}
	return e.Root
}
