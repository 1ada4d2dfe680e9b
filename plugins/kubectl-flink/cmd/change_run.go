package cmd

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/kube"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/progress"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/change"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-flink/view"
)

// manyFlags choose several jobs.
type manyFlags struct {
	selector      string
	all           bool
	allNamespaces bool
}

func (m *manyFlags) add(cmd *cobra.Command, verb string) {
	flags := cmd.Flags()
	flags.StringVarP(&m.selector, "selector", "l", "", "Label selector: "+verb+" every job that matches")
	flags.BoolVar(&m.all, "all", false, verb+" every job in the namespace")
	flags.BoolVarP(&m.allNamespaces, "all-namespaces", "A", false, "With --all or -l: in every namespace")
}

func (m *manyFlags) validate(args []string) error {
	many := m.all || m.selector != ""
	switch {
	case many && len(args) > 0:
		return exit.Usagef("give names, or --all, or -l, but not both")
	case m.allNamespaces && !many:
		return exit.Usagef("--all-namespaces wants --all or a selector (-l)")
	}
	return nil
}

// targets are the jobs meant; asList says that the output is a list even if
// there is only one.
func (c *common) targets(ctx context.Context, client *operator.Client, args []string, m manyFlags) (refs []api.Ref, asList bool, err error) {
	if !m.all && m.selector == "" {
		if len(args) <= 1 {
			ref, err := c.oneJob(ctx, client, args)
			return []api.Ref{ref}, false, err
		}
		namespace, _, err := c.factory.Namespace()
		if err != nil {
			return nil, false, err
		}
		seen := map[api.Ref]bool{}
		for _, arg := range args {
			ref, err := operator.ParseRef(arg, namespace, api.JobKinds...)
			if err != nil {
				return nil, false, err
			}
			if !seen[ref] {
				seen[ref] = true
				refs = append(refs, ref)
			}
		}
		return refs, true, nil
	}
	namespace := metav1.NamespaceAll
	if !m.allNamespaces {
		if namespace, _, err = c.factory.Namespace(); err != nil {
			return nil, false, err
		}
	}
	jobs, err := client.Jobs(ctx, namespace, metav1.ListOptions{LabelSelector: m.selector})
	if err != nil {
		return nil, false, err
	}
	for _, job := range jobs {
		refs = append(refs, job.Ref())
	}
	if len(refs) == 0 {
		return nil, false, errors.New("no jobs match")
	}
	return refs, true, nil
}

// changing carries out one job's change.
type changing func(ctx context.Context, client *operator.Client, ref api.Ref, options change.Options, reporter operator.Reporter) (change.Report, error)

// run finds the jobs meant, carries out the change on each and prints what
// became of it.
func (f *changeFlags) run(ctx context.Context, args []string, many manyFlags, ch changing) error {
	client, err := f.client()
	if err != nil {
		return err
	}
	// Looking up the jobs is bounded too, but a person who picks one doesn't
	// use up the change's time.
	lookup, found := f.bounded(ctx)
	defer found()
	refs, asList, err := f.targets(lookup, client, args, many)
	if err != nil {
		return ended(lookup, err)
	}
	line := progress.New(f.ErrOut, f.quiet)
	defer line.Done()
	options := f.options
	if !asList {
		options.Confirm = func(ctx context.Context, question string) error {
			line.Clear()
			return f.confirm(ctx, f.yes, question)
		}
		report, err := f.one(ctx, client, refs[0], options, ch, operator.Reporter{
			Waiting: func(s string) { line.Set("%s", s) },
			Note:    func(s string) { line.Print("%s", s) },
		})
		line.Done()
		if err != nil {
			return err
		}
		return f.print([]change.Report{report}, false, many.allNamespaces)
	}
	if f.state.LoseState && f.options.DryRun == "" {
		if err := f.confirm(ctx, f.yes, fmt.Sprintf("%d jobs lose their state.", len(refs))); err != nil {
			return err
		}
	}
	reports, err := f.several(ctx, client, refs, options, many.allNamespaces, ch, line)
	line.Done()
	if printErr := f.print(reports, true, many.allNamespaces); printErr != nil {
		return printErr
	}
	return err
}

func (f *changeFlags) one(ctx context.Context, client *operator.Client, ref api.Ref, options change.Options, ch changing, reporter operator.Reporter) (change.Report, error) {
	ctx, cancel := f.bounded(ctx)
	defer cancel()
	report, err := ch(ctx, client, ref, options, reporter)
	return report, withAdvice(ended(ctx, err))
}

// several changes several jobs at once and tells of each as it ends.
func (f *changeFlags) several(ctx context.Context, client *operator.Client, refs []api.Ref, options change.Options, namespaces bool, ch changing, line *progress.Line) ([]change.Report, error) {
	var (
		mu            sync.Mutex
		group         sync.WaitGroup
		done, failed  int
		worst         int
		reports       []change.Report
		results       = make([]*change.Report, len(refs))
		slots         = make(chan struct{}, parallel)
		bounded, stop = f.bounded(ctx)
	)
	defer stop()
	line.Set("0 of %d jobs done", len(refs))
	for i, ref := range refs {
		group.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			note := func(s string) {
				if len(refs) <= 10 {
					line.Print("%s", s)
				}
			}
			report, err := f.one(bounded, client, ref, options, ch, operator.Reporter{Note: note})
			mu.Lock()
			defer mu.Unlock()
			done++
			line.Set("%d of %d jobs done", done, len(refs))
			if err != nil {
				failed++
				worst = worse(worst, exit.Code(err))
				f.complain(line, named(ref, namespaces)+": "+kube.Message(err))
				return
			}
			results[i] = &report
		})
	}
	group.Wait()
	for _, r := range results {
		if r != nil {
			reports = append(reports, *r)
		}
	}
	if failed > 0 {
		return reports, exit.With(worst, fmt.Errorf("%d of %d jobs failed", failed, len(refs)))
	}
	return reports, nil
}

// complain prints an error above the live line, and also where --quiet wants
// no progress.
func (c *common) complain(line *progress.Line, text string) {
	if line == nil {
		fmt.Fprintln(c.ErrOut, term.Safe(text))
		return
	}
	line.Print("%s", text)
}

func (f *changeFlags) print(reports []change.Report, asList, namespaces bool) error {
	return f.output.Print(f.Out, view.Changed(reports, view.ChangeForm{List: asList, Namespaces: namespaces}))
}
