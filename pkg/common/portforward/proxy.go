package portforward

import (
	"errors"
	"html"
	"io"
	"log"
	"net/http"
	"net/http/httputil"
	"strings"
	"time"
)

// silent drops what net/http would print to standard error.
func silent() *log.Logger { return log.New(io.Discard, "", 0) }

// NewProxy serves what transport reaches. While that fails, browsers are shown
// why and try again by themselves; others get 502, or 504 after a wait. It
// passes neither credentials nor cookies on: a JobManager takes none, and a
// browser's cookies of this computer belong to whatever else runs here.
func NewProxy(transport http.RoundTripper) http.Handler {
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host = "http", "tunnel"
			dropCredentials(r.Out.Header)
		},
		Transport:      transport,
		FlushInterval:  100 * time.Millisecond,
		ErrorLog:       silent(),
		ErrorHandler:   proxyError,
		ModifyResponse: keepToItself,
	}
}

func proxyError(w http.ResponseWriter, r *http.Request, err error) {
	code := http.StatusBadGateway
	var timeout interface{ Timeout() bool }
	var refused *RequestError
	switch {
	case errors.As(err, &timeout) && timeout.Timeout():
		code = http.StatusGatewayTimeout
	case errors.As(err, &refused):
		// Trying again won't help.
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	if r.Method == http.MethodGet && strings.Contains(r.Header.Get("Accept"), "text/html") {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(code)
		_, _ = io.WriteString(w, `<!DOCTYPE html><meta charset="utf-8"><meta http-equiv="refresh" content="2"><title>Waiting</title><body style="font-family: sans-serif; margin: 3em"><h1>Waiting for the pod</h1><pre style="white-space: pre-wrap">`+
			html.EscapeString(err.Error())+`</pre><p>This page tries again by itself.`)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(code)
	_, _ = io.WriteString(w, err.Error()+"\n")
}
