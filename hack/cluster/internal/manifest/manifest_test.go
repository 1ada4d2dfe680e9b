package manifest

import (
	"strings"
	"testing"
)

func TestManifests(t *testing.T) {
	for name, c := range map[string]struct {
		make  func() ([]byte, error)
		wants []string
	}{
		"coredns":    {func() ([]byte, error) { return CoreDNS("dns:1", "10.96.0.10") }, []string{"image: dns:1", "clusterIP: 10.96.0.10"}},
		"flink-rbac": {func() ([]byte, error) { return FlinkRBAC("tests") }, []string{"namespace: tests", "name: flink"}},
		"operator": {func() ([]byte, error) { return Operator("op:1.16.1", "1.16.1") }, []string{
			"image: op:1.16.1", "app.kubernetes.io/version: 1.16.1",
			"\n    kubernetes.operator.reconcile.interval: 5 s\n",
			"name: flink-operator-config",
		}},
		"minio": {func() ([]byte, error) { return MinIO("minio:1", "op:1") }, []string{"namespace: minio-dev", "image: minio:1", "image: op:1"}},
	} {
		t.Run(name, func(t *testing.T) {
			data, err := c.make()
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range c.wants {
				if !strings.Contains(string(data), want) {
					t.Errorf("no %q in\n%s", want, data)
				}
			}
			if strings.Contains(string(data), "<no value>") {
				t.Errorf("a value is missing in\n%s", data)
			}
		})
	}
}

func TestJoin(t *testing.T) {
	if got := string(Join([]byte("a: 1"), []byte("---\nb: 2"))); got != "---\na: 1\n---\nb: 2\n" {
		t.Errorf("got %q", got)
	}
}
