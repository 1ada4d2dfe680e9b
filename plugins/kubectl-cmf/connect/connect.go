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

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/kube"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmf"
)

// Flags are the connection flags. kubectl's own unprefixed ones
// (--certificate-authority, --token and so on) are about the API server and
// never used for CMF.
type Flags struct {
	URL, CA, Cert, Key, ServerName, TokenFile string
}

// AddFlags adds them.
func (f *Flags) AddFlags(flags *pflag.FlagSet) {
	flags.StringVar(&f.URL, "cmf-url", "", "Address of CMF; without it, it is found in the cluster (env CONFLUENT_CMF_URL)")
	flags.StringVar(&f.URL, "url", "", "The same as --cmf-url")
	_ = flags.MarkHidden("url")
	flags.StringVar(&f.CA, "cmf-ca", "", "Certificate authority of CMF: a PEM file, or secret:NAMESPACE/NAME (env CONFLUENT_CMF_CERTIFICATE_AUTHORITY_PATH)")
	flags.StringVar(&f.Cert, "cmf-cert", "", "Client certificate for CMF: a PEM file, or secret:NAMESPACE/NAME (env CONFLUENT_CMF_CLIENT_CERT_PATH)")
	flags.StringVar(&f.Key, "cmf-key", "", "Key of the client certificate: a PEM file, or secret:NAMESPACE/NAME (env CONFLUENT_CMF_CLIENT_KEY_PATH)")
	flags.StringVar(&f.ServerName, "cmf-server-name", "", "Name that CMF's certificate must be for")
	flags.StringVar(&f.TokenFile, "cmf-token-file", "", "File with a bearer token for CMF")
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
	// Warn is told what a user should know.
	Warn func(format string, args ...any)
	// Cluster looks into the cluster; nil uses Kube.
	Cluster Cluster
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

// Key is what defaults are kept under: the kube context, or the address where
// one is given.
func (f *Finder) Key() string {
	if address, _ := f.address(); address != "" {
		return "url:" + strings.TrimRight(address, "/")
	}
	return "context:" + f.Kube.Context()
}

// responseTimeout is how long CMF may take to begin an answer.
const responseTimeout = time.Minute

// Open finds CMF and makes a client. It sends nothing to CMF but, through a
// tunnel, what it takes to see whether CMF speaks TLS.
func (f *Finder) Open(ctx context.Context) (*Connection, error) {
	address, by := f.address()
	if address != "" {
		return f.direct(ctx, address, by, nil)
	}
	found, err := f.find(ctx)
	if err != nil {
		return nil, err
	}
	if found.address != "" {
		return f.direct(ctx, found.address, found.how, found.secret)
	}
	return f.tunnelled(ctx, found)
}

// direct talks to an address.
func (f *Finder) direct(ctx context.Context, address, by string, fallback map[string][]byte) (*Connection, error) {
	base, err := cmf.ParseAddress(address)
	if err != nil {
		return nil, exit.With(exit.Usage, fmt.Errorf("%s: %w", by, err))
	}
	transport := newTransport()
	m, err := f.Flags.material(ctx, f.env, f.secret, fallback)
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
	open := base.Scheme == "http" && !loopback(base.Hostname())
	return f.client(base, transport, m, open, &Connection{How: by})
}

func newTransport() *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.ResponseHeaderTimeout = responseTimeout
	t.MaxIdleConnsPerHost = 16
	return t
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// client puts the identity on top of transport. open says that what is sent
// can be read on the way.
func (f *Finder) client(base *url.URL, transport http.RoundTripper, m material, open bool, c *Connection) (*Connection, error) {
	source := f.tokens(base, transport)
	if _, borrowed := source.(fixedToken); borrowed && open {
		source = nil // the CLI's token isn't meant to be shown around
	}
	if source != nil {
		if open && f.Warn != nil {
			f.Warn("the token for CMF is sent unencrypted to %s", base.Host)
		}
		transport = &authorize{next: transport, tokens: source, host: base.Host}
	}
	client, err := cmf.NewClient(base.String(), transport, source != nil || m.cert != nil)
	if err != nil {
		return nil, err
	}
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
	if found.remember {
		// A state that can't be kept costs a look-up next time, no more.
		if err := f.State.Change(f.Key(), func(m *Memory) { m.Namespace = found.service.Namespace }); err != nil {
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
		if secure, err = speaksTLS(ctx, dial); err != nil {
			// Port-forward may be forbidden where the API server's proxy isn't.
			klog.V(4).Infof("ask %s whether it speaks TLS: %v", found.service, err)
		}
	}
	base := &url.URL{Scheme: "http", Host: fmt.Sprintf("%s:%d", found.service.Host(), found.service.Port)}
	transport := newTransport()
	transport.Proxy = nil
	transport.DialContext = dial
	if !secure {
		// The API server's proxy would take a token for its own: with one only
		// a connection of our own will do.
		if f.tokens(base, transport) == nil {
			return f.client(base, tunnel.RoundTripper(found.service), m, false, c)
		}
		return f.client(base, transport, m, false, c)
	}
	base.Scheme = "https"
	if m.ca == nil && found.secret == nil {
		// Only now is it worth asking the cluster for an authority.
		if secret, err := f.restClassSecret(ctx, found.service.Namespace); err != nil {
			klog.V(4).Infof("look for CMF's certificate authority: %v", err)
		} else if again, err := f.Flags.material(ctx, f.env, f.secret, secret); err == nil {
			m = again
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
	return f.client(base, transport, m, false, c)
}

// speaksTLS begins a TLS handshake and looks at the answer. Nothing but a
// greeting is sent, and the certificate isn't checked here: the connection is
// thrown away.
func speaksTLS(ctx context.Context, dial func(context.Context, string, string) (net.Conn, error)) (bool, error) {
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
