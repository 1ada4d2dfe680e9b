package rest

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/untrusted"
)

// address is a place in the REST API. What goes into one is named by servers
// and manifests, so pathOf, idPath and typed are the only ways to make it: a path that is
// put together by hand isn't one.
type address struct {
	// path is escaped and begins with a slash; query is encoded.
	path, query string
	err         error
}

// pathOf is the address whose path has segments, each escaped. One that could lead
// elsewhere makes an address that every request fails with.
func pathOf(segments ...string) address {
	path, err := untrusted.Path(segments...)
	return address{path: path, err: err}
}

// idPath is pathOf with segments that are words of the API and ids, as in
// idPath("jobs", id, "checkpoints"). What Flink wouldn't name so is an error.
func idPath(segments ...string) address {
	for _, segment := range segments {
		if !untrusted.IsID(segment) {
			return address{err: fmt.Errorf("%q is not an id that Flink gives", segment)}
		}
	}
	return pathOf(segments...)
}

// asking adds a query: values, with commas between them.
func (a address) asking(name string, values ...string) address {
	escaped := make([]string, len(values))
	for i, value := range values {
		escaped[i] = url.QueryEscape(value)
	}
	a.query = url.QueryEscape(name) + "=" + strings.Join(escaped, ",")
	return a
}

// and adds one more thing to a query.
func (a address) and(name, value string) address {
	a.query += "&" + url.QueryEscape(name) + "=" + url.QueryEscape(value)
	return a
}

// typed is the address that a user wrote, with or without a query.
func typed(text string) address {
	parsed, err := url.Parse("http://jobmanager/" + strings.TrimPrefix(text, "/"))
	if err != nil {
		return address{err: fmt.Errorf("path %q: %w", text, err)}
	}
	return address{path: parsed.EscapedPath(), query: parsed.RawQuery, err: untrusted.CheckPath(parsed.EscapedPath())}
}

// CheckPath refuses a path that Do wouldn't send.
func CheckPath(path string) error { return typed(path).err }

// String is the address below the API's root, as in messages.
func (a address) String() string {
	if a.query == "" {
		return a.path
	}
	return a.path + "?" + a.query
}

// url is the address below prefix, which is rest.url-prefix.
func (a address) url(prefix string) (*url.URL, error) {
	if a.err != nil {
		return nil, a.err
	}
	path := a.path
	if prefix != "" {
		below := (&url.URL{Path: "/" + prefix}).EscapedPath()
		if err := untrusted.CheckPath(below); err != nil {
			return nil, fmt.Errorf("rest.url-prefix %q is not followed: %w", prefix, err)
		}
		path = below + path
	}
	plain, err := url.PathUnescape(path)
	if err != nil {
		return nil, err
	}
	return &url.URL{Scheme: "http", Host: "jobmanager", Path: plain, RawPath: path, RawQuery: a.query}, nil
}
