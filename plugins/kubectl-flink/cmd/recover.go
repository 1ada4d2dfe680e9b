package cmd

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/batch"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/kube"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/progress"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/backup"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/change"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/diagnosis"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/lifecycle"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/reach"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/storage"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-flink/view"
)

// recoverOptions are the flags of `kubectl flink recover`.
type recoverOptions struct {
	*common
	plugin.Arguments
	tunnelFlags
	plugin.RunFlags
	batch.Options
	tls       reach.TLSFiles
	output    printer.Flags
	dir       string
	toContext string
	mapped    []string
	latest    bool
	noCheck   bool
	yes       bool
	place     backupPlace

	namespaces map[string]string
	rest       batch.Rest
}

func newRecover(c *common) *cobra.Command {
	o := &recoverOptions{common: c}
	cmd := &cobra.Command{
		Use:   "recover -f (DIR | s3://BUCKET/PREFIX) [[TYPE/]NAME ...]",
		Short: "Start the jobs of a backup from their state, and prove that they did",
		Long: `Start the jobs that kubectl flink backup wrote into a directory, each from the state
that the backup names, session clusters before the jobs in them. It ends when all run
and their JobManagers have said that their state came from there.

First everything is looked at: the operator and whether it watches the namespaces, what
the API server says to each manifest, quotas, the Secrets, service accounts and claims
that pods need, and the state itself where it can be read from here. What couldn't be
looked at is said. Then the plan is shown and asked about. Jobs that can't be recovered
are left out, and it ends with 1.

A job that runs from the state already, or is starting from it, is not started again: the
same command goes on where it was broken off. One of the same name that is something
else is never overwritten. ConfigMaps are created where they aren't there. Namespaces,
Secrets, service accounts and claims have to be there before.

Suspended jobs come back suspended, and resume from their state. Jobs that had finished
are left out, unless they are named. Completed savepoints that had a FlinkStateSnapshot
are registered again, with disposeOnDelete false: deleting them keeps the data.

A backup may be older than what the jobs saved since: --latest looks for a newer
checkpoint or savepoint of each job's last run in its directories.`,
		Example: plugin.Examples(`
			# What would be done, and what is missing?
			kubectl flink recover -f ./backup --dry-run

			# Start everything that doesn't run yet
			kubectl flink recover -f ./backup --yes

			# One job into another namespace
			kubectl flink recover -f ./backup basic-example --namespace-map examples=staging --yes

			# Into another cluster, from what the jobs saved last
			kubectl flink recover -f ./backup --to-context other --latest --dry-run --namespace-map examples=examples-other`),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              plugin.RunE(o),
	}
	flags := cmd.Flags()
	o.output.AddFlags(cmd)
	flags.StringVarP(&o.dir, "filename", "f", "", "Directory of the backup, or its s3:// prefix")
	addStoreFlags(cmd, &o.place.secret, &o.place.endpoint)
	flags.StringVar(&o.toContext, "to-context", "", "Context of the kubeconfig that leads to the cluster to recover in (default the current one)")
	flags.StringArrayVar(&o.mapped, "namespace-map", nil, "Namespace of the backup and where its jobs go instead, as old=new; may be repeated")
	flags.BoolVar(&o.latest, "latest", false, "Start from a newer state of a job's last run, where its directories have one; to read a volume, a pod may be started for that")
	flags.BoolVar(&o.noCheck, "no-check", false, "Don't look at the state first")
	flags.BoolVarP(&o.yes, "yes", "y", false, "Don't ask")
	o.AddRunFlags(cmd, plugin.RunWords{
		DryRun: "none, client or server: look at everything, the API server's answer too, and show the plan",
		Wait:   "Wait until the jobs run", WaitDefault: true,
		Timeout: "How long to wait for each job; it goes on starting when this ends", TimeoutDefault: 10 * time.Minute,
		Quiet: plugin.NoProgress,
	})
	o.Options.AddFlags(cmd)
	o.tunnelFlags.add(cmd, true)
	addRESTFlags(cmd, &o.tls)
	_ = cmd.MarkFlagDirname("filename")
	return cmd
}

// Complete takes over the names.
func (o *recoverOptions) Complete(cmd *cobra.Command, args []string) error {
	o.Args = args
	o.rest = batch.NewRest(cmd, nil)
	return nil
}

// Validate finds what is wrong with the flags.
func (o *recoverOptions) Validate() error {
	if err := o.output.Validate(); err != nil {
		return err
	}
	if err := o.CheckRun(); err != nil {
		return err
	}
	if err := o.Options.Validate(); err != nil {
		return err
	}
	if o.dir == "" {
		return exit.Usagef("--filename is missing: the directory of the backup")
	}
	if err := o.place.validate("--filename", o.dir); err != nil {
		return err
	}
	o.namespaces = map[string]string{}
	for _, pair := range o.mapped {
		from, to, ok := strings.Cut(pair, "=")
		if !ok || from == "" || to == "" {
			return exit.Usagef("--namespace-map: %q is not old=new", pair)
		}
		if o.namespaces[from] != "" {
			return exit.Usagef("--namespace-map: %s is given twice", from)
		}
		o.namespaces[from] = to
	}
	return nil
}

// Run recovers the jobs.
func (o *recoverOptions) Run(ctx context.Context) error {
	to, err := o.contextOf(o.toContext)
	if err != nil {
		return err
	}
	from, fetched, err := o.fetch(ctx, to)
	defer fetched()
	if err != nil {
		return err
	}
	dir, index, err := backup.Open(from)
	if err != nil {
		return exit.With(exit.Usage, fmt.Errorf("--filename: %s: %w", o.dir, err))
	}
	defer func() { _ = dir.Close() }()
	namespace, explicit, err := o.factory.Namespace()
	if err != nil {
		return err
	}
	if !explicit {
		namespace = ""
	}
	client, err := to.operator()
	if err != nil {
		return err
	}
	jobManagers := to.jobManagers(client, o.tunnelFlags, o.tls)
	defer jobManagers.Close()
	client = client.Asking(jobManagers)
	line := to.progress(o.Quiet)
	defer line.Done()
	recovery := &backup.Recovery{Client: client, Dir: dir, Index: index, Namespaces: o.namespaces, NoWait: !o.Wait, Check: o.checker(to, client)}
	ahead := (&checkFlags{looks: true, noCheck: o.noCheck}).foreseer(to, client, o.tunnelFlags, o.tls, &o.output, "recovered")
	defer ahead.Close()
	if ahead != nil {
		recovery.Look = func(ctx context.Context, step backup.Step, reporter operator.Reporter) error {
			return lookAhead(ctx, ahead, step, reporter)
		}
	}
	steps, err := o.plan(ctx, to, client, recovery, namespace, line)
	if err != nil {
		return err
	}
	for i := range steps {
		for _, said := range [][]string{steps[i].Stops, steps[i].Notes, steps[i].Unchecked} {
			for n := range said {
				said[n] = to.factory.Aim(said[n])
			}
		}
	}
	page := view.Recovery{Index: index, Steps: steps, Now: o.now(), Dir: o.dir}
	line.Done()
	if o.DryRun != "" {
		if err := o.output.Print(o.Out, page.Planned()); err != nil {
			return err
		}
		return page.Stopped()
	}
	if page.Work() > 0 {
		if err := o.confirm(ctx, o.yes, page.Question()); err != nil {
			return err
		}
	}
	if o.yes {
		// Who isn't asked is shown nevertheless what to know and what wasn't looked at.
		for _, text := range page.Notes() {
			o.complain(nil, text)
		}
	}
	return o.carry(ctx, to, client, recovery, page)
}

// fetch is the directory of the backup; one in an object store is brought to this machine
// for as long as it is needed. What it returns takes that away, and is never nil.
func (o *recoverOptions) fetch(ctx context.Context, to *common) (dir string, done func(), err error) {
	if !inS3(o.dir) {
		return o.dir, func() {}, nil
	}
	client, err := to.operator()
	if err != nil {
		return "", func() {}, err
	}
	if dir, err = os.MkdirTemp("", "flink-backup-"); err != nil {
		return "", func() {}, err
	}
	line := to.progress(o.Quiet)
	defer line.Done()
	err = o.place.at(ctx, to, client, o.tunnelFlags, o.dir, func(s3 *storage.S3) error { return fetchBackup(ctx, s3, o.dir, dir, line) })
	return dir, func() { _ = os.RemoveAll(dir) }, err
}

// plan looks at everything; a newer state is looked for where that is wanted.
func (o *recoverOptions) plan(ctx context.Context, to *common, client *operator.Client, recovery *backup.Recovery, namespace string, line *progress.Line) ([]backup.Step, error) {
	reporter := reporterOf(line)
	if o.latest {
		finder, done, err := to.stateFinder(client, o.tunnelFlags, reporter)
		if err != nil {
			return nil, err
		}
		defer done()
		finder.Store.NoReader = o.DryRun != ""
		recovery.Finder = finder
	}
	if _, err := client.Served(ctx); err != nil {
		return nil, ended(ctx, err)
	}
	steps, err := recovery.Plan(ctx, o.Args, namespace, reporter)
	return steps, ended(ctx, err)
}

// checker asks the cluster about manifests, as lint --server does.
func (o *recoverOptions) checker(to *common, client *operator.Client) func(context.Context, *unstructured.Unstructured, []*unstructured.Unstructured) backup.Verdict {
	gatherer := to.gathererOf(client, nil, reach.TLSFiles{}, reach.SourceLimit)
	return func(ctx context.Context, object *unstructured.Unstructured, others []*unstructured.Unstructured) backup.Verdict {
		facts, unread := gatherer.Manifest(ctx, object, others, object.GetNamespace())
		var out backup.Verdict
		for _, found := range diagnosis.LintServer(facts) {
			text := found.Means
			for _, cure := range found.Cures {
				text += "\n" + cure.Text
				if cure.Command != "" {
					text += ": " + cure.Command
				}
				break
			}
			if found.Severity == diagnosis.Error {
				out.Stops = append(out.Stops, text)
			} else {
				out.Notes = append(out.Notes, text)
			}
		}
		for _, miss := range unread {
			out.Unchecked = append(out.Unchecked, string(miss.Source)+": "+miss.Why)
		}
		return out
	}
}

// lookAhead looks at the state that a job is going to start from.
func lookAhead(ctx context.Context, ahead *foreseer, step backup.Step, reporter operator.Reporter) error {
	runs := step.Runs()
	if runs.Object == nil {
		runs = step.Job // its session cluster is there already
	}
	return ahead.of(step.Ref(), reporter)(ctx, change.Prospect{Before: runs, After: runs, Kind: step.State.Kind, Path: step.State.Path, Of: step.Ref()})
}

// recovered is the outcome of a step.
type recovered = batch.Result[backup.Step, lifecycle.SubmitReport]

// carry starts the jobs: session clusters first, and no job whose cluster
// doesn't run.
func (o *recoverOptions) carry(ctx context.Context, to *common, client *operator.Client, recovery *backup.Recovery, page view.Recovery) error {
	line := to.progress(o.Quiet)
	defer line.Done()
	explain := explainer{common: to, way: o.tunnelFlags, files: o.tls, looking: func() { line.Set("looking for the cause") }}
	defer explain.Close()
	jobs := jobBatch[lifecycle.SubmitReport]{common: o.common, many: &manyFlags{allNamespaces: true}}
	var mu sync.Mutex
	failed := map[api.Ref]bool{}
	one := func(ctx context.Context, step backup.Step) (lifecycle.SubmitReport, error) {
		at := api.Ref{Kind: api.Deployment, Namespace: step.Ref().Namespace, Name: step.Job.SessionCluster()}
		mu.Lock()
		lost := step.Ref().Kind.Name == api.SessionJob.Name && failed[at]
		mu.Unlock()
		if lost {
			return lifecycle.SubmitReport{Job: step.Job}, fmt.Errorf("its session cluster %s doesn't run", at)
		}
		bounded, cancel := o.Bounded(ctx)
		defer cancel()
		report, err := recovery.Carry(bounded, step, jobs.reporter(step.Ref(), len(page.Steps), line))
		if err != nil && step.Action != backup.Stopped {
			err = explain.explain(ctx, client, step.Ref(), ended(bounded, err))
		}
		return report, err
	}
	var results []recovered
	for _, clusters := range []bool{true, false} {
		var wave []backup.Step
		for _, step := range page.Steps {
			if clusters == (step.Entry.Condition == backup.SessionCluster) {
				wave = append(wave, step)
			}
		}
		results = append(results, batch.Run(ctx, wave, o.Options, one, func(r recovered, _ int) {
			if r.Err == nil {
				return
			}
			mu.Lock()
			failed[r.Item.Ref()] = true
			mu.Unlock()
			to.complain(line, named(r.Item.Ref(), true)+": "+kube.Message(r.Err))
		})...)
	}
	line.Done()
	if err := o.output.Print(o.Out, page.Done(results)); err != nil {
		return err
	}
	return batch.Err(ctx, results, batch.Words[backup.Step]{
		Noun: "job", Name: func(s backup.Step) string { return named(s.Ref(), true) },
		// What is done is found to be, so that it is the same command.
		Rest: func([]backup.Step) []string { return []string{o.rest.Command(o.Args)} },
	})
}

// contextOf is what works with another context of the kubeconfig; "" is this one.
func (c *common) contextOf(name string) (*common, error) {
	if name == "" {
		return c, nil
	}
	factory := c.factory.InContext(name) // as whom --as says, there too
	factory.Flags.Namespace = new(string)
	to := &common{IOStreams: c.IOStreams, factory: factory, now: c.now, hurried: c.hurried}
	if _, err := factory.Config(); err != nil {
		return nil, exit.Usagef("--to-context: %v", err)
	}
	return to, nil
}
