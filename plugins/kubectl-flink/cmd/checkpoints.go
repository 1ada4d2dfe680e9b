package cmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/spf13/cobra"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/sorting"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/reach"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/rest"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-flink/view"
)

// checkpointsOptions are the flags of `kubectl flink checkpoints`.
type checkpointsOptions struct {
	askOptions
	id        int64
	follow    bool
	quiet     bool
	timeLimit bool
	chosen    bool
}

func newCheckpoints(c *common) *cobra.Command {
	o := &checkpointsOptions{askOptions: askOptions{common: c}}
	cmd := &cobra.Command{
		Use:   "checkpoints [[TYPE/]NAME]",
		Short: "Show a job's checkpoints: sizes, durations, failures and their cause",
		Long: `Show a job's checkpoints and savepoints as the JobManager remembers them
(web.checkpoints.history, the last 10), how checkpoints are configured, what the
job was restored from, and which subtask was the slowest in the latest one. The
small bars are size and duration, oldest first.

--id shows one of them vertex by vertex: how long barriers took to come (delay)
and to align, how long the state's copy took, and who hasn't acknowledged it;
-o wide shows every subtask.

-f prints a line for each that is completed or fails, and for each time that
the job is restored, through failovers, restarts and upgrades, until the job
ends or you press Ctrl-C; with -o json an object a line.`,
		Example: plugin.Examples(`
			# On one page
			kubectl flink checkpoints basic-example

			# Why was the last one slow?
			id=$(kubectl flink checkpoints basic-example -o jsonpath='{.latest.completed.id}')
			kubectl flink checkpoints basic-example --id "$id"

			# Each new one as it happens
			kubectl flink checkpoints basic-example -f

			# The path of the last completed one
			kubectl flink checkpoints basic-example -o jsonpath='{.latest.completed.external_path}'`),
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: c.completeJobs(false),
		RunE:              plugin.RunE(o),
	}
	o.add(cmd, true, printer.Wide, printer.JSON, printer.YAML, "jsonpath")
	flags := cmd.Flags()
	flags.Int64Var(&o.id, "id", 0, "Show the checkpoint or savepoint with this number in detail")
	flags.BoolVarP(&o.follow, "follow", "f", false, "Print each new one as it happens")
	flags.BoolVarP(&o.quiet, "quiet", "q", false, "With --follow: no progress on standard error")
	flags.Lookup("timeout").Usage = "How long to wait for the JobManager's answer; with --follow, if given, how long to follow"
	return cmd
}

// Complete takes over the arguments, and which flags were given.
func (o *checkpointsOptions) Complete(cmd *cobra.Command, args []string) error {
	o.timeLimit, o.chosen = cmd.Flags().Changed("timeout"), cmd.Flags().Changed("id")
	return o.askOptions.Complete(cmd, args)
}

// Validate finds what is wrong with the flags.
func (o *checkpointsOptions) Validate() error {
	switch {
	case o.chosen && o.id <= 0:
		return exit.Usagef("--id: %d is not the number of a checkpoint", o.id)
	case o.follow && o.id > 0:
		return exit.Usagef("give --id or --follow, not both: one shows what was, the other what comes")
	case o.follow && o.output.Output != printer.Human && o.output.Output != printer.JSON:
		return exit.Usagef("--follow prints lines, or JSON with -o json; leave out -o %s", o.output.Output)
	}
	return o.askOptions.Validate()
}

// Run prints the checkpoints.
func (o *checkpointsOptions) Run(ctx context.Context) error {
	if o.follow {
		return o.followAll(ctx)
	}
	return o.ask(ctx, func(ctx context.Context, place reach.Place, jobManager *rest.Client) error {
		id, err := o.job(ctx, place, jobManager)
		if err != nil {
			return err
		}
		if o.id > 0 {
			return o.one(ctx, place, jobManager, id)
		}
		return o.page(ctx, place, jobManager, id)
	})
}

func (o *checkpointsOptions) page(ctx context.Context, place reach.Place, jobManager *rest.Client, id string) error {
	model := view.Checkpoints{Job: place.Job.Ref().String(), JobID: id}
	var err error
	if model.Checkpoints, err = jobManager.Checkpoints(ctx, id); err != nil {
		return err
	}
	config, err := jobManager.CheckpointConfig(ctx, id)
	switch {
	case err == nil:
		model.Config = &config
	case !rest.NotFound(err):
		return err
	}
	if last := model.Latest.Completed; last != nil {
		// A help: it may have been forgotten meanwhile.
		if detail, err := checkpointDetail(ctx, jobManager, id, last.ID); err == nil {
			detail.Job = model.Job
			model.Detail = &detail
		}
	}
	page := view.CheckpointPage{Palette: o.palette, Now: o.now()}
	return o.output.Print(o.Out, page.Result(model))
}

// one shows one checkpoint in detail.
func (o *checkpointsOptions) one(ctx context.Context, place reach.Place, jobManager *rest.Client, id string) error {
	detail, err := checkpointDetail(ctx, jobManager, id, o.id)
	if rest.NotFound(err) {
		return o.forgotten(ctx, place, jobManager, id, err)
	}
	if err != nil {
		return err
	}
	detail.Job = place.Job.Ref().String()
	page := view.CheckpointDetailPage{Palette: o.palette, Width: terminalWidth(o.Out), Now: o.now()}
	return o.output.Print(o.Out, page.Result(detail))
}

// forgotten says which checkpoints the JobManager remembers.
func (o *checkpointsOptions) forgotten(ctx context.Context, place reach.Place, jobManager *rest.Client, id string, err error) error {
	all, listErr := jobManager.Checkpoints(ctx, id)
	if listErr != nil {
		return err
	}
	if len(all.History) == 0 {
		return fmt.Errorf("the JobManager of %s remembers no checkpoint yet", place.Job.Ref())
	}
	return fmt.Errorf("the JobManager of %s doesn't remember a checkpoint %d: it has %d to %d (web.checkpoints.history says how many it keeps)",
		place.Job.Ref(), o.id, all.History[len(all.History)-1].ID, all.History[0].ID)
}

// atOnce bounds the questions that are under way at a time.
const atOnce = 8

// checkpointDetail asks for a checkpoint in every vertex. Vertices are in the
// order of the job.
func checkpointDetail(ctx context.Context, jobManager *rest.Client, job string, id int64) (view.CheckpointDetail, error) {
	detail := view.CheckpointDetail{APIVersion: "kubectl-flink/v1", Kind: "CheckpointDetail", JobID: job, Vertices: []view.VertexCheckpoint{}}
	answer, err := jobManager.CheckpointDetail(ctx, job, id)
	if err != nil {
		return detail, err
	}
	detail.Checkpoint = answer.Checkpoint
	graph, err := jobManager.Job(ctx, job)
	if err != nil {
		return detail, err
	}
	var group sync.WaitGroup
	var mu sync.Mutex
	var errs []error
	places := make(chan struct{}, atOnce)
	for at, vertex := range graph.Vertices {
		task, ok := answer.Tasks[vertex.ID]
		if !ok {
			continue
		}
		places <- struct{}{}
		group.Go(func() {
			defer func() { <-places }()
			full, err := jobManager.TaskCheckpoint(ctx, job, id, vertex.ID)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				task = full
			case !rest.NotFound(err):
				errs = append(errs, err)
			}
			detail.Vertices = append(detail.Vertices, view.VertexCheckpoint{VertexID: graph.Vertices[at].ID, Name: vertex.Name, TaskCheckpoint: task})
		})
	}
	group.Wait()
	order := map[string]int{}
	for i, vertex := range graph.Vertices {
		order[vertex.ID] = i
	}
	sorting.By(detail.Vertices, func(a, b view.VertexCheckpoint) int { return cmp.Compare(order[a.VertexID], order[b.VertexID]) })
	return detail, errors.Join(errs...)
}
