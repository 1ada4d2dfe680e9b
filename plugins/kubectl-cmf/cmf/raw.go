package cmf

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/untrusted"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/version"
)

// ParsePath reads a path of the API as a user writes it, with its query:
// /cmf/api/v1/environments, or /v1/environments. One that any server on the way
// could read as another place is refused.
func ParsePath(text string) (segments []string, query url.Values, err error) {
	address, err := url.Parse(text)
	if err != nil || address.Scheme != "" || address.Host != "" || address.User != nil || !strings.HasPrefix(text, "/") {
		return nil, nil, fmt.Errorf("%q is not a path such as /v1/environments", text)
	}
	path := address.EscapedPath()
	if err := untrusted.CheckPath(path); err != nil {
		return nil, nil, err
	}
	path = strings.TrimSuffix(strings.TrimPrefix(path, "/cmf/api"), "/")
	if !strings.HasPrefix(path, "/v1/") && !strings.HasPrefix(path, "/v1alpha1/") {
		return nil, nil, fmt.Errorf("%q is not below CMF's API: it begins with /v1/ or /v1alpha1/", text)
	}
	for segment := range strings.SplitSeq(path[1:], "/") {
		plain, err := url.PathUnescape(segment)
		if err != nil {
			return nil, nil, err
		}
		segments = append(segments, plain)
	}
	if query, err = url.ParseQuery(address.RawQuery); err != nil {
		return nil, nil, fmt.Errorf("the query of %q can't be read: %w", text, err)
	}
	return segments, query, nil
}

// Do sends one request as it is and gives the answer, whatever it is, to whoever
// closes its body. It isn't sent twice.
func (c *Client) Do(ctx context.Context, method string, segments []string, query url.Values, header http.Header, body []byte) (*http.Response, error) {
	request, err := c.request(ctx, request{method: method, path: segments, query: query}, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	for name, values := range header {
		request.Header[http.CanonicalHeaderKey(name)] = values
	}
	response, err := c.http.Do(request)
	if err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, explain(err)
	}
	return response, nil
}

// WebUI is the way to the JobManager of an application or a statement through
// CMF's own proxy: requests for a path of Flink's REST API or dashboard go there
// with the identity that this client has. What leads elsewhere, as a redirect
// does, is an error.
func (c *Client) WebUI(ref Ref) (http.RoundTripper, error) {
	path, err := ref.path()
	if err != nil {
		return nil, err
	}
	if _, err := c.url(path, nil); err != nil {
		return nil, err
	}
	return webUI{c, append(path, "flink-web-ui")}, nil
}

type webUI struct {
	client *Client
	base   []string
}

// RoundTrip sends a request to the JobManager.
func (w webUI) RoundTrip(r *http.Request) (*http.Response, error) {
	path := r.URL.EscapedPath()
	if err := untrusted.CheckPath(path); err != nil {
		return nil, err
	}
	base, err := w.client.url(w.base, nil)
	if err != nil {
		return nil, err
	}
	address, err := url.Parse(base + "/" + strings.TrimPrefix(path, "/"))
	if err != nil {
		return nil, err
	}
	address.RawQuery = r.URL.RawQuery
	out := r.Clone(r.Context())
	out.URL, out.Host, out.RequestURI = address, address.Host, ""
	out.Header.Set("User-Agent", version.Get().UserAgent("kubectl-cmf"))
	transport := w.client.http.Transport
	if transport == nil {
		transport = http.DefaultTransport
	}
	response, err := transport.RoundTrip(out)
	if err != nil {
		return nil, explain(err)
	}
	// A cookie would be one of this computer, for whatever else runs on it.
	response.Header.Del("Set-Cookie")
	switch {
	case response.StatusCode == http.StatusUnauthorized || response.StatusCode == http.StatusForbidden:
		err = w.client.refused(response)
	case response.StatusCode/100 == 3 && response.StatusCode != http.StatusNotModified:
		err = errors.New("CMF's proxy leads elsewhere, which is not followed")
	default:
		return response, nil
	}
	_ = response.Body.Close()
	return nil, err
}
