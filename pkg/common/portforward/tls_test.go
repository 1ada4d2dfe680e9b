package portforward

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// issued is a self-signed certificate for names.
func issued(t *testing.T, names ...string) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: names, NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

func TestTLS(t *testing.T) {
	client, clients := issued(t, "client")
	for _, test := range []struct {
		name     string
		host     string
		mutual   bool
		client   func(roots *x509.CertPool) *tls.Config
		wantErr  any
		anyError bool
	}{
		{name: "short name", host: "job-rest", client: trusting},
		{name: "with namespace", host: "job-rest.default", client: trusting},
		{name: "full", host: "job-rest.default.svc", client: trusting},
		{name: "fullest", host: "job-rest.default.svc.cluster.local", client: trusting},
		{name: "another's", host: "other.default.svc", client: trusting, wantErr: new(x509.HostnameError)},
		{name: "named", host: "flink.example", client: func(r *x509.CertPool) *tls.Config { return &tls.Config{RootCAs: r, ServerName: "flink.example"} }},
		{name: "unknown authority", host: "job-rest", client: func(*x509.CertPool) *tls.Config { return &tls.Config{RootCAs: x509.NewCertPool()} }, wantErr: new(x509.UnknownAuthorityError)},
		{name: "insecure", host: "x", client: func(*x509.CertPool) *tls.Config { return &tls.Config{InsecureSkipVerify: true} }},
		{name: "mutual", host: "job-rest", mutual: true, client: func(r *x509.CertPool) *tls.Config {
			return &tls.Config{RootCAs: r, Certificates: []tls.Certificate{client}}
		}},
		{name: "mutual without", host: "job-rest", mutual: true, client: trusting, anyError: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t, Options{})
			certificate, roots := issued(t, test.host)
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok") }))
			server.Config.ErrorLog = silent()
			server.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}}
			if test.mutual {
				server.TLS.ClientAuth, server.TLS.ClientCAs = tls.RequireAndVerifyClientCert, clients
			}
			server.StartTLS()
			t.Cleanup(server.Close)
			r.kubelet.Forward("jm-1", 8081, server.Listener.Addr().String())
			client := &http.Client{Transport: r.tunnel.RoundTripper(restTarget, test.client(roots)), Timeout: 20 * time.Second}
			response, err := client.Get("http://x/")
			if err == nil {
				response.Body.Close()
			}
			switch {
			case test.wantErr != nil:
				if !errors.As(err, test.wantErr) {
					t.Errorf("got %v, want %T", err, test.wantErr)
				}
			case test.anyError != (err != nil):
				t.Errorf("got %v", err)
			}
		})
	}
}

func trusting(roots *x509.CertPool) *tls.Config { return &tls.Config{RootCAs: roots} }
