package cmd

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/progress"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/lifecycle"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/reach"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/savepoint"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/statefile"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/storage"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-flink/view"
)

// inspectOptions are the flags of `kubectl flink snapshot inspect`.
type inspectOptions struct {
	*common
	plugin.Arguments
	tunnelFlags
	tls     reach.TLSFiles
	output  printer.Flags
	job     string
	diff    string
	files   bool
	color   string
	palette term.Palette
}

func newSnapshotInspect(c *common) *cobra.Command {
	o := &inspectOptions{common: c}
	cmd := &cobra.Command{
		Use:   "inspect SNAPSHOT | TYPE/JOB | PATH | ./DIR | -",
		Short: "Look into one: operators and their state, sizes, files, what a restore would meet",
		Long: `Read the _metadata of a savepoint or checkpoint and show what is in it. Nothing is
changed, and no state is loaded.

It is named by its FlinkStateSnapshot, by its path as the job sees it (s3://…,
file:///…, /…), or by a job, of which the newest one is read. ./DIR is a directory
of this machine, - a _metadata on standard input.

S3 is read from here: through the API server where its endpoint is a Service of
the cluster, with the credentials of the job's configuration or of its pods'
environment, for Amazon's also your own. A volume is read by a running pod of the
job that mounts it, else by a pod that is started for that and removed again.

It ends with 3 where a restore would fail: files are missing, or the job as it is
now can't take the state.

Sizes are Flink's: state that several checkpoints share counts in each. Flink
before 2.0 writes no names and uids of operators: there, names are those that the
running job has.`,
		Example: plugin.Examples(`
			# What is in it, and is all of it still there?
			kubectl flink snapshot inspect nightly

			# The newest checkpoint or savepoint of a job, and what grew since nightly
			kubectl flink snapshot inspect flinkdep/basic-example --diff nightly

			# A path as this job sees it, with every file
			path=$(kubectl get flinksnp nightly -o jsonpath='{.status.path}')
			kubectl flink snapshot inspect "$path" --job basic-example --files

			# From a file, for scripts
			path=$(kubectl get flinksnp nightly -o jsonpath='{.status.path}')
			kubectl exec deploy/basic-example -- cat "${path#file:}/_metadata" | kubectl flink snapshot inspect - -o json`),
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: c.completeSnapshots(false),
		RunE:              plugin.RunE(o),
	}
	flags := cmd.Flags()
	flags.BoolVar(&o.files, "files", false, "List every file that it names, too")
	flags.StringVar(&o.diff, "diff", "", "Show what came, went and grew since this one; named in the same ways")
	flags.StringVar(&o.job, "job", "", "The job, as [TYPE/]NAME, that sees PATH; without it, the one of the namespace whose state is there")
	_ = cmd.RegisterFlagCompletionFunc("job", c.completeJobs(false))
	_ = cmd.RegisterFlagCompletionFunc("diff", c.completeSnapshots(true))
	o.tunnelFlags.add(cmd, false)
	addRESTFlags(cmd, &o.tls)
	o.output.AddFlags(cmd, printer.JSON, printer.YAML, "jsonpath")
	addColor(cmd, &o.color)
	return cmd
}

// Validate finds what is wrong with the arguments.
func (o *inspectOptions) Validate() (err error) {
	if err := o.output.Validate(); err != nil {
		return err
	}
	if o.palette, err = term.NewPalette(o.color, o.Out); err != nil {
		return exit.With(exit.Usage, err)
	}
	if o.job != "" {
		if _, err := operator.ParseRef(o.job, "", api.JobKinds...); err != nil {
			return exit.Usagef("--job: %v", err)
		}
	}
	if o.Args[0] == "-" && o.diff == "-" {
		return exit.Usagef("standard input can't be both")
	}
	return nil
}

// Run reads what was named, and what it is compared with, and prints the page.
func (o *inspectOptions) Run(ctx context.Context) error {
	line := o.progress(false)
	defer line.Done()
	page := view.InspectPage{Files: o.files, Palette: o.palette, Now: o.now()}
	if term.IsTerminal(o.Out) {
		page.Width = term.Width(o.Out)
	}
	var err error
	if page.Inspected, err = o.inspect(ctx, o.Args[0], line); err != nil {
		return err
	}
	if o.diff != "" {
		before, err := o.inspect(ctx, o.diff, line)
		if err != nil {
			return fmt.Errorf("--diff: %w", err)
		}
		page.Before = &before
	}
	line.Done()
	if err := o.output.Print(o.Out, page.Result()); err != nil {
		return err
	}
	if page.Inspected.RestoreFails() {
		return exit.With(exit.No, fmt.Errorf("a restore from %s would fail", o.Args[0]))
	}
	return nil
}

// isLocal reports whether an argument is a place of this machine.
func isLocal(arg string) bool {
	slashed := filepath.ToSlash(arg)
	return arg == "." || arg == ".." || strings.HasPrefix(slashed, "./") || strings.HasPrefix(slashed, "../")
}

func (o *inspectOptions) inspect(ctx context.Context, arg string, line *progress.Line) (view.Inspected, error) {
	switch {
	case arg == "-":
		in, err := storage.Read(ctx, bufio.NewReader(o.In))
		if err != nil {
			err = fmt.Errorf("standard input: %w", err)
		}
		return view.Inspected{Inspection: in}, err
	case isLocal(arg):
		in, err := storage.Inspect(ctx, storage.Local{}, filepath.ToSlash(arg))
		in.Taken = time.Time{} // a copy's file has the time at which it was copied
		return view.Inspected{Inspection: in}, err
	}
	return o.remote(ctx, arg, line)
}

// remote reads what a job sees.
func (o *inspectOptions) remote(ctx context.Context, arg string, line *progress.Line) (out view.Inspected, err error) {
	client, err := o.operator()
	if err != nil {
		return out, err
	}
	jobManagers := o.jobManagers(client, o.tunnelFlags, o.tls)
	defer jobManagers.Close()
	client = client.Asking(jobManagers)
	line.Set("looking for %s", arg)
	state, err := o.find(ctx, client, arg, line)
	if err != nil {
		return out, err
	}
	if out.Snapshot = state.snapshot; state.job.Object != nil {
		out.Job = state.job.Ref()
	}
	store, done, err := o.store(ctx, client, state, line)
	defer func() {
		if failed := done(); failed != nil && err == nil {
			err = failed
		} else if failed != nil {
			line.Print("%s", failed)
		}
	}()
	if err != nil {
		return out, err
	}
	line.Set("reading %s %s", state.path, store.Where())
	out.Inspection, err = storage.Inspect(ctx, store, state.path)
	for try := 0; try < newestTries && state.newest && (errors.Is(err, fs.ErrNotExist) || len(out.Missing) > 0); try++ {
		// A running job deletes a checkpoint when it has the next one, and its
		// JobManager reports that up to three seconds later: its directory knows.
		next, failed := storage.NewestCheckpoint(ctx, store, storage.Dir(state.path))
		if failed != nil || next == state.path {
			break
		}
		state.path, out.Snapshot = next, ""
		line.Set("reading %s %s, the one before is gone", state.path, store.Where())
		out.Inspection, err = storage.Inspect(ctx, store, state.path)
	}
	if err != nil {
		return out, reach.AskError(ctx, err)
	}
	if state.job.Object == nil {
		return out, nil
	}
	out.Problems = out.Summary.Problems(o.target(ctx, client, state.job))
	out.Names = o.names(ctx, client, state.job, out.Summary)
	return out, nil
}

// target is what the job is now, as far as its objects show.
func (o *inspectOptions) target(ctx context.Context, client *operator.Client, job api.Job) statefile.Target {
	cluster, err := client.RunsIn(ctx, job)
	if err != nil {
		return statefile.Target{}
	}
	return statefile.Target{FlinkVersion: cluster.FlinkVersion(), Parallelism: job.Parallelism()}
}

// names are the operators' names in the running job, by ID: those at the heads
// of chains, whose IDs are those of the job's vertices. They are left out where
// the JobManager can't be asked, or where the file has names.
func (o *inspectOptions) names(ctx context.Context, client *operator.Client, job api.Job, summary statefile.Summary) map[string]string {
	if summary.Version >= 5 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	place, err := reach.Find(ctx, client, job.Ref())
	if err != nil || place.JobID == "" || place.Suspended() {
		return nil
	}
	flags := o.tunnelFlags
	flags.reconnect = 0
	tunnel, err := o.tunnel(flags, nil)
	if err != nil {
		return nil
	}
	defer tunnel.Close()
	jobManager, err := restClient(tunnel, place, o.tls)
	if err != nil {
		return nil
	}
	found, err := jobManager.Job(ctx, place.JobID)
	if err != nil {
		return nil
	}
	out := map[string]string{}
	for _, vertex := range found.Vertices {
		out[vertex.ID] = vertex.Name
	}
	return out
}

// stateFound is where state is, and which job sees it.
type stateFound struct {
	path     string
	job      api.Job
	snapshot string
	// newest says that the job was named, and not a savepoint or checkpoint.
	newest bool
}

// newestTries is how often a job's newest checkpoint is looked for again when it
// was deleted while it was read.
const newestTries = 5

// find resolves what the user named.
func (o *inspectOptions) find(ctx context.Context, client *operator.Client, arg string, line *progress.Line) (stateFound, error) {
	namespace, _, err := o.factory.Namespace()
	if err != nil {
		return stateFound{}, err
	}
	if api.IsPath(arg) {
		if err := api.CheckPathForm(arg); err != nil {
			return stateFound{}, exit.With(exit.Usage, err)
		}
		return o.findPath(ctx, client, namespace, arg)
	}
	if kind, _, typed := strings.Cut(arg, "/"); typed {
		if _, isJob := api.ParseKind(kind, api.JobKinds...); isJob {
			ref, err := operator.ParseRef(arg, namespace, api.JobKinds...)
			if err != nil {
				return stateFound{}, err
			}
			return o.newest(ctx, client, ref, line)
		}
	}
	ref, err := operator.ParseRef(arg, namespace, api.StateSnap)
	if err != nil {
		return stateFound{}, exit.Usagef("%q is neither a path (s3://…, /…, ./…), nor TYPE/JOB, nor the name of a FlinkStateSnapshot", arg)
	}
	snapshot, err := savepoint.GetSnapshot(ctx, client, ref)
	if err != nil {
		if apierrors.IsNotFound(err) {
			err = fmt.Errorf("%w\nA job is named with its type, as in flinkdep/%s", err, ref.Name)
		}
		return stateFound{}, err
	}
	if api.NormalPath(snapshot.Path()) == "" {
		return stateFound{}, fmt.Errorf("%s is %s and has no path that could be read", ref, strings.ToLower(snapshot.State()))
	}
	found := stateFound{path: snapshot.Path(), snapshot: ref.Name}
	of := snapshot.Job()
	if o.job != "" {
		if of, err = operator.ParseRef(o.job, namespace, api.JobKinds...); err != nil {
			return found, err
		}
	}
	if of.IsZero() {
		found.job, err = client.JobThatSees(ctx, namespace, found.path)
		return found, err
	}
	object, err := client.Get(ctx, of)
	if err != nil {
		return found, fmt.Errorf("%s is of %s: %w\nName another job that sees %s with --job", ref, of, err, found.path)
	}
	found.job = api.Job{Kind: of.Kind, Object: object}
	return found, nil
}

// findPath chooses the job that sees a path.
func (o *inspectOptions) findPath(ctx context.Context, client *operator.Client, namespace, path string) (stateFound, error) {
	found := stateFound{path: path}
	if o.job != "" {
		ref, err := operator.ParseRef(o.job, namespace, api.JobKinds...)
		if err != nil {
			return found, err
		}
		object, err := client.Get(ctx, ref)
		if err != nil {
			return found, err
		}
		found.job = api.Job{Kind: ref.Kind, Object: object}
		return found, nil
	}
	job, err := client.JobThatSees(ctx, namespace, path)
	if scheme, _ := storage.Split(path); errors.Is(err, operator.ErrNoJobSees) {
		switch {
		case storage.IsS3(scheme):
			return found, nil // with the user's own credentials
		case scheme != "" && scheme != "file":
			return found, &storage.UnreadableError{Path: path, Scheme: scheme}
		}
	}
	found.job = job
	return found, err
}

// newest is the newest savepoint or checkpoint of a job that is known.
func (o *inspectOptions) newest(ctx context.Context, client *operator.Client, ref api.Ref, line *progress.Line) (stateFound, error) {
	object, err := client.Get(ctx, ref)
	if err != nil {
		return stateFound{}, err
	}
	job := api.Job{Kind: ref.Kind, Object: object}
	source, err := lifecycle.NewestState(ctx, client, job, reporterOf(line))
	return stateFound{path: source.Path, job: job, snapshot: source.Snapshot, newest: true}, err
}

// store opens the store that the state is in.
func (o *inspectOptions) store(ctx context.Context, client *operator.Client, state stateFound, line *progress.Line) (storage.Store, func() error, error) {
	nothing := func() error { return nil }
	if state.job.Object == nil {
		store, err := reach.UserS3()
		return store, nothing, err
	}
	config, err := o.factory.Config()
	if err != nil {
		return nil, nothing, err
	}
	tunnel, err := o.tunnel(o.tunnelFlags, nil)
	if err != nil {
		return nil, nothing, err
	}
	way := reach.StateStore{Client: client, Config: config, Tunnel: tunnel, Note: func(text string) { line.Print("%s", text) }}
	store, done, err := way.Of(ctx, state.job, state.path)
	return store, func() error {
		defer tunnel.Close()
		return done()
	}, err
}
