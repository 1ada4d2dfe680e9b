package portforward

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// A web page can make a browser send requests to a local port: directly, or
// under its own name by letting that name resolve to 127.0.0.1 (DNS
// rebinding). The guard refuses both. A name that only local configuration can
// point here, and an address, can't be rebound.

// maxHead bounds the head of a request that is looked at, in bytes.
const maxHead = 64 << 10

// refusal says why a request isn't served; "" if it is.
func refusal(host string, header http.Header, method string, allowed []string) string {
	if !allowedHost(host, allowed) {
		return fmt.Sprintf("the request names the host %q, which is not this computer's: open it as localhost or 127.0.0.1", host)
	}
	if origin := header.Get("Origin"); origin != "" {
		from, err := url.Parse(origin)
		if err != nil || from.Host == "" || !strings.EqualFold(from.Host, host) {
			return fmt.Sprintf("the request comes from another site (%s)", origin)
		}
	}
	if header.Get("Sec-Fetch-Site") == "cross-site" {
		// Following a link to the page is fine.
		link := method == http.MethodGet && header.Get("Sec-Fetch-Mode") == "navigate" && header.Get("Sec-Fetch-Dest") == "document"
		if !link {
			return "the request comes from another site"
		}
	}
	return ""
}

func allowedHost(host string, allowed []string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	name = strings.ToLower(strings.TrimSuffix(strings.Trim(name, "[]"), "."))
	if _, err := netip.ParseAddr(name); err == nil || name == "localhost" || strings.HasSuffix(name, ".localhost") {
		return true
	}
	for _, a := range allowed {
		if strings.EqualFold(name, a) {
			return true
		}
	}
	return false
}

// Guard refuses requests to next that another site made a browser send. Hosts
// are names allowed besides this computer's.
func Guard(next http.Handler, hosts ...string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if why := refusal(r.Host, r.Header, r.Method, hosts); why != "" {
			http.Error(w, "refused: "+why, http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

var methods = []string{"GET ", "HEAD ", "POST ", "PUT ", "PATCH ", "DELETE ", "OPTIONS ", "CONNECT ", "TRACE "}

// looksLikeHTTP reports whether start begins an HTTP/1 request; more says
// that it takes more bytes to know.
func looksLikeHTTP(start []byte) (http, more bool) {
	for _, m := range methods {
		n := min(len(m), len(start))
		if string(start[:n]) == m[:n] {
			if n == len(m) {
				return true, false
			}
			more = true
		}
	}
	return false, more
}

// inspect looks at the first request in in without consuming it, if it is
// HTTP/1. Checking the first is enough: a browser doesn't use a connection for
// a second host.
func inspect(in *bufio.Reader, allowed []string) (isHTTP bool, why string, err error) {
	for want := 1; ; {
		if _, err := in.Peek(want); err != nil {
			return isHTTP, "", nil //nolint:nilerr // too short to be a request; whoever copies meets the error
		}
		start, _ := in.Peek(in.Buffered())
		if !isHTTP {
			var more bool
			if isHTTP, more = looksLikeHTTP(start); !isHTTP && !more {
				return false, "", nil
			}
		}
		if end := bytes.Index(start, []byte("\r\n\r\n")); isHTTP && end >= 0 {
			request, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(start[:end+4])))
			if err != nil {
				return true, "", nil //nolint:nilerr // the pod's server may say what is wrong with it
			}
			return true, refusal(request.Host, request.Header, request.Method, allowed), nil
		}
		want = len(start) + 1
		if want > maxHead {
			return isHTTP, "", errors.New("the request's header is too long")
		}
	}
}
