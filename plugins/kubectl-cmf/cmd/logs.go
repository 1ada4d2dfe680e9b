package cmd

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/clientset"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmf"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/connect"
)

// logs are those of an application's or a statement's pods.
type logs struct {
	*common
	plugin.Arguments
	kind      *cmf.Kind
	follow    bool
	previous  bool
	tail      int64
	component string

	out sync.Mutex
}

// run finds the pods by the labels that Flink's operator gives them: CMF's
// deployments have the application's name.
func (l *logs) run(ctx context.Context, client *connect.Connection, ref cmf.Ref) error {
	cluster, err := l.flinkCluster(ctx, client, ref)
	if err != nil {
		return err
	}
	l.notePool(cluster)
	kube, err := l.factory.Clientset()
	if err != nil {
		return err
	}
	selector := "app=" + cluster.name
	if l.component != "" {
		selector += ",component=" + l.component
	}
	pods, err := clientset.Pods(ctx, kube, cluster.namespace, metav1.ListOptions{LabelSelector: selector})
	if err != nil {
		return err
	}
	if len(pods) == 0 {
		verb := map[string]string{"app": "status", "statement": "describe"}[ref.Kind.Name]
		return fmt.Errorf("%s: no pods with %s in namespace %q; see: kubectl cmf %s %s %s", ref.Where(), selector, cluster.namespace, ref.Kind.Name, verb, ref.Name)
	}
	errs := make([]error, len(pods))
	var group sync.WaitGroup
	for i := range pods {
		read := func() { errs[i] = l.pod(ctx, kube, &pods[i], len(pods) > 1) }
		if l.follow {
			group.Go(read)
		} else {
			read()
		}
	}
	group.Wait()
	return errors.Join(errs...)
}

func (l *logs) pod(ctx context.Context, kube clientset.Interface, pod *corev1.Pod, prefix bool) error {
	options := &corev1.PodLogOptions{Container: "flink-main-container", Follow: l.follow, Previous: l.previous}
	if l.tail >= 0 {
		options.TailLines = &l.tail
	}
	stream, err := kube.CoreV1().Pods(pod.Namespace).GetLogs(pod.Name, options).Stream(ctx)
	if err != nil {
		return fmt.Errorf("pod %s: %w", pod.Name, err)
	}
	defer stream.Close()
	head := ""
	if prefix {
		head = "[" + pod.Name + "] "
	}
	reader := bufio.NewReaderSize(stream, 64<<10)
	for {
		line, err := reader.ReadString('\n')
		if line != "" {
			if writeErr := l.line(head, line); writeErr != nil {
				return writeErr
			}
		}
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("pod %s: %w", pod.Name, err)
		}
	}
}

func (l *logs) line(head, line string) error {
	l.out.Lock()
	defer l.out.Unlock()
	text := head + line
	if term.IsTerminal(l.Out) {
		text = head + term.Safe(line)
	}
	if text[len(text)-1] != '\n' {
		text += "\n"
	}
	_, err := io.WriteString(l.Out, text)
	return err
}
