package cmd

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/batch"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/kube"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/progress"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/change"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-flink/view"
)

// asking is how one job's change is looked at and asked about.
type asking struct {
	// dryRun is the user's, or client while a change is only foreseen.
	dryRun string
	// confirm asks the user; nil is yes.
	confirm func(ctx context.Context, question string) error
	// question is given what confirm would be asked; nil ignores it.
	question func(question string)
	// foreseen says that the user has seen what is going to be done.
	foreseen bool
	// clear removes the live line: somebody is going to be asked something.
	clear func()
	// look looks at what is going to be started; nil looks at nothing.
	look func(ctx context.Context, p change.Prospect) error
}

// in are the options with the wishes of a.
func (a asking) in(options change.Options) change.Options {
	options.DryRun, options.Confirm, options.Question, options.Look = a.dryRun, a.confirm, a.question, a.look
	return options
}

// changing is a verb that changes jobs; R is its report.
type changing[R any] struct {
	// did is what is done, in the past tense: "suspended".
	did string
	// loses says what needs --yes where there is no terminal: "lose their
	// state". "" needs nothing.
	loses string
	// flagIsEnough says that without a terminal the flag that allowed a loss
	// needs no --yes beside it.
	flagIsEnough bool
	do           func(ctx context.Context, client *operator.Client, ref api.Ref, a asking, reporter operator.Reporter) (R, error)
	print        func(reports []R, asList bool) error
	// first and keep are as in jobBatch.
	first func(api.Ref) bool
	keep  func(R, error) bool
}

// changes is a verb whose report is the change's alone.
func (f *changeFlags) changes(did string, do func(ctx context.Context, client *operator.Client, ref api.Ref, a asking, reporter operator.Reporter) (change.Report, error)) changing[change.Report] {
	v := changing[change.Report]{
		did: did,
		do: func(ctx context.Context, client *operator.Client, ref api.Ref, a asking, reporter operator.Reporter) (change.Report, error) {
			report, err := do(ctx, client, ref, a, reporter)
			return report, err
		},
		print: func(reports []change.Report, asList bool) error {
			return f.output.Print(f.Out, view.Changed(reports, view.ChangeForm{List: asList, Namespaces: f.many.allNamespaces}))
		},
	}
	if f.state.LoseState {
		v.loses = "lose their state"
	}
	return v
}

// changeJobs finds the jobs meant, carries out the change on each and prints
// what became of it.
func changeJobs[R any](ctx context.Context, f *changeFlags, v changing[R]) error {
	client, err := f.operator()
	if err != nil {
		return err
	}
	jobManagers := f.jobManagers(client, f.tunnelFlags, f.tls)
	defer jobManagers.Close()
	client = client.Asking(jobManagers)
	// Looking up the jobs is bounded too, but a person who picks one doesn't
	// use up the change's time.
	lookup, found := f.Bounded(ctx)
	defer found()
	refs, asList, err := f.targets(lookup, client, f.many)
	if err != nil {
		return ended(lookup, err)
	}
	line := f.progress(f.Quiet)
	defer line.Done()
	ahead := f.foreseer(client)
	defer ahead.Close()
	if f.check {
		v.print = func(_ []R, asList bool) error { return ahead.print(asList) }
	}
	explain := f.explainer(func() { line.Set("looking for the cause") })
	defer explain.Close()
	one := func(ctx context.Context, ref api.Ref, a asking, reporter operator.Reporter) (R, error) {
		bounded, cancel := f.Bounded(ctx)
		defer cancel()
		if ahead != nil && !a.foreseen {
			a.look = ahead.of(ref, reporter)
		}
		report, err := v.do(bounded, client, ref, a, reporter)
		if errors.Is(err, errForeseen) {
			err = nil
		}
		if err = ended(bounded, err); a.dryRun == "" {
			err = explain.explain(ctx, client, ref, err)
		}
		return report, err
	}
	if !asList {
		reporter := reporterOf(line)
		if f.Quiet {
			reporter.Must = func(text string) { f.complain(nil, text) }
		}
		report, err := one(ctx, refs[0], asking{dryRun: f.DryRun, confirm: f.confirmation(v.flagIsEnough, line), clear: line.Clear}, reporter)
		line.Done()
		if err != nil && (v.keep == nil || !v.keep(report, err)) {
			return err
		}
		if printErr := v.print([]R{report}, false); printErr != nil {
			return printErr
		}
		return err
	}
	foreseen, err := foresee(ctx, f, v, refs, one, line)
	if err != nil {
		return err
	}
	several := jobBatch[R]{
		common: f.common, many: &f.many, noun: "job", first: v.first, keep: v.keep,
		do: func(ctx context.Context, ref api.Ref, reporter operator.Reporter) (R, error) {
			a := asking{dryRun: f.DryRun, confirm: f.confirmation(v.flagIsEnough, line), clear: line.Clear}
			if seen, ok := foreseen[ref]; ok {
				if seen.err != nil {
					var none R
					return none, seen.err
				}
				a.foreseen, a.confirm = true, seen.confirm
			}
			return one(ctx, ref, a, reporter)
		},
	}
	reports, err := several.run(ctx, refs, line)
	line.Done()
	if printErr := v.print(reports, true); printErr != nil {
		return printErr
	}
	return err
}

// confirmation asks the person at the terminal.
func (f *changeFlags) confirmation(flagIsEnough bool, line *progress.Line) func(context.Context, string) error {
	if flagIsEnough && !plugin.CanAsk(f.IOStreams) {
		return nil
	}
	return func(ctx context.Context, question string) error {
		line.Clear()
		return f.confirm(ctx, f.yes, question)
	}
}

// prospect is what is going to be done with one of several jobs.
type prospect struct {
	lines     []string
	questions []string
	// err is why nothing can be done.
	err error
}

// confirm agrees to what the user was shown, and to nothing else.
func (p *prospect) confirm(_ context.Context, question string) error {
	if len(p.questions) > 0 {
		return nil
	}
	return fmt.Errorf("nothing was changed: this was not so when you were asked: %s", question)
}

// foresee looks at what would become of each job, in a dry run, and asks one
// question about all of them. Without anybody to ask it is nil.
func foresee[R any](ctx context.Context, f *changeFlags, v changing[R], refs []api.Ref, one func(context.Context, api.Ref, asking, operator.Reporter) (R, error), line *progress.Line) (map[api.Ref]*prospect, error) {
	switch {
	case f.yes || f.DryRun != "":
		return nil, nil
	case !plugin.CanAsk(f.IOStreams) && v.loses != "":
		return nil, f.confirm(ctx, false, fmt.Sprintf("%d jobs %s.", len(refs), v.loses))
	case !plugin.CanAsk(f.IOStreams):
		return nil, nil
	}
	line.Set("looking at %d jobs", len(refs))
	options := f.many.Options
	options.StopOnFailure = false
	results := batch.Run(ctx, refs, options, func(ctx context.Context, ref api.Ref) (*prospect, error) {
		var mu sync.Mutex
		p := &prospect{}
		note := func(text string) {
			mu.Lock()
			defer mu.Unlock()
			p.lines = append(p.lines, text)
		}
		_, err := one(ctx, ref, asking{dryRun: "client", question: func(text string) {
			note(text)
			p.questions = append(p.questions, text)
		}}, operator.Reporter{Note: note})
		p.err = err
		return p, nil
	}, nil)
	line.Clear()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	out := map[api.Ref]*prospect{}
	text, able := "", 0
	for _, r := range results {
		out[r.Item] = r.Value
		name := named(r.Item, f.many.allNamespaces)
		if r.Value.err != nil {
			why := strings.TrimPrefix(kube.Message(r.Value.err), "error: ")
			text += "\n  " + name + " can't be " + v.did + ": " + indented(strings.TrimPrefix(strings.TrimPrefix(why, r.Item.String()+" "), "was not "+v.did+": "))
			continue
		}
		able++
		if len(r.Value.lines) == 0 {
			text += "\n  " + name
		}
		for _, line := range r.Value.lines {
			text += "\n  " + indented(ofJob(name, r.Item, strings.TrimRight(line, "\n")))
		}
	}
	if able == 0 {
		return out, nil // each says why as it fails
	}
	return out, f.confirm(ctx, false, fmt.Sprintf("%s will be %s:%s", plural(able, "job"), v.did, text))
}

// indented puts the lines after the first below it.
func indented(text string) string { return strings.ReplaceAll(text, "\n", "\n    ") }
