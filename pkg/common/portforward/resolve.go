package portforward

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
)

const (
	// resolvedFor is how long a look-up is used again. A pod that is gone
	// shows earlier, by its connections.
	resolvedFor = time.Second
	// lookAgain is how long to wait for a change of the pods before the whole
	// look-up is made again; absent Services are looked for more often.
	lookAgain       = 3 * time.Second
	lookAgainAbsent = 500 * time.Millisecond
	// lookTimeout bounds one look-up.
	lookTimeout = 15 * time.Second
)

type resolved struct {
	end endpoint
	at  time.Time
}

func (t *Tunnel) remember(target Target, end endpoint) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.known[target] = true
	if old, ok := t.last[target]; !ok || old.end != end {
		t.last[target] = resolved{end, time.Now()}
	}
}

// found is what a look-up saw.
type found struct {
	ends []endpoint
	// why says what is being waited for when ends is empty.
	why string
	// pods selects the pods to watch, from version on.
	pods    metav1.ListOptions
	version string
	absent  bool
	// unready is the first of the pods that aren't ready.
	unready Pod
	// half are the endpoints of pods that aren't ready, although the container
	// with the port is, and halfWhy says why by pod.
	half    []endpoint
	halfWhy map[Pod]string
}

// ready returns an endpoint of target and waits for one until the given time;
// zero doesn't wait. forward says that it is for a port-forward, whose
// permission is looked at before a wait.
func (t *Tunnel) ready(ctx context.Context, target Target, until time.Time, forward bool) (endpoint, error) {
	t.mu.Lock()
	last, ok := t.last[target]
	known := t.known[target]
	t.mu.Unlock()
	if ok && time.Since(last.at) < resolvedFor {
		return last.end, nil
	}
	started := time.Now()
	var reported string
	for {
		f, err := t.lookup(ctx, target)
		switch {
		case err == nil:
			t.worked.Store(true)
			if end, ok := t.choose(f.ends, last.end.pod); ok {
				t.remember(target, end)
				return end, nil
			}
			if end, ok := t.choose(f.half, last.end.pod); ok {
				t.remember(target, end)
				if t.firstHalf(end.pod) {
					t.log(Event{Type: HalfReady, Target: target, Pod: end.pod, Text: f.halfWhy[end.pod]})
				}
				return end, nil
			}
			if f.why == "" {
				f.why = "the pod was just lost"
			}
		case ctx.Err() != nil:
			return endpoint{}, context.Cause(ctx)
		case apierrors.IsNotFound(err) && known:
			f = found{why: err.Error(), absent: true}
		case t.worked.Load() && passing(err):
			f = found{why: said(err), absent: true}
		default:
			return endpoint{}, err
		}
		if until.IsZero() || time.Now().After(until) {
			e := &NotReadyError{Target: target, Why: f.why, timeout: !until.IsZero()}
			if !until.IsZero() {
				e.Waited = time.Since(started).Round(time.Second).String()
			}
			return endpoint{}, e
		}
		if forward && f.unready.Name != "" {
			if err := t.permitted(ctx, f.unready); err != nil {
				return endpoint{}, err
			}
		}
		if f.why != reported {
			reported = f.why
			t.log(Event{Type: Waiting, Target: target, Text: f.why})
		}
		if err := t.change(ctx, target, f, until); err != nil {
			return endpoint{}, err
		}
	}
}

// passing reports whether err may be gone in a moment: the API server
// restarts or is overloaded.
func passing(err error) bool {
	if apierrors.ReasonForError(err) == "" {
		return true // no answer of the API server at all
	}
	code := statusCode(err)
	return code == http.StatusTooManyRequests || code >= http.StatusInternalServerError
}

// choose prefers the pod of the last connection, because results of
// asynchronous requests and uploaded files are in one pod's memory.
func (t *Tunnel) choose(ends []endpoint, last Pod) (endpoint, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var free []endpoint
	for _, end := range ends {
		if until, bad := t.avoid[end.pod.UID]; bad {
			if time.Now().Before(until) {
				continue
			}
			delete(t.avoid, end.pod.UID)
		}
		free = append(free, end)
	}
	if len(free) == 0 {
		return endpoint{}, false
	}
	if i := slices.IndexFunc(free, func(e endpoint) bool { return e.pod == last }); i >= 0 {
		return free[i], true
	}
	return free[0], true
}

// firstHalf reports whether a pod that is half ready hasn't been reported.
func (t *Tunnel) firstHalf(pod Pod) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.half == nil {
		t.half = map[Pod]bool{}
	}
	reported := t.half[pod]
	t.half[pod] = true
	return !reported
}

// change waits until a pod changes, or for a while.
func (t *Tunnel) change(ctx context.Context, target Target, f found, until time.Time) error {
	wait := lookAgain
	if f.absent || len(f.ends) > 0 {
		wait = lookAgainAbsent
	}
	wait = min(wait, max(time.Until(until), time.Millisecond))
	timer := time.NewTimer(wait)
	defer timer.Stop()
	var events <-chan struct{}
	if !f.absent && f.version != "" {
		options := f.pods
		options.ResourceVersion = f.version
		watch, err := t.clients.CoreV1().Pods(target.Namespace).Watch(ctx, options)
		if err == nil {
			defer watch.Stop()
			changed := make(chan struct{})
			done := make(chan struct{})
			defer close(done)
			go func() {
				select {
				case _, open := <-watch.ResultChan():
					if open {
						close(changed)
					}
				case <-done:
				}
			}()
			events = changed
		}
	}
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-events:
	case <-timer.C:
	}
	return nil
}

// lookup finds the endpoints of target, the best first. Its error is the API
// server's, or a port that doesn't exist.
func (t *Tunnel) lookup(ctx context.Context, target Target) (found, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, lookTimeout, fmt.Errorf("the API server didn't answer within %s", lookTimeout))
	defer cancel()
	core := t.clients.CoreV1()
	port := target.Port
	unready := false
	var service *corev1.Service
	f := found{}
	switch target.Kind {
	case PodKind:
		f.pods.FieldSelector = fields.OneTermEqualSelector("metadata.name", target.Name).String()
		unready = true
	case Selector:
		f.pods.LabelSelector = target.Name
	case Deployment, StatefulSet, ReplicaSet:
		selector, err := t.workload(ctx, target)
		if err != nil {
			return f, err
		}
		f.pods.LabelSelector = selector
	case Service:
		var err error
		if service, err = core.Services(target.Namespace).Get(ctx, target.Name, metav1.GetOptions{}); err != nil {
			return f, err
		}
		if service.Spec.Type == corev1.ServiceTypeExternalName {
			return f, fmt.Errorf("service %q points at the host %s, outside the cluster: connect to it directly", target.Name, service.Spec.ExternalName)
		}
		if port, err = targetPort(service, target.Port); err != nil {
			return f, err
		}
		unready = service.Spec.PublishNotReadyAddresses
		if len(service.Spec.Selector) == 0 {
			f.ends, err = t.slices(ctx, service, target.Port)
			f.why, f.absent = "its EndpointSlices name no ready pod", true
			return f, err
		}
		f.pods.LabelSelector = labels.SelectorFromSet(service.Spec.Selector).String()
	default:
		return f, fmt.Errorf("can't reach a %q", target.Kind)
	}
	list, err := core.Pods(target.Namespace).List(ctx, f.pods)
	if err != nil {
		return f, err
	}
	f.version = list.ResourceVersion
	if target.Kind == PodKind && len(list.Items) == 0 {
		return f, apierrors.NewNotFound(corev1.Resource("pods"), target.Name)
	}
	var portErr error
	pods := slices.SortedStableFunc(slices.Values(list.Items), older)
	var reasons []string
	for i := range pods {
		pod := &pods[i]
		if why := notReady(pod, unready); why != "" {
			if len(reasons) == 0 {
				f.unready = Pod{Namespace: pod.Namespace, Name: pod.Name, UID: string(pod.UID)}
			}
			reasons = append(reasons, fmt.Sprintf("pod %s %s", pod.Name, why))
			if number, err := containerPort(pod, port); err == nil {
				if broken := halfReady(pod, number); broken != "" {
					end := endpoint{Pod{Namespace: pod.Namespace, Name: pod.Name, UID: string(pod.UID)}, number}
					f.half = append(f.half, end)
					if f.halfWhy == nil {
						f.halfWhy = map[Pod]string{}
					}
					f.halfWhy[end.pod] = broken
				}
			}
			continue
		}
		number, err := containerPort(pod, port)
		if err != nil {
			portErr = err
			continue
		}
		f.ends = append(f.ends, endpoint{Pod{Namespace: pod.Namespace, Name: pod.Name, UID: string(pod.UID)}, number})
	}
	if len(f.ends) == 0 && portErr != nil {
		return f, portErr
	}
	f.why = strings.Join(reasons, "; ")
	if len(pods) == 0 {
		f.why = "no pod has the labels " + f.pods.LabelSelector
	}
	return f, nil
}
