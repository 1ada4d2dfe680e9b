// Package untrusted checks and bounds what a server names and sends before it
// goes into a URL, into memory or to another server.
package untrusted

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// CheckPath refuses an escaped URL path that a server or proxy on the way could
// read as another place: "." and ".." segments, however often their dots are
// escaped, escaped slashes, backslashes and control characters. The error
// names what it found. A query is not part of the path.
func CheckPath(escaped string) error {
	for segment := range strings.SplitSeq(escaped, "/") {
		if err := checkSegment(segment); err != nil {
			return fmt.Errorf("path %q: %w", escaped, err)
		}
	}
	return nil
}

// maxUnescape is how often a segment is unescaped; what still has escapes then
// is refused, because some server may go on.
const maxUnescape = 4

func checkSegment(segment string) error {
	for range maxUnescape {
		if segment == "." || segment == ".." {
			return errors.New("it has a segment of dots, which leads elsewhere")
		}
		// Some servers cut the parameters behind ";" before they look for dots.
		if name, _, found := strings.Cut(segment, ";"); found && (name == "." || name == "..") {
			return errors.New("it has a segment of dots, which leads elsewhere")
		}
		for i := range len(segment) {
			switch c := segment[i]; {
			case c == '/' || c == '\\':
				return errors.New("it has an escaped slash or a backslash, which servers read differently")
			case c < ' ' || c == 0x7f:
				return errors.New("it has a control character")
			}
		}
		plain, err := url.PathUnescape(segment)
		if err != nil {
			// What is no escape in a text that was unescaped once is itself.
			return nil //nolint:nilerr // so it is no error either
		}
		if plain == segment {
			return nil
		}
		segment = plain
	}
	return errors.New("it is escaped too often")
}

// Path joins segments to an escaped path with a leading slash. It is the only
// way in which what a server or a user named goes into a URL: a segment that is
// empty or that CheckPath refuses is an error.
func Path(segments ...string) (string, error) {
	var out strings.Builder
	for _, segment := range segments {
		if segment == "" {
			return "", errors.New("a part of the address is empty")
		}
		if err := checkSegment(segment); err != nil {
			return "", fmt.Errorf("%q: %w", segment, err)
		}
		out.WriteByte('/')
		out.WriteString(url.PathEscape(segment))
	}
	return out.String(), nil
}

// IsHexID reports whether s is an identifier of Flink: 32 hexadecimal digits,
// as jobs, vertices, savepoint triggers and data sets have.
func IsHexID(s string) bool { return len(s) == 32 && isHex(s) }

// maxID bounds an id, in bytes; Flink's and UUIDs have 32 and 36.
const maxID = 64

// IsID reports whether s is made of letters, digits, "-" and "_" alone, as every
// id of Flink and every word of its REST API is.
func IsID(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c != '-' && c != '_' {
			return false
		}
	}
	return s != "" && len(s) <= maxID
}

// IsUUID reports whether s is a UUID in its usual form, as the handles of SQL
// gateways are.
func IsUUID(s string) bool {
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return false
	}
	return isHex(strings.ReplaceAll(s, "-", "")) && strings.Count(s, "-") == 4
}

func isHex(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') && (c < 'A' || c > 'F') {
			return false
		}
	}
	return true
}

// TooLargeError is an answer that is larger than the program takes.
type TooLargeError struct {
	// Limit is in bytes.
	Limit int64
}

func (e *TooLargeError) Error() string {
	if e.Limit >= 1<<20 {
		return fmt.Sprintf("the answer is larger than %d MiB", e.Limit>>20)
	}
	return fmt.Sprintf("the answer is larger than %d KiB", e.Limit>>10)
}

// ReadAll reads r to its end, at most limit bytes; one more is a
// *TooLargeError. It serves only answers that have to be in memory as a whole.
func ReadAll(r io.Reader, limit int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return nil, &TooLargeError{Limit: limit}
	}
	return data, nil
}

// maxRedirects is how many redirects on one server are followed.
const maxRedirects = 3

// SameServer is the CheckRedirect of every client that carries a credential or
// a body: a redirect to another scheme, host or port is refused, so that
// neither goes where the user didn't send it, and only a GET is repeated.
func SameServer(request *http.Request, via []*http.Request) error {
	first := via[0]
	switch {
	case request.URL.Scheme != first.URL.Scheme || !strings.EqualFold(request.URL.Host, first.URL.Host):
		return fmt.Errorf("the server redirects to another one, %s://%s, which is not followed: give the final address", request.URL.Scheme, request.URL.Host)
	case first.Method != http.MethodGet && first.Method != http.MethodHead:
		return fmt.Errorf("the server redirects a %s, which is not followed: give the final address", first.Method)
	case len(via) > maxRedirects:
		return fmt.Errorf("the server redirects more than %d times", maxRedirects)
	}
	return nil
}
