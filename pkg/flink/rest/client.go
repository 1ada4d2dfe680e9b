// Package rest speaks to a JobManager's REST API: one client, one type per
// answer. Unknown fields are ignored and all known ones may be absent, because
// Flink 1.17 to 2.3 differ.
package rest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/untrusted"
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
	http   *http.Client
	prefix string
	wait   time.Duration
}

// NewClient uses transport, which must lead to the JobManager whatever the
// host. prefix is rest.url-prefix; "" or "/" is none.
func NewClient(transport http.RoundTripper, prefix string) *Client {
	return &Client{
		http:   &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
		prefix: strings.Trim(prefix, "/"),
		wait:   electionWait,
	}
}

// Close closes connections that nothing uses at the moment.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Error is an answer of the JobManager other than success.
type Error struct {
	Method, Path string
	Code         int
	// Messages are the JobManager's own, often whole stack traces.
	Messages []string
}

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
	return c.do(ctx, method, typed(path), header, body)
}

func (c *Client) do(ctx context.Context, method string, to address, header http.Header, body io.Reader) (*http.Response, error) {
	where, err := to.url(c.prefix)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, method, where.String(), body)
	if err != nil {
		return nil, err
	}
	maps.Copy(request.Header, header)
	response, err := c.http.Do(request)
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		// The address in it is none that the user knows.
		err = wrapped.Err
	}
	return response, err
}

// call sends in as JSON and decodes the answer into out; either may be nil.
// While a leader is elected it asks again.
func (c *Client) call(ctx context.Context, method string, to address, in, out any) error {
	var payload []byte
	if in != nil {
		var err error
		if payload, err = json.Marshal(in); err != nil {
			return err
		}
	}
	until := time.Now().Add(c.wait)
	for delay := 200 * time.Millisecond; ; delay = min(2*delay, 2*time.Second) {
		err := c.once(ctx, method, to, payload, out)
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

func (c *Client) once(ctx context.Context, method string, to address, payload []byte, out any) error {
	header := http.Header{"Accept": {"application/json"}}
	var body io.Reader
	if payload != nil {
		header.Set("Content-Type", "application/json")
		body = bytes.NewReader(payload)
	}
	response, err := c.do(ctx, method, to, header, body)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode >= 300 {
		data, err := untrusted.ReadFailure(response.Body)
		if err != nil {
			return fmt.Errorf("%s %s: %w", method, to, err)
		}
		return &Error{Method: method, Path: to.String(), Code: response.StatusCode, Messages: messages(data)}
	}
	if out == nil {
		return nil
	}
	decoded := false
	err = untrusted.ReadJSON(ctx, response.Body, maxAnswer, func(data []byte) error {
		decoded = true
		return json.Unmarshal(data, out)
	})
	switch {
	case err != nil && decoded:
		return fmt.Errorf("%s %s: the answer isn't what Flink sends (is this port a JobManager's?): %w", method, to, err)
	case err != nil:
		return fmt.Errorf("%s %s: %w", method, to, err)
	}
	return nil
}

func messages(data []byte) []string {
	var answer struct {
		Errors []string `json:"errors"`
	}
	if json.Unmarshal(data, &answer) == nil {
		var out []string
		for _, m := range answer.Errors {
			// Flink puts "Internal server error." before the real one.
			if strings.TrimSpace(m) != "" && (m != "Internal server error." || len(answer.Errors) == 1) {
				out = append(out, strings.TrimPrefix(m, "<Exception on server side:\n"))
			}
		}
		return out
	}
	// A page of HTML is that of a proxy, and too long a text may be cut.
	if text := strings.TrimSpace(string(data)); text != "" && !strings.HasPrefix(text, "<") {
		return []string{term.Short(text, 2000)}
	}
	return nil
}
