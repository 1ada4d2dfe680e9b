// Package httpapi is what Flink's two HTTP APIs, the JobManager's and the SQL
// gateway's, have in common: addresses, requests, and answers within bounds.
package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/untrusted"
)

// Client sends requests to one server. It is safe for use by several goroutines.
type Client struct {
	http      *http.Client
	prefix    string
	maxAnswer int64
}

// New uses transport, which must lead to the server whatever the host. prefix is
// rest.url-prefix; "" or "/" is none. A JSON answer of more than maxAnswer bytes
// is an error. Redirects aren't followed.
func New(transport http.RoundTripper, prefix string, maxAnswer int64) *Client {
	return &Client{
		http:      &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
		prefix:    strings.Trim(prefix, "/"),
		maxAnswer: maxAnswer,
	}
}

// Close closes connections that nothing uses at the moment.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Failure is an answer other than success.
type Failure struct {
	Method, Path string
	Code         int
	// Messages are the server's own, often whole stack traces.
	Messages []string
}

func (f *Failure) Error() string {
	return "the server answered " + strconv.Itoa(f.Code) + " to " + f.Method + " " + f.Path
}

// GarbledError is an answer that isn't the JSON that was asked for.
type GarbledError struct{ Err error }

func (e *GarbledError) Error() string { return e.Err.Error() }
func (e *GarbledError) Unwrap() error { return e.Err }

// ReadError is an answer that couldn't be read to its end, or within bounds.
type ReadError struct{ Err error }

func (e *ReadError) Error() string { return e.Err.Error() }
func (e *ReadError) Unwrap() error { return e.Err }

// Do sends a request with the raw body and returns the raw response, whatever
// its code. The caller closes its body.
func (c *Client) Do(ctx context.Context, method string, to Address, header http.Header, body io.Reader) (*http.Response, error) {
	where, err := to.url(c.prefix)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, method, where.String(), body)
	if err != nil {
		return nil, err
	}
	if sized, ok := body.(*Sized); ok {
		request.ContentLength = sized.Length
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

// Open is Do without a body and with an answer of success: another one is a
// *Failure, or a *ReadError. The caller closes the response's body.
func (c *Client) Open(ctx context.Context, method string, to Address) (*http.Response, error) {
	return c.send(ctx, method, to, nil, nil)
}

func (c *Client) send(ctx context.Context, method string, to Address, header http.Header, body io.Reader) (*http.Response, error) {
	response, err := c.Do(ctx, method, to, header, body)
	if err != nil || response.StatusCode < http.StatusMultipleChoices {
		return response, err
	}
	defer response.Body.Close()
	data, err := untrusted.ReadFailure(response.Body)
	if err != nil {
		return nil, &ReadError{err}
	}
	return nil, &Failure{Method: method, Path: to.String(), Code: response.StatusCode, Messages: messages(data)}
}

// Call sends in as JSON and decodes the answer into out; either may be nil. Its
// error may be a *Failure, a *ReadError or a *GarbledError; others are of the
// way there.
func (c *Client) Call(ctx context.Context, method string, to Address, in, out any) error {
	header := http.Header{"Accept": {"application/json"}}
	var body io.Reader
	if in != nil {
		payload, err := json.Marshal(in)
		if err != nil {
			return err
		}
		header.Set("Content-Type", "application/json")
		body = bytes.NewReader(payload)
	}
	return c.exchange(ctx, method, to, header, body, out)
}

// Sized is a body whose length is known, in bytes.
type Sized struct {
	io.Reader
	Length int64
}

// Upload is Call with a raw body.
func (c *Client) Upload(ctx context.Context, to Address, contentType string, body *Sized, out any) error {
	return c.exchange(ctx, http.MethodPost, to, http.Header{"Accept": {"application/json"}, "Content-Type": {contentType}}, body, out)
}

func (c *Client) exchange(ctx context.Context, method string, to Address, header http.Header, body io.Reader, out any) error {
	response, err := c.send(ctx, method, to, header, body)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if out == nil {
		return nil
	}
	err = untrusted.ReadJSON(ctx, response.Body, c.maxAnswer, func(data []byte) error {
		if err := json.Unmarshal(data, out); err != nil {
			return &GarbledError{err}
		}
		return nil
	})
	var garbled *GarbledError
	if err != nil && !errors.As(err, &garbled) {
		return &ReadError{err}
	}
	return err
}

// messages are what an answer says of an error, without the frame around it.
func messages(data []byte) []string {
	var answer struct {
		Errors []string `json:"errors"`
	}
	if json.Unmarshal(data, &answer) != nil {
		// A page of HTML is that of a proxy, and too long a text may be cut.
		if text := strings.TrimSpace(string(data)); text != "" && !strings.HasPrefix(text, "<") {
			return []string{term.Short(text, 2000)}
		}
		return nil
	}
	var out []string
	for _, m := range answer.Errors {
		// Flink puts "Internal server error." before the real one.
		if strings.TrimSpace(m) != "" && (m != "Internal server error." || len(answer.Errors) == 1) {
			out = append(out, strings.TrimPrefix(m, "<Exception on server side:\n"))
		}
	}
	return out
}
