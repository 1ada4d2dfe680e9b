// Package sqlgateway speaks to Flink's SQL Gateway: sessions, statements and
// their results over REST v1 to v4 (Flink 1.16 to 2.3), as a sqlshell.Backend.
package sqlgateway

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/sqlshell"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/untrusted"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/httpapi"
)

// Port is the gateway's default port.
const Port = 8083

const (
	// maxAnswer bounds one page of a result, in bytes. A gateway sends up to
	// 5,000 rows at once.
	maxAnswer = 48 << 20
	// newest is the newest version of the REST API that is known here.
	newest = 4
)

// Client asks one gateway. It is safe for use by several goroutines.
type Client struct {
	api *httpapi.Client
	// version is the REST API's; 0 until it was negotiated.
	version int
	// Flink is the gateway's version of Flink, as in 1.20.5.
	Flink string
}

// Error is an answer of the gateway other than success.
type Error httpapi.Failure

func (e *Error) Error() string {
	if root := reduce(e.Messages).Root; root != "" {
		return root
	}
	return fmt.Sprintf("the SQL gateway answered %d %s to %s %s", e.Code, http.StatusText(e.Code), e.Method, e.Path)
}

// ErrOther says that something else than a gateway listens on a port.
var ErrOther = errors.New("what answers there is not a Flink SQL Gateway (its port is 8083 by default; 8081 is the JobManager's)")

// Connect asks which versions the gateway speaks. transport must lead to it
// whatever the host. The error of a port where something else listens says so.
func Connect(ctx context.Context, transport http.RoundTripper) (*Client, error) {
	c := &Client{api: httpapi.New(transport, "", maxAnswer)}
	var served struct {
		Versions []string `json:"versions"`
	}
	err := c.once(ctx, http.MethodGet, httpapi.Path("api_versions"), nil, &served)
	var answer *Error
	var garbage *garbledError
	if errors.As(err, &answer) && answer.Code == http.StatusNotFound || errors.As(err, &garbage) || err == nil && len(served.Versions) == 0 {
		return nil, ErrOther
	}
	if err != nil {
		return nil, err
	}
	for _, name := range served.Versions {
		if n, err := strconv.Atoi(strings.TrimPrefix(strings.ToLower(name), "v")); err == nil && n <= newest {
			c.version = max(c.version, n)
		}
	}
	if c.version == 0 {
		return nil, fmt.Errorf("the SQL gateway speaks %s of its REST API, and this program v1 to v%d", strings.Join(served.Versions, ", "), newest)
	}
	var info struct {
		Version string `json:"version"`
	}
	if err := c.call(ctx, http.MethodGet, httpapi.Path("info"), nil, &info); err != nil {
		return nil, err
	}
	c.Flink = info.Version
	return c, nil
}

// Version is the version of the REST API that is spoken, from 1.
func (c *Client) Version() int { return c.version }

// call sends in as JSON below the negotiated version and decodes the answer
// into out; either may be nil.
func (c *Client) call(ctx context.Context, method string, to httpapi.Address, in, out any) error {
	return c.once(ctx, method, to.Below(httpapi.Path("v"+strconv.Itoa(c.version))), in, out)
}

// garbledError is an answer that isn't a gateway's.
type garbledError struct{ err error }

func (e *garbledError) Error() string {
	return "the answer isn't what a SQL gateway sends: " + e.err.Error()
}
func (e *garbledError) Unwrap() error { return e.err }

func (c *Client) once(ctx context.Context, method string, to httpapi.Address, in, out any) error {
	err := c.api.Call(ctx, method, to, in, out)
	var failure *httpapi.Failure
	var garbled *httpapi.GarbledError
	var large *untrusted.TooLargeError
	var read *httpapi.ReadError
	switch {
	case errors.As(err, &failure):
		return (*Error)(failure)
	case errors.As(err, &garbled):
		return &garbledError{garbled.Err}
	case errors.As(err, &large):
		return fmt.Errorf("the SQL gateway's page of the result: %w: select fewer or smaller columns, or fewer rows with LIMIT", large)
	case errors.As(err, &read):
		return read.Err
	}
	return err
}

// gone reports whether err says that the gateway doesn't know the session any
// more. Gateways answer 500 for it; proxies and newer ones 404 or 410.
func gone(err error) bool {
	var answer *Error
	if !errors.As(err, &answer) {
		return false
	}
	if answer.Code == http.StatusGone {
		return true
	}
	text := strings.Join(answer.Messages, "\n")
	return strings.Contains(text, "Session '") && strings.Contains(text, "does not exist") ||
		answer.Code == http.StatusNotFound && !strings.Contains(text, "peration")
}

// passing reports whether the same request may go well in a moment: no answer
// came, or one of a proxy in between.
func passing(err error) bool {
	var answer *Error
	var garbage *garbledError
	var large *untrusted.TooLargeError
	var refused *sqlshell.Error
	switch {
	case err == nil || errors.As(err, &large) || errors.As(err, &garbage) || errors.As(err, &refused) || hasEnded(err):
		return false
	case errors.As(err, &answer):
		return answer.Code == http.StatusBadGateway || answer.Code == http.StatusServiceUnavailable || answer.Code == http.StatusGatewayTimeout
	}
	return true
}

// sleep waits for d or the end of ctx.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}
