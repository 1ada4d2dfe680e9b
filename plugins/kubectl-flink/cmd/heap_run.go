package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilrand "k8s.io/apimachinery/pkg/util/rand"
	"k8s.io/client-go/rest"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/clientset"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/ephemeral"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/permission"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/podexec"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/progress"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/jvm"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/reach"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-flink/view"
)

// heapRun is one run of `kubectl flink heap`.
type heapRun struct {
	*heapOptions
	core   clientset.Interface
	config *rest.Config
	job    api.Ref
	line   *progress.Line
	jvm    *reach.InsideJVM
}

// choosePod is the pod that the flags mean.
func (r *heapRun) choosePod(ctx context.Context, place reach.Place) (*corev1.Pod, error) {
	component, what := "taskmanager", "TaskManager"
	if r.jobManager {
		component, what = "jobmanager", "JobManager"
	}
	pods, err := reach.FlinkPods(ctx, r.core, place.Cluster.Ref(), component)
	if err != nil {
		return nil, err
	}
	var names, found []string
	var chosen *corev1.Pod
	for i := range pods {
		names = append(names, pods[i].Name)
		if isTaskManager(pods[i].Name, r.taskManager) {
			found, chosen = append(found, pods[i].Name), &pods[i]
		}
	}
	switch {
	case len(pods) == 0:
		return nil, fmt.Errorf("no %s of %s runs: see kubectl flink status %s -n %s", what, place.Cluster.Ref(), r.job, r.job.Namespace)
	case len(found) == 0:
		return nil, exit.Usagef("--tm: there is no TaskManager %s; there are: %s", r.taskManager, none(names))
	case len(found) > 1 && r.jobManager:
		return nil, exit.Usagef("%s has %d JobManagers, and which of them leads isn't known: %s", place.Cluster.Ref(), len(found), none(found))
	case len(found) > 1:
		return nil, exit.Usagef("there are %d TaskManagers: choose one with --tm, or the JobManager with --jm: %s", len(found), none(found))
	}
	return chosen, nil
}

// allowed says which rights are missing.
func (r *heapRun) allowed(ctx context.Context, namespace string) error {
	var missing []string
	for _, p := range []permission.Permission{
		{Verb: "patch", Resource: "pods/" + ephemeral.Subresource, Namespace: namespace}, {Verb: "create", Resource: "pods/exec", Namespace: namespace},
	} {
		resource, sub, _ := strings.Cut(p.Resource, "/")
		answer, err := r.core.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, &authorizationv1.SelfSubjectAccessReview{
			Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &authorizationv1.ResourceAttributes{Namespace: namespace, Verb: p.Verb, Resource: resource, Subresource: sub}},
		}, metav1.CreateOptions{})
		if err != nil {
			return fmt.Errorf("ask whether you may %s %s: %w", p.Verb, p.Resource, err)
		}
		if !answer.Status.Allowed {
			missing = append(missing, fmt.Sprintf("you may not %s %s in namespace %s; check with: %s", p.Verb, p.Resource, namespace, p.Check()))
		}
	}
	if len(missing) > 0 {
		return errors.New(strings.Join(missing, "\n"))
	}
	return nil
}

// do adds the container, looks into the heap and ends the container again.
func (r *heapRun) do(ctx context.Context) (err error) {
	of := r.jvm.Process
	tool := ephemeral.Tool{
		Core: r.core, Pod: r.jvm.Pod, Target: r.jvm.Container, Image: r.image, Prefix: "kubectl-flink-jdk-",
		UID: int64(of.UID), GID: int64(of.GID), Life: heapLife,
	}
	name := tool.Running()
	reused := name != ""
	if !reused {
		name = tool.Prefix + utilrand.String(5)
	}
	if r.DryRun != "" {
		return r.wouldAdd(ctx, tool, name, reused)
	}
	java := " (process " + strconv.Itoa(of.PID)
	if of.Version != "" {
		java += ", Java " + of.Version
	}
	r.line.Clear()
	if !r.yes {
		if err := plugin.Confirm(ctx, r.IOStreams, r.question(tool.Pod.Name, java+")", name, reused)); err != nil {
			return err
		}
	}
	use := utilrand.String(8)
	if name, err = r.start(ctx, tool, name, use, reused); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.end(ctx, name, use)) }()
	if r.dump != "" {
		return r.dumpHeap(ctx, name)
	}
	return r.histogram(ctx, name)
}

// start has a container run and says in it that it is used. One that runs already may
// have been ended by the command that made it: then it is a new one after all.
func (r *heapRun) start(ctx context.Context, tool ephemeral.Tool, name, use string, reused bool) (string, error) {
	if reused {
		_, err := r.exec(ctx, name, ephemeral.UseCommand(use)...)
		if err == nil {
			return name, nil
		}
		if ctx.Err() != nil {
			return "", context.Cause(ctx)
		}
		name = tool.Prefix + utilrand.String(5)
	}
	r.line.Set("starting container %s in pod %s", name, tool.Pod.Name)
	if err := tool.Add(ctx, name, false); err != nil {
		return "", err
	}
	if err := tool.Wait(ctx, name, func(reason string) { r.line.Set("starting container %s in pod %s: %s", name, tool.Pod.Name, reason) }); err != nil {
		return "", fmt.Errorf("%w\nThe container stays in the pod's list until the pod is gone; if it comes to run, it ends within %s", err, heapLife)
	}
	if _, err := r.exec(ctx, name, ephemeral.UseCommand(use)...); err != nil {
		return "", errors.Join(fmt.Errorf("container %s of pod %s: %w", name, tool.Pod.Name, err), r.end(ctx, name, use))
	}
	return name, nil
}

// exec runs a program that says little.
func (r *heapRun) exec(ctx context.Context, container string, args ...string) (said string, err error) {
	out := &podexec.Bounded{Most: 4 << 10}
	err = r.jvm.Exec(ctx, podexec.Command{Namespace: r.jvm.Pod.Namespace, Pod: r.jvm.Pod.Name, Container: container, Args: args, Out: out})
	return strings.TrimSpace(string(out.Bytes())), err
}

// end ends the container, also after Ctrl-C.
func (r *heapRun) end(ctx context.Context, name, use string) error {
	away, cancel := context.WithTimeout(context.WithoutCancel(ctx), partingLimit)
	defer cancel()
	said, err := r.exec(away, name, ephemeral.EndCommand(use)...)
	switch {
	case said == ephemeral.Ended && (err == nil || killed(err)):
		if !r.Quiet {
			r.line.Print("container %s was ended; it stays in the list of pod %s until the pod is gone", name, r.jvm.Pod.Name)
		}
	case err == nil && said == "":
		if !r.Quiet {
			r.line.Print("container %s of pod %s runs on, for at most %s: another command uses it, or was killed while it did", name, r.jvm.Pod.Name, heapLife)
		}
	case err != nil:
		return fmt.Errorf("end container %s of pod %s: %w\nIt ends by itself within %s", name, r.jvm.Pod.Name, err, heapLife)
	}
	return nil
}

// killed reports whether a program was ended by a signal: the end of its container may
// be its own.
func killed(err error) bool {
	var exited *podexec.ExitError
	return errors.As(err, &exited) && (exited.Code == 128+9 || exited.Code == 128+15)
}

// wouldAdd prints the container that would be added.
func (r *heapRun) wouldAdd(ctx context.Context, tool ephemeral.Tool, name string, reused bool) error {
	if reused {
		fmt.Fprintln(r.ErrOut, term.SafeLine("nothing would be added: container "+name+" of pod "+tool.Pod.Name+" runs already"))
		return nil
	}
	if r.DryRun == "server" {
		if err := tool.Add(ctx, name, true); err != nil {
			return err
		}
	}
	r.line.Clear()
	fmt.Fprintln(r.ErrOut, term.SafeLine("this would be added to pod "+tool.Pod.Name+":"))
	output := r.output
	if output.Output != printer.JSON {
		output.Output = printer.YAML
	}
	return output.Print(r.Out, printer.Result{Object: tool.Container(name)})
}

// histogram prints the classes.
func (r *heapRun) histogram(ctx context.Context, tool string) error {
	r.line.Set("counting the objects of %s", r.jvm.Pod.Name)
	text, err := r.jvm.Jcmd(ctx, tool, "GC.class_histogram")
	if err != nil {
		return err
	}
	found, whole := jvm.ParseHistogram(text)
	if !whole {
		return fmt.Errorf("what jcmd in pod %s printed isn't a histogram, or not all of one: %s", r.jvm.Pod.Name, term.Short(strings.TrimSpace(text), 300))
	}
	r.line.Clear()
	page := view.HeapPage{Job: r.job.String(), Pod: r.jvm.Pod.Name, Java: r.jvm.Process.Version, Histogram: found, Text: text, Top: r.top, Palette: r.palette}
	return r.output.Print(r.Out, page.Result())
}

// dumpHeap fetches a dump, and removes it in the pod in every case: a lease in
// Flink's container does, also when this program is killed.
func (r *heapRun) dumpHeap(ctx context.Context, tool string) error {
	text, err := r.jvm.Jcmd(ctx, tool, "GC.heap_info")
	if err != nil {
		return err
	}
	used, known := jvm.HeapUsed(text)
	if !known {
		return fmt.Errorf("how much of the heap in pod %s is used isn't known: %s", r.jvm.Pod.Name, term.Short(strings.TrimSpace(text), 300))
	}
	if err := r.jvm.CheckRoom(used); err != nil {
		return err
	}
	of := r.jvm.Process
	lease := podexec.StartLease(ctx, r.config, r.core, podexec.Command{
		Namespace: r.jvm.Pod.Namespace, Pod: r.jvm.Pod.Name, Container: r.jvm.Container, ErrOut: io.Discard,
		Args: []string{"bash", "-c", reach.DumpLeaseScript, "lease", strconv.Itoa(leaseLimit), fmt.Sprintf("%d:%d", of.UID, of.GID)},
	})
	defer func() {
		away, cancel := context.WithTimeout(context.WithoutCancel(ctx), partingLimit)
		defer cancel()
		lease.End(away)
	}()
	directory, err := lease.First(ctx)
	if err != nil {
		return fmt.Errorf("make a directory for the dump in pod %s: %w", r.jvm.Pod.Name, err)
	}
	r.line.Set("the JVM of %s writes its heap, of which %s are used", r.jvm.Pod.Name, view.Bytes(used))
	file, size, err := r.jvm.Dump(ctx, tool, directory)
	if err != nil {
		return err
	}
	write := func(w io.Writer) error {
		return r.jvm.Fetch(ctx, tool, file, size, &shareWriter{w: w, all: size, tell: func(done int64) { r.line.Share("fetching the dump of "+r.jvm.Pod.Name, done, size, view.Bytes) }})
	}
	if r.dump == "-" {
		return write(r.Out)
	}
	if err := writeFileAs(r.dump, 0o600, write); err != nil {
		return err
	}
	r.line.Clear()
	fmt.Fprintln(r.Out, term.SafeLine(r.dump))
	if !r.Quiet {
		fmt.Fprintf(r.ErrOut, "%s, the heap of %s\n", view.Bytes(size), term.SafeLine(r.jvm.Pod.Name))
	}
	return nil
}

// shareWriter tells how much was written.
type shareWriter struct {
	w    io.Writer
	done int64
	all  int64
	tell func(done int64)
}

func (s *shareWriter) Write(p []byte) (int, error) {
	n, err := s.w.Write(p)
	s.done += int64(n)
	s.tell(min(s.done, s.all))
	return n, err
}
