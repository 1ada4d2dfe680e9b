package sqlshell

import "context"

// Results prints what an execution that was begun elsewhere gives, as Script
// prints that of a statement; text is its statement. The execution is canceled
// and closed as one of Script's is.
func Results(ctx context.Context, execution Execution, text string, options Options) error {
	r, err := newRunner(begun{execution: execution}, options)
	if err != nil {
		return err
	}
	return r.runOne(ctx, Statement{Text: text, raw: text, words: significant(text, 12)})
}

// begun is a backend whose only statement runs already.
type begun struct {
	Backend
	execution Execution
}

// Run gives the execution.
func (b begun) Run(context.Context, string) (Execution, error) { return b.execution, nil }

// StopHint is none: the one who began the statement knows.
func (b begun) StopHint(string) string { return "" }
