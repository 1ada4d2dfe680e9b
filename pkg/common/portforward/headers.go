package portforward

import (
	"net/http"
	"net/textproto"
	"strings"
)

// privileged are headers that speak for the user, for a proxy on the way or
// for the connection, none of which a target behind the API server needs:
// with the user's own credentials beside them the API server, or a proxy in
// front of it, would act on them.
var privileged = map[string]bool{
	"Authorization": true, "Cookie": true, "Cookie2": true,
	"Connection": true, "Keep-Alive": true, "Te": true, "Trailer": true, "Transfer-Encoding": true, "Upgrade": true, "Http2-Settings": true,
	"Forwarded": true, "Via": true, "X-Real-Ip": true,
	// Some servers take the path or the method from these instead.
	"X-Rewrite-Url": true, "X-Http-Method": true, "X-Http-Method-Override": true, "X-Method-Override": true,
}

// privilegedPrefixes are those of whole families of such headers. API servers
// take a token from Sec-WebSocket-Protocol.
var privilegedPrefixes = []string{"Proxy-", "Impersonate-", "X-Remote-", "X-Forwarded-", "X-Original-", "X-Envoy-", "Sec-Websocket-"}

// dropCredentials takes the privileged headers out, and those that Connection
// names.
func dropCredentials(header http.Header) {
	for _, line := range header["Connection"] {
		for name := range strings.SplitSeq(line, ",") {
			header.Del(textproto.TrimString(name))
		}
	}
	for name := range header {
		if DropsHeader(name) {
			delete(header, name)
		}
	}
}

// DropsHeader reports whether a request through the API server's proxy is sent
// without its header name.
func DropsHeader(name string) bool {
	// CGI-like servers don't tell "_" from "-".
	name = http.CanonicalHeaderKey(strings.ReplaceAll(name, "_", "-"))
	if privileged[name] {
		return true
	}
	for _, prefix := range privilegedPrefixes {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}
