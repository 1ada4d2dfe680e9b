package cmd

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/podexec"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/progress"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/secret"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/diagnosis"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/probe"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/reach"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-flink/view"
)

// storageCheckOptions are the flags of `kubectl flink storage check`.
type storageCheckOptions struct {
	*common
	plugin.Arguments
	output printer.Flags
}

func newStorageCheck(c *common) *cobra.Command {
	o := &storageCheckOptions{common: c}
	cmd := &cobra.Command{
		Use:   "check [TYPE/]NAME",
		Short: "Try a job's storage from inside the cluster: write, read, list and delete a file",
		Long: `Try each directory in which a job keeps state, through Flink's own file systems: in a
pod that is started for that, with the JobManager's image, user, service account,
volumes, environment and settings, so that plugins and credentials are the real ones.
Where the TaskManagers' pods differ, one like theirs tries the directories of checkpoints
and savepoints, too. Pods and files are removed again.

Every step is reported, and of one that fails the reason: a plugin that isn't there,
credentials that are refused, a bucket that doesn't exist, a store that can't be
reached, a directory that can't be written to. It ends with 3 where a directory can't
be used. The job itself isn't touched and needn't run.`,
		Example: plugin.Examples(`
			# Can this job keep its state where it wants to?
			kubectl flink storage check basic-example

			# A session job
			kubectl flink storage check sessionjob/session-job-example

			# For a script
			kubectl flink storage check basic-example -o jsonpath='{.ok}'`),
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: c.completeJobs(false),
		RunE:              plugin.RunE(o),
	}
	o.output.AddFlags(cmd, printer.JSON, printer.YAML, "jsonpath")
	return cmd
}

// Validate finds what is wrong with the flags.
func (o *storageCheckOptions) Validate() error { return o.output.Validate() }

// checkLimit bounds a check, with the start of its pod.
const checkLimit = 10 * time.Minute

// storageProbe is the pod that tries a job's storage.
var storageProbe = api.Probe{Name: "flink-storage-probe-", Component: "storage-probe", Dir: probe.Room, Ready: probe.Ready, Memory: 640 << 20, Room: 16 << 20}

// Run tries the directories.
func (o *storageCheckOptions) Run(ctx context.Context) (err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, checkLimit, fmt.Errorf("the check didn't end within %s", checkLimit))
	defer cancel()
	client, err := o.operator()
	if err != nil {
		return err
	}
	ref, err := o.oneJob(ctx, client, o.Args)
	if err != nil {
		return err
	}
	job, cluster, config, err := configured(ctx, client, ref)
	if err != nil {
		return err
	}
	dirs := reach.StateDirs(config)
	if len(dirs) == 0 {
		return fmt.Errorf("%s names no directory for checkpoints, savepoints or high availability", ref)
	}
	line := o.progress(false)
	defer line.Done()
	sides, differ, err := storageSides(ctx, client, cluster, config, dirs, line)
	if err != nil {
		return err
	}
	page := view.CheckPage{Job: ref, Same: !differ}
	var failed error
	for _, s := range sides {
		page.Images = append(page.Images, s.pod.Spec.Containers[0].Image)
		outcomes, err := o.trySide(ctx, client, s, config, line)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			// What the other side found is worth telling.
			failed = errors.Join(failed, fmt.Errorf("the %s's side: %w", s.side, err))
		}
		if err != nil && len(outcomes) == 0 {
			page.Untried = true
		} else {
			page.Dirs = append(page.Dirs, o.tried(job, cluster, config, s, outcomes)...)
		}
	}
	line.Clear()
	if failed != nil && len(page.Dirs) == 0 {
		return failed
	}
	if err := o.output.Print(o.Out, page.Result()); err != nil {
		return errors.Join(failed, err)
	}
	if o.output.IsHuman() {
		fmt.Fprint(o.Out, secret.Text(term.Safe(troubles(page)+page.SidesText())))
	}
	if n := page.Failed(); n > 0 {
		return exit.With(exit.No, errors.Join(fmt.Errorf("%d of %d directories can't be used%s", n, len(dirs), page.ByWhom()), failed))
	}
	return failed
}

// storageSide is a kind of pods, one like them, and the directories that they use.
type storageSide struct {
	side api.Side
	pod  *corev1.Pod
	dirs []reach.StateDir
}

// storageSides are the sides from which a job's directories are to be tried: the
// JobManager's alone where the pods of both would be the same.
func storageSides(ctx context.Context, client *operator.Client, cluster api.Job, config api.Config, dirs []reach.StateDir, line *progress.Line) (out []storageSide, differ bool, err error) {
	line.Set("looking at the job's pods")
	if differ, err = api.SidesDiffer(cluster, cluster.RunsWith(), config); err != nil {
		return nil, false, err
	}
	differ = differ || probe.OptionsDiffer(config)
	kind := storageProbe
	for _, side := range []api.Side{api.JobManagerSide, api.TaskManagerSide} {
		s := storageSide{side: side}
		for _, dir := range dirs {
			// TaskManagers keep no state in the directory of high availability.
			if side == api.JobManagerSide || !dir.HA {
				s.dirs = append(s.dirs, dir)
			}
		}
		if side == api.TaskManagerSide && (!differ || len(s.dirs) == 0) {
			break
		}
		template, node, err := client.Template(ctx, cluster, side)
		if err != nil {
			return nil, false, err
		}
		kind.Side = side
		if s.pod, err = api.ProbePod(cluster, cluster.RunsWith(), config, template, node, kind); err != nil {
			return nil, false, err
		}
		// The operator's default, which only pods that run tell.
		kind.Image = s.pod.Spec.Containers[0].Image
		out = append(out, s)
	}
	return out, differ, nil
}

// trySide tries the directories from one side, in a pod that is removed again. What
// was found is returned also with the error that the pod couldn't be removed.
func (o *storageCheckOptions) trySide(ctx context.Context, client *operator.Client, s storageSide, config api.Config, line *progress.Line) (outcomes []probe.Outcome, err error) {
	line.Set("starting a pod with the %s's image, user and settings", s.side)
	at, remove, err := client.StartProbe(ctx, s.pod, "tries the storage")
	if remove != nil {
		defer func() { err = errors.Join(err, remove()) }()
	}
	if err != nil {
		return nil, err
	}
	return o.try(ctx, client, at, config, s, line)
}

// mostSaid bounds what is kept of what the program says, in bytes.
const mostSaid = 4 << 20

// try runs the program in the pod.
func (o *storageCheckOptions) try(ctx context.Context, client *operator.Client, at operator.SeeingPod, config api.Config, s storageSide, line *progress.Line) ([]probe.Outcome, error) {
	restConfig, err := o.factory.Config()
	if err != nil {
		return nil, err
	}
	var random [8]byte
	if _, err := rand.Read(random[:]); err != nil {
		return nil, err
	}
	paths := make([]string, 0, len(s.dirs))
	for _, dir := range s.dirs {
		paths = append(paths, dir.Path)
	}
	line.Set("trying %s", plural(len(s.dirs), "place")+" through Flink's file systems")
	out, said := &podexec.Bounded{Most: mostSaid}, &podexec.Bounded{Most: mostSaid}
	err = podexec.Run(ctx, restConfig, client.Core(), podexec.Command{
		Namespace: at.Namespace, Pod: at.Pod, Container: at.Container,
		Args: probe.Command("kubectl-flink-probe-"+hex.EncodeToString(random[:]), config, s.side.Component(), paths),
		In:   probe.Input(config), Out: out, ErrOut: said,
	})
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	outcomes, whole := probe.ReadOutcomes(bytes.NewReader(out.Bytes()))
	if whole || len(outcomes) > 0 {
		return outcomes, nil
	}
	if err == nil {
		err = errors.New("the program said nothing")
	}
	return nil, fmt.Errorf("try the storage in pod %s: %w%s", at.Pod, err, lastLines(string(said.Bytes())))
}

// lastLines is the end of what a program said, for an error.
func lastLines(said string) string {
	lines := strings.Split(strings.TrimSpace(said), "\n")
	if len(lines) == 1 && lines[0] == "" {
		return ""
	}
	return "\n" + strings.Join(lines[max(0, len(lines)-5):], "\n")
}

// tried says of each directory how its steps went, and why one failed.
func (o *storageCheckOptions) tried(job, cluster api.Job, config api.Config, s storageSide, outcomes []probe.Outcome) []view.TriedDir {
	var out []view.TriedDir
	for _, dir := range s.dirs {
		d := view.TriedDir{Path: dir.Path, Key: dir.Key, Side: s.side.String(), Steps: []view.TriedStep{}}
		for _, outcome := range outcomes {
			if outcome.Dir == dir.Path && slices.Contains(probe.Steps, outcome.Step) {
				d.Steps = append(d.Steps, triedStep(job, cluster, config, outcome, o.now()))
			}
		}
		out = append(out, d)
	}
	return out
}

// triedStep explains a step by the rules that explain a checkpoint's failure.
func triedStep(job, cluster api.Job, config api.Config, outcome probe.Outcome, now time.Time) view.TriedStep {
	step := view.TriedStep{Step: outcome.Step, OK: outcome.OK}
	switch {
	case outcome.OK:
		return step
	case outcome.TimedOut:
		step.Why = fmt.Sprintf("no answer within %s: the store can't be reached, or is very slow", probe.StepLimit)
		if endpoint := config["s3.endpoint"]; endpoint != "" && strings.HasPrefix(outcome.Dir, "s3") {
			step.Why += " (s3.endpoint: " + endpoint + ")"
		}
		return step
	}
	thrown := diagnosis.ReadException(outcome.Trace, now, diagnosis.InCheckpoint)
	if len(thrown.Chain) == 0 {
		step.Why = api.FirstLine(outcome.Trace)
		return step
	}
	step.Why = thrown.Telling()
	facts := &diagnosis.JobFacts{Now: now, Object: job.Object, Config: config, Marks: map[diagnosis.Source]diagnosis.Mark{diagnosis.FromConfig: diagnosis.Read}}
	if cluster.Ref() != job.Ref() {
		facts.Cluster = cluster.Object
	}
	for _, found := range diagnosis.Attempt(facts, thrown) {
		step.Why, step.Rule, step.Advice = found.Means, found.Rule, found.Advice()
		break
	}
	return step
}

// troubles are the reasons of what failed. One that several directories have is
// printed once.
func troubles(page view.CheckPage) string {
	var out strings.Builder
	type key struct{ step, why string }
	at := map[key][]string{}
	for _, d := range page.Dirs {
		for _, s := range d.Steps {
			k := key{s.Step, cmp.Or(s.Rule, s.Why)}
			at[k] = append(at[k], page.Named(d))
		}
	}
	for _, d := range page.Dirs {
		if len(d.Steps) == 0 {
			fmt.Fprintf(&out, "\n%s wasn't tried: the program ended before\n", page.Named(d))
		}
		for _, s := range d.Steps {
			dirs := at[key{s.Step, cmp.Or(s.Rule, s.Why)}]
			if s.OK || dirs[0] != page.Named(d) {
				continue
			}
			fmt.Fprintf(&out, "\n%s %s: %s\n", s.Step, strings.Join(dirs, ", "), s.Why)
			if s.Rule != "" {
				fmt.Fprintf(&out, "  %s: kubectl flink doctor explain %s\n", s.Rule, s.Rule)
			}
			for _, line := range s.Advice {
				fmt.Fprintf(&out, "  → %s\n", line)
			}
			if s.Step == probe.Delete {
				fmt.Fprintf(&out, "  a file kubectl-flink-probe-… may be left there\n")
			}
		}
	}
	return out.String()
}
