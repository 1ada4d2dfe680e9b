package cmd

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/batch"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/kube"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/progress"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/backup"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/reach"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/storage"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-flink/view"
)

// backupOptions are the flags of `kubectl flink backup`.
type backupOptions struct {
	*common
	tunnelFlags
	plugin.RunFlags
	tls       reach.TLSFiles
	many      manyFlags
	to        string
	savepoint bool
	overwrite bool
	place     backupPlace
	// kept says that what was gathered for an object store stays on this machine.
	kept bool
}

// manifestsOnly is the -o that prints manifests.
const manifestsOnly = "manifests"

func newBackup(c *common) *cobra.Command {
	o := &backupOptions{common: c}
	cmd := &cobra.Command{
		Use:   "backup ([TYPE/]NAME ... | -l SELECTOR | --all | -A) -o (DIR | s3://BUCKET/PREFIX | manifests)",
		Short: "Keep what starts jobs again when their cluster is lost",
		Long: `Write what starts jobs again elsewhere into a directory: for each job its manifest
as it was applied, where its newest state is and what is in that, the ConfigMaps that
it names, its FlinkStateSnapshots, and the names of the Secrets, service accounts and
claims that it needs. Session clusters are in it with the jobs that run in them.
kubectl flink recover starts the jobs from it.

State itself stays where Flink wrote it: keep it in storage that outlives the cluster.
Of a running job the newest savepoint counts, because Flink deletes its checkpoints
while it goes on; --savepoint takes one of each. The values of Secrets are never read
into it, but a manifest may have passwords of its own: the files are for their owner
alone.

It ends with 1 where the backup of any job isn't whole, and says which and why; what
could be is written. DIR/` + backup.IndexName + ` says what there is, for scripts, too.

At s3:// each backup has a prefix of its own, and is reached as kubectl flink jar upload
reaches jars.

With -o manifests the manifests are printed and nothing is written, for Git: ConfigMaps
first, then session clusters, then jobs with their state as initialSavepointPath, which
counts only where the job isn't there yet.`,
		Example: plugin.Examples(`
			# Every job of the namespace, with a fresh savepoint of each
			kubectl flink backup --all --savepoint -o ./backup

			# The jobs of a team, in place of their backup before
			kubectl flink backup -l team=orders -o ./orders --overwrite

			# Manifests for Git
			kubectl flink backup --all -o manifests > jobs.yaml`),
		ValidArgsFunction: c.completeJobs(true),
		RunE:              plugin.RunE(o),
	}
	flags := cmd.Flags()
	flags.StringVarP(&o.to, "output", "o", "", "Directory or s3:// prefix to write to, or manifests: print the manifests only")
	flags.BoolVar(&o.savepoint, "savepoint", false, "Take a savepoint of each job that runs")
	flags.BoolVar(&o.overwrite, "overwrite", false, "Replace the backup that is in the directory, once the new one is complete")
	o.many.add(cmd, "Back up", "job")
	flags.Lookup("all-namespaces").Usage = "Back up every job of every namespace; with -l those that match"
	o.AddRunFlags(cmd, plugin.RunWords{
		Timeout: "How long each job may take; a savepoint goes on when this ends", TimeoutDefault: 10 * time.Minute,
		Quiet: plugin.NoProgress + "; warnings are said all the same",
	})
	addStoreFlags(cmd, &o.place.secret, &o.place.endpoint)
	o.tunnelFlags.add(cmd, true)
	addRESTFlags(cmd, &o.tls)
	return cmd
}

// Complete takes over the names.
func (o *backupOptions) Complete(cmd *cobra.Command, args []string) error {
	o.many.complete(cmd, args, nil)
	if o.many.allNamespaces && len(args) == 0 {
		o.many.all = true
	}
	return nil
}

// Validate finds what is wrong with the flags.
func (o *backupOptions) Validate() error {
	if err := o.CheckRun(); err != nil {
		return err
	}
	if err := o.many.validate(); err != nil {
		return err
	}
	format, _, _ := strings.Cut(o.to, "=")
	scheme, _, remote := strings.Cut(o.to, "://")
	switch {
	case o.to == "":
		return exit.Usagef("where to? Give a directory with -o DIR, or -o manifests to print the manifests")
	case slices.Contains([]string{printer.Wide, printer.Name, printer.JSON, printer.YAML, "jsonpath", "custom-columns", "go-template"}, format):
		return exit.Usagef("--output: %q is no directory: -o says where the backup is written (./%s for a directory of that name), or manifests; DIR/%s lists what is in it", o.to, format, backup.IndexName)
	case remote && !inS3(o.to):
		return exit.Usagef("--output: %s:// can't be written to, only s3:// and a directory of this machine: write to one and copy it", scheme)
	case remote && o.overwrite:
		return exit.Usagef("--overwrite goes with a directory")
	case o.to == manifestsOnly && o.overwrite:
		return exit.Usagef("--overwrite goes with a directory; -o manifests writes none")
	case o.to != manifestsOnly && backup.Holds(o.to) && !o.overwrite:
		return exit.Usagef("--output: %s holds a backup already: give another directory, or say --overwrite", o.to)
	case len(o.many.args) == 0 && !o.many.chosen():
		return exit.Usagef("which jobs? Give one or more NAMEs, --all, -A or -l")
	}
	if err := o.place.validate("--output", o.to); err != nil || remote {
		return err
	}
	if info, err := os.Stat(o.to); o.to != manifestsOnly && err == nil && !info.IsDir() {
		return exit.Usagef("--output: %s is no directory", o.to)
	}
	return nil
}

// Run makes the backup.
func (o *backupOptions) Run(ctx context.Context) error {
	client, err := o.operator()
	if err != nil {
		return err
	}
	jobManagers := o.jobManagers(client, o.tunnelFlags, o.tls)
	defer jobManagers.Close()
	client = client.Asking(jobManagers)
	refs, err := o.refs(ctx, client)
	if err != nil {
		return err
	}
	line := o.progress(o.Quiet)
	defer line.Done()
	collector := &backup.Collector{Client: client, Savepoint: o.savepoint, Now: o.now, Stores: func(reporter operator.Reporter) (backup.Stores, func(), error) {
		finder, done, err := o.stateFinder(client, o.tunnelFlags, reporter)
		return backupStores{finder, o.now}, done, err
	}}
	into := o.to
	if inS3(o.to) {
		line.Set("looking whether %s is free", o.to)
		err := o.place.at(ctx, o.common, client, o.tunnelFlags, o.to, func(s3 *storage.S3) error { return checkFree(ctx, s3, o.to) })
		if err != nil {
			return err
		}
		if into, err = os.MkdirTemp("", "flink-backup-"); err != nil {
			return err
		}
		defer func() {
			if !o.kept {
				_ = os.RemoveAll(into)
			}
		}()
	}
	if o.to != manifestsOnly {
		if collector.Dir, err = backup.Create(into, o.overwrite); err != nil {
			return exit.With(exit.Usage, fmt.Errorf("--output: %w", err))
		}
		defer func() { _ = collector.Dir.Close() }()
		defer collector.Dir.Discard()
	}
	index := o.index(ctx, client)
	entries, failure := o.collect(ctx, collector, refs, line)
	if ctx.Err() != nil && (collector.Dir == nil || collector.Dir.Replaces() || inS3(o.to)) {
		return context.Cause(ctx) // half a backup replaces none, and isn't sent
	}
	index.Complete(entries, collector.WriteConfigMaps(context.WithoutCancel(ctx), entries))
	line.Done()
	for _, e := range index.Jobs {
		for _, warning := range e.Warnings {
			o.complain(nil, named(e.Ref(), o.many.allNamespaces)+": warning: "+warning)
		}
		for _, failed := range e.Failures {
			o.complain(nil, named(e.Ref(), o.many.allNamespaces)+": not whole: "+failed)
		}
	}
	if err := o.write(collector, index, func() error {
		return o.send(ctx, client, into, index, line)
	}); err != nil {
		return err
	}
	return o.verdict(ctx, index, failure)
}

// refs are what is backed up: session clusters before the jobs in them.
func (o *backupOptions) refs(ctx context.Context, client *operator.Client) ([]api.Ref, error) {
	ctx, cancel := o.Bounded(ctx)
	defer cancel()
	namespace, _, err := o.factory.Namespace()
	if err != nil {
		return nil, err
	}
	var refs []api.Ref
	if o.many.chosen() {
		if o.many.allNamespaces {
			namespace = metav1.NamespaceAll
		}
		refs, err = backup.Everything(ctx, client, namespace, o.many.selector)
	} else if refs, err = refsOf(o.many.args, namespace); err == nil {
		refs, err = backup.Targets(ctx, client, refs)
	}
	for _, ref := range refs {
		if err := backup.CheckNames(ref.Namespace, ref.Name); err != nil {
			return nil, exit.With(exit.Usage, err)
		}
	}
	return refs, ended(ctx, err)
}

// index is the backup's, as far as it isn't of jobs.
func (o *backupOptions) index(ctx context.Context, client *operator.Client) backup.Index {
	index := backup.New(o.now())
	if config, err := o.factory.Config(); err == nil {
		if u, err := url.Parse(config.Host); err == nil {
			index.Server = u.Host // nothing else of the address, which may have a password
		}
	}
	health := client.OperatorHealth(ctx)
	for _, d := range health.Deployments {
		index.Operators = append(index.Operators, backup.Operator{Namespace: d.Namespace, Name: d.Name, Version: d.Version})
	}
	if !health.Known() {
		index.Missing = append(index.Missing, "which operator it is: "+health.String())
	}
	return index
}

// collect gathers the backups of the jobs.
func (o *backupOptions) collect(ctx context.Context, collector *backup.Collector, refs []api.Ref, line *progress.Line) ([]backup.Entry, error) {
	explain := explainer{common: o.common, way: o.tunnelFlags, files: o.tls}
	defer explain.Close()
	many := jobBatch[backup.Entry]{common: o.common, many: &o.many}
	line.Set("0 of %d done", len(refs))
	results := batch.Run(ctx, refs, o.many.Options, func(ctx context.Context, ref api.Ref) (backup.Entry, error) {
		bounded, cancel := o.Bounded(ctx)
		defer cancel()
		entry, err := collector.Job(bounded, ref, many.reporter(ref, len(refs), line))
		return entry, ended(bounded, err)
	}, func(_ batch.Result[api.Ref, backup.Entry], done int) {
		line.Set("%d of %d done", done, len(refs))
	})
	var entries []backup.Entry
	var errs []error
	for _, r := range results {
		entry := r.Value
		switch {
		case !r.Begun:
			entry = backup.Unread(r.Item, "it was not begun")
		case r.Err != nil && entry.Condition == "":
			entry = backup.Unread(r.Item, kube.Message(r.Err))
		case r.Err != nil:
			entry.Failures = append(entry.Failures, kube.Message(r.Err))
		}
		errs = append(errs, r.Err)
		entries = append(entries, entry)
	}
	return entries, errors.Join(errs...)
}

// send brings the backup to the object store that it goes to. Where that fails what was
// gathered stays.
func (o *backupOptions) send(ctx context.Context, client *operator.Client, dir string, index backup.Index, line *progress.Line) error {
	if !inS3(o.to) {
		return nil
	}
	err := o.place.at(ctx, o.common, client, o.tunnelFlags, o.to, func(s3 *storage.S3) error {
		return sendBackup(ctx, s3, dir, o.to, index, line)
	})
	line.Done()
	if err != nil {
		o.kept = true
		return fmt.Errorf("%w\nThe backup is in %s", err, dir)
	}
	return nil
}

// write puts the backup in its place, or prints the manifests.
func (o *backupOptions) write(collector *backup.Collector, index backup.Index, send func() error) error {
	if collector.Dir == nil {
		text, err := collector.Manifests(index.ConfigMaps, index.Jobs)
		if err == nil {
			_, err = o.Out.Write(text)
		}
		return err
	}
	if err := collector.Dir.Finish(index); err != nil {
		return fmt.Errorf("the backup couldn't be written to %s: %w", o.to, err)
	}
	if err := send(); err != nil {
		return err
	}
	output := printer.Flags{}
	return output.Print(o.Out, view.BackedUp(index, o.to, o.now()))
}

// verdict is nil where every job's backup is whole.
func (o *backupOptions) verdict(ctx context.Context, index backup.Index, failure error) error {
	var whole, broken []string
	for _, e := range index.Jobs {
		if e.Whole() {
			whole = append(whole, named(e.Ref(), o.many.allNamespaces))
		} else {
			broken = append(broken, named(e.Ref(), o.many.allNamespaces))
		}
	}
	if len(broken) == 0 {
		return nil
	}
	text := fmt.Sprintf("the backup of %d of %d isn't whole: %s", len(broken), len(index.Jobs), strings.Join(broken, ", "))
	if len(whole) > 0 {
		text += "\nWhole: " + strings.Join(whole, ", ")
	}
	code := exit.Failed
	if ctx.Err() != nil {
		code = exit.Code(context.Cause(ctx))
	} else if failure != nil && exit.Code(failure) == exit.TimedOut {
		code = exit.Failed
	}
	return exit.With(code, errors.New(text))
}

// backupStores look at the files of a job's state.
type backupStores struct {
	*reach.StateFinder
	now func() time.Time
}

// Look looks into a state.
func (s backupStores) Look(ctx context.Context, job api.Job, path string) (backup.Inspected, error) {
	store, err := s.Open(ctx, job, path)
	if err != nil {
		return backup.Inspected{}, err
	}
	in, err := storage.Inspect(ctx, store, path)
	if err != nil {
		return backup.Inspected{}, reach.AskError(ctx, err)
	}
	seen := view.Inspected{Inspection: in, Job: job.Ref()}
	page := view.InspectPage{Inspected: seen, Now: s.now()}
	return backup.Inspected{Page: page.Result().Object, CheckpointID: in.CheckpointID, Size: in.Size, Taken: in.Taken, Problems: seen.Failures()}, nil
}
