package cmd

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/kube"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/portforward"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/sorting"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/change"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/foretell"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/reach"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/rest"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/sqlplan"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/storage"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-flink/view"
)

// checkFlags choose whether the state is looked at before a job is started from
// it. A verb that doesn't add them doesn't look.
type checkFlags struct {
	check, noCheck, compile, looks bool
	// coming is the ConfigMap that comes with the change of a job; nil for none.
	coming func(job api.Ref) *corev1.ConfigMap
	// plans is what becomes of state by the plans of SQL scripts; nil where none are
	// compared, and its result where that couldn't be had.
	plans func() *sqlplan.Comparison
}

func (f *checkFlags) addCheck(cmd *cobra.Command) {
	f.looks = true
	cmd.Flags().BoolVar(&f.check, "check", false, "Only look whether the job would start from its state; change nothing. Ends with 3 where it would fail, with 1 where that can't be seen")
	cmd.Flags().BoolVar(&f.noCheck, "no-check", false, "Don't look at the state first")
	cmd.Flags().BoolVar(&f.compile, "compile", false, "For the check, have the job's main method make its graph, in a pod with the image and settings to come: then it is known whether each state has an operator. What the main method does besides, it does there, too")
}

func (f *checkFlags) validate() error {
	if f.check && f.noCheck {
		return exit.Usagef("give --check or --no-check, not both")
	}
	if f.compile && f.noCheck {
		return exit.Usagef("--compile is part of the check: leave out --no-check")
	}
	return nil
}

// lookLimit is how long a look at the state may take: whoever changes a job
// isn't to wait for it.
const lookLimit = 10 * time.Second

// readLimit is lookLimit where a pod may be started to read a volume.
const readLimit = 2 * time.Minute

// compileLimit bounds how long a graph may take, with the start of its pod.
const compileLimit = 8 * time.Minute

// errForeseen ends a verb that was only to look.
var errForeseen = errors.New("nothing was changed: it was only looked at")

// foreseer looks at what a command is going to start. nil looks at nothing.
type foreseer struct {
	*common
	client *operator.Client
	tls    reach.TLSFiles
	tunnel *portforward.Tunnel
	output *printer.Flags
	// done is what the verb does to a job, as in "cloned"; "" is changed.
	done string
	// only says that nothing is to be done, compile that the graph is to be made.
	only, compile bool
	coming        func(job api.Ref) *corev1.ConfigMap
	plans         func() *sqlplan.Comparison
	// reader allows to start a pod that reads a volume; without one, a volume of a job
	// that is new can't be looked into, which isn't reported each time.
	reader, isNew bool
	// noWay says why there is no way to JobManagers and stores.
	noWay error

	mu    sync.Mutex
	found []view.Foreseen
}

func (f *changeFlags) foreseer(client *operator.Client) *foreseer {
	return f.checkFlags.foreseer(f.common, client, f.tunnelFlags, f.tls, &f.output, "")
}

func (f *checkFlags) foreseer(c *common, client *operator.Client, way tunnelFlags, files reach.TLSFiles, output *printer.Flags, done string) *foreseer {
	if !f.looks || f.noCheck {
		return nil
	}
	s := &foreseer{common: c, client: client, tls: files, output: output, only: f.check, compile: f.compile, coming: f.coming, plans: f.plans, done: done}
	way.reconnect = 0 // who isn't there isn't waited for
	s.tunnel, s.noWay = c.tunnel(way, nil)
	return s
}

// Close closes the way to JobManagers and stores.
func (s *foreseer) Close() {
	if s != nil && s.tunnel != nil {
		s.tunnel.Close()
	}
}

// of looks at the start of one job.
func (s *foreseer) of(ref api.Ref, reporter operator.Reporter) func(context.Context, change.Prospect) error {
	return func(ctx context.Context, p change.Prospect) error {
		reporter.Waitingf("%s: looking at the state", ref)
		seen, err := s.look(ctx, p)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		unmade, failed := s.graph(ctx, ref, &seen, reporter)
		if failed != nil {
			return failed
		}
		if s.plans != nil {
			seen.Plans = s.plans()
		}
		out := view.Foreseen{Job: ref, Prospect: p, State: seen.State, Findings: foretell.Judge(seen), Unmade: unmade, Done: s.done}
		if err != nil {
			out.Unseen = shortly(err)
		}
		if scheme, _ := storage.Split(p.Path); s.isNew && !s.reader && !storage.IsS3(scheme) {
			out.Unseen = ""
		}
		if s.only {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.found = append(s.found, out)
			return errForeseen
		}
		return out.Act(reporter.Notef)
	}
}

func (s *foreseer) look(ctx context.Context, p change.Prospect) (foretell.Facts, error) {
	limit := lookLimit
	if s.reader {
		limit = readLimit
	}
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("it took longer than %s", limit))
	defer cancel()
	config, err := s.factory.Config()
	if err == nil {
		err = s.noWay
	}
	if err != nil {
		return foretell.Facts{Before: p.Before, After: p.After, Cluster: p.After, Stateless: p.Stateless}, err
	}
	gather := reach.Foreseer{
		Store: reach.StateStore{Client: s.client, Config: config, Tunnel: s.tunnel, NoReader: !s.reader},
		Ask:   func(place reach.Place) (*rest.Client, error) { return restClient(s.tunnel, place, s.tls) },
	}
	return gather.Facts(ctx, p)
}

// graph makes the graph of what is going to run, where that is asked for. unmade says
// that there is none. Its error is only the end of ctx.
func (s *foreseer) graph(ctx context.Context, ref api.Ref, seen *foretell.Facts, reporter operator.Reporter) (unmade bool, err error) {
	if !s.compile || seen.Stateless {
		return false, nil
	}
	reporter.Waitingf("%s: making its new graph in a pod", ref)
	config, err := s.factory.Config()
	if err == nil {
		limited, cancel := context.WithTimeoutCause(ctx, compileLimit, fmt.Errorf("it took longer than %s", compileLimit))
		defer cancel()
		compiler := reach.Compiler{Client: s.client, Config: config}
		if s.coming != nil {
			compiler.Coming = s.coming(ref)
		}
		seen.Graph, err = compiler.Graph(limited, *seen)
	}
	if ctx.Err() != nil {
		return false, context.Cause(ctx)
	}
	switch {
	case err == nil:
		return false, nil
	case seen.Graph != nil:
		reporter.Mustf("%s", kube.Message(err)) // the pod stays
		return false, nil
	}
	var own *reach.GraphError
	if errors.As(err, &own) {
		seen.TroubleKind = own.Kind
	}
	seen.GraphTrouble = shortly(err)
	return true, nil
}

// print prints what was found, and tells by its error whether all is well.
func (s *foreseer) print(asList bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	sorting.By(s.found, func(a, b view.Foreseen) int { return strings.Compare(a.Job.String(), b.Job.String()) })
	palette, err := term.NewPalette("auto", s.Out)
	if err != nil {
		return err
	}
	if len(s.found) == 0 && s.output.IsHuman() && !asList {
		fmt.Fprintln(s.Out, "Nothing would start from state: there is nothing to check")
		return nil
	}
	if err := s.output.Print(s.Out, view.Foretold(s.found, palette, asList)); err != nil {
		return err
	}
	fails, unseen := 0, 0
	for _, one := range s.found {
		switch {
		case one.Fails():
			fails++
		case one.Unseen != "", one.Unmade:
			unseen++
		}
	}
	switch {
	case fails > 0:
		return &exit.Error{Code: exit.No, Err: errors.New("it would fail"), Quiet: s.output.IsHuman()}
	case unseen > 0:
		return &exit.Error{Code: exit.Failed, Err: errors.New("not everything could be checked"), Quiet: s.output.IsHuman()}
	}
	return nil
}
