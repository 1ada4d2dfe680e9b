package clientset

import (
	"context"
	"net/http"
	"net/http/httptrace"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/client-go/rest"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/progress"
)

// breakOff is how long a request whose context has ended may take to say so
// itself.
const breakOff = 200 * time.Millisecond

// Interruptible is client for a config whose credentials come from a program,
// such as one that waits for a login in the browser: client-go waits for that
// without looking at the request's context. Here the wait ends with it, so that
// Ctrl-C, a termination, --request-timeout and completion don't hang on it.
func Interruptible(config *rest.Config, client *http.Client) *http.Client {
	if config.ExecProvider == nil || client.Transport == nil {
		return client
	}
	out := *client
	out.Transport = InterruptibleTransport(config, client.Transport)
	return &out
}

// InterruptibleTransport is Interruptible of a transport.
func InterruptibleTransport(config *rest.Config, next http.RoundTripper) http.RoundTripper {
	if config.ExecProvider == nil {
		return next
	}
	return &interruptible{next: next}
}

type interruptible struct {
	next http.RoundTripper
	// known says that the credentials are there.
	known atomic.Bool
}

// WrappedRoundTripper lets client-go reach the transport below.
func (i *interruptible) WrappedRoundTripper() http.RoundTripper { return i.next }

func (i *interruptible) RoundTrip(request *http.Request) (*http.Response, error) {
	type answer struct {
		response *http.Response
		err      error
	}
	ctx := request.Context()
	if !i.known.Load() {
		// The program may ask something on the terminal, until there is a request to
		// make a connection for.
		release := sync.OnceFunc(progress.Hold())
		defer release()
		request = request.WithContext(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GetConn: func(string) {
			i.known.Store(true)
			release()
		}}))
	}
	answered := make(chan answer, 1)
	go func() {
		response, err := i.next.RoundTrip(request) //nolint:bodyclose // its reader closes it
		answered <- answer{response, err}
	}()
	select {
	case got := <-answered:
		return got.response, got.err
	case <-ctx.Done():
	}
	timer := time.NewTimer(breakOff)
	defer timer.Stop()
	select {
	case got := <-answered:
		return got.response, got.err
	case <-timer.C:
		go func() {
			if late := <-answered; late.err == nil {
				_ = late.response.Body.Close()
			}
		}()
		return nil, context.Cause(ctx)
	}
}
