package instance

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/kubectl-flink/kubectl-flink/hack/cluster/internal/node"
)

// authority signs the cluster's certificates. It is made again for every
// cluster and its key is never written down.
type authority struct {
	cert *x509.Certificate
	der  []byte
	key  *ecdsa.PrivateKey
}

func pemBlock(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func newAuthority() (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "kubectl-flink-cluster"},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().AddDate(1, 0, 0),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	return &authority{cert: cert, der: der, key: key}, err
}

// pair is a certificate and its key, both in PEM.
type pair struct{ cert, key []byte }

func (a *authority) issue(user string, groups []string, ips []string, names []string) (pair, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return pair{}, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 64))
	if err != nil {
		return pair{}, err
	}
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: user, Organization: groups},
		NotBefore:    a.cert.NotBefore,
		NotAfter:     a.cert.NotAfter,
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
		DNSNames:     names,
	}
	for _, ip := range ips {
		template.IPAddresses = append(template.IPAddresses, net.ParseIP(ip))
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		return pair{}, err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	return pair{pemBlock("CERTIFICATE", der), pemBlock("PRIVATE KEY", keyDER)}, err
}

func (a *authority) pem() []byte { return pemBlock("CERTIFICATE", a.der) }

func kubeconfig(s node.Spec, ca []byte, user pair) []byte {
	b64 := base64.StdEncoding.EncodeToString
	context := "kubectl-flink-" + s.Name
	return fmt.Appendf(nil, `apiVersion: v1
kind: Config
clusters:
- name: %[1]s
  cluster:
    server: %[2]s
    certificate-authority-data: %[3]s
users:
- name: %[1]s
  user:
    client-certificate-data: %[4]s
    client-key-data: %[5]s
contexts:
- name: %[1]s
  context:
    cluster: %[1]s
    user: %[1]s
    namespace: default
current-context: %[1]s
`, context, s.Server(), b64(ca), b64(user.cert), b64(user.key))
}

// writePKI makes every certificate, key and kubeconfig of the cluster.
func writePKI(s node.Spec) error {
	ca, err := newAuthority()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(s.Path("pki"), 0o700); err != nil {
		return err
	}
	files := map[string][]byte{s.Path("pki", "ca.crt"): ca.pem()}

	masters := []string{"system:masters"}
	certs := []struct {
		file, user string
		groups     []string
		ips, names []string
	}{
		{
			"apiserver", "kube-apiserver", nil,
			[]string{"127.0.0.1", s.NodeIP, node.ServiceIP},
			[]string{"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"},
		},
		{"apiserver-kubelet", "kube-apiserver-kubelet-client", masters, nil, nil},
		{"kubelet-server", "kubelet", nil, []string{s.NodeIP, "127.0.0.1"}, []string{s.Name}},
	}
	for _, c := range certs {
		p, err := ca.issue(c.user, c.groups, c.ips, c.names)
		if err != nil {
			return err
		}
		files[s.Path("pki", c.file+".crt")] = p.cert
		files[s.Path("pki", c.file+".key")] = p.key
	}

	configs := []struct {
		path, user string
		groups     []string
	}{
		{s.Kubeconfig(), "kubectl-flink-admin", masters},
		{s.Path("conf", "kubelet.kubeconfig"), "system:node:" + s.Name, []string{"system:nodes"}},
		{s.Path("conf", "controller-manager.kubeconfig"), "system:kube-controller-manager", nil},
		{s.Path("conf", "scheduler.kubeconfig"), "system:kube-scheduler", nil},
		{s.Path("conf", "proxy.kubeconfig"), "system:kube-proxy", nil},
	}
	for _, c := range configs {
		p, err := ca.issue(c.user, c.groups, nil, nil)
		if err != nil {
			return err
		}
		files[c.path] = kubeconfig(s, ca.pem(), p)
	}

	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return err
	}
	files[s.Path("pki", "service-account.key")] = pemBlock("PRIVATE KEY", private)
	files[s.Path("pki", "service-account.pub")] = pemBlock("PUBLIC KEY", public)

	for path, data := range files {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, data, 0o600); err != nil {
			return err
		}
	}
	return nil
}
