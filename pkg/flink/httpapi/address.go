package httpapi

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/untrusted"
)

// Address is a place in an API. What goes into one is named by servers and
// manifests, so Path, IDPath and Typed are the only ways to make it: a path that
// is put together by hand isn't one.
type Address struct {
	// path is escaped and begins with a slash; query is encoded.
	path, query string
	err         error
}

// Path is the address whose path has segments, each escaped. One that could lead
// elsewhere makes an address that every request fails with.
func Path(segments ...string) Address {
	path, err := untrusted.Path(segments...)
	return Address{path: path, err: err}
}

// IDPath is Path with segments that are words of the API and ids, as in
// IDPath("jobs", id, "checkpoints"). What Flink wouldn't name so is an error.
func IDPath(segments ...string) Address {
	for _, segment := range segments {
		if !untrusted.IsID(segment) {
			return Address{err: fmt.Errorf("%q is not an id that Flink gives", segment)}
		}
	}
	return Path(segments...)
}

// Typed is the address that a user wrote, with or without a query.
func Typed(text string) Address {
	parsed, err := url.Parse("http://flink/" + strings.TrimPrefix(text, "/"))
	if err != nil {
		return Address{err: fmt.Errorf("path %q: %w", text, err)}
	}
	return Address{path: parsed.EscapedPath(), query: parsed.RawQuery, err: untrusted.CheckPath(parsed.EscapedPath())}
}

// Asking adds a query: values, with commas between them.
func (a Address) Asking(name string, values ...string) Address {
	escaped := make([]string, len(values))
	for i, value := range values {
		escaped[i] = url.QueryEscape(value)
	}
	a.query = url.QueryEscape(name) + "=" + strings.Join(escaped, ",")
	return a
}

// And adds one more thing to a query.
func (a Address) And(name, value string) Address {
	a.query += "&" + url.QueryEscape(name) + "=" + url.QueryEscape(value)
	return a
}

// Below is the address below another one, whose query doesn't count.
func (a Address) Below(other Address) Address {
	if a.err == nil {
		a.err = other.err
	}
	a.path = other.path + a.path
	return a
}

// Err says why no request goes to the address; nil where one would.
func (a Address) Err() error { return a.err }

// Escaped is the address's path as it is sent, without its query.
func (a Address) Escaped() string { return a.path }

// String is the address below the API's root, as in messages.
func (a Address) String() string {
	if a.query == "" {
		return a.path
	}
	return a.path + "?" + a.query
}

// url is the address below prefix, which is rest.url-prefix without slashes at
// its ends. The host is none: the transport knows where to go.
func (a Address) url(prefix string) (*url.URL, error) {
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
	return &url.URL{Scheme: "http", Host: "flink", Path: plain, RawPath: path, RawQuery: a.query}, nil
}
