//go:build e2e

package e2e

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmftest/incluster"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmftest/testca"
)

var standInImage sync.Once

// standIn runs the stand-in for CMF in a namespace of its own.
func (c *cluster) standIn(t *testing.T, o incluster.Options) {
	t.Helper()
	standInImage.Do(func() {
		image := filepath.Join(t.TempDir(), "image.tar")
		must(t, incluster.Build(root, image))
		_, err := tool("load-image", image, "--name", c.name)
		must(t, err)
	})
	objects, err := incluster.Objects(o)
	must(t, err)
	c.apply(t, o.Namespace, string(objects))
	service := o.Service
	if service == "" {
		service = "cmf-service"
	}
	c.kubectl(t, "-n", o.Namespace, "rollout", "status", "deployment/stand-in-"+service, "--timeout", "3m")
}

// space makes a namespace that goes with the test, and gives the cluster to a
// user for whom defaults of other tests and of the machine's user don't count.
func (c *cluster) space(t *testing.T, name string) *cluster {
	t.Helper()
	c.flinkNamespace(t, name)
	own := *c
	own.env = append(slices.Clip(own.env), "KUBECTL_CMF_STATE="+filepath.Join(t.TempDir(), "state.json"))
	return &own
}

func secret(name string, data map[string][]byte) string {
	encoded := map[string]string{}
	for key, value := range data {
		encoded[key] = base64.StdEncoding.EncodeToString(value)
	}
	text, err := json.Marshal(map[string]any{"apiVersion": "v1", "kind": "Secret", "metadata": map[string]any{"name": name}, "data": encoded})
	if err != nil {
		panic(err)
	}
	return string(text)
}

func TestCMFIsFoundByItsService(t *testing.T) {
	t.Parallel()
	const space = "cmf-found"
	main := main.space(t, space)
	main.standIn(t, incluster.Options{Namespace: space, Version: "2.3.1"})
	main.run(t, "cmf", "version", "--cmf-url", "service:"+space+"/cmf-service").wants(t, 0)
	got := main.run(t, "cmf", "version", "-n", space).wants(t, 0, "for the first time")
	out := got.out
	for _, want := range []string{"CMF:    2.3.1 at http://cmf-service." + space + ".svc.cluster.local:80", "artifacts"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in %s", want, out)
		}
	}
	main.run(t, "cmf", "env", "create", "dev-env", "--kubernetes-namespace", space, "-n", space).wants(t, 0)
	pool := filepath.Join(t.TempDir(), "pool.json")
	must(t, os.WriteFile(pool, []byte(example(t, "cmf/pool.json")), 0o600))
	got = main.run(t, "cmf", "pool", "create", "-f", pool, "-n", space).wants(t, 0)
	if got.out != "computepool.cmf.confluent.io/pool1 created\n" {
		t.Errorf("%s", got)
	}
	// The pod goes away; the next command finds its successor.
	main.kubectl(t, "-n", space, "delete", "pod", "-l", "app.kubernetes.io/name=stand-in-cmf-service", "--wait=false")
	main.run(t, "cmf", "env", "list", "-n", space).wants(t, 0)
	main.run(t, "cmf", "env", "list", "-n", "default").wants(t, 1, "CMF was not found: there is no Service cmf-service in namespace \"default\"")
}

func TestCMFOverTLS(t *testing.T) {
	t.Parallel()
	const space = "cmf-tls"
	main := main.space(t, space)
	ca := testca.New(t)
	cert, key := ca.ServerPEM(t, "cmf-service."+space+".svc.cluster.local")
	clientCert, clientKey := ca.Client(t, "e2e")
	main.apply(t, space, secret("server", map[string][]byte{"tls.crt": cert, "tls.key": key, "ca.crt": ca.PEM}))
	main.apply(t, space, secret("client", map[string][]byte{"cacerts.pem": ca.PEM, "fullchain.pem": clientCert, "privkey.pem": clientKey}))
	main.standIn(t, incluster.Options{Namespace: space, Secret: "server", ClientCertificates: true})

	main.run(t, "cmf", "env", "list", "-n", space).wants(t, 1, "signed by an authority that isn't known here", "--cmf-ca FILE")
	dir := t.TempDir()
	file := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		must(t, os.WriteFile(path, data, 0o600))
		return path
	}
	caFile := file("ca.pem", ca.PEM)
	main.run(t, "cmf", "env", "list", "-n", space, "--cmf-ca", caFile).wants(t, 1, "it wants a client certificate")
	clientFiles := []string{"--cmf-ca", caFile, "--cmf-cert", file("c.pem", clientCert), "--cmf-key", file("k.pem", clientKey)}
	main.run(t, append([]string{"cmf", "version", "-n", space}, clientFiles...)...).wants(t, 2, "would get the client certificate of --cmf-cert")
	service := "service:" + space + "/cmf-service"
	out := main.run(t, append([]string{"cmf", "version", "--cmf-url", service}, clientFiles...)...).wants(t, 0).out
	if !strings.Contains(out, "https://cmf-service."+space) || !strings.Contains(out, "User:e2e (by certificate)") {
		t.Error(out)
	}
	from := "secret:" + space + "/client"
	main.run(t, "cmf", "env", "list", "--cmf-url", service, "--cmf-ca", from, "--cmf-cert", from, "--cmf-key", from).wants(t, 0)
	main.run(t, "cmf", "env", "list", "--cmf-url", service, "--cmf-ca", from, "--cmf-cert", from, "--cmf-key", from, "--cmf-server-name", "wrong").wants(t, 1, "--cmf-server-name")
}

// restClassCRD is what of Confluent for Kubernetes the search looks at.
const restClassCRD = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: cmfrestclasses.platform.confluent.io}
spec:
  group: platform.confluent.io
  scope: Namespaced
  names: {plural: cmfrestclasses, singular: cmfrestclass, kind: CMFRestClass, shortNames: [crc]}
  versions:
    - name: v1beta1
      served: true
      storage: true
      schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
`

// Not in parallel: the kind is every namespace's, and what isn't served or is
// going is another answer to the others' search.
func TestCMFIsFoundByARestClass(t *testing.T) {
	const space = "cmf-class"
	main := main.space(t, space)
	main.apply(t, space, restClassCRD)
	t.Cleanup(func() { main.kubectl(t, "delete", "crd", "cmfrestclasses.platform.confluent.io") })
	main.kubectl(t, "wait", "crd/cmfrestclasses.platform.confluent.io", "--for", "condition=Established", "--timeout", "1m")
	ca := testca.New(t)
	cert, key := ca.ServerPEM(t, "my-cmf")
	clientCert, clientKey := ca.Client(t, "class")
	main.apply(t, space, secret("server", map[string][]byte{"tls.crt": cert, "tls.key": key, "ca.crt": ca.PEM}))
	main.apply(t, space, secret("client", map[string][]byte{"cacerts.pem": ca.PEM, "fullchain.pem": clientCert, "privkey.pem": clientKey}))
	main.standIn(t, incluster.Options{Namespace: space, Service: "my-cmf", Secret: "server", ClientCertificates: true})
	main.apply(t, space, fmt.Sprintf(`
apiVersion: platform.confluent.io/v1beta1
kind: CMFRestClass
metadata: {name: default}
spec:
  cmfRest:
    endpoint: https://my-cmf.%s.svc.cluster.local:80
    authentication: {type: mtls}
    tls: {secretRef: client}
`, space))
	// The certificate is for my-cmf alone: one of the names that are tried.
	out := main.run(t, "cmf", "version", "-n", space).wants(t, 0).out
	if !strings.Contains(out, `found by cmfrestclass/default in namespace "`+space+`"`) || !strings.Contains(out, "User:class") {
		t.Error(out)
	}
}

func TestCMFWithAToken(t *testing.T) {
	t.Parallel()
	const space = "cmf-token"
	main := main.space(t, space)
	main.apply(t, space, secret("token", map[string][]byte{"token": []byte("s3cret")}))
	main.standIn(t, incluster.Options{Namespace: space, Token: "token"})
	main.run(t, "cmf", "env", "list", "-n", space).wants(t, 1, "CMF wants authentication")
	file := filepath.Join(t.TempDir(), "token")
	must(t, os.WriteFile(file, []byte("s3cret\n"), 0o600))
	main.run(t, "cmf", "env", "list", "-n", space, "--cmf-token-file", file).wants(t, 2, "would get the token of --cmf-token-file", "Nothing was sent to it")
	main.run(t, "cmf", "env", "list", "--cmf-url", "service:"+space+"/cmf-service", "--cmf-token-file", file).wants(t, 0)
}
