// Package rest speaks to a JobManager's REST API: one client, one type per
// answer. Unknown fields are ignored and all known ones may be absent, because
// Flink 1.17 to 2.3 differ.
package rest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/httpapi"
)

const (
	// maxAnswer bounds a JSON answer, in bytes; a job with thousands of
	// vertices has some MiB.
	maxAnswer = 16 << 20
	// electionWait is how long a JobManager without a leader is asked again.
	electionWait = 30 * time.Second
)

// Client asks one Flink cluster. It is safe for use by several goroutines.
type Client struct {
	api  *httpapi.Client
	wait time.Duration
}

// NewClient uses transport, which must lead to the JobManager whatever the
// host. prefix is rest.url-prefix; "" or "/" is none.
func NewClient(transport http.RoundTripper, prefix string) *Client {
	return &Client{api: httpapi.New(transport, prefix, maxAnswer), wait: electionWait}
}

// Close closes connections that nothing uses at the moment.
func (c *Client) Close() { c.api.Close() }

// Error is an answer of the JobManager other than success.
type Error httpapi.Failure

func (e *Error) Error() string {
	first := http.StatusText(e.Code)
	if len(e.Messages) > 0 {
		first, _, _ = strings.Cut(strings.TrimSpace(e.Messages[0]), "\n")
	}
	return fmt.Sprintf("the JobManager answered %d to %s %s: %s", e.Code, e.Method, e.Path, first)
}

// NotFound reports whether err says that the job or path doesn't exist.
func NotFound(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Code == http.StatusNotFound
}

// electing reports whether there is no leader at the moment.
func electing(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Code == http.StatusServiceUnavailable
}

// Do sends a request with the raw body and returns the raw response, whatever
// its code. The caller closes its body. path is what a user wrote, and may have
// a query; CheckPath says what is refused.
func (c *Client) Do(ctx context.Context, method, path string, header http.Header, body io.Reader) (*http.Response, error) {
	return c.api.Do(ctx, method, httpapi.Typed(path), header, body)
}

// CheckPath refuses a path that Do wouldn't send.
func CheckPath(path string) error { return httpapi.Typed(path).Err() }

// open opens an answer of success; the caller closes its body.
func (c *Client) open(ctx context.Context, method string, to httpapi.Address) (*http.Response, error) {
	response, err := c.api.Open(ctx, method, to)
	return response, named(err, method, to)
}

// call sends in as JSON and decodes the answer into out; either may be nil.
// While a leader is elected it asks again.
func (c *Client) call(ctx context.Context, method string, to httpapi.Address, in, out any) error {
	until := time.Now().Add(c.wait)
	for delay := 200 * time.Millisecond; ; delay = min(2*delay, 2*time.Second) {
		err := named(c.api.Call(ctx, method, to, in, out), method, to)
		if !electing(err) || time.Now().Add(delay).After(until) {
			return err
		}
		timer := time.NewTimer(delay)
		select {
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		case <-timer.C:
		}
	}
}

// named is an error with what was asked in it.
func named(err error, method string, to httpapi.Address) error {
	var failure *httpapi.Failure
	var garbled *httpapi.GarbledError
	var read *httpapi.ReadError
	switch {
	case errors.As(err, &failure):
		return (*Error)(failure)
	case errors.As(err, &garbled):
		return fmt.Errorf("%s %s: the answer isn't what Flink sends (is this port a JobManager's?): %w", method, to, garbled.Err)
	case errors.As(err, &read):
		return fmt.Errorf("%s %s: %w", method, to, read.Err)
	}
	return err
}
