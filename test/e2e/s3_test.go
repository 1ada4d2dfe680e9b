//go:build e2e

package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// onS3 keeps an example's state in the cluster's object store.
func onS3(t *testing.T, name string) string {
	t.Helper()
	return example(t, "basic-example.yaml", "name: basic-example", "name: "+name, "file:///flink-data/", "s3://flink/"+name+"/",
		"  flinkConfiguration:\n", `  flinkConfiguration:
    s3.endpoint: http://minio.minio-dev:9000
    s3.path.style.access: "true"
    s3.access-key: minioadmin
    s3.secret-key: minioadmin
`)
}

// The state of a job goes to S3, is looked into there through the tunnel, and
// comes back from there.
func TestStateOnS3(t *testing.T) {
	t.Parallel()
	const ns = "on-s3"
	main.flinkNamespace(t, ns)
	r := main.run(t, "flink", "submit", "-f", manifest(t, onS3(t, "shop")), "-n", ns).wants(t, 0)
	if strings.Contains(r.out+r.err, "minioadmin") {
		t.Errorf("the storage's password was printed\n%s", r)
	}
	path := main.run(t, "flink", "savepoint", "shop", "-n", ns, "--name", "one", "-o", pathOnly).wants(t, 0).out
	if !strings.HasPrefix(path, "s3://flink/shop/savepoints/savepoint-") {
		t.Fatalf("path %q", path)
	}
	main.inspect(t, ns, "one").holds(t, "canonical savepoint", "in the object store at minio.minio-dev:9000")
	main.inspect(t, ns, path).holds(t, "canonical savepoint", "in the object store at")
	main.run(t, "flink", "-n", ns, "snapshot", "inspect", path+"-none").wants(t, 1, "no savepoint or checkpoint at")
	main.run(t, "flink", "restore", "shop", "-n", ns, "--from", path, "--no-savepoint", "--yes").wants(t, 0)
	if restored := main.checkpoints(t, "shop", ns).Latest.Restored; restored == nil || !restored.IsSavepoint || strings.TrimSuffix(restored.Path, "/") != path {
		t.Errorf("restored from %+v, want %s", restored, path)
	}
	r = main.run(t, "flink", "status", "shop", "-n", ns, "--verbose").wants(t, 0)
	if !strings.Contains(r.out, "s3://flink/shop") || strings.Contains(r.out, "minioadmin") {
		t.Error(r)
	}

	// The job's own settings do, and the pod that tried them is gone.
	if r := main.run(t, "flink", "-n", ns, "storage", "check", "shop", "-o", "json").wants(t, 0); !strings.Contains(r.out, `"ok": true`) || strings.Contains(r.out+r.err, "minioadmin") {
		t.Error(r)
	}
	eventually(t, "pods that try storage", "", func() string {
		return main.run(t, "get", "pods", "-n", ns, "-l", "app.kubernetes.io/component=storage-probe", "-o", "name").out
	})

	// What is needed isn't called an orphan, and isn't deleted unasked.
	if r := main.run(t, "flink", "-n", ns, "storage", "orphans", "shop", "--delete", "--yes").wants(t, 0); !strings.Contains(r.out, "0 files deleted") {
		t.Error(r)
	}
	main.run(t, "flink", "-n", ns, "storage", "rm", path, "--yes").wants(t, 1, "flinkstatesnapshot/one")
	if r := main.run(t, "flink", "-n", ns, "storage", "rm", path, "--yes", "--force").wants(t, 0); !strings.Contains(r.out, path+" deleted") {
		t.Error(r)
	}
	main.run(t, "flink", "-n", ns, "snapshot", "inspect", path).wants(t, 1, "no savepoint or checkpoint at")
}

// controlCenterService is what Confluent Platform calls it; the payload stands
// behind it.
const controlCenterService = `
apiVersion: v1
kind: Service
metadata: {name: controlcenter}
spec: {selector: {app: payload}, ports: [{name: external, port: 9021, targetPort: http}]}
`

func TestForwardPresets(t *testing.T) {
	t.Parallel()
	ns := main.payload(t, "presets")
	main.apply(t, ns, controlCenterService)
	// MinIO isn't in this namespace: it is found in its own.
	f := main.forward(t, 3, "-n", ns, "--minio", "--control-center")
	answer := func(i int, path string) string {
		response, err := once.Get(f.address(i) + path)
		if err != nil {
			return err.Error()
		}
		response.Body.Close()
		return fmt.Sprint(response.StatusCode, " ", response.Header.Get("Server"))
	}
	if got := answer(0, "/minio/health/ready"); got != "200 MinIO" {
		t.Errorf("MinIO's API answers %s", got)
	}
	if got := answer(1, "/"); !strings.HasPrefix(got, fmt.Sprint(http.StatusOK)) {
		t.Errorf("MinIO's console answers %s", got)
	}
	if n, err := fetch(f.address(2) + "/1"); err != nil || n != 1<<20 {
		t.Errorf("Control Center's Service: %d bytes, %v", n, err)
	}
}
