package cmd

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/completion"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/portforward"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/screen"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/diagnosis"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/health"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/reach"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/rest"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-flink/view"
)

// goals are what `status --for` waits for.
var goals = []string{"running", "stable", "suspended", "finished", "upgraded"}

// statusOptions are the flags of `kubectl flink status`.
type statusOptions struct {
	*common
	plugin.Arguments
	tunnelFlags
	tls        reach.TLSFiles
	output     printer.Flags
	verbose    bool
	exitStatus bool
	watch      bool
	goal       string
	timeout    time.Duration
	liveWait   time.Duration
	color      string
	palette    term.Palette
	quiet      bool
}

func newStatus(c *common) *cobra.Command {
	o := &statusOptions{common: c}
	cmd := &cobra.Command{
		Use:   "status [[TYPE/]NAME]",
		Short: "Show how a job is, what surrounds it, and what to look at next",
		Long: `Show one job on one page: its health and why, its state and since when, whether
the operator has accepted its spec, what an upgrade would restore from, its
checkpoints and savepoints, its pods and recent events, and what to look at next.

The JobManager is asked for slots and checkpoints if it is ready; without an
answer the page lacks those lines. One that a suspended job still has is asked
whether it runs the job all the same.

Why something is wrong is said by the rules that kubectl flink doctor has, with
what was seen and what to do.

--for waits until the job is running, stable, suspended, finished or upgraded
(the operator has carried out the newest spec), and fails as soon as it can't be.
A job that is to run is asked whether all its tasks do.`,
		Example: plugin.Examples(`
			# One page
			kubectl flink status basic-example

			# In a script: exit code 0 if it is as its spec wants it, else 3
			kubectl flink status basic-example --exit-status -o name

			# After kubectl apply: wait until the change is carried out
			kubectl flink status basic-example --for upgraded --timeout 10m

			# The page and what changes, live
			kubectl flink status basic-example -w`),
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: c.completeJobs(false),
		RunE:              plugin.RunE(o),
	}
	flags := cmd.Flags()
	o.output.AddFlags(cmd, printer.Name, printer.JSON, printer.YAML, "jsonpath")
	flags.BoolVar(&o.verbose, "verbose", false, "Everything: all causes, events, snapshots, pods with node and resources")
	flags.BoolVar(&o.exitStatus, "exit-status", false, "Exit with 3 unless the job is healthy, finished or suspended as its spec wants")
	flags.BoolVarP(&o.watch, "watch", "w", false, "Renew the page as things happen, until you press q; not on a terminal: then print changes of the job and its pods")
	flags.StringVar(&o.goal, "for", "", "Wait until the job is "+strings.Join(goals, ", "))
	flags.DurationVar(&o.timeout, "timeout", 5*time.Minute, "With --for: how long to wait")
	flags.DurationVar(&o.liveWait, "live-timeout", 5*time.Second, "How long to wait for the JobManager; 0 doesn't ask it")
	flags.BoolVarP(&o.quiet, "quiet", "q", false, "No progress on standard error")
	addColor(cmd, &o.color)
	o.tunnelFlags.add(cmd, true)
	addRESTFlags(cmd, &o.tls)
	_ = cmd.RegisterFlagCompletionFunc("for", completion.Fixed(goals...))
	return cmd
}

// Validate finds what is wrong with the flags.
func (o *statusOptions) Validate() error {
	if err := o.output.Validate(); err != nil {
		return err
	}
	var err error
	if o.palette, err = term.NewPalette(o.color, o.Out); err != nil {
		return exit.With(exit.Usage, err)
	}
	switch {
	case o.goal != "" && !slices.Contains(goals, o.goal):
		return exit.Usagef("--for: %q is not one of %s", o.goal, strings.Join(goals, ", "))
	case o.goal != "" && o.watch:
		return exit.Usagef("give --for or --watch, not both: one ends, the other doesn't")
	case o.timeout <= 0:
		return exit.Usagef("--timeout: %s is not a positive duration", o.timeout)
	case o.watch && !o.output.IsHuman():
		return exit.Usagef("--watch prints text; leave out --output")
	}
	return nil
}

// Run prints the state of the job.
func (o *statusOptions) Run(ctx context.Context) error {
	client, err := o.operator()
	if err != nil {
		return err
	}
	ref, err := o.oneJob(ctx, client, o.Args)
	if err != nil {
		return err
	}
	if o.goal != "" {
		if err := o.await(ctx, client, ref); err != nil {
			return err
		}
	}
	if o.watch && screen.Possible(o.Out) {
		return o.live(ctx, client, ref)
	}
	status, place, err := o.look(ctx, client, ref)
	if err != nil {
		return err
	}
	page := view.StatusPage{Palette: o.palette, Width: terminalWidth(o.Out), Verbose: o.verbose, Now: o.now()}
	if err := o.output.Print(o.Out, page.Result(status, ref)); err != nil {
		return err
	}
	if o.watch {
		return o.follow(ctx, client, ref, place)
	}
	switch {
	case o.goal == "suspended" && status.Health == health.Degraded:
		return fmt.Errorf("%s is %s", ref, status.Why)
	case o.exitStatus && !status.Health.OK():
		return exit.Silent(exit.No)
	}
	return nil
}

// look gathers the page.
func (o *statusOptions) look(ctx context.Context, client *operator.Client, ref api.Ref) (view.Status, reach.Place, error) {
	place, err := reach.Find(ctx, client, ref)
	if err != nil && place.Job.Object == nil {
		return view.Status{}, place, err
	}
	summary, readErr := api.Summarize(ref.Kind, place.Job.Object)
	if readErr != nil {
		return view.Status{}, place, readErr
	}
	status := statusOf(summary, place)
	if err != nil { // the session cluster or the color isn't there
		status.Unknown = append(status.Unknown, err.Error())
	}
	cluster := ""
	if place.Cluster.Object != nil {
		cluster = place.Cluster.Object.GetName()
	}
	answered := make(chan struct{})
	var fromFlink flinkAnswer
	go func() {
		defer close(answered)
		tunnel, err := o.tunnel(o.tunnelFlags, nil)
		if err != nil {
			status.Unknown = append(status.Unknown, "the JobManager: "+err.Error())
			fromFlink.why = err.Error()
			return
		}
		defer tunnel.Close()
		fromFlink = o.askJobManager(ctx, tunnel, place, &status)
	}()
	found := make(chan []diagnosis.Finding, 1)
	go func() { found <- o.findings(ctx, client, ref) }()
	around := client.Around(ctx, ref, cluster)
	if other := otherColor(place, cluster); other != "" {
		// Both colors are there; what the new one lacks holds the change up.
		if pods, err := client.Pods(ctx, ref.Namespace, other); err == nil {
			around.Pods = append(around.Pods, pods...)
		}
	}
	<-answered
	if fromFlink.failed && cluster != "" && around.PodsKnown {
		// Its pods may have been read just before it went away.
		if pods, known := client.FrontPods(ctx, ref.Namespace, cluster); known && !operator.JobManagersReady(pods) {
			around.Pods = pods
		}
	}
	judge(&status, summary, place, around, <-found, fromFlink, o.now())
	o.lookAtSuspended(ctx, place, around.Pods, &status)
	o.aim(status.Findings)
	for i := range status.Next {
		status.Next[i] = o.factory.Aim(status.Next[i])
	}
	return status, place, context.Cause(ctx)
}

// findings are what diagnosis finds about the job; nil where its facts can't be
// gathered.
func (o *statusOptions) findings(ctx context.Context, client *operator.Client, ref api.Ref) []diagnosis.Finding {
	way := o.tunnelFlags
	way.reconnect = 0 // who isn't there isn't waited for
	var tunnel *portforward.Tunnel
	if o.liveWait > 0 {
		var err error
		if tunnel, err = o.tunnel(way, nil); err == nil {
			defer tunnel.Close()
		}
	}
	gatherer := o.gathererOf(client, tunnel, o.tls, o.limit())
	gatherer.NoWait = true
	facts, _, err := gatherer.Job(ctx, ref)
	if err != nil {
		return nil
	}
	return diagnosis.Job(facts)
}

// otherColor is the second FlinkDeployment of a blue/green deployment that is
// changing over; "" where there is none.
func otherColor(place reach.Place, serving string) string {
	if place.Job.Kind.Name != api.BlueGreen.Name || !strings.HasPrefix(place.Job.BlueGreenState(), "TRANSITIONING_") {
		return ""
	}
	if name, ok := strings.CutSuffix(serving, "-blue"); ok {
		return name + "-green"
	}
	return strings.TrimSuffix(serving, "-green") + "-blue"
}

// statusOf is the page without what surrounds the job, and without a judgement.
func statusOf(s api.Summary, place reach.Place) view.Status {
	status := view.Status{
		APIVersion: "kubectl-flink/v1", Kind: "JobStatus",
		Metadata:   view.StatusMetadata{Type: s.Kind.Singular, Name: s.Name, Namespace: s.Namespace, CreationTimestamp: view.Moment(s.Created)},
		Job:        view.JobPart{ID: s.JobID, Name: s.JobName, State: s.State, Since: view.Moment(s.StateSince), Lifecycle: s.Lifecycle, BlueGreen: s.BlueGreen},
		Spec:       view.SpecPart{Generation: s.Generation, Observed: s.Observed, State: s.Wanted, FlinkVersion: s.Version, Image: s.Image, Parallelism: s.Parallelism, UpgradeMode: s.UpgradeMode},
		JobManager: s.JobManager,
	}
	get := func(keys ...string) string {
		value, _ := place.Config.Get(keys...)
		return value
	}
	status.Storage = view.Storage{
		Backend:     get("state.backend.type", "state.backend"),
		Checkpoints: get("execution.checkpointing.dir", "state.checkpoints.dir"),
		Savepoints:  get("execution.checkpointing.savepoint-dir", "state.savepoints.dir"),
		HA:          get("high-availability.type", "high-availability"), HADir: get("high-availability.storageDir"),
	}
	if get("job.autoscaler.enabled", "kubernetes.operator.job.autoscaler.enabled") == "true" {
		status.Autoscaler = &view.Scaler{Enabled: true}
	}
	if cluster := place.Cluster; cluster.Object != nil && s.Kind.Name != api.Deployment.Name {
		status.Metadata.Cluster = cluster.Object.GetName()
		if status.JobManager == "" {
			status.JobManager = cluster.JobManager()
		}
		if own, err := api.Summarize(api.Deployment, cluster.Object); err == nil {
			status.Spec.FlinkVersion, status.Spec.Image = own.Version, own.Image
		}
	}
	if !s.Error.IsZero() {
		part := &view.ErrorPart{Type: s.Error.Type, Root: s.Error.Root()}
		for _, cause := range s.Error.Causes {
			part.Causes = append(part.Causes, strings.TrimPrefix(cause.Type+": "+cause.Message, ": "))
		}
		status.Error = part
	}
	return status
}

// flinkAnswer is what the JobManager reported of the job's state; nil where it
// didn't, and why says so.
type flinkAnswer struct {
	state *api.FlinkState
	why   string
	// failed says that it was asked, and didn't answer.
	failed bool
}

// askJobManager adds what only the JobManager knows.
func (o *statusOptions) askJobManager(ctx context.Context, tunnel *portforward.Tunnel, place reach.Place, status *view.Status) (fromFlink flinkAnswer) {
	state := ""
	if place.Cluster.Object != nil {
		state = place.Cluster.JobManager()
	}
	switch {
	case o.liveWait <= 0:
		return flinkAnswer{why: "--live-timeout is 0"}
	case state == "" || state == api.JobManagerMissing:
		return flinkAnswer{why: "it isn't there"}
	case place.Suspended():
		return flinkAnswer{why: "the job is suspended"}
	}
	limit := o.liveWait
	if state != api.JobManagerReady {
		limit = min(limit, time.Second) // it answers now, or isn't there
	}
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("no answer in %s", limit))
	defer cancel()
	err := func() error {
		jobManager, err := restClient(tunnel, place, o.tls)
		if err != nil {
			return err
		}
		overview, err := jobManager.Overview(ctx)
		if err != nil {
			return err
		}
		status.Slots = &view.Slots{TaskManagers: overview.TaskManagers, Total: overview.SlotsTotal, Free: overview.SlotsAvailable}
		if place.JobID == "" {
			fromFlink.why = "the job has no id yet"
			return nil
		}
		checkpoints, err := jobManager.Checkpoints(ctx, place.JobID)
		if rest.NotFound(err) {
			fromFlink.why = "it knows no checkpoints of the job"
			return nil
		}
		if err != nil {
			return err
		}
		fromFlink.state = &api.FlinkState{State: place.Job.State()}
		reach.Marked(fromFlink.state, checkpoints)
		marks := &view.Marks{Completed: checkpoints.Counts.Completed, Failed: checkpoints.Counts.Failed}
		// The job's own interval: it may have set one in its code.
		if config, err := jobManager.CheckpointConfig(ctx, place.JobID); err == nil && config.Interval < math.MaxInt64 {
			marks.Interval = view.Millis(int64(config.Interval))
		}
		if last := checkpoints.Latest.Completed; last != nil {
			marks.ID, marks.Last, marks.Size, marks.Duration, marks.Path = last.ID, view.Moment(last.Acknowledged.Time()), last.State, int64(last.Duration), last.Path
		}
		if failed := checkpoints.Latest.Failed; failed != nil {
			marks.Failure = api.RootCause(failed.Failure)
		}
		status.Checkpoints = marks
		if pulse, err := jobManager.Pulse(ctx, place.JobID); err == nil && pulse.Restarts >= 0 {
			status.Job.Restarts = &pulse.Restarts
		}
		return nil
	}()
	// One that isn't READY may answer all the same: a sidecar may be broken.
	switch {
	case err != nil && state != api.JobManagerReady:
		fromFlink.why = "it isn't ready"
	case err != nil:
		fromFlink.why, fromFlink.failed = reach.AskError(ctx, err).Error(), true
		status.Unknown = append(status.Unknown, "the JobManager: "+fromFlink.why)
	}
	return fromFlink
}
