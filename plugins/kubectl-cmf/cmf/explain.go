package cmf

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/neterr"
)

// UnreachableError says that no answer came, and what to do about it.
type UnreachableError struct {
	Host string
	// Why is in words of the user; Err is the cause.
	Why string
	Err error
}

func (e *UnreachableError) Error() string {
	return fmt.Sprintf("CMF at %s can't be reached: %s", e.Host, e.Why)
}

// Unwrap gives the cause.
func (e *UnreachableError) Unwrap() error { return e.Err }

// LoginError says that there is no token to send, so that nothing was sent.
type LoginError struct{ Err error }

func (e *LoginError) Error() string { return e.Err.Error() }

// Unwrap gives the cause.
func (e *LoginError) Unwrap() error { return e.Err }

// explain says in words of the user why a request got no answer.
func explain(err error) error {
	var link *url.Error
	if !errors.As(err, &link) {
		return err
	}
	var redirect *redirectError
	if errors.As(err, &redirect) {
		return redirect // the URL is that of the other server
	}
	var login *LoginError
	if errors.As(err, &login) {
		return login // CMF wasn't asked
	}
	host, secure := link.URL, false
	if u, parseErr := url.Parse(link.URL); parseErr == nil {
		host, secure = u.Host, u.Scheme == "https"
	}
	text := why(link.Err)
	if secure && closedEarly(link.Err) {
		text = "it closed the connection without an answer: if it wants a client certificate, give --cmf-cert FILE and --cmf-key FILE"
	}
	return &UnreachableError{Host: host, Why: text, Err: link.Err}
}

// closedEarly reports whether the server ended the connection before it
// answered anything. From TLS 1.3 on it looks at the client's certificate after
// the client's side of the handshake is done, and its word about that can get
// lost: behind a reset, and in HTTP/2's own error.
func closedEarly(err error) bool {
	return errors.Is(err, io.EOF) || neterr.Reset(err) || strings.Contains(err.Error(), "client conn could not be established")
}

func why(err error) string {
	var (
		authority x509.UnknownAuthorityError
		name      x509.HostnameError
		invalid   x509.CertificateInvalidError
		record    tls.RecordHeaderError
		alert     tls.AlertError
		dns       *net.DNSError
	)
	text := beginning(err.Error(), maxCause)
	switch {
	case errors.As(err, &authority):
		return "its certificate is signed by an authority that isn't known here; give the authority's certificate with --cmf-ca FILE"
	case errors.As(err, &name):
		return fmt.Sprintf("its certificate is not for that name (%s); say which name to expect with --cmf-server-name", shorten(name.Error()))
	case errors.As(err, &invalid):
		return "its certificate is not valid: " + shorten(invalid.Error())
	case errors.As(err, &record), strings.Contains(text, "server gave HTTP response to HTTPS client"):
		return "it does not speak TLS; use http:// in the address"
	case strings.Contains(text, "malformed HTTP response"):
		return "it does not answer in HTTP: it may want TLS; use https:// in the address"
	case errors.As(err, &alert) || strings.Contains(text, "remote error: tls:"):
		if strings.Contains(text, "certificate required") || strings.Contains(text, "bad certificate") || strings.Contains(text, "handshake failure") {
			return "it wants a client certificate, or another one: give --cmf-cert FILE and --cmf-key FILE (" + shorten(text) + ")"
		}
		return "TLS failed: " + shorten(text)
	case closedEarly(err):
		return "it closed the connection without an answer"
	case neterr.Refused(err):
		return "the connection was refused; check the address and that CMF runs"
	case errors.As(err, &dns):
		return fmt.Sprintf("the name %s is not known here; names of the cluster are reached through the tunnel: leave --cmf-url away, or give --cmf-url service:NAMESPACE/NAME", shorten(dns.Name))
	}
	return shorten(text)
}
