package logs

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/watch"
)

// Pods is where pods and their logs come from.
type Pods interface {
	// List lists the pods that a selector selects.
	List(ctx context.Context, namespace, selector string) ([]corev1.Pod, error)
	// Follow reports them and their changes until ctx ends; a nil pod says
	// once that all that exist have been reported.
	Follow(ctx context.Context, namespace, selector string, handle func(watch.EventType, *corev1.Pod)) error
	// Open opens the log of a container.
	Open(ctx context.Context, namespace, pod string, options *corev1.PodLogOptions) (io.ReadCloser, error)
}

// Source is the containers whose logs are wanted.
type Source struct {
	Namespace, Selector string
	// Choose says whether a pod is wanted, what it is, and which container.
	Choose func(*corev1.Pod) (role, container string, ok bool)
	// Wanted drops records that aren't; nil keeps all.
	Wanted func(Record) bool
	// Patterns are the layouts of the pods' logging configuration, as far as
	// it is known.
	Patterns []Pattern
}

// Reading is how logs are read.
type Reading struct {
	Pods   Pods
	Follow bool
	// Since is how old records may be, Tail how many of the last lines of each
	// container are read; 0 and -1 don't limit.
	Since time.Duration
	Tail  int64
	// Previous reads the containers' run before the current one.
	Previous bool
	// Tell is called with pods that come and go, and of logs that can't be read.
	// It is called from several goroutines.
	Tell func(format string, args ...any)
}

// ErrNone says that no container's log could be read, though nothing failed.
var ErrNone = errors.New("no logs")

// Read brings the records of all sources to each, merged by time. Without
// Follow it ends with the last of them.
func (r Reading) Read(ctx context.Context, sources []Source, each func(Record) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	run := &run{Reading: r, merger: NewMerger()}
	var group sync.WaitGroup
	for _, source := range sources {
		group.Go(func() {
			if err := run.source(ctx, source); err != nil && ctx.Err() == nil {
				cancel(err)
			}
		})
	}
	go func() {
		group.Wait()
		run.merger.Close()
	}()
	if err := run.merger.Run(ctx, each); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	run.mu.Lock()
	defer run.mu.Unlock()
	switch {
	case run.read > 0:
		return nil
	case run.failed != nil:
		return run.failed
	}
	return ErrNone
}

// run is one Read.
type run struct {
	Reading
	merger *Merger

	mu sync.Mutex
	// read counts the logs that could be read; failed is why the first of the
	// others couldn't.
	read   int
	failed error
}

func (r *run) outcome(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil {
		r.read++
	} else if r.failed == nil {
		r.failed = err
	}
}

func (r *run) source(ctx context.Context, source Source) error {
	if r.Follow {
		return r.follow(ctx, source)
	}
	pods, err := r.Pods.List(ctx, source.Namespace, source.Selector)
	if err != nil {
		return err
	}
	for i := range pods {
		pod := &pods[i]
		role, container, ok := source.Choose(pod)
		if !ok {
			continue
		}
		status := statusOf(pod, container)
		if r.Previous && (status == nil || status.RestartCount == 0) {
			continue
		}
		if !r.Previous && !started(status) {
			r.Tell("%s hasn't started: %s", pod.Name, why(pod, status))
			continue
		}
		r.begin(ctx, source, pod, role, container, r.Tail)
	}
	return nil
}

// follow starts a stream for each container that runs, and for each that is
// started later, as pods come and go.
func (r *run) follow(ctx context.Context, source Source) error {
	var mu sync.Mutex
	streams, known := map[string]bool{}, map[string]bool{}
	synced := false
	return r.Pods.Follow(ctx, source.Namespace, source.Selector, func(event watch.EventType, pod *corev1.Pod) {
		mu.Lock()
		defer mu.Unlock()
		if pod == nil {
			synced = true
			if len(known) == 0 {
				r.Tell("no pods yet; waiting for them")
			}
			return
		}
		role, container, ok := source.Choose(pod)
		if !ok {
			return
		}
		id := string(pod.UID)
		status := statusOf(pod, container)
		switch {
		case event == watch.Deleted:
			if known[id] {
				r.Tell("%s is gone", pod.Name)
			}
			delete(known, id)
			return
		case !known[id]:
			known[id] = true
			if synced {
				r.Tell("%s is new", pod.Name)
			}
		}
		if !started(status) {
			return
		}
		key := fmt.Sprint(id, "/", container, "/", status.RestartCount)
		if streams[key] {
			return
		}
		streams[key] = true
		tail := int64(-1)
		if !synced {
			tail = r.Tail
		}
		if synced && status.RestartCount > 0 {
			r.Tell("%s was started again (%d restarts)", pod.Name, status.RestartCount)
		}
		r.begin(ctx, source, pod, role, container, tail)
	})
}

func statusOf(pod *corev1.Pod, container string) *corev1.ContainerStatus {
	for _, list := range [][]corev1.ContainerStatus{pod.Status.ContainerStatuses, pod.Status.InitContainerStatuses} {
		for i := range list {
			if list[i].Name == container {
				return &list[i]
			}
		}
	}
	return nil
}

// started reports whether the container has written, or may have.
func started(status *corev1.ContainerStatus) bool {
	return status != nil && (status.State.Waiting == nil || status.RestartCount > 0)
}

func why(pod *corev1.Pod, status *corev1.ContainerStatus) string {
	if status != nil && status.State.Waiting != nil && status.State.Waiting.Reason != "" {
		return status.State.Waiting.Reason
	}
	for _, condition := range pod.Status.Conditions {
		if condition.Type == corev1.PodScheduled && condition.Status == corev1.ConditionFalse {
			return condition.Message
		}
	}
	return string(pod.Status.Phase)
}

// begin reads one container in the background.
func (r *run) begin(ctx context.Context, source Source, pod *corev1.Pod, role, container string, tail int64) {
	put, end := r.merger.Stream(ctx)
	go func() {
		defer end()
		options := &corev1.PodLogOptions{Container: container, Follow: r.Follow, Previous: r.Previous, Timestamps: true}
		if r.Since > 0 {
			seconds := max(int64(r.Since/time.Second), 1)
			options.SinceSeconds = &seconds
		}
		if tail >= 0 {
			options.TailLines = &tail
		}
		s := &stream{make: assembler{origin: Record{Pod: pod.Name, Role: role, Container: container}, layout: layout{patterns: source.Patterns}}, put: func(record *Record) bool {
			return record == nil || source.Wanted != nil && !source.Wanted(*record) || put(record)
		}}
		err := s.read(ctx, r.Pods, source.Namespace, pod.Name, options)
		switch {
		case ctx.Err() != nil:
			return
		case apierrors.IsNotFound(err) && r.Follow:
			err = nil // the pod went
		case err != nil:
			err = fmt.Errorf("log of %s: %w", pod.Name, err)
			r.Tell("%v", err)
		}
		r.outcome(err)
	}()
}

// File makes records of a log file, whose times are the messages' own.
func File(ctx context.Context, body io.Reader, origin Record, patterns []Pattern, put func(Record) error) error {
	var failure error
	s := &stream{make: assembler{origin: origin, layout: layout{patterns: patterns}}, put: func(r *Record) bool {
		if r != nil && failure == nil {
			failure = put(*r)
		}
		return failure == nil
	}}
	reader := bufio.NewReaderSize(body, 64<<10)
	for ctx.Err() == nil {
		text, err := readLine(reader)
		if text != "" || err == nil {
			if !s.all(s.make.add(time.Time{}, text)) {
				return failure
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			s.all(s.make.flush())
			return failure
		case err != nil:
			return err
		}
	}
	return context.Cause(ctx)
}
