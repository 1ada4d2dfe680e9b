package reach

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/portforward"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

// Front is the REST API of one job, wherever the job runs at the moment. It
// is an http.RoundTripper whose errors say what the operator knows.
type Front struct {
	client *operator.Client
	tunnel *portforward.Tunnel
	ref    api.Ref
	files  TLSFiles
	// changed is called with every new place; may be nil.
	changed func(Place)

	mu        sync.Mutex
	place     Place
	secure    *tls.Config
	transport http.RoundTripper
	target    portforward.Target
	looked    time.Time
}

// NewFront starts at place. changed, where not nil, is called with every later
// one.
func NewFront(client *operator.Client, tunnel *portforward.Tunnel, place Place, files TLSFiles, changed func(Place)) (*Front, error) {
	f := &Front{client: client, tunnel: tunnel, ref: place.Job.Ref(), files: files, changed: changed}
	return f, f.set(place)
}

func (f *Front) set(place Place) error {
	secure, err := f.files.Config(place)
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	target := place.Target()
	if f.transport == nil || target != f.target || (secure == nil) != (f.secure == nil) {
		if old, ok := f.transport.(interface{ CloseIdleConnections() }); ok {
			old.CloseIdleConnections()
		}
		f.transport = f.tunnel.RoundTripper(target, secure)
	}
	f.place, f.target, f.secure, f.looked = place, target, secure, time.Now()
	return nil
}

// Place is where the job was last seen.
func (f *Front) Place() Place {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.place
}

// RoundTrip sends request to the JobManager.
func (f *Front) RoundTrip(request *http.Request) (*http.Response, error) {
	f.mu.Lock()
	transport := f.transport
	f.mu.Unlock()
	response, err := transport.RoundTrip(request)
	if err != nil {
		err = Explain(err)
		var refused *portforward.RequestError
		if why := f.Place().WhyNot(); why != "" && request.Context().Err() == nil && !errors.As(err, &refused) {
			err = fmt.Errorf("%w\n%s", err, why)
		}
	}
	return response, err
}

// Follow keeps the place up to date until ctx ends.
func (f *Front) Follow(ctx context.Context) error {
	return follow(ctx, f.client, f.ref, f.found)
}

func (f *Front) found(place Place) {
	if f.set(place) == nil && f.changed != nil {
		f.changed(place)
	}
}

// refresh looks once.
func (f *Front) refresh(ctx context.Context) { look(ctx, f.client, f.ref, f.found) }

// ErrNotUp says that a wait for the JobManager ended.
var ErrNotUp = errors.New("the JobManager doesn't answer")

// Up waits until the JobManager answers and returns nil, or until ctx ends.
// waiting is called with what is being waited for, again and again.
func (f *Front) Up(ctx context.Context, waiting func(string)) error {
	client := &http.Client{Transport: f}
	for {
		config := &url.URL{Scheme: "http", Host: "jobmanager", Path: prefixOf(f.Place()) + "config"}
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, config.String(), nil)
		if err != nil {
			return err
		}
		response, err := client.Do(request)
		if err == nil {
			response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return nil
			}
			err = fmt.Errorf("%w: it answers %s", ErrNotUp, response.Status)
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if ended := f.Place().Ended(); ended != "" && absent(err) {
			return f.Place().Because(err)
		}
		if !passing(err) {
			return err
		}
		why := f.Place().WhyNot()
		if why == "" {
			why = cause(err).Error()
		}
		waiting(why)
		timer := time.NewTimer(500 * time.Millisecond)
		select {
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		case <-timer.C:
		}
	}
}

// passing reports whether the JobManager may answer after err without anyone
// doing anything about it.
func passing(err error) bool {
	var unready *portforward.NotReadyError
	var refused *portforward.PodError
	var lost *portforward.LostError
	return errors.Is(err, ErrNotUp) || errors.As(err, &unready) || errors.As(err, &refused) || errors.As(err, &lost) || absent(err)
}
