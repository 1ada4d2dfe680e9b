package portforward

import (
	"bufio"
	"errors"
	"net"
	"strings"
	"time"
)

// moment is how long a client is waited for to speak first before it is taken
// for one whose server does.
const moment = 200 * time.Millisecond

// maxWord bounds what other protocols begin with in one word that could be a
// method, in bytes. Pages choose methods of any length.
const maxWord = 32

var methods = []string{"GET ", "HEAD ", "POST ", "PUT ", "PATCH ", "DELETE ", "OPTIONS ", "CONNECT ", "TRACE "}

// spoken is what the beginning of a client's data says.
type spoken int

const (
	// undecided takes more bytes to know.
	undecided spoken = iota
	// beginsMethod is undecided, too, and the beginning of a well-known method.
	beginsMethod
	// speaksHTTP is an HTTP/1 request.
	speaksHTTP
	// speaksOther is anything else: TLS, HTTP/2 without an upgrade, which no
	// page can make a browser speak, or what isn't HTTP at all.
	speaksOther
)

// protocolOf tells the protocol by its start. Pages choose any method, so it
// isn't only the known ones that make a request.
func protocolOf(start []byte) spoken {
	verdict := undecided
	for _, m := range methods {
		n := min(len(m), len(start))
		if n > 0 && string(start[:n]) == m[:n] {
			if n == len(m) {
				return speaksHTTP
			}
			verdict = beginsMethod
		}
	}
	for i, c := range start {
		switch {
		case c == ' ' && i > 0 && i+1 == len(start):
			return undecided
		case c == ' ' && i > 0:
			// A target is a path or an address; PRI * is HTTP/2.
			if c := start[i+1]; c == '/' || c == 'h' || c == 'H' {
				return speaksHTTP
			}
			return speaksOther
		case !isTokenByte(c):
			return speaksOther
		}
	}
	return verdict
}

func isTokenByte(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
}

// listenIn waits for the client's first bytes in in, whose source is conn, and
// tells its protocol without consuming them. One that begins like a short word
// and goes no further within a moment speaks something else: browsers send the
// head of a request at once. A long one is served as HTTP, where the guard
// looks at it: passed on, all that follows it on the connection would be, too.
func listenIn(conn net.Conn, in *bufio.Reader) spoken {
	limited := false
	defer func() {
		if limited {
			conn.SetReadDeadline(time.Time{})
		}
	}()
	for want := 1; ; {
		if _, err := in.Peek(want); err != nil {
			start, _ := in.Peek(in.Buffered())
			verdict := protocolOf(start)
			timeout, ok := err.(net.Error) //nolint:errorlint // net's own
			late := ok && timeout.Timeout()
			if (late || errors.Is(err, bufio.ErrBufferFull)) && verdict == undecided && len(start) > maxWord {
				return speaksHTTP
			}
			if !late || verdict != beginsMethod {
				return speaksOther // the copying goroutine meets the error
			}
			conn.SetReadDeadline(time.Time{})
			continue
		}
		start, _ := in.Peek(in.Buffered())
		if verdict := protocolOf(start); verdict == speaksHTTP || verdict == speaksOther {
			return verdict
		}
		if !limited {
			limited = true
			conn.SetReadDeadline(time.Now().Add(moment))
		}
		want = len(start) + 1
	}
}
