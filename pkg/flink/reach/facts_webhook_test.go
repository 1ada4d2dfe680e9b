package reach

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"testing"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/portforward"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/diagnosis"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/storage"
)

// authority signs certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
}

func issued(t *testing.T, parent *authority, ca bool, from, to time.Time, names ...string) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: fmt.Sprint("test ", ca)}, NotBefore: from, NotAfter: to, DNSNames: names,
		IsCA: ca, BasicConstraintsValid: true, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	by, byKey := template, key
	if parent != nil {
		by, byKey = parent.cert, parent.key
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, by, &key.PublicKey, byKey)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{cert, key, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw})}
}

// The certificate that is really served is held against what the API server asks
// for; what is wrong with it is told apart.
func TestServedCertificate(t *testing.T) {
	const name = "hook.flink.svc"
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	year := 365 * 24 * time.Hour
	ca := issued(t, nil, true, now.Add(-year), now.Add(year))
	other := issued(t, nil, true, now.Add(-year), now.Add(year))
	selfSigned := issued(t, nil, false, now.Add(-year), now.Add(year), name)
	for what, c := range map[string]struct {
		leaf   *authority
		bundle []byte
		want   diagnosis.ServedCertificate
	}{
		"well":                     {issued(t, ca, false, now.Add(-year), now.Add(year), name), ca.pem, diagnosis.ServedCertificate{}},
		"expired":                  {issued(t, ca, false, now.Add(-year), now.Add(-time.Hour), name), ca.pem, diagnosis.ServedCertificate{}},
		"of another name":          {issued(t, ca, false, now.Add(-year), now.Add(year), "hook.other.svc"), ca.pem, diagnosis.ServedCertificate{WrongName: true}},
		"of another authority":     {issued(t, other, false, now.Add(-year), now.Add(year), name), ca.pem, diagnosis.ServedCertificate{Unsigned: true}},
		"of one of two":            {issued(t, other, false, now.Add(-year), now.Add(year), name), append(append([]byte{}, ca.pem...), other.pem...), diagnosis.ServedCertificate{}},
		"its own authority":        {selfSigned, selfSigned.pem, diagnosis.ServedCertificate{}},
		"nothing to hold against":  {selfSigned, nil, diagnosis.ServedCertificate{}},
		"expired and of another":   {issued(t, other, false, now.Add(-year), now.Add(-time.Hour), name), ca.pem, diagnosis.ServedCertificate{Unsigned: true}},
		"another name and another": {issued(t, other, false, now.Add(-year), now.Add(year), "x"), ca.pem, diagnosis.ServedCertificate{Unsigned: true, WrongName: true}},
	} {
		t.Run(what, func(t *testing.T) {
			g := &Gatherer{Now: func() time.Time { return now }, Dial: func(_ context.Context, target portforward.Target) (net.Conn, error) {
				if target.Namespace != "flink" || target.Name != "hook" || target.Kind != portforward.Service || target.Port.IntValue() != 443 {
					t.Errorf("dialed %+v", target)
				}
				here, there := net.Pipe()
				go func() {
					server := tls.Server(there, &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{c.leaf.cert.Raw}, PrivateKey: c.leaf.key}}}) //nolint:gosec // a test's
					_ = server.Handshake()
				}()
				return here, nil
			}}
			got := g.servedCertificate(t.Context(), "flink", "hook", 443, c.bundle)
			if got == nil || !got.NotAfter.Equal(c.leaf.cert.NotAfter) || got.WrongName != c.want.WrongName || got.Unsigned != c.want.Unsigned || got.NoTLS {
				t.Errorf("%+v", got)
			}
		})
	}
	plain := &Gatherer{Dial: func(context.Context, portforward.Target) (net.Conn, error) {
		here, there := net.Pipe()
		go func() {
			_, _ = there.Read(make([]byte, 4096))
			_, _ = there.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
		}()
		return here, nil
	}}
	if got := plain.servedCertificate(t.Context(), "flink", "hook", 443, ca.pem); got == nil || !got.NoTLS {
		t.Errorf("plain HTTP: %+v", got)
	}
	away := &Gatherer{Dial: func(context.Context, portforward.Target) (net.Conn, error) { return nil, errors.New("no pod") }}
	if got := away.servedCertificate(t.Context(), "flink", "hook", 443, ca.pem); got != nil {
		t.Errorf("nobody there: %+v", got)
	}
}

// What an object store says, and what only the way to it says.
func TestJudgeStore(t *testing.T) {
	for what, c := range map[string]struct {
		err            error
		reached, found diagnosis.Mark
	}{
		"an object":        {errSeen, diagnosis.Read, diagnosis.Read},
		"no object yet":    {nil, diagnosis.Read, diagnosis.Read},
		"no bucket":        {fmt.Errorf("there is no bucket: %w", fs.ErrNotExist), diagnosis.Read, diagnosis.NotThere},
		"denied":           {errors.New("s3://b: access denied"), diagnosis.Read, diagnosis.NotAllowed},
		"no answer":        {&storage.UnansweredError{Err: errors.New("connection refused")}, diagnosis.NoAnswer, diagnosis.NotAsked},
		"you may not":      {&storage.UnansweredError{Err: &portforward.PermissionError{Namespace: "minio"}}, diagnosis.NotAsked, diagnosis.NotAsked},
		"its certificate":  {&storage.UnansweredError{Err: &tls.CertificateVerificationError{Err: errors.New("x509")}}, diagnosis.NotAsked, diagnosis.NotAsked},
		"the time is over": {context.DeadlineExceeded, diagnosis.NoAnswer, diagnosis.NotAsked},
	} {
		if reached, found, _ := judgeStore(c.err); reached != c.reached || found != c.found {
			t.Errorf("%s: %q, %q", what, reached, found)
		}
	}
}
