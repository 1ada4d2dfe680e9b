// Package wait follows objects of the API server until something is true of
// them, by watching, never by polling.
package wait

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/url"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/clientset"
)

// Named selects the one object called name.
func Named(name string) metav1.ListOptions {
	return metav1.ListOptions{FieldSelector: fields.OneTermEqualSelector("metadata.name", name).String()}
}

// Handler is called with every object and every change. It says done to end the
// watch; its error ends it too. event is Added, Modified, Deleted, or
// Bookmark with a nil object once after the first list: all that exists has
// been reported.
type Handler func(event watch.EventType, object *unstructured.Unstructured) (done bool, err error)

// Option changes how Follow works.
type Option func(*follower)

// OnTrouble has tell called with the error each time that the server doesn't
// answer as it should and is going to be asked again, and with nil once it
// answers again.
func OnTrouble(tell func(error)) Option { return func(f *follower) { f.onTrouble = tell } }

// Reason is an error of a request to the server in a few words, without the
// URL.
func Reason(err error) string {
	var request *url.Error
	if errors.As(err, &request) {
		return request.Err.Error()
	}
	return err.Error()
}

// Follow lists what options select and then watches it until handle is done,
// an error is final, or ctx ends. Expired and broken watches are taken up
// again; what was missed in between is reported as if it happened then. A
// permission that is missing is final at once. If the server doesn't answer
// when ctx ends, the error says so beside ctx's cause.
func Follow(ctx context.Context, client dynamic.ResourceInterface, options metav1.ListOptions, handle Handler, opts ...Option) error {
	f := follower{client: client, options: options, handle: handle, known: map[string]*unstructured.Unstructured{}}
	for _, o := range opts {
		o(&f)
	}
	for {
		done, err := f.round(ctx)
		if done || err != nil {
			return err
		}
	}
}

type follower struct {
	client  dynamic.ResourceInterface
	options metav1.ListOptions
	handle  Handler
	known   map[string]*unstructured.Unstructured
	// weight is about how much memory known takes, in bytes.
	weight int64
	synced bool
	// since is where the next watch starts; "" wants a list first.
	since   string
	retries int

	onTrouble func(error)
	// trouble is why the server's last answer was none; nil if it was one.
	trouble error
	// answered says that the server has answered once.
	answered bool
	// refused counts the times in a row that the server didn't know the user, or
	// that the user's kubeconfig didn't know the server.
	refused int
}

// works notes that the server answers.
func (f *follower) works() {
	f.answered, f.refused = true, 0
	if f.trouble != nil && f.onTrouble != nil {
		f.onTrouble(nil)
	}
	f.trouble = nil
}

// fails notes that the server doesn't answer.
func (f *follower) fails(err error) {
	f.trouble = err
	if f.onTrouble != nil {
		f.onTrouble(err)
	}
}

// ended is why ctx ended, and what kept Follow from its work then.
func (f *follower) ended(ctx context.Context) error {
	if f.trouble == nil {
		return context.Cause(ctx)
	}
	return fmt.Errorf("%w; the API server doesn't answer (%s)", context.Cause(ctx), Reason(f.trouble))
}

// keep remembers an object; what is remembered has a bound.
func (f *follower) keep(key string, object *unstructured.Unstructured) error {
	f.drop(key)
	f.known[key] = object
	if f.weight += clientset.Weigh(object.Object); f.weight > clientset.MaxKept {
		return &clientset.ListTooLongError{What: fmt.Sprintf("%d MiB", clientset.MaxKept>>20)}
	}
	return nil
}

func (f *follower) drop(key string) {
	if old, ok := f.known[key]; ok {
		f.weight -= clientset.Weigh(old.Object)
		delete(f.known, key)
	}
}

// handlerError tells errors of the caller from those of the server.
type handlerError struct{ error }

func (e handlerError) Unwrap() error { return e.error }

func (f *follower) tell(event watch.EventType, object *unstructured.Unstructured) (bool, error) {
	done, err := f.handle(event, object)
	if err != nil {
		return true, handlerError{err}
	}
	return done, nil
}

// round is one list (where needed) and one watch. It returns the final error,
// or none to go on.
func (f *follower) round(ctx context.Context) (bool, error) {
	started := time.Now()
	var done bool
	var err error
	if f.since == "" {
		done, err = f.list(ctx)
	}
	if err == nil && !done {
		done, err = f.watch(ctx)
	}
	var own handlerError
	switch {
	case errors.As(err, &own):
		return true, own.error
	case done:
		// What was waited for is true, even if ctx ended at the same moment.
		return true, nil
	case ctx.Err() != nil:
		return true, f.ended(ctx)
	case f.final(err):
		return true, err
	}
	expired := apierrors.IsResourceExpired(err) || apierrors.IsGone(err)
	if err != nil {
		f.since = ""
		if !expired {
			f.fails(err)
		}
	}
	if (err == nil || expired) && time.Since(started) >= brief {
		f.retries = 0
		return false, nil
	}
	// The server or the connection is away for the moment, or something in
	// between ends each watch at once. ctx bounds this.
	f.retries++
	delay := min(time.Duration(f.retries)*250*time.Millisecond, 3*time.Second)
	select {
	case <-ctx.Done():
		return true, f.ended(ctx)
	case <-time.After(delay):
		return false, nil
	}
}

// brief is how short a watch is that must not be taken up again at once.
const brief = 500 * time.Millisecond

// maxAuthFailures is how often in a row the server may not know a user whom it knew
// before (a token that expired is renewed by the next request), or may show a
// certificate that isn't the API server's (a load balancer without backend).
const maxAuthFailures = 5

// final reports whether asking again can't help.
func (f *follower) final(err error) bool {
	var stranger *tls.CertificateVerificationError
	if apierrors.IsUnauthorized(err) || errors.As(err, &stranger) {
		f.refused++
		return !f.answered || f.refused >= maxAuthFailures
	}
	var long *clientset.ListTooLongError
	return clientset.TooLarge(err) || errors.As(err, &long) || apierrors.IsForbidden(err) || apierrors.IsNotFound(err) ||
		apierrors.IsMethodNotSupported(err) || apierrors.IsBadRequest(err) || apierrors.IsInvalid(err)
}

func (f *follower) list(ctx context.Context) (bool, error) {
	var items []unstructured.Unstructured
	since := ""
	err := clientset.AllPages(ctx, f.options, f.client.List, func(page *unstructured.UnstructuredList) error {
		items = append(items, page.Items...)
		since = page.GetResourceVersion()
		return nil
	})
	if err != nil {
		return false, fmt.Errorf("list: %w", err)
	}
	f.works()
	f.since = since
	seen := make(map[string]bool, len(items))
	for i := range items {
		object := &items[i]
		key := object.GetNamespace() + "/" + object.GetName()
		seen[key] = true
		event := watch.Added
		if old, ok := f.known[key]; ok {
			event = watch.Modified
			if old.GetResourceVersion() == object.GetResourceVersion() {
				continue
			}
		}
		if err := f.keep(key, object); err != nil {
			return false, err
		}
		if done, err := f.tell(event, object); done || err != nil {
			return done, err
		}
	}
	for key, object := range f.known {
		if !seen[key] {
			f.drop(key)
			if done, err := f.tell(watch.Deleted, object); done || err != nil {
				return done, err
			}
		}
	}
	if !f.synced {
		f.synced = true
		return f.tell(watch.Bookmark, nil)
	}
	return false, nil
}

func (f *follower) watch(ctx context.Context) (bool, error) {
	options := f.options
	options.ResourceVersion = f.since
	options.AllowWatchBookmarks = true
	w, err := f.client.Watch(ctx, options)
	if err != nil {
		return false, fmt.Errorf("watch: %w", err)
	}
	defer w.Stop()
	f.works()
	for {
		select {
		case <-ctx.Done():
			return false, context.Cause(ctx)
		case event, open := <-w.ResultChan():
			if !open {
				return false, nil
			}
			if event.Type == watch.Error {
				return false, apierrors.FromObject(event.Object)
			}
			object, ok := event.Object.(*unstructured.Unstructured)
			if !ok {
				continue
			}
			f.since = object.GetResourceVersion()
			if event.Type == watch.Bookmark {
				continue
			}
			key := object.GetNamespace() + "/" + object.GetName()
			if event.Type == watch.Deleted {
				f.drop(key)
			} else if err := f.keep(key, object); err != nil {
				return false, err
			}
			if done, err := f.tell(event.Type, object); done || err != nil {
				return done, err
			}
		}
	}
}
