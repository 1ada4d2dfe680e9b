package cmd

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/batch"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/kube"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/progress"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

// mostTold is how many jobs may be worked on at once for each to be reported
// while it goes on; of more, only the ends are.
const mostTold = 10

// manyFlags choose several objects, and how they are worked on.
type manyFlags struct {
	batch.Options
	selector      string
	all           bool
	allNamespaces bool
	args          []string
	rest          batch.Rest
	// whole says that what goes on is the same command, without names.
	whole bool
}

// add adds the flags; each is what is done to each of noun ("Suspend", "job").
func (m *manyFlags) add(cmd *cobra.Command, each, noun string) {
	m.choose(cmd, "Label selector: "+strings.ToLower(each[:1])+each[1:]+" every "+noun+" that matches", each+" every "+noun+" in the namespace")
}

func (m *manyFlags) choose(cmd *cobra.Command, selector, all string) {
	flags := cmd.Flags()
	flags.StringVarP(&m.selector, "selector", "l", "", selector)
	flags.BoolVar(&m.all, "all", false, all)
	flags.BoolVarP(&m.allNamespaces, "all-namespaces", "A", false, "With --all or -l: in every namespace")
	m.AddFlags(cmd)
}

// complete takes over the names; after are the arguments behind --.
func (m *manyFlags) complete(cmd *cobra.Command, names, after []string) {
	m.args = names
	m.rest = batch.NewRest(cmd, after, "selector", "all", "all-namespaces", "namespace")
}

func (m *manyFlags) chosen() bool { return m.all || m.selector != "" }

// several reports whether more than one object may be meant.
func (m *manyFlags) several() bool { return m.chosen() || len(m.args) > 1 }

func (m *manyFlags) validate() error {
	switch {
	case m.chosen() && len(m.args) > 0:
		return exit.Usagef("give names, or --all, or -l, but not both")
	case m.allNamespaces && !m.chosen():
		return exit.Usagef("--all-namespaces wants --all or a selector (-l)")
	}
	return m.Options.Validate()
}

// commands are the commands that go on with refs: one for each namespace.
func (m *manyFlags) commands(refs []api.Ref) []string {
	if m.whole {
		return []string{m.rest.Command(nil)}
	}
	names := map[string][]string{}
	for _, ref := range refs {
		names[ref.Namespace] = append(names[ref.Namespace], ref.String())
	}
	var out []string
	for _, namespace := range keys(names) {
		out = append(out, m.rest.Command(names[namespace], "-n", namespace))
	}
	return out
}

// targets are the jobs meant; asList says that the output is a list even if
// there is only one.
func (c *common) targets(ctx context.Context, client *operator.Client, m manyFlags) (refs []api.Ref, asList bool, err error) {
	if !m.chosen() {
		if len(m.args) <= 1 {
			ref, err := c.oneJob(ctx, client, m.args)
			return []api.Ref{ref}, false, err
		}
		namespace, _, err := c.factory.Namespace()
		if err != nil {
			return nil, false, err
		}
		seen := map[api.Ref]bool{}
		for _, arg := range m.args {
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

// jobBatch does one thing to several jobs.
type jobBatch[R any] struct {
	*common
	many *manyFlags
	noun string
	// first are the jobs that are done before all others; nil is none.
	first func(api.Ref) bool
	do    func(ctx context.Context, ref api.Ref, reporter operator.Reporter) (R, error)
	// keep says that a report is printed although there is an error.
	keep func(R, error) bool
}

// run does it and reports each as it ends. The reports are those of the jobs
// that were done, in the order of refs.
func (b jobBatch[R]) run(ctx context.Context, refs []api.Ref, line *progress.Line) ([]R, error) {
	total := len(refs)
	count := func(n int) string { return fmt.Sprintf("%d of %d %ss done", n, total, b.noun) }
	line.Set("%s", count(0))
	waves := [][]api.Ref{refs}
	if b.first != nil {
		waves = split(refs, b.first)
	}
	var results []batch.Result[api.Ref, R]
	before, failed := 0, false
	for _, wave := range waves {
		if failed && b.many.StopOnFailure {
			for _, ref := range wave {
				results = append(results, batch.Result[api.Ref, R]{Item: ref})
			}
			continue
		}
		results = append(results, batch.Run(ctx, wave, b.many.Options, func(ctx context.Context, ref api.Ref) (R, error) {
			return b.do(ctx, ref, b.reporter(ref, total, line))
		}, func(r batch.Result[api.Ref, R], done int) {
			line.Set("%s", count(before+done))
			if r.Err != nil {
				failed = true
				b.complain(line, b.name(r.Item)+": "+kube.Message(r.Err))
			}
		})...)
		before += len(wave)
	}
	reports := batch.Values(results, func(r batch.Result[api.Ref, R]) bool {
		return r.Begun && b.keep != nil && b.keep(r.Value, r.Err)
	})
	return reports, batch.Err(ctx, results, batch.Words[api.Ref]{Noun: b.noun, Name: b.name, Rest: b.many.commands})
}

func (b jobBatch[R]) name(ref api.Ref) string { return named(ref, b.many.allNamespaces) }

// reporter reports one job among several: its name is in each line.
func (b jobBatch[R]) reporter(ref api.Ref, total int, line *progress.Line) operator.Reporter {
	name := b.name(ref)
	reporter := operator.Reporter{Must: func(s string) { b.complain(line, ofJob(name, ref, s)) }}
	if total <= mostTold {
		reporter.Note = func(s string) { line.Print("%s", ofJob(name, ref, s)) }
		var mu sync.Mutex
		last := ""
		reporter.Waiting = func(s string) {
			mu.Lock()
			defer mu.Unlock()
			// Jobs take turns on the line: only what is new of one is shown.
			if s != last {
				last = s
				line.Set("%s", ofJob(name, ref, s))
			}
		}
	}
	return reporter
}

// ofJob is a text about a job, which begins with its name.
func ofJob(name string, ref api.Ref, text string) string {
	if rest, ok := strings.CutPrefix(text, ref.String()); ok && (rest == "" || strings.HasPrefix(rest, ":") || strings.HasPrefix(rest, " ")) {
		return name + rest
	}
	return name + ": " + text
}

// split puts those that come first before the others; each part keeps its order.
func split(refs []api.Ref, first func(api.Ref) bool) [][]api.Ref {
	var parts [2][]api.Ref
	for _, ref := range refs {
		if first(ref) {
			parts[0] = append(parts[0], ref)
		} else {
			parts[1] = append(parts[1], ref)
		}
	}
	var out [][]api.Ref
	for _, part := range parts {
		if len(part) > 0 {
			out = append(out, part)
		}
	}
	return out
}

// complain prints an error above the live line, and also where --quiet wants
// no progress.
func (c *common) complain(line *progress.Line, text string) {
	if line == nil {
		fmt.Fprintln(c.ErrOut, c.factory.Aim(term.Safe(text)))
		return
	}
	line.Print("%s", text)
}

func named(ref api.Ref, withNamespace bool) string {
	if withNamespace {
		return ref.Namespace + "/" + ref.String()
	}
	return ref.String()
}
