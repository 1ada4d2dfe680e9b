package cmd

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/secret"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/logs"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/reach"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/rest"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-flink/view"
)

// Run prints the logs.
func (o *logsOptions) Run(ctx context.Context) error {
	client, place, err := o.findPlace(ctx, o.Args)
	// The operator may have much to say about an object that runs nowhere.
	if err != nil && (!o.operatorLog || place.Job.Object == nil) {
		return err
	}
	switch {
	case o.file != "" || o.files:
		return o.fromFiles(ctx, client, place)
	case o.operatorLog:
		return o.fromOperator(ctx, client, place)
	}
	return o.fromPods(ctx, client, place)
}

func (o *logsOptions) read(ctx context.Context, client *operator.Client, sources []logs.Source) error {
	reading := logs.Reading{
		Pods: operator.PodLogs{Client: client}, Follow: o.follow, Since: o.since, Tail: o.tail, Previous: o.previous, Tell: o.tell(),
	}
	defer o.share.tell(o.ErrOut)
	return reading.Read(ctx, sources, o.printer.Print)
}

// patterns are the layouts that a cluster's pods log with, by the ConfigMap
// that they mount, or by what the spec says. Without the permission to read it
// they are learned from the lines.
func (o *logsOptions) patterns(ctx context.Context, client *operator.Client, place reach.Place) []logs.Pattern {
	ref := place.Cluster.Ref()
	return logs.Patterns(client.LoggingConfig(ctx, place.Cluster, ref.Namespace, "flink-config-"+ref.Name))
}

// tell prints what happens to pods to standard error.
func (o *logsOptions) tell() func(string, ...any) {
	var mu sync.Mutex
	return func(format string, args ...any) {
		if o.quiet {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintln(o.ErrOut, "# "+secret.Text(term.SafeLine(fmt.Sprintf(format, args...))))
	}
}

func (o *logsOptions) fromPods(ctx context.Context, client *operator.Client, place reach.Place) error {
	clusters := o.clusters(place)
	o.printer.Clusters = clusters
	seen := 0
	source := logs.Source{
		Namespace: place.Job.Ref().Namespace,
		Selector:  "app in (" + strings.Join(clusters, ",") + "),component in (jobmanager,taskmanager)",
		Wanted:    o.wanted,
		Patterns:  o.patterns(ctx, client, place),
		Choose: func(pod *corev1.Pod) (role, container string, ok bool) {
			seen++
			role, container = pod.Labels["component"], api.MainContainer
			if o.container != "" {
				container = o.container
			}
			return role, container, o.chooses(role, pod.Name) && hasContainer(pod, container)
		},
	}
	err := o.read(ctx, client, []logs.Source{source})
	if !errors.Is(err, logs.ErrNone) {
		return err
	}
	ref := place.Job.Ref()
	switch why := place.WhyNot(); {
	case seen == 0 && why != "":
		return fmt.Errorf("%s has no pods: %s", ref, why)
	case seen == 0:
		return fmt.Errorf("%s has no pods; see what keeps them away with: kubectl flink status %s -n %s", ref, shortName(ref), ref.Namespace)
	case o.previous:
		return fmt.Errorf("no container of %s was started again, so there is nothing previous; Flink's TaskManagers come as new pods instead, and the logs of those before are gone", ref)
	}
	return fmt.Errorf("none of the %d pods of %s that exist is wanted and has started: check --jm, --tm and --container", seen, ref)
}

// clusters are the FlinkDeployments whose pods are wanted.
func (o *logsOptions) clusters(place reach.Place) []string {
	ref := place.Job.Ref()
	if ref.Kind.Name == api.BlueGreen.Name {
		if _, still := place.Job.ActiveChild(); o.follow || !still {
			return []string{ref.Name + "-blue", ref.Name + "-green"}
		}
	}
	return []string{place.Cluster.Ref().Name}
}

func hasContainer(pod *corev1.Pod, name string) bool {
	return slices.ContainsFunc(append(slices.Clone(pod.Spec.Containers), pod.Spec.InitContainers...), func(c corev1.Container) bool { return c.Name == name })
}

// shortName is ref as short as verbs take it.
func shortName(ref api.Ref) string {
	if ref.Kind.Name == api.Deployment.Name {
		return ref.Name
	}
	return ref.String()
}

func (o *logsOptions) fromOperator(ctx context.Context, client *operator.Client, place reach.Place) error {
	state := client.OperatorHealth(ctx)
	if !state.Known() {
		return fmt.Errorf("can't find the operator's pods: %s", state)
	}
	ref := place.Job.Ref()
	about := []api.Ref{ref}
	if ref.Kind.Name == api.BlueGreen.Name {
		for _, color := range []string{"-blue", "-green"} {
			about = append(about, api.Ref{Kind: api.Deployment, Namespace: ref.Namespace, Name: ref.Name + color})
		}
	}
	pattern := mentions(about...)
	var sources []logs.Source
	for _, deployment := range state.Deployments {
		sources = append(sources, logs.Source{
			Namespace: deployment.Namespace, Selector: deployment.Pods,
			Patterns: logs.Patterns(client.LoggingConfig(ctx, api.Job{}, deployment.Namespace, deployment.ConfigMaps...)),
			Wanted:   func(r logs.Record) bool { return pattern.MatchString(term.Safe(r.Lines[0])) && o.wanted(r) },
			Choose: func(pod *corev1.Pod) (role, container string, ok bool) {
				container = o.container
				if container == "" {
					container = pod.Spec.Containers[0].Name
				}
				return "operator", container, hasContainer(pod, container)
			},
		})
	}
	err := o.read(ctx, client, sources)
	if errors.Is(err, logs.ErrNone) {
		return fmt.Errorf("the operator has no pod with such a log: %s", state)
	}
	return err
}

// fromFiles reads Flink's log directories through the JobManager.
func (o *logsOptions) fromFiles(ctx context.Context, client *operator.Client, place reach.Place) error {
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
	files, err := o.listFiles(ctx, jobManager)
	if err != nil {
		return place.Because(reach.AskError(ctx, err))
	}
	if o.files {
		return o.output.Print(o.Out, view.LogFiles(files, o.now()))
	}
	o.printer.Clusters = []string{place.Cluster.Ref().Name}
	patterns := o.patterns(ctx, client, place)
	defer o.share.tell(o.ErrOut)
	merger := logs.NewMerger()
	group := errGroup{}
	found := false
	for _, file := range files {
		if match, _ := path.Match(o.file, file.Name); !match && file.Name != o.file {
			continue
		}
		found = true
		put, end := merger.Stream(ctx)
		group.Go(func() error {
			defer end()
			body, err := jobManager.LogFile(ctx, taskManagerOf(file.Pod), file.Name)
			if err != nil {
				return fmt.Errorf("%s of %s: %w", file.Name, file.Pod, err)
			}
			defer body.Close()
			return logs.File(ctx, body, logs.Record{Pod: file.Pod, Role: roleOf(file.Pod)}, patterns, func(r logs.Record) error {
				if o.wanted(r) && !put(&r) {
					return context.Cause(ctx)
				}
				return nil
			})
		})
	}
	if !found {
		return fmt.Errorf("no JobManager or TaskManager of %s has a log file %q; list them with: kubectl flink logs %s --files -n %s", place.Cluster.Ref(), o.file, shortName(place.Job.Ref()), place.Job.Ref().Namespace)
	}
	merger.Close()
	if err := merger.Run(ctx, o.printer.Print); err != nil {
		return err
	}
	return reach.AskError(ctx, group.Wait())
}

// theJobManager stands for the pod of the JobManager that answers.
const theJobManager = "jobmanager"

func taskManagerOf(pod string) string {
	if pod == theJobManager {
		return ""
	}
	return pod
}

func roleOf(pod string) string {
	if pod == theJobManager {
		return theJobManager
	}
	return "taskmanager"
}

func (o *logsOptions) listFiles(ctx context.Context, jobManager *rest.Client) ([]view.PodLogFile, error) {
	pods := []string{theJobManager}
	ids, err := jobManager.TaskManagers(ctx)
	if err != nil {
		return nil, err
	}
	out := []view.PodLogFile{}
	for _, pod := range append(pods, ids...) {
		if !o.chooses(roleOf(pod), pod) {
			continue
		}
		files, err := jobManager.LogFiles(ctx, taskManagerOf(pod))
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			out = append(out, view.PodLogFile{Pod: pod, LogFile: file})
		}
	}
	return out, nil
}

// errGroup runs functions at once and keeps their errors.
type errGroup struct {
	sync.WaitGroup
	mu   sync.Mutex
	errs []error
}

func (g *errGroup) Go(do func() error) {
	g.WaitGroup.Go(func() {
		if err := do(); err != nil {
			g.mu.Lock()
			defer g.mu.Unlock()
			g.errs = append(g.errs, err)
		}
	})
}

func (g *errGroup) Wait() error {
	g.WaitGroup.Wait()
	return errors.Join(g.errs...)
}
