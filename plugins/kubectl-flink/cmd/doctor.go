package cmd

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/completion"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/portforward"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/diagnosis"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/reach"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-flink/view"
)

// examined bounds how many jobs are looked at at once: each asks some twenty
// questions.
const examined = 6

// doctorOptions are the flags of `kubectl flink doctor`.
type doctorOptions struct {
	*common
	tunnelFlags
	plugin.Arguments
	tls           reach.TLSFiles
	output        printer.Flags
	color         string
	palette       term.Palette
	allNamespaces bool
	selector      string
	strict        bool
	timeout       time.Duration
	fix           fixFlags
	contexts      []string
	sample        time.Duration
}

func newDoctor(c *common) *cobra.Command {
	o := &doctorOptions{common: c}
	cmd := &cobra.Command{
		Use:   "doctor [[TYPE/]NAME ...]",
		Short: "Find out why jobs don't run as they should, and what to do",
		Long: `Look at jobs and at the operator's installation, and say what is wrong, what shows
it, and what to do: the root cause first, what follows from it below it, and then
what may go wrong later (risk in JSON). Without a name, the installation and every
job of the namespace are looked at, the worst first; what several jobs have in
common is shown once.

Objects, pods, events, logs, the JobManager and what surrounds a job are read, each
for at most --timeout. What can't be read is named at the end: without it, some
causes can't be seen. Without --fix,
nothing is changed.

With --fix, the cures that are known to be safe are carried out (doctor rules, column
FIX): you are shown each as a kubectl command with what it brings with it, and asked.
What restarts a job is only offered where its state is known to be kept, and the
question says how. With --yes, nothing is asked, and only what restarts and grants
nothing is done. Afterwards the jobs are looked at again.

With --contexts, several clusters are looked at, and shown one after the other, the
worst first. One that can't be reached doesn't keep the others.

It ends with 3 where there are errors; with --strict, where there are warnings; and
with 1 where no error was found of a job whose pods or JobManager couldn't be read.
A job called explain or rules is named with its type: deployment/rules.`,
		Example: plugin.Examples(`
			# The installation and all jobs of the namespace
			kubectl flink doctor

			# One job
			kubectl flink doctor basic-example

			# Everything, for a pipeline
			kubectl flink doctor -A --strict -o json

			# Carry out cures, each after a question; or see what that would be
			kubectl flink doctor basic-example --fix
			kubectl flink doctor -A --fix --dry-run=client

			# Does a watermark stand still, or lag grow?
			kubectl flink doctor basic-example --sample 1m

			# Several clusters at once
			kubectl flink doctor -A --contexts staging,production

			# What a finding means
			kubectl flink doctor explain FLINK-POD-INIT`),
		Args:              cobra.ArbitraryArgs,
		ValidArgsFunction: c.completeJobs(true),
		RunE:              plugin.RunE(o),
	}
	flags := cmd.Flags()
	o.output.AddFlags(cmd, printer.JSON, printer.YAML, "jsonpath", view.SARIF)
	flags.BoolVarP(&o.allNamespaces, "all-namespaces", "A", false, "Look at the jobs of every namespace")
	flags.StringVarP(&o.selector, "selector", "l", "", "Label selector: look at the jobs that match")
	flags.BoolVar(&o.strict, "strict", false, "End with 3 where there are warnings, too")
	flags.DurationVar(&o.timeout, "timeout", reach.SourceLimit, "How long each source of facts is waited for")
	flags.StringSliceVar(&o.contexts, "contexts", nil, "Contexts of the kubeconfig: look at each cluster, the worst first")
	_ = cmd.RegisterFlagCompletionFunc("contexts", completion.Values(func(context.Context, []string, string) ([]completion.Choice, error) {
		names, err := c.factory.Contexts()
		var out []completion.Choice
		for _, name := range names {
			out = append(out, completion.Choice{Value: name})
		}
		return out, err
	}))
	flags.DurationVar(&o.sample, "sample", 0, "Look at the flow of jobs twice, so long apart: finds watermarks that stand (from 1m on) and lag that grows (30s)")
	o.fix.add(cmd)
	o.tunnelFlags.add(cmd, true)
	addRESTFlags(cmd, &o.tls)
	addColor(cmd, &o.color)
	cmd.AddCommand(newDoctorExplain(c), newDoctorRules(c))
	return cmd
}

// Validate finds what is wrong with the flags.
func (o *doctorOptions) Validate() error {
	switch {
	case o.sample < 0 || o.sample > 10*time.Minute:
		return exit.Usagef("--sample: %s is not between 0 and 10m", o.sample)
	case o.timeout <= 0:
		return exit.Usagef("--timeout: %s is not a positive duration", o.timeout)
	case len(o.Args) > 0 && (o.allNamespaces || o.selector != ""):
		return exit.Usagef("give names, or -A and -l, but not both")
	}
	if err := o.checkContexts(); err != nil {
		return err
	}
	if err := o.fix.check(o.IOStreams, o.output); err != nil {
		return err
	}
	var err error
	if o.palette, err = term.NewPalette(o.color, o.Out); err != nil {
		return err
	}
	return o.output.Validate()
}

// site is a cluster to look at.
type site struct {
	client *operator.Client
	tunnel *portforward.Tunnel
	named  []api.Ref
	// look looks at jobs, those named or all that are meant; what jobs have in
	// common is read again each time.
	look func(ctx context.Context, named []api.Ref) (*gathered, error)
}

// site is the cluster that c is for. The caller closes its tunnel.
func (o *doctorOptions) site(c *common, tell func(string, ...any)) (*site, error) {
	client, err := c.operator()
	if err != nil {
		return nil, err
	}
	namespace, _, err := c.factory.Namespace()
	if err != nil {
		return nil, err
	}
	named, err := refsOf(o.Args, namespace)
	if err != nil {
		return nil, err
	}
	if o.allNamespaces {
		namespace = metav1.NamespaceAll
	}
	flags := o.tunnelFlags
	flags.reconnect = 0 // who isn't there isn't waited for
	tunnel, err := c.tunnel(flags, nil)
	if err != nil {
		return nil, err
	}
	config, err := c.factory.Config()
	if err != nil {
		tunnel.Close()
		return nil, err
	}
	states := reach.StateStore{Client: client, Config: config, Tunnel: tunnel, NoReader: true}
	look := func(ctx context.Context, named []api.Ref) (*gathered, error) {
		gatherer := c.gathererOf(client, tunnel, o.tls, o.timeout)
		gatherer.Dial, gatherer.Store, gatherer.Sample = tunnel.DialContext, states.Of, o.sample
		found, err := gatherAll(ctx, gatherer, namespace, o.selector, named, tell)
		if err == nil && len(found.refs) == 1 && found.jobs[0].err != nil {
			err = found.jobs[0].err
		}
		return found, err
	}
	return &site{client, tunnel, named, look}, nil
}

// Run looks, and prints what it found.
func (o *doctorOptions) Run(ctx context.Context) error {
	line := o.progress(false)
	defer line.Done()
	// A pipe has no use for the next number.
	tell := func(format string, args ...any) {
		if term.Moves(o.ErrOut) {
			line.Set(format, args...)
		}
	}
	if len(o.contexts) > 0 {
		return o.runContexts(ctx, line, tell)
	}
	at, err := o.site(o.common, tell)
	if err != nil {
		return err
	}
	defer at.tunnel.Close()
	found, err := at.look(ctx, at.named)
	if err != nil {
		return err
	}
	line.Clear()
	report := o.aimed(found.report())
	page := view.DoctorPage{Palette: o.palette, Width: terminalWidth(o.Out), Now: o.now()}
	if !o.fix.fix {
		if err := o.output.Print(o.Out, page.Result(report)); err != nil {
			return err
		}
		return o.verdict(report)
	}
	// A person sees what was found before being asked.
	asText := o.output.Format() == ""
	if asText {
		if err := o.output.Print(o.Out, page.Result(report)); err != nil {
			return err
		}
	}
	fixes, err := o.fixer(at, line).run(ctx, found)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(fixes, func(f view.DoctorFix) bool { return f.Outcome == view.FixDone }) {
		if found, err = at.look(ctx, at.named); err != nil {
			return err
		}
		line.Clear()
		report = o.aimed(found.report())
		for _, text := range errorsLeft(report) {
			line.Print("%s", text)
		}
	}
	report.Fixes = fixes
	if !asText {
		if err := o.output.Print(o.Out, page.Result(report)); err != nil {
			return err
		}
	}
	if slices.ContainsFunc(fixes, func(f view.DoctorFix) bool { return f.Outcome == view.FixFailed }) {
		return errors.New("not every cure could be carried out")
	}
	return o.verdict(report)
}

// verdict is the exit code of what was found.
func (o *doctorOptions) verdict(report *view.DoctorReport) error {
	switch {
	case report.Errors > 0:
		return exit.With(exit.No, fmt.Errorf("%s found", view.Count(report.Errors, "error")))
	case o.strict && report.Warnings > 0:
		return exit.With(exit.No, fmt.Errorf("%s found", view.Count(report.Warnings, "warning")))
	}
	if report.Failed != nil {
		return report.Failed
	}
	if inPart := report.InPart(); len(inPart) > 0 {
		return fmt.Errorf("%s not known to be well: pods or JobManager could not be read; what is missing, and why, stands at the end", view.Count(len(inPart), "job"))
	}
	return nil
}

// refsOf are the jobs that arguments name, each once.
func refsOf(args []string, namespace string) ([]api.Ref, error) {
	var named []api.Ref
	for _, arg := range args {
		ref, err := operator.ParseRef(arg, namespace, api.JobKinds...)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(named, ref) {
			named = append(named, ref)
		}
	}
	return named, nil
}

// gathered is what was gathered of an installation and of jobs.
type gathered struct {
	installation *diagnosis.InstallationFacts
	unread       []reach.Unread
	// refs and jobs belong together. named says that they were asked for by name.
	refs  []api.Ref
	jobs  []examination
	named bool
	// failed is why not all jobs are known.
	failed error
}

// gatherAll gathers what is known of the installation and of jobs, those named or all
// of the namespace.
func gatherAll(ctx context.Context, gatherer *reach.Gatherer, namespace, selector string, named []api.Ref, tell func(string, ...any)) (*gathered, error) {
	tell("looking at the installation")
	refs := named
	var failed error
	if len(named) == 0 {
		jobs, err := gatherer.Jobs(ctx, namespace, selector)
		switch {
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case err != nil && !errors.Is(err, operator.ErrNotInstalled):
			failed = fmt.Errorf("list the jobs: %w", err)
		}
		for _, job := range jobs {
			refs = append(refs, job.Ref())
		}
		if selector != "" && len(refs) == 0 && failed == nil && err == nil {
			return nil, fmt.Errorf("no jobs match %s", selector)
		}
	}
	var installation *diagnosis.InstallationFacts
	var unread []reach.Unread
	results := make([]examination, len(refs))
	var group sync.WaitGroup
	group.Go(func() { installation, unread = gatherer.Installation(ctx, namespace) })
	slots := make(chan struct{}, examined)
	var mu sync.Mutex
	done := 0
	for i, ref := range refs {
		group.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			r := &results[i]
			r.facts, r.unread, r.err = gatherer.Job(ctx, ref)
			mu.Lock()
			defer mu.Unlock()
			done++
			tell("%d of %s looked at", done, view.Count(len(refs), "job"))
		})
	}
	group.Wait()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return &gathered{installation, unread, refs, results, len(named) > 0, failed}, nil
}

// ofInstallation is what was found of the installation, where jobs were named as
// far as it concerns them.
func (g *gathered) ofInstallation() []diagnosis.Finding {
	found := diagnosis.Installation(g.installation)
	if g.named {
		found = slices.DeleteFunc(found, func(f diagnosis.Finding) bool { return !touches(f, g.jobs) })
	}
	return found
}

// report is what is wrong by what was gathered.
func (g *gathered) report() *view.DoctorReport {
	report := &view.DoctorReport{Named: g.named, Failed: g.failed}
	ofJobs := make([][]diagnosis.Finding, len(g.jobs))
	for i := range g.jobs {
		if g.jobs[i].err == nil {
			ofJobs[i] = diagnosis.Job(g.jobs[i].facts)
		}
	}
	installation := g.ofInstallation()
	if g.named {
		installation = diagnosis.BeyondJobs(installation, ofJobs)
	}
	report.AddInstallation(installation, g.unread)
	for i, ref := range g.refs {
		if r := g.jobs[i]; r.err != nil {
			report.Fail(ref, r.err)
		} else {
			report.AddJob(ref, ofJobs[i], r.unread)
		}
	}
	return report
}

// examination is what was gathered of a job.
type examination struct {
	facts  *diagnosis.JobFacts
	unread []reach.Unread
	err    error
}

// touches reports whether a finding about the installation concerns the jobs
// that were asked for.
func touches(f diagnosis.Finding, jobs []examination) bool {
	if f.Severity == diagnosis.Info {
		return false
	}
	kind, name, _ := strings.Cut(f.Subject, "/")
	switch kind {
	case "namespace", "serviceaccount":
		return slices.ContainsFunc(jobs, func(e examination) bool {
			return e.facts != nil && (kind == "namespace" && e.facts.Object.GetNamespace() == name ||
				kind == "serviceaccount" && api.Text(e.facts.Object.Object, "spec", "serviceAccount") == name)
		})
	case "persistentvolumeclaim", "you":
		return false // the jobs' own claims are looked at with them
	}
	return true
}
