package reach

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/portforward"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/diagnosis"
)

// mostNames is how many names of a certificate are kept.
const mostNames = 20

// servedCertificate asks the pod behind a webhook's Service for the certificate
// that it serves, and holds that against what the API server asks for: the name of
// the Service, and a signature by the CA bundle. nil where it couldn't be asked.
func (g *Gatherer) servedCertificate(ctx context.Context, namespace, service string, port int64, bundle []byte) *diagnosis.ServedCertificate {
	if g.Dial == nil || port < 1 || port > 65535 {
		return nil
	}
	conn, err := g.Dial(ctx, portforward.Target{Namespace: namespace, Kind: portforward.Service, Name: service, Port: intstr.FromInt32(int32(port))})
	if err != nil {
		return nil // whether the Service has pods is another rule's matter
	}
	defer conn.Close()
	if deadline, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(deadline)
	}
	return readCertificateOf(ctx, conn, service+"."+namespace+".svc", bundle, g.now())
}

// readCertificateOf judges the certificate of who answers on conn, at a moment.
func readCertificateOf(ctx context.Context, conn net.Conn, name string, bundle []byte, now time.Time) *diagnosis.ServedCertificate {
	// What is served is looked at, and nothing is sent: what is wrong with it is
	// what is to be found out.
	client := tls.Client(conn, &tls.Config{ServerName: name, InsecureSkipVerify: true, MinVersion: tls.VersionTLS12}) //nolint:gosec // see above
	if err := client.HandshakeContext(ctx); err != nil {
		var record tls.RecordHeaderError
		if errors.As(err, &record) {
			return &diagnosis.ServedCertificate{NoTLS: true}
		}
		return nil
	}
	chain := client.ConnectionState().PeerCertificates
	if len(chain) == 0 {
		return nil
	}
	leaf := chain[0]
	out := &diagnosis.ServedCertificate{NotBefore: leaf.NotBefore, NotAfter: leaf.NotAfter, Names: slices.Clone(leaf.DNSNames)}
	if len(out.Names) > mostNames {
		out.Names = out.Names[:mostNames]
	}
	out.WrongName = leaf.VerifyHostname(name) != nil
	roots, intermediates := x509.NewCertPool(), x509.NewCertPool()
	if !roots.AppendCertsFromPEM(bundle) {
		return out // without a CA there is nothing to hold it against
	}
	for _, c := range chain[1:] {
		intermediates.AddCert(c)
	}
	// That it has expired is told apart, so that the signature is judged at a moment
	// when both were valid.
	at := now
	if at.After(leaf.NotAfter) {
		at = leaf.NotAfter
	}
	if at.Before(leaf.NotBefore) {
		at = leaf.NotBefore
	}
	if last := expires(bundle); at.After(last) {
		at = last
	}
	_, err := leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: intermediates, CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	var unknown x509.UnknownAuthorityError
	out.Unsigned = errors.As(err, &unknown) && !inBundle(bundle, leaf)
	return out
}

// inBundle reports whether the certificate itself is among those of the bundle.
func inBundle(bundle []byte, leaf *x509.Certificate) bool {
	for {
		block, rest := pem.Decode(bundle)
		if block == nil {
			return false
		}
		if slices.Equal(block.Bytes, leaf.Raw) {
			return true
		}
		bundle = rest
	}
}
