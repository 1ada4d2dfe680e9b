// Package untrusted checks and bounds what a server names and sends before it
// goes into a URL, into memory or to another server.
package untrusted

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"
)

// CheckPath refuses an escaped URL path that a server or proxy on the way could
// read as another place: "." and ".." segments, however often their dots are
// escaped or what follows them, escaped slashes, backslashes, control characters
// and bytes that are no text. The error names what it found. A query is not part of the path.
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
		// Some servers cut off what comes behind these before they look for dots.
		if name := strings.TrimSpace(segment[:cutAt(segment)]); name == "." || name == ".." {
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
		// Some decoders take %c0%af for a slash.
		if !utf8.ValidString(segment) {
			return errors.New("it has bytes that are no text, which servers read differently")
		}
		plain := unescape(segment)
		if plain == segment {
			return nil
		}
		segment = plain
	}
	return errors.New("it is escaped too often")
}

// cutAt is where the parameters of a segment begin, or a query or a fragment
// for a server that unescapes before it parses.
func cutAt(segment string) int {
	if at := strings.IndexAny(segment, ";?#"); at >= 0 {
		return at
	}
	return len(segment)
}

// unescape is segment with its escapes resolved once. What is no escape stays
// as it is: the servers to fear are those that forgive it.
func unescape(segment string) string {
	if !strings.Contains(segment, "%") {
		return segment
	}
	out := make([]byte, 0, len(segment))
	for i := 0; i < len(segment); i++ {
		if segment[i] == '%' && i+2 < len(segment) {
			if c, err := strconv.ParseUint(segment[i+1:i+3], 16, 8); err == nil {
				out = append(out, byte(c))
				i += 2
				continue
			}
		}
		out = append(out, segment[i])
	}
	return string(out)
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

// ElsewhereError is a request that isn't sent because it could lead to another
// place than it was meant for.
type ElsewhereError struct{ Why string }

func (e *ElsewhereError) Error() string { return e.Why }

// SameServer is the CheckRedirect of every client that carries a credential or
// a body: a redirect to another scheme, host or port is refused, so that
// neither goes where the user didn't send it, and only a GET is repeated. Its
// error is an *ElsewhereError.
func SameServer(request *http.Request, via []*http.Request) error {
	first := via[0]
	switch {
	case request.URL.Scheme != first.URL.Scheme || !strings.EqualFold(request.URL.Host, first.URL.Host):
		return &ElsewhereError{fmt.Sprintf("the server redirects to another one, %s://%s, which is not followed: give the final address", request.URL.Scheme, request.URL.Host)}
	case first.Method != http.MethodGet && first.Method != http.MethodHead:
		return &ElsewhereError{fmt.Sprintf("the server redirects a %s, which is not followed: give the final address", first.Method)}
	case len(via) > maxRedirects:
		return &ElsewhereError{fmt.Sprintf("the server redirects more than %d times", maxRedirects)}
	}
	return nil
}
