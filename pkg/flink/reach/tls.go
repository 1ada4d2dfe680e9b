package reach

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/source"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/untrusted"
)

// TLSFiles are the files for REST with TLS.
type TLSFiles struct {
	CA, Cert, Key string
	Insecure      bool
}

func (f TLSFiles) given() bool { return f.CA != "" || f.Cert != "" || f.Key != "" || f.Insecure }

// Config is how to speak TLS with the place; nil for plain HTTP. Its error is
// a usage error.
func (f TLSFiles) Config(p Place) (*tls.Config, error) {
	if (f.Cert == "") != (f.Key == "") {
		return nil, exit.Usagef("--rest-cert and --rest-key go together")
	}
	switch {
	case !p.Secure && (p.Known || !f.given()):
		if f.given() {
			return nil, exit.Usagef("the REST API of %s speaks plain HTTP (security.ssl.rest.enabled is not true): leave the --rest-… flags out", p.Cluster.Ref())
		}
		return nil, nil
	case p.Mutual && f.Cert == "":
		return nil, exit.Usagef("the REST API of %s wants a client certificate (security.ssl.rest.authentication-enabled): give --rest-cert and --rest-key", p.Cluster.Ref())
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: f.Insecure} //nolint:gosec // asked for by flag
	if f.CA != "" {
		data, err := readPEM(f.CA)
		if err != nil {
			return nil, exit.With(exit.Usage, fmt.Errorf("--rest-ca: %w", err))
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(data) {
			return nil, exit.Usagef("%s holds no PEM certificate", f.CA)
		}
	}
	if f.Cert != "" {
		cert, err := readPEM(f.Cert)
		key, keyErr := readPEM(f.Key)
		if err = errors.Join(err, keyErr); err != nil {
			return nil, exit.With(exit.Usage, fmt.Errorf("load --rest-cert and --rest-key: %w", err))
		}
		pair, err := tls.X509KeyPair(cert, key)
		if err != nil {
			return nil, exit.With(exit.Usage, fmt.Errorf("load --rest-cert and --rest-key: %w", err))
		}
		// Always sent: crypto/tls alone would hold it back where the server names
		// other authorities, as a JVM does that trusts this very certificate.
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
	}
	return config, nil
}

const (
	// maxPEM bounds a file of TLSFiles, in bytes.
	maxPEM = 4 << 20
	// pemTime is how long one may take: it may be a pipe.
	pemTime = 10 * time.Second
)

// readPEM reads a file of TLSFiles.
//
//nolint:contextcheck // it has a time of its own, and mostly none to wait for
func readPEM(name string) ([]byte, error) {
	ctx, cancel := context.WithTimeoutCause(context.Background(), pemTime, fmt.Errorf("nothing came out of %s within %s", name, pemTime))
	defer cancel()
	file, err := source.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return untrusted.ReadAll(file, maxPEM)
}

// Explain adds the next step to an error of reaching the REST API.
func Explain(err error) error {
	var authority x509.UnknownAuthorityError
	var hostname x509.HostnameError
	var record tls.RecordHeaderError
	switch {
	case errors.As(err, &authority):
		return fmt.Errorf("%w\nGive the authority that signed it with --rest-ca FILE, or --rest-insecure to trust it unseen", err)
	case errors.As(err, &hostname):
		return fmt.Errorf("%w\nThe certificate should name the REST Service; --rest-insecure skips the check", err)
	case errors.As(err, &record):
		return fmt.Errorf("%w\nThe REST API seems to speak plain HTTP", err)
	}
	return err
}
