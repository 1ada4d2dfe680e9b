package sqlshell

import (
	"context"
	"io"
	"time"

	"k8s.io/cli-runtime/pkg/genericiooptions"
)

// Options are what the prompt and the runner share.
type Options struct {
	genericiooptions.IOStreams
	// Format is table, json, ndjson, csv, tsv or vertical; the prompt also
	// knows changelog and tableau.
	Format string
	// Mode is the format where Format is "", as long as no statement sets another.
	Mode string
	// Heir honors what statements set for Flink's own client, too; nil is none.
	Heir *Options
	// Limit ends a query after so many rows; 0 is no limit.
	Limit int
	// Timeout bounds each statement; 0 is no bound.
	Timeout time.Duration
	// Wait follows a job that a statement started to its end.
	Wait bool
	// Full prints all that the backend said of an error.
	Full bool
	// Explain says why a statement that is valid failed, and what to do; "" where
	// that isn't known. What it says may hold foreign text. nil explains nothing.
	Explain func(context.Context, *Error) string
	// HistoryFile is where the prompt keeps its history; "" keeps none.
	HistoryFile string
	// Prompt is what the prompt begins with, such as the cluster's name.
	Prompt string
	// ShowSecrets prints what SET and SHOW CREATE tell with the secrets in it.
	ShowSecrets bool
	// Quiet leaves out progress and notes on standard error.
	Quiet bool
	// Ran says that statements ran before those of a Script, so that wrong text
	// in it is no usage error any more: something was changed.
	Ran bool
	// GoOn has Script run the statements behind one that failed, too.
	GoOn bool
	// Succeeded is called with each statement that ran, where it isn't nil.
	Succeeded func(Statement)
	// Offer are statements of a session that has ended; the prompt asks whether
	// they are to run again.
	Offer []Statement
	// Had are statements that ran in the session before: another session needs what
	// they define, too.
	Had []Statement
	// Commands are commands of the prompt beside its own.
	Commands []Command
}

// Command is a command of the prompt that begins with a backslash.
type Command struct {
	// Name is without the backslash; Argument and Does are for the help.
	Name, Argument, Does string
	Run                  func(ctx context.Context, argument string) error
}

// Source is SQL text and its name in messages: a file's name, "-e".
type Source struct {
	Name string
	Text io.Reader
}
