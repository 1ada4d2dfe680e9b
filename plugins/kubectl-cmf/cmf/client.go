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
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"k8s.io/klog/v2"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/neterr"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/version"
)

// base path of the API below the server's address.
const apiPath = "/cmf/api/"

// maxBody bounds an answer, in bytes; a page of 100 large applications is far
// below.
const maxBody = 64 << 20

// attempts is how often a request that is safe to repeat is sent at most.
const attempts = 4

// Client talks to one CMF. It is safe for use by several goroutines.
type Client struct {
	base *url.URL
	http *http.Client
	// authenticated says that requests carry an identity.
	authenticated bool
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
	path, _, _ := strings.Cut(base.Path, "/cmf/api")
	base.Path, base.RawPath, base.RawQuery, base.Fragment = strings.TrimRight(path, "/"), "", "", ""
	return base, nil
}

// stay refuses to follow a redirect elsewhere: a request body or a token must
// not go to another server, and a login page isn't CMF.
func stay(request *http.Request, via []*http.Request) error {
	first := via[0]
	if request.URL.Host != first.URL.Host || request.URL.Scheme != first.URL.Scheme || first.Method != http.MethodGet || len(via) > 3 {
		return fmt.Errorf("CMF's address redirects to %s://%s; give the final address with --cmf-url", request.URL.Scheme, request.URL.Host)
	}
	return nil
}

// Address is where the client's requests go.
func (c *Client) Address() string { return c.base.String() }

// request is one call of the API.
type request struct {
	method string
	path   string // below /cmf/api/, escaped
	query  url.Values
	body   []byte
	// contentType is of the body; JSON where empty.
	contentType string
	// repeat says that sending it twice does no harm.
	repeat bool
	etag   string
}

// answer is what came back.
type answer struct {
	status int
	body   []byte
	header http.Header
}

func (c *Client) url(path string, query url.Values) string {
	address := c.base.String() + apiPath + path
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	return address
}

// do sends r until it is answered for good.
func (c *Client) do(ctx context.Context, r request) (*answer, error) {
	for n := 1; ; n++ {
		got, wait, err := c.once(ctx, r)
		if err == nil {
			return got, nil
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if n >= attempts || !repeatable(r, err) {
			return nil, err
		}
		// The server's own wish counts, within reason.
		pause := max(c.Backoff(n), min(wait, 30*time.Second))
		klog.V(4).Infof("%s %s: trying again in %s: %v", r.method, r.path, pause, err)
		select {
		case <-ctx.Done():
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

func (c *Client) once(ctx context.Context, r request) (*answer, time.Duration, error) {
	address := c.url(r.path, r.query)
	httpRequest, err := http.NewRequestWithContext(ctx, r.method, address, bytes.NewReader(r.body))
	if err != nil {
		return nil, 0, err
	}
	httpRequest.Header.Set("Accept", "application/json")
	httpRequest.Header.Set("User-Agent", version.Get().UserAgent("kubectl-cmf"))
	if r.body != nil {
		contentType := r.contentType
		if contentType == "" {
			contentType = "application/json"
		}
		httpRequest.Header.Set("Content-Type", contentType)
	}
	if r.etag != "" {
		httpRequest.Header.Set("If-None-Match", r.etag)
	}
	started := time.Now()
	response, err := c.http.Do(httpRequest)
	if err != nil {
		return nil, 0, explain(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBody+1))
	klog.V(6).Infof("%s %s %d in %s", r.method, address, response.StatusCode, time.Since(started).Round(time.Millisecond))
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, 0, context.Cause(ctx)
	case err != nil:
		return nil, 0, &AnswerError{Method: r.method, URL: address, Cut: true, Err: fmt.Errorf("it ends too early: %w", err)}
	case len(body) > maxBody:
		return nil, 0, &AnswerError{Method: r.method, URL: address, Err: fmt.Errorf("it is longer than %d MiB", maxBody>>20)}
	}
	got := &answer{status: response.StatusCode, body: body, header: response.Header}
	if response.StatusCode/100 == 2 || response.StatusCode == http.StatusNotModified {
		return got, 0, nil
	}
	status := parseError(response, body)
	status.Authenticated = c.authenticated
	wait, _ := strconv.Atoi(response.Header.Get("Retry-After"))
	return nil, time.Duration(wait) * time.Second, status
}

// object reads the answer as one resource; an empty answer gives none.
func (a *answer) object(method, address string) (Object, error) {
	if len(bytes.TrimSpace(a.body)) == 0 {
		return nil, nil
	}
	object, err := Decode(a.body)
	if err == nil {
		return object, nil
	}
	if kind, _, _ := mime.ParseMediaType(a.header.Get("Content-Type")); kind == "text/html" {
		return nil, &AnswerError{Method: method, URL: address, Err: fmt.Errorf("it is a web page (%q), not CMF's; check the address and what stands before CMF", shorten(htmlText(string(a.body))))}
	}
	return nil, &AnswerError{Method: method, URL: address, Err: err}
}

// get is a GET of one object.
func (c *Client) get(ctx context.Context, path string, query url.Values) (Object, error) {
	got, err := c.do(ctx, request{method: http.MethodGet, path: path, query: query, repeat: true})
	if err != nil {
		return nil, err
	}
	object, err := got.object(http.MethodGet, c.url(path, nil))
	if err == nil && object == nil {
		err = &AnswerError{Method: http.MethodGet, URL: c.url(path, nil), Err: errors.New("it is empty")}
	}
	return object, err
}
