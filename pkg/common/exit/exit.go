// Package exit maps the outcome of a command to its exit code and its last
// words on standard error.
package exit

import (
	"context"
	"errors"
	"fmt"
)

// The exit codes that both plugins use.
const (
	// OK means that what was asked for is true.
	OK = 0
	// Failed means that it isn't, or that nobody could find out.
	Failed = 1
	// Usage means that the command line or a file given to it is wrong;
	// nothing was changed.
	Usage = 2
	// No means that the question was answered, and the answer is no:
	// unhealthy, different, findings.
	No = 3
	// TimedOut means that a wait ended before what was waited for.
	TimedOut = 124
	// Interrupted means that the user ended the wait (Ctrl-C).
	Interrupted = 130
	// BrokenPipe means that the reader of the output went away before its end,
	// as in "… | head". It is what a shell shows for a program that this ended.
	BrokenPipe = 141
)

// Error is an error with an exit code of its own.
type Error struct {
	Code int
	Err  error
	// Quiet says that the user has read everything already, so that nothing
	// more is printed.
	Quiet bool
}

func (e *Error) Error() string { return e.Err.Error() }

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// With gives err the exit code code. A nil err stays nil.
func With(code int, err error) error {
	if err == nil {
		return nil
	}
	return &Error{Code: code, Err: err}
}

// Usagef is a usage error (exit code 2).
func Usagef(format string, args ...any) error {
	return &Error{Code: Usage, Err: fmt.Errorf(format, args...)}
}

// Timeoutf is the error of a wait that ran out of time (exit code 124).
func Timeoutf(format string, args ...any) error {
	return &Error{Code: TimedOut, Err: fmt.Errorf(format, args...)}
}

// Silent ends the process with code and prints nothing more.
func Silent(code int) error {
	return &Error{Code: code, Err: fmt.Errorf("exit code %d", code), Quiet: true}
}

// Code is the exit code that err asks for: 0 for nil, that of the outermost
// Error, 124 for a context deadline, 130 for a canceled context, else 1.
func Code(err error) int {
	var coded *Error
	switch {
	case err == nil:
		return OK
	case errors.As(err, &coded):
		return coded.Code
	case errors.Is(err, context.DeadlineExceeded):
		return TimedOut
	case errors.Is(err, context.Canceled):
		return Interrupted
	}
	return Failed
}

// IsQuiet reports whether err wants nothing printed.
func IsQuiet(err error) bool {
	var coded *Error
	return errors.As(err, &coded) && coded.Quiet
}
