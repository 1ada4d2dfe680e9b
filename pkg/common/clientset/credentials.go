package clientset

import (
	"context"
	"net/http"
	"time"

	"k8s.io/client-go/rest"
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
	return &interruptible{next}
}

type interruptible struct{ next http.RoundTripper }

// WrappedRoundTripper lets client-go reach the transport below.
func (i *interruptible) WrappedRoundTripper() http.RoundTripper { return i.next }

func (i *interruptible) RoundTrip(request *http.Request) (*http.Response, error) {
	type answer struct {
		response *http.Response
		err      error
	}
	ctx := request.Context()
	answered := make(chan answer, 1)
	go func() {
		response, err := i.next.RoundTrip(request)
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
