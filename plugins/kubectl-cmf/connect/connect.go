package connect

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"k8s.io/klog/v2"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/completion"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/interrupt"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/kube"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmf"
)

// Flags are the connection flags. kubectl's own unprefixed ones
// (--certificate-authority, --token and so on) are about the API server and
// never used for CMF.
type Flags struct {
	URL, CA, Cert, Key, ServerName, TokenFile string
	// InsecureHTTP sends credentials over plain HTTP, too.
	InsecureHTTP bool
}

// AddFlags adds them.
func (f *Flags) AddFlags(flags *pflag.FlagSet) {
	flags.StringVar(&f.URL, "cmf-url", "", "Address of CMF, or service:NAMESPACE/NAME for a Service of the cluster; without it, it is found in the cluster (env CONFLUENT_CMF_URL)")
	flags.StringVar(&f.URL, "url", "", "The same as --cmf-url")
	_ = flags.MarkHidden("url")
	flags.StringVar(&f.CA, "cmf-ca", "", "Certificate authority of CMF: a PEM file, or secret:NAMESPACE/NAME (env CONFLUENT_CMF_CERTIFICATE_AUTHORITY_PATH)")
	flags.StringVar(&f.Cert, "cmf-cert", "", "Client certificate for CMF: a PEM file, or secret:NAMESPACE/NAME (env CONFLUENT_CMF_CLIENT_CERT_PATH)")
	flags.StringVar(&f.Key, "cmf-key", "", "Key of the client certificate: a PEM file, or secret:NAMESPACE/NAME (env CONFLUENT_CMF_CLIENT_KEY_PATH)")
	flags.StringVar(&f.ServerName, "cmf-server-name", "", "Name that CMF's certificate must be for")
	flags.StringVar(&f.TokenFile, "cmf-token-file", "", "File with a bearer token for CMF")
	flags.BoolVar(&f.InsecureHTTP, "insecure-http", false, "Send tokens and passwords over plain HTTP too, readable on the way")
}

// Tunnel reaches a Service of the cluster from here.
type Tunnel interface {
	// Dial opens a connection to a port of a Service.
	Dial(ctx context.Context, service Service) (net.Conn, error)
	// RoundTripper speaks plain HTTP to it, by any way that is allowed.
	RoundTripper(service Service) http.RoundTripper
	Close() error
}

// Finder opens the way to CMF.
type Finder struct {
	Flags Flags
	Kube  *kube.Factory
	State *State
	// Env reads the environment; nil is os.Getenv.
	Env func(string) string
	// OpenTunnel makes the tunnel when it is needed.
	OpenTunnel func() (Tunnel, error)
	// Warn and Note are called with what a user should know.
	Warn, Note func(format string, args ...any)
	// Ask asks the user about a server that was found. No error is consent;
	// ErrNoTerminal says that the user can't be asked, as where Ask is nil.
	Ask func(ctx context.Context, offer Offer) error
	// Cluster looks into the cluster; nil uses Kube.
	Cluster Cluster
	// Elsewhere says that the flag for a namespace is about something else than
	// CMF.
	Elsewhere bool
}

// Connection is an open way to a CMF.
type Connection struct {
	*cmf.Client
	// Key is what defaults are kept under.
	Key string
	// How says in words how CMF was found.
	How string
	// Service is set where a tunnel is used.
	Service *Service

	close func() error
}

// Close ends the tunnel.
func (c *Connection) Close() error {
	if c == nil || c.close == nil {
		return nil
	}
	return c.close()
}

func (f *Finder) env(name string) string {
	if f.Env != nil {
		return f.Env(name)
	}
	return os.Getenv(name)
}

// address is what the user says where CMF is, and by what.
func (f *Finder) address() (address, by string) {
	if f.Flags.URL != "" {
		return f.Flags.URL, "--cmf-url"
	}
	if v := f.env("CONFLUENT_CMF_URL"); v != "" {
		return v, "CONFLUENT_CMF_URL"
	}
	return "", ""
}

// contextPrefix begins the keys of kube contexts.
const contextPrefix = "context:"

// Key is what defaults are kept under: the kube context, or the address where
// one is given.
func (f *Finder) Key() string {
	address, _ := f.address()
	switch {
	case address == "":
		return contextPrefix + f.Kube.Context()
	case strings.HasPrefix(address, servicePrefix):
		return address + " context:" + f.Kube.Context()
	}
	return "url:" + strings.TrimRight(address, "/")
}

// responseTimeout is how long CMF may take to begin an answer.
const responseTimeout = time.Minute

// Open finds CMF and makes a client. It sends nothing to CMF but, through a
// tunnel, what it takes to see whether CMF speaks TLS. A server that was found
// and that the user neither knows nor agrees to is an error.
func (f *Finder) Open(ctx context.Context) (*Connection, error) {
	address, by := f.address()
	if strings.HasPrefix(address, servicePrefix) {
		named, err := f.namedService(ctx, address, by)
		if err != nil {
			return nil, err
		}
		return f.tunnelled(ctx, named)
	}
	if address != "" {
		return f.direct(ctx, &found{address: address, how: by, named: true})
	}
	found, err := f.find(ctx)
	if err != nil {
		return nil, err
	}
	if found.address != "" {
		return f.direct(ctx, found)
	}
	return f.tunnelled(ctx, found)
}

// direct talks to an address.
func (f *Finder) direct(ctx context.Context, found *found) (*Connection, error) {
	base, err := cmf.ParseAddress(found.address)
	if err != nil {
		return nil, exit.With(exit.Usage, fmt.Errorf("%s: %w", found.how, err))
	}
	transport := newTransport()
	m, err := f.Flags.material(ctx, f.env, f.secret, found.secret)
	if err != nil {
		return nil, err
	}
	if base.Scheme == "https" {
		var names []string
		if f.Flags.ServerName != "" {
			names = []string{f.Flags.ServerName}
		}
		if transport.TLSClientConfig, err = m.config(names); err != nil {
			return nil, err
		}
	} else if m.cert != nil {
		return nil, exit.Usagef("a client certificate is given, but %s is not https", base.Redacted())
	}
	login, err := f.login(base, transport, false)
	if err != nil {
		return nil, err
	}
	if login.tokens != nil && base.Scheme == "http" && !f.Flags.InsecureHTTP {
		stayLocal(transport)
	}
	return f.client(ctx, found, base, transport, m, login, &Connection{How: found.how})
}

func newTransport() *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.ResponseHeaderTimeout = responseTimeout
	t.MaxResponseHeaderBytes = maxHeader
	t.MaxIdleConnsPerHost = 16
	return t
}

// maxHeader bounds the head of an answer, in bytes.
const maxHeader = 256 << 10

// client puts the identity on top of transport, for a server that is trusted.
func (f *Finder) client(ctx context.Context, found *found, base *url.URL, transport http.RoundTripper, m material, login login, c *Connection) (*Connection, error) {
	if !found.named {
		sends := login.what
		if m.certNamed {
			sends = strings.TrimPrefix(sends+" and the client certificate of --cmf-cert", " and ")
		}
		if err := f.trust(ctx, found, base, m, sends); err != nil {
			return nil, err
		}
	}
	if login.tokens != nil {
		transport = &authorize{next: transport, tokens: login.tokens, server: base}
	}
	client, err := cmf.NewClient(base.String(), transport, login.tokens != nil || m.cert != nil)
	if err != nil {
		return nil, err
	}
	interrupt.Busy()
	client.Unused = login.unused
	c.Client, c.Key = client, f.Key()
	klog.V(4).Infof("CMF at %s (%s)", base.Redacted(), c.How)
	return c, nil
}

// tunnelled talks to a Service through the API server.
func (f *Finder) tunnelled(ctx context.Context, found *found) (*Connection, error) {
	if f.OpenTunnel == nil {
		return nil, errors.New("there is no tunnel; give --cmf-url")
	}
	tunnel, err := f.OpenTunnel()
	if err != nil {
		return nil, err
	}
	c := &Connection{How: found.how, Service: &found.service, close: tunnel.Close}
	m, err := f.Flags.material(ctx, f.env, f.secret, found.secret)
	if err == nil {
		c, err = f.overTunnel(ctx, tunnel, found, m, c)
	}
	if err != nil {
		_ = tunnel.Close()
		return nil, err
	}
	if found.remember && !completion.Active(ctx) {
		// A state that can't be kept costs a look-up next time, no more.
		if err := f.State.Change(ctx, f.Key(), func(m *Memory) { m.Namespace = found.service.Namespace }); err != nil {
			klog.V(4).Infof("remember where CMF is: %v", err)
		}
	}
	return c, nil
}

func (f *Finder) overTunnel(ctx context.Context, tunnel Tunnel, found *found, m material, c *Connection) (*Connection, error) {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) { return tunnel.Dial(ctx, found.service) }
	secure := found.scheme == "https" || m.cert != nil
	if found.scheme == "" && !secure {
		var err error
		if secure, err = SpeaksTLS(ctx, dial); err != nil {
			// Port-forward may be forbidden where the API server's proxy isn't.
			klog.V(4).Infof("ask %s whether it speaks TLS: %v", found.service, err)
		}
	}
	base := &url.URL{Scheme: "http", Host: fmt.Sprintf("%s:%d", found.service.Host(), found.service.Port)}
	transport := newTransport()
	transport.Proxy = nil
	transport.DialContext = dial
	if secure {
		base.Scheme = "https"
		if m.ca == nil && found.secret == nil && !found.named {
			// Only now is it worth asking the cluster for an authority.
			secret, name, err := f.serviceSecret(ctx, found.service)
			if err != nil {
				klog.V(4).Infof("look for CMF's certificate authority: %v", err)
			} else if again, err := f.Flags.material(ctx, f.env, f.secret, secret); err == nil {
				m, found.secretName = again, name
			}
		}
		names := found.service.names()
		if f.Flags.ServerName != "" {
			names = []string{f.Flags.ServerName}
		}
		config, err := m.config(names)
		if err != nil {
			return nil, err
		}
		transport.TLSClientConfig = config
	}
	login, err := f.login(base, transport, true)
	if err != nil {
		return nil, err
	}
	if !secure && login.tokens == nil {
		// The API server's proxy would take a token for its own: only without
		// one may the way lead through it.
		return f.client(ctx, found, base, tunnel.RoundTripper(found.service), m, login, c)
	}
	return f.client(ctx, found, base, transport, m, login, c)
}

// SpeaksTLS begins a TLS handshake and looks at the answer. Nothing but a
// greeting is sent, and the certificate isn't checked here: the connection is
// thrown away.
func SpeaksTLS(ctx context.Context, dial func(context.Context, string, string) (net.Conn, error)) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	conn, err := dial(ctx, "", "")
	if err != nil {
		return false, err
	}
	defer conn.Close()
	probe := tls.Client(conn, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12})
	err = probe.HandshakeContext(ctx)
	var record tls.RecordHeaderError
	var alert tls.AlertError
	switch {
	case err == nil, errors.As(err, &alert), strings.Contains(err.Error(), "remote error: tls:"):
		return true, nil
	case errors.As(err, &record):
		return false, nil
	}
	return false, err
}
