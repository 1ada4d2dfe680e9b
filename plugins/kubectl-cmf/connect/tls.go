package connect

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/source"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/untrusted"
)

// secretPrefix tells a Kubernetes Secret from a file: secret:NAMESPACE/NAME,
// with CFK's keys in it.
const secretPrefix = "secret:"

// The keys of a TLS secret: those of Confluent for Kubernetes, then those of
// Kubernetes.
var (
	caKeys   = []string{"cacerts.pem", "ca.crt"}
	certKeys = []string{"fullchain.pem", "tls.crt"}
	keyKeys  = []string{"privkey.pem", "tls.key"}
)

// material is what TLS needs, as PEM.
type material struct {
	ca, cert, key []byte
	// caNamed and certNamed say that the user named it, and no object in the
	// cluster did.
	caNamed, certNamed bool
}

// secrets reads Kubernetes Secrets.
type secrets func(ctx context.Context, namespace, name string) (map[string][]byte, error)

// material gathers what flags and environment say, and takes the rest from
// fallback, a secret that the cluster names.
func (f Flags) material(ctx context.Context, env func(string) string, read secrets, fallback map[string][]byte) (material, error) {
	var m material
	for _, one := range []struct {
		target   *[]byte
		flag     string
		value    string
		variable string
		keys     []string
		named    *bool
	}{
		{&m.ca, "--cmf-ca", f.CA, "CONFLUENT_CMF_CERTIFICATE_AUTHORITY_PATH", caKeys, &m.caNamed},
		{&m.cert, "--cmf-cert", f.Cert, "CONFLUENT_CMF_CLIENT_CERT_PATH", certKeys, &m.certNamed},
		{&m.key, "--cmf-key", f.Key, "CONFLUENT_CMF_CLIENT_KEY_PATH", keyKeys, &m.certNamed},
	} {
		value, name := one.value, one.flag
		if value == "" {
			value, name = env(one.variable), one.variable
		}
		if value == "" {
			*one.target = pick(fallback, one.keys)
			continue
		}
		data, err := load(ctx, value, one.keys, read)
		if err != nil {
			return m, fmt.Errorf("%s: %w", name, err)
		}
		*one.target, *one.named = data, true
	}
	if (m.cert == nil) != (m.key == nil) {
		return m, exit.Usagef("a client certificate needs both --cmf-cert and --cmf-key")
	}
	return m, nil
}

// maxPEM bounds a file with certificates or a key, in bytes; all authorities that
// a system trusts have a quarter of a mebibyte.
const maxPEM = 4 << 20

func load(ctx context.Context, value string, keys []string, read secrets) ([]byte, error) {
	place, isSecret := strings.CutPrefix(value, secretPrefix)
	if !isSecret {
		file, err := source.Open(ctx, value)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		return untrusted.ReadAll(file, maxPEM)
	}
	namespace, name, ok := strings.Cut(place, "/")
	if !ok || namespace == "" || name == "" {
		return nil, exit.Usagef("%q is not secret:NAMESPACE/NAME", value)
	}
	data, err := read(ctx, namespace, name)
	if err != nil {
		return nil, err
	}
	if out := pick(data, keys); out != nil {
		return out, nil
	}
	return nil, fmt.Errorf("secret %s/%s has none of the keys %s", namespace, name, strings.Join(keys, ", "))
}

func pick(data map[string][]byte, keys []string) []byte {
	for _, key := range keys {
		if len(data[key]) > 0 {
			return data[key]
		}
	}
	return nil
}

// config is the TLS configuration; names are those that the certificate may
// be for, the first one is asked for. Without names it must be for the
// address's host.
func (m material) config(names []string) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if m.ca != nil {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(m.ca) {
			return nil, errors.New("the certificate authority (--cmf-ca) holds no PEM certificate")
		}
	}
	if m.cert != nil {
		pair, err := tls.X509KeyPair(m.cert, m.key)
		if err != nil {
			// The error may quote the file; a key stays out of it.
			return nil, errors.New("the client certificate and key (--cmf-cert, --cmf-key) can't be used: not PEM, or not a pair")
		}
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
	}
	if len(names) == 0 {
		return config, nil
	}
	config.ServerName = names[0]
	if len(names) == 1 {
		return config, nil
	}
	// A tunnel has no name of its own, and certificates of CMF are made for
	// one of several. This is crypto/tls's own check, made for each name.
	config.InsecureSkipVerify = true
	config.VerifyConnection = func(state tls.ConnectionState) error { return verify(state, config.RootCAs, names) }
	return config, nil
}

func verify(state tls.ConnectionState, roots *x509.CertPool, names []string) error {
	certificates := state.PeerCertificates
	if len(certificates) == 0 {
		return errors.New("the server shows no certificate")
	}
	options := x509.VerifyOptions{Roots: roots, Intermediates: x509.NewCertPool()}
	for _, c := range certificates[1:] {
		options.Intermediates.AddCert(c)
	}
	if _, err := certificates[0].Verify(options); err != nil {
		return &tls.CertificateVerificationError{UnverifiedCertificates: certificates, Err: err}
	}
	var first error
	for _, name := range names {
		err := certificates[0].VerifyHostname(name)
		if err == nil {
			return nil
		}
		if first == nil {
			first = err
		}
	}
	return &tls.CertificateVerificationError{UnverifiedCertificates: certificates, Err: first}
}
