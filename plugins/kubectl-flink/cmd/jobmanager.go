package cmd

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/portforward"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/reach"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/rest"
)

// askOptions are the flags of the verbs that print what a JobManager says.
type askOptions struct {
	*common
	plugin.Arguments
	tunnelFlags
	tls     reach.TLSFiles
	output  printer.Flags
	timeout time.Duration
	jobID   string
	color   string
	palette term.Palette
}

func (o *askOptions) add(cmd *cobra.Command, jobID bool, formats ...string) {
	o.output.AddFlags(cmd, formats...)
	flags := cmd.Flags()
	flags.DurationVar(&o.timeout, "timeout", 30*time.Second, "How long to wait for the JobManager's answer")
	if jobID {
		flags.StringVar(&o.jobID, "job-id", "", "Flink's id of the job, in a session cluster (default the object's job, or the only one)")
	}
	addColor(cmd, &o.color)
	o.tunnelFlags.add(cmd, true)
	addRESTFlags(cmd, &o.tls)
}

var jobIDs = regexp.MustCompile(`^[0-9a-fA-F]{32}$`)

// Validate finds what is wrong with the flags.
func (o *askOptions) Validate() error {
	if err := o.output.Validate(); err != nil {
		return err
	}
	if o.timeout <= 0 {
		return exit.Usagef("--timeout: %s is not a positive duration", o.timeout)
	}
	if o.jobID != "" && !jobIDs.MatchString(o.jobID) {
		return exit.Usagef("--job-id: %q is not a job's id, 32 hexadecimal digits; list a session cluster's with: kubectl flink jobs NAME", o.jobID)
	}
	var err error
	o.palette, err = term.NewPalette(o.color, o.Out)
	return exit.With(exit.Usage, err)
}

// ask finds the JobManager that the arguments mean and has question ask it.
func (o *askOptions) ask(ctx context.Context, question func(context.Context, reach.Place, *rest.Client) error) error {
	_, place, err := o.findPlace(ctx, o.Args)
	if err != nil {
		return err
	}
	if place.Suspended() {
		return fmt.Errorf("%s has no JobManager to ask: %s", place.Job.Ref(), place.WhyNot())
	}
	tunnel, err := o.tunnel(o.tunnelFlags, o.noteHalfReady)
	if err != nil {
		return err
	}
	defer tunnel.Close()
	jobManager, err := restClient(tunnel, place, o.tls)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, o.timeout, exit.Timeoutf("timed out after %s: the JobManager of %s doesn't answer", o.timeout, place.Cluster.Ref()))
	defer cancel()
	return o.unknownJob(place, place.Because(reach.AskError(ctx, question(ctx, place, jobManager))))
}

// unknownJob says what it means that the JobManager doesn't know the job.
func (o *askOptions) unknownJob(place reach.Place, err error) error {
	id, next := o.jobID, "list its jobs with: kubectl flink jobs "+place.Cluster.Ref().Name+" -n "+place.Cluster.Ref().Namespace
	if id == "" {
		id, next = place.JobID, "it ended, or the JobManager is starting again; see: kubectl flink status "+place.Job.Ref().String()+" -n "+place.Job.Ref().Namespace
	}
	if !rest.NotFound(err) || !strings.Contains(err.Error(), "Job "+id+" not found") {
		return err
	}
	return fmt.Errorf("the JobManager of %s doesn't know the job %s: %s", place.Cluster.Ref(), id, next)
}

// poll asks a job's JobManager at intervals until ctx ends; failed is called with
// what goes wrong, with the job's state as far as it is known. The way is
// looked up each time: an upgrade gives the job another id, a switch another
// cluster.
func (o *askOptions) poll(ctx context.Context, client *operator.Client, ref api.Ref, interval time.Duration, question func(context.Context, reach.Place, *rest.Client) error, failed func(state string, err error)) error {
	tunnel, err := o.tunnel(o.tunnelFlags, nil)
	if err != nil {
		return err
	}
	jobManagers := reach.NewJobManagers(client, o.tls, func() (*portforward.Tunnel, error) { return tunnel, nil })
	defer tunnel.Close()
	clock := time.NewTicker(interval)
	defer clock.Stop()
	once := func() (string, error) {
		ctx, cancel := context.WithTimeoutCause(ctx, o.timeout, fmt.Errorf("no answer within %s", o.timeout))
		defer cancel()
		place, err := reach.Find(ctx, client, ref)
		if err != nil {
			return "", reach.AskError(ctx, err)
		}
		state := place.Job.State()
		if why := place.WhyNot(); why != "" && (place.Suspended() || place.Cluster.JobManager() == api.JobManagerMissing) {
			return state, fmt.Errorf("no JobManager to ask: %s", why)
		}
		jobManager, err := jobManagers.At(place)
		if err != nil {
			return state, err
		}
		return state, o.unknownJob(place, place.Because(reach.AskError(ctx, question(ctx, place, jobManager))))
	}
	for {
		state, err := once()
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil:
			failed(state, err)
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-clock.C:
		}
	}
}

// followModel shows a model of a job at intervals until ctx ends, and the last one
// with what failed reports it while the job can't be asked.
func followModel[M any](ctx context.Context, o *askOptions, client *operator.Client, ref api.Ref, interval time.Duration, last M,
	ask func(context.Context, reach.Place, *rest.Client) (M, error), failed func(last *M, state string, err error), show func(M),
) error {
	return o.poll(ctx, client, ref, interval, func(ctx context.Context, place reach.Place, jobManager *rest.Client) error {
		model, err := ask(ctx, place, jobManager)
		if err != nil {
			return err
		}
		last = model
		show(last)
		return nil
	}, func(state string, err error) {
		failed(&last, state, err)
		show(last)
	})
}

// job is Flink's id of the job that is meant.
func (o *askOptions) job(ctx context.Context, place reach.Place, jobManager *rest.Client) (string, error) {
	switch {
	case o.jobID != "":
		return o.jobID, nil
	case place.JobID != "":
		return place.JobID, nil
	case !place.Job.IsSessionCluster():
		return "", fmt.Errorf("%s has no job yet: %s", place.Job.Ref(), place.Job.Describe(o.now()))
	}
	jobs, err := jobManager.Jobs(ctx)
	switch {
	case err != nil:
		return "", err
	case len(jobs) == 0:
		return "", fmt.Errorf("%s runs no job", place.Job.Ref())
	case len(jobs) > 1:
		return "", exit.Usagef("%s has %d jobs: choose one with --job-id; list them with: kubectl flink jobs %s -n %s", place.Job.Ref(), len(jobs), place.Job.Object.GetName(), place.Job.Object.GetNamespace())
	}
	return jobs[0].ID, nil
}
