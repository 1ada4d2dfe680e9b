package cmd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/reach"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/savepoint"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/storage"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-flink/view"
)

func newStorage(c *common) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "storage",
		Short: "Look at the files in which a job keeps its state, and delete what nothing needs",
		RunE:  plugin.Help,
	}
	cmd.AddCommand(newStorageList(c), newStorageUsage(c), newStorageCheck(c), newStorageOrphans(c), newStorageRemove(c))
	return cmd
}

// storageOptions are the flags of `kubectl flink storage ls` and `du`.
type storageOptions struct {
	*common
	plugin.Arguments
	tunnelFlags
	tls    reach.TLSFiles
	output printer.Flags
	// sums says that only what each kind takes is shown.
	sums bool
}

const storageLong = `The directories are those of the job's configuration: execution.checkpointing.dir,
execution.checkpointing.savepoint-dir and high-availability.storageDir. Object
stores that speak S3 are read from here, volumes by a running pod that mounts
them, else by one that is started for that and removed again. Nothing is changed.

OWNER is what refers to it: a FlinkStateSnapshot, the spec, the JobManager, or the job
whose run the path names. Files without an owner may still be needed: by jobs of
other namespaces or clusters, or under a path noted elsewhere.`

func newStorageList(c *common) *cobra.Command {
	o := &storageOptions{common: c}
	cmd := &cobra.Command{
		Use:   "ls [TYPE/]NAME",
		Short: "List savepoints, checkpoints and high-availability files with size, age and owner",
		Long: `List what is in the directories of a job, newest first.

` + storageLong,
		Example: plugin.Examples(`
			# What is kept of this job?
			kubectl flink storage ls basic-example

			# Of a session job
			kubectl flink storage ls sessionjob/session-job-example

			# The paths of what has no owner
			kubectl flink storage ls basic-example -o json | jq -r '.items[] | select(.owner == "") | .path'`),
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: c.completeJobs(false),
		RunE:              plugin.RunE(o),
	}
	o.add(cmd)
	return cmd
}

func newStorageUsage(c *common) *cobra.Command {
	o := &storageOptions{common: c, sums: true}
	cmd := &cobra.Command{
		Use:   "du [TYPE/]NAME",
		Short: "Show how much room a job's savepoints, checkpoints and high-availability files take",
		Long: `Show how many files of each kind the directories of a job have, and their size.

` + storageLong,
		Example: plugin.Examples(`
			# Where did all the room go?
			kubectl flink storage du basic-example

			# Of a session job
			kubectl flink storage du sessionjob/session-job-example

			# In bytes, for a script
			kubectl flink storage du basic-example -o jsonpath='{.size}'`),
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: c.completeJobs(false),
		RunE:              plugin.RunE(o),
	}
	o.add(cmd)
	return cmd
}

func (o *storageOptions) add(cmd *cobra.Command) {
	o.tunnelFlags.add(cmd, false)
	addRESTFlags(cmd, &o.tls)
	o.output.AddFlags(cmd, printer.JSON, printer.YAML, "jsonpath")
}

// Validate finds what is wrong with the flags.
func (o *storageOptions) Validate() error { return o.output.Validate() }

// Run lists the directories.
func (o *storageOptions) Run(ctx context.Context) error {
	client, err := o.operator()
	if err != nil {
		return err
	}
	jobManagers := o.jobManagers(client, o.tunnelFlags, o.tls)
	defer jobManagers.Close()
	client = client.Asking(jobManagers)
	ref, err := o.oneJob(ctx, client, o.Args)
	if err != nil {
		return err
	}
	job, _, config, err := configured(ctx, client, ref)
	if err != nil {
		return err
	}
	line := o.progress(false)
	defer line.Done()
	stores, closed, err := o.stateFinder(client, o.tunnelFlags, reporterOf(line))
	if err != nil {
		return err
	}
	defer closed()
	page := view.StoragePage{Job: ref, Now: o.now(), Sums: o.sums}
	var units storage.Units
	dirs := stateDirs(config)
	if len(dirs) == 0 {
		return fmt.Errorf("%s names no directory for checkpoints, savepoints or high availability", ref)
	}
	owners := &storage.Owners{Runs: map[string]string{}, Clusters: map[string]string{}}
	// Before the listing: what is listed is this one or newer. And after it, since
	// this one may have been replaced meanwhile.
	noteAnswer := askJobManager(ctx, client, job)
	if scheme, _ := storage.Split(dirs[0].Path); storage.IsS3(scheme) {
		_, _ = stores.Open(ctx, job, dirs[0].Path) // what is wrong is met again below
	}
	noteAnswer(owners)
	read := 0
	for _, dir := range dirs {
		line.Set("reading %s", dir.Path)
		switch err := stores.List(ctx, job, dir.Path, func(entry storage.Entry) error {
			units.Add(dir.Path, entry, dir.HA)
			return nil
		}); {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.Is(err, fs.ErrNotExist):
			dir.Problem = "is not there"
			read++
		case err != nil:
			dir.Problem = shortly(err)
		default:
			read++
		}
		if dir.Problem != "" {
			line.Print("%s (%s): %s", dir.Path, dir.Key, dir.Problem)
		}
		page.Dirs = append(page.Dirs, dir)
	}
	line.Set("looking for owners")
	noteAnswer = askJobManager(ctx, client, job)
	ownersInNamespace(ctx, client, job.Object.GetNamespace(), owners)
	noteAnswer(owners)
	for _, unit := range units.List() {
		page.Items = append(page.Items, view.StorageItem{Unit: unit, Owner: owners.Of(unit)})
	}
	page.Many = units.Many
	line.Done()
	if err := o.output.Print(o.Out, page.Result()); err != nil {
		return err
	}
	if read < len(dirs) {
		return &exit.Error{Code: exit.Failed, Err: fmt.Errorf("%d of %d directories couldn't be read", len(dirs)-read, len(dirs)), Quiet: false}
	}
	return nil
}

// configured is a job, the cluster that it runs in, and its configuration.
func configured(ctx context.Context, client *operator.Client, ref api.Ref) (job, cluster api.Job, config api.Config, err error) {
	object, err := client.Get(ctx, ref)
	if err != nil {
		return job, cluster, nil, err
	}
	job = api.Job{Kind: ref.Kind, Object: object}
	if cluster, err = client.RunsIn(ctx, job); err != nil {
		return job, cluster, nil, err
	}
	config, err = client.JobConfig(ctx, job, cluster)
	return job, cluster, config, err
}

// stateDirs are the directories in which a job keeps state, each once.
func stateDirs(config api.Config) []view.StorageDir {
	var out []view.StorageDir
	for _, dir := range reach.StateDirs(config) {
		out = append(out, view.StorageDir{Path: dir.Path, Key: dir.Key, HA: dir.HA})
	}
	return out
}

// askJobManager begins to ask the JobManager of a job what it has now. The function
// that it returns waits for the answer and notes it.
func askJobManager(ctx context.Context, client *operator.Client, job api.Job) func(*storage.Owners) {
	answer := make(chan api.FlinkState, 1)
	go func() {
		flink, _, _ := client.State(ctx, job) // empty where it doesn't answer
		answer <- flink
	}()
	return func(out *storage.Owners) {
		flink := <-answer
		owner := "JobManager of " + job.Ref().String()
		for _, s := range []*api.FlinkSnapshot{flink.Latest, flink.Checkpoint} {
			if s != nil {
				out.AddNewest(s.Path, owner)
			}
		}
		if flink.Restored != nil {
			out.AddPath(flink.Restored.Path, owner)
		}
	}
}

// ownersInNamespace notes what the jobs and snapshots of a namespace refer to.
func ownersInNamespace(ctx context.Context, client *operator.Client, namespace string, out *storage.Owners) {
	if inventory, err := savepoint.InventoryOf(ctx, client, namespace, ""); err == nil {
		for _, s := range inventory.Saved {
			owner := s.Job.String()
			if s.Name() != "" {
				owner = api.StateSnap.Singular + "/" + s.Name()
			}
			out.AddPath(s.Path, owner)
		}
	}
	jobs, _ := client.Jobs(ctx, namespace, metav1.ListOptions{})
	for _, other := range jobs {
		ref := other.Ref().String()
		out.AddPath(other.InitialPath(), "spec of "+ref)
		out.AddPath(other.UpgradePath(), ref)
		if id := other.JobID(); id != "" {
			out.Runs[id] = ref
		}
		out.Clusters[other.Object.GetName()] = ref
	}
	clusters, _ := client.List(ctx, api.Deployment, namespace, metav1.ListOptions{})
	for i := range clusters {
		out.Clusters[clusters[i].GetName()] = api.Deployment.Singular + "/" + clusters[i].GetName()
	}
}
