package cmf

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/klog/v2"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/neterr"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/untrusted"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/version"
)

// The bounds of what is read of a server. A page of 250 large applications is
// far below maxBody.
const (
	// maxBody is of one answer, in bytes.
	maxBody = 32 << 20
	// maxErrorBody is of an answer that reports an error, in bytes.
	maxErrorBody = 1 << 20
	// answerTime is how long an answer may take.
	answerTime = 5 * time.Minute
)

// attempts is how often a request that is safe to repeat is sent at most.
const attempts = 4

// Client talks to one CMF. It is safe for use by several goroutines.
type Client struct {
	base *url.URL
	http *http.Client
	// authenticated says that requests carry an identity.
	authenticated bool
	// Unused says in words why a login that there is isn't sent, "" for none.
	Unused string
	// Backoff is the wait before attempt n (from 1); tests shorten it.
	Backoff func(n int) time.Duration

	serverMu sync.Mutex
	server   *Server
}

// NewClient talks to the CMF at address, as in http://cmf-service:80; a path
// in front of /cmf/api is kept. authenticated says that transport adds an
// identity, which only changes the words of an error.
func NewClient(address string, transport http.RoundTripper, authenticated bool) (*Client, error) {
	base, err := ParseAddress(address)
	if err != nil {
		return nil, err
	}
	return &Client{
		base:          base,
		http:          &http.Client{Transport: transport, CheckRedirect: stay},
		authenticated: authenticated,
		Backoff:       func(n int) time.Duration { return min(250*time.Millisecond<<(n-1), 4*time.Second) },
	}, nil
}

// ParseAddress reads the address of a CMF. It forgives a path that points
// into the API.
func ParseAddress(address string) (*url.URL, error) {
	if !strings.Contains(address, "://") {
		return nil, fmt.Errorf("%q is not an address: it must start with http:// or https://", address)
	}
	base, err := url.Parse(address)
	if err != nil {
		return nil, errors.New("the address of CMF can't be read: it must be like https://cmf.example.com:8443")
	}
	if base.Scheme != "http" && base.Scheme != "https" || base.Host == "" {
		return nil, fmt.Errorf("%q is not an address: it must be like https://cmf.example.com:8443", base.Redacted())
	}
	if base.User != nil {
		return nil, errors.New("the address of CMF must not contain a password; CMF takes a token (--cmf-token-file) or a client certificate")
	}
	if err := untrusted.CheckPath(base.EscapedPath()); err != nil {
		return nil, fmt.Errorf("the address of CMF: %w", err)
	}
	path, _, _ := strings.Cut(base.Path, "/cmf/api")
	base.Path, base.RawPath, base.RawQuery, base.Fragment = strings.TrimRight(path, "/"), "", "", ""
	return base, nil
}

// redirectError says that the server wants to send a request elsewhere.
type redirectError struct{ err error }

func (e *redirectError) Error() string { return fmt.Sprintf("CMF's address: %v with --cmf-url", e.err) }

func (e *redirectError) Unwrap() error { return e.err }

// stay refuses to follow a redirect elsewhere: a request body or a token must
// not go to another server, and a login page isn't CMF.
func stay(request *http.Request, via []*http.Request) error {
	if err := untrusted.SameServer(request, via); err != nil {
		return &redirectError{err}
	}
	return nil
}

// Address is where the client's requests go.
func (c *Client) Address() string { return c.base.String() }

// request is one call of the API.
type request struct {
	method string
	path   []string // below /cmf/api, as it is called
	query  url.Values
	body   []byte
	// repeat says that sending it twice does no harm.
	repeat bool
	// budget, where set, is how many bytes may still be read of this answer and
	// others.
	budget *atomic.Int64
}

// answer is what came back.
type answer struct {
	status int
	body   []byte
	header http.Header
}

// url is the only place where a request's address is made. What a user or a
// server named is one of the segments; one that would lead elsewhere is an
// error.
func (c *Client) url(segments []string, query url.Values) (string, error) {
	path, err := untrusted.Path(append([]string{"cmf", "api"}, segments...)...)
	if err != nil {
		return "", err
	}
	address := c.base.String() + path
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	return address, nil
}

// request makes a request; it is the only place that does.
func (c *Client) request(ctx context.Context, r request, body io.Reader) (*http.Request, error) {
	address, err := c.url(r.path, r.query)
	if err != nil {
		return nil, err
	}
	out, err := http.NewRequestWithContext(ctx, r.method, address, body)
	if err != nil {
		return nil, err
	}
	out.Header.Set("User-Agent", version.Get().UserAgent("kubectl-cmf"))
	return out, nil
}

// unreadable is the error for an answer to r that can't be understood.
func (c *Client) unreadable(r request, err error) error {
	address, _ := c.url(r.path, nil)
	return &AnswerError{Method: r.method, URL: address, Err: err}
}

// UnknownError says of a change that it was sent, and that no answer says whether it
// was made.
type UnknownError struct{ Err error }

func (e *UnknownError) Error() string {
	return e.Err.Error() + "; it was sent, and whether CMF did it isn't known: look before you do it again"
}

// Unwrap gives the reason.
func (e *UnknownError) Unwrap() error { return e.Err }

// sent notes whether a request left, at least in part.
type sent struct{ atomic.Bool }

// watch is ctx for a request that is noted.
func (s *sent) watch(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteHeaders: func() { s.Store(true) }})
}

// unknown is err for a request of method that got no answer of CMF's, or only a
// gateway's that gave up on it.
func (s *sent) unknown(method string, err error) error {
	status := StatusOf(err)
	var redirect *redirectError // an answer, too
	if err == nil || method == http.MethodGet || !s.Load() || errors.As(err, &redirect) || status != 0 && status != http.StatusBadGateway && status != http.StatusGatewayTimeout {
		return err
	}
	return &UnknownError{err}
}

// do sends r until it is answered for good.
func (c *Client) do(ctx context.Context, r request) (*answer, error) {
	var before *UnknownError
	for n := 1; ; n++ {
		var left sent
		got, wait, err := c.once(left.watch(ctx), r)
		if err == nil {
			return got, nil
		}
		tried := err
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		if err = left.unknown(r.method, err); !errors.As(err, &before) && before != nil && StatusOf(err) == 0 {
			err = &UnknownError{err} // an attempt before this one may have done it
		}
		if ctx.Err() != nil || n >= attempts || !repeatable(r, tried) {
			return nil, err
		}
		// The server's own wish counts, within reason.
		pause := max(c.Backoff(n), min(wait, 30*time.Second))
		klog.V(4).Infof("%s %s: trying again in %s: %v", r.method, strings.Join(r.path, "/"), pause, err)
		select {
		case <-ctx.Done():
			if before != nil {
				return nil, &UnknownError{context.Cause(ctx)}
			}
			return nil, context.Cause(ctx)
		case <-time.After(pause):
		}
	}
}

// repeatable reports whether r may be sent again after err. What never
// reached the server always may; 429 says that nothing was done.
func repeatable(r request, err error) bool {
	switch StatusOf(err) {
	case http.StatusTooManyRequests:
		return true
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return r.repeat
	case 0:
	default:
		return false
	}
	if isTrust(err) || errors.Is(err, http.ErrSchemeMismatch) {
		return false
	}
	var dial *net.OpError
	if errors.As(err, &dial) && dial.Op == "dial" {
		// Refused is an answer, and so is an unknown name: the address is wrong.
		var name *net.DNSError
		return !neterr.Refused(err) && !(errors.As(err, &name) && name.IsNotFound)
	}
	var answer *AnswerError
	if errors.As(err, &answer) && answer.Cut {
		return r.repeat
	}
	return r.repeat && (errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || neterr.Reset(err))
}

func isTrust(err error) bool {
	var verify *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	var alert tls.AlertError
	var record tls.RecordHeaderError
	return errors.As(err, &verify) || errors.As(err, &authority) || errors.As(err, &alert) || errors.As(err, &record)
}

// refused is the error of an answer that isn't 2xx.
func (c *Client) refused(response *http.Response) *StatusError {
	// What was read until the connection broke has to do; the status says most.
	body, _ := io.ReadAll(io.LimitReader(response.Body, maxErrorBody+1))
	size := sizeText(int64(len(body)))
	if len(body) > maxErrorBody {
		body, size = body[:maxErrorBody], "more than "+sizeText(maxErrorBody)
		if response.ContentLength > 0 && !response.Uncompressed {
			size = sizeText(response.ContentLength)
		}
	}
	status := parseError(response, body, size)
	status.Authenticated, status.Unused, status.prefix = c.authenticated, c.Unused, c.base.Path
	return status
}

// retryAfter is how long a server asks to wait: a number of seconds, or a date.
func retryAfter(header string, now time.Time) time.Duration {
	wait := time.Duration(0)
	if seconds, err := strconv.Atoi(header); err == nil {
		wait = time.Duration(min(seconds, 3600)) * time.Second
	} else if at, err := http.ParseTime(header); err == nil {
		wait = at.Sub(now)
	}
	return min(max(wait, 0), time.Hour)
}

func (c *Client) once(ctx context.Context, r request) (*answer, time.Duration, error) {
	parent := ctx
	ctx, cancel := context.WithTimeoutCause(ctx, answerTime, exit.Timeoutf("CMF at %s took more than %s for its answer", c.base.Host, answerTime))
	defer cancel()
	request, err := c.request(ctx, r, bytes.NewReader(r.body))
	if err != nil {
		return nil, 0, err
	}
	request.Header.Set("Accept", "application/json")
	if r.body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	started := time.Now()
	response, err := c.http.Do(request)
	if err != nil {
		if parent.Err() == nil && ctx.Err() != nil {
			return nil, 0, context.Cause(ctx)
		}
		return nil, 0, explain(err)
	}
	defer response.Body.Close()
	defer func() {
		klog.V(6).Infof("%s %s %d in %s", r.method, request.URL, response.StatusCode, time.Since(started).Round(time.Millisecond))
	}()
	if response.StatusCode/100 != 2 && response.StatusCode != http.StatusNotModified {
		return nil, retryAfter(response.Header.Get("Retry-After"), time.Now()), c.refused(response)
	}
	body, err := untrusted.ReadAll(&budgeted{response.Body, r.budget}, maxBody)
	var large *untrusted.TooLargeError
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, 0, context.Cause(ctx)
	case errors.As(err, &large) || errors.Is(err, errBudget):
		return nil, 0, c.unreadable(r, err)
	case err != nil:
		return nil, 0, &AnswerError{Method: r.method, URL: request.URL.String(), Cut: true, Err: fmt.Errorf("it ends too early: %w", err)}
	}
	return &answer{status: response.StatusCode, body: body, header: response.Header}, 0, nil
}

// errBudget ends the reading of several answers that are too large together.
var errBudget = errors.New("the answers are too large together")

// budgeted reads as long as there is budget, which several readers may share;
// nil is none.
type budgeted struct {
	io.Reader
	budget *atomic.Int64
}

func (b *budgeted) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if b.budget != nil && b.budget.Add(-int64(n)) < 0 {
		return n, errBudget
	}
	return n, err
}

// object reads the answer to r as one resource; an empty answer gives none.
func (c *Client) object(r request, a *answer) (Object, error) {
	if len(bytes.TrimSpace(a.body)) == 0 {
		return nil, nil
	}
	if needed := memory(a.body); needed > maxMemory {
		return nil, c.unreadable(r, fmt.Errorf("it would need more than %d MiB of memory", int64(maxMemory)>>20))
	}
	// Some servers begin with the mark of UTF-8, which isn't JSON's.
	object, err := Decode(bytes.TrimPrefix(a.body, []byte("\xef\xbb\xbf")))
	if err == nil {
		return object, nil
	}
	if err := c.noPage(r, a); err != nil {
		return nil, err
	}
	return nil, c.unreadable(r, err)
}

// noPage is the error of an answer that is a web page: a login's, mostly, which
// comes with 200 for any request.
func (c *Client) noPage(r request, a *answer) error {
	if kind, _, _ := mime.ParseMediaType(a.header.Get("Content-Type")); kind != "text/html" || len(bytes.TrimSpace(a.body)) == 0 {
		return nil
	}
	return c.unreadable(r, fmt.Errorf("it is a web page (%q), not CMF's; check the address and what stands before CMF", shorten(htmlText(string(a.body)))))
}

// get is a GET of one object.
func (c *Client) get(ctx context.Context, path []string, query url.Values) (Object, error) {
	r := request{method: http.MethodGet, path: path, query: query, repeat: true}
	got, err := c.do(ctx, r)
	if err != nil {
		return nil, err
	}
	object, err := c.object(r, got)
	if err == nil && object == nil {
		err = c.unreadable(r, errors.New("it is empty"))
	}
	return object, err
}
