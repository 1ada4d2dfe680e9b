package sqlgateway

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/untrusted"
)

// address is a place in the gateway's REST API. What goes into one is named by
// a server that was found, so pathOf is the only way to make it: a path that is
// put together by hand isn't one.
type address struct {
	// path is escaped and begins with a slash; query is encoded.
	path, query string
	err         error
}

// pathOf is the address whose path has segments, each escaped. One that could
// lead elsewhere makes an address that every request fails with.
func pathOf(segments ...string) address {
	path, err := untrusted.Path(segments...)
	return address{path: path, err: err}
}

// inVersion is the address below a version of the API.
func (a address) inVersion(version int) address {
	above := pathOf("v" + strconv.Itoa(version))
	a.path = above.path + a.path
	return a
}

func (a address) asking(name, value string) address {
	a.query = url.Values{name: {value}}.Encode()
	return a
}

// String is the address as in messages.
func (a address) String() string {
	if a.query == "" {
		return a.path
	}
	return a.path + "?" + a.query
}

func (a address) url() (*url.URL, error) {
	if a.err != nil {
		return nil, a.err
	}
	plain, err := url.PathUnescape(a.path)
	if err != nil {
		return nil, err
	}
	return &url.URL{Scheme: "http", Host: "sql-gateway", Path: plain, RawPath: a.path, RawQuery: a.query}, nil
}

// checkHandle refuses a handle that no gateway gives: it goes into addresses
// and messages.
func checkHandle(what, handle string) error {
	switch {
	case handle == "":
		return fmt.Errorf("the SQL gateway gave no handle of the %s", what)
	case !untrusted.IsUUID(handle):
		return fmt.Errorf("the SQL gateway gave a handle of the %s that is none: %.100q", what, handle)
	}
	return nil
}

// nextToken is the token in next, the address of an operation's next page;
// ok is false where there is none. An address of anything else is an error.
func nextToken(next string, operation address) (token int64, ok bool, err error) {
	if next == "" {
		return 0, false, nil
	}
	path, _, _ := strings.Cut(next, "?")
	version, rest, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	number, isVersion := strings.CutPrefix(version, "v")
	if _, err := strconv.ParseUint(number, 10, 8); err != nil {
		isVersion = false
	}
	text, below := strings.CutPrefix("/"+rest, operation.path+"/result/")
	token, parseErr := strconv.ParseInt(text, 10, 64)
	if !isVersion || !below || parseErr != nil || token < 0 || !strings.HasPrefix(next, "/v") {
		return 0, false, fmt.Errorf("the SQL gateway names a next page that is none of this statement's: %.200q", next)
	}
	return token, true, nil
}
