//go:build e2e && long

package e2e

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// jdk is an image with a JDK, which load-jdk brings under this name.
const jdk = "eclipse-temurin:17-jdk"

// The heap of a TaskManager is looked into from a container that is added to its
// pod. A job of its own: its JVM stands still meanwhile.
func TestHeap(t *testing.T) {
	t.Parallel()
	namespace := main.ownJob(t, "heap")
	if _, err := tool("load-jdk", "--name", main.name); err != nil {
		t.Fatal(err)
	}
	heap := func(args ...string) result {
		t.Helper()
		return main.run(t, append([]string{"flink", "heap", "basic-example", "-n", namespace}, args...)...)
	}
	pod := main.kubectl(t, "get", "pods", "-n", namespace, "-l", "component=taskmanager", "-o", "jsonpath={.items[*].metadata.name}")
	states := func() string {
		t.Helper()
		return main.kubectl(t, "get", "pod", pod, "-n", namespace, "-o", "jsonpath={.status.ephemeralContainerStatuses[*].state}")
	}

	// Nothing is added unasked, or to look at what would be.
	heap().wants(t, 2, "eclipse-temurin:17-jdk")
	heap("--image", jdk).wants(t, 2, "--yes", "stands still")
	if out := heap("--image", jdk, "--dry-run=server").wants(t, 0, pod).out; !strings.Contains(out, "targetContainerName: flink-main-container") || !strings.Contains(out, "runAsUser: 9999") {
		t.Errorf("not the container:\n%s", out)
	}
	if states() != "" {
		t.Fatal(states())
	}

	var histogram struct {
		Java  string
		Bytes int64
		Items []struct {
			Class     string
			Instances int64
		}
	}
	must(t, json.Unmarshal([]byte(heap("--image", jdk, "--yes", "--top", "0", "-o", "json").wants(t, 0, "was ended").out), &histogram))
	classes := map[string]int64{}
	for _, one := range histogram.Items {
		classes[one.Class] = one.Instances
	}
	if !strings.HasPrefix(histogram.Java, "17.") || histogram.Bytes < 1<<20 || classes["byte[]"] == 0 || classes["org.apache.flink.runtime.taskexecutor.TaskExecutor"] != 1 {
		t.Errorf("Java %s, %d bytes, %d byte[], %d TaskExecutor", histogram.Java, histogram.Bytes, classes["byte[]"], classes["org.apache.flink.runtime.taskexecutor.TaskExecutor"])
	}
	eventually(t, "the containers of the pod", "ended", func() string {
		if now := states(); now == "" || strings.Contains(now, "running") {
			return now
		}
		return "ended"
	})

	file := filepath.Join(t.TempDir(), "tm.hprof")
	heap("--image", jdk, "--yes", "--dump", file).wants(t, 0, "was ended")
	dump, err := os.ReadFile(file)
	must(t, err)
	if !bytes.HasPrefix(dump, []byte("JAVA PROFILE 1.0.2\x00")) || int64(len(dump)) < histogram.Bytes/2 || !bytes.Contains(dump, []byte("org/apache/flink/runtime/taskexecutor/TaskExecutor")) {
		t.Errorf("%d bytes aren't a dump of a heap of %d", len(dump), histogram.Bytes)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("others may read it: %v, %v", info, err)
	}
	heap("--image", jdk, "--yes", "--dump", file).wants(t, 2, "is there already")
	if left := main.kubectl(t, "exec", pod, "-n", namespace, "-c", "flink-main-container", "--", "ls", "/tmp"); strings.Contains(left, "kubectl-flink") || strings.Contains(left, "hprof") {
		t.Errorf("left in the pod:\n%s", left)
	}

	// An image without a JDK, and one that doesn't exist.
	heap("--image", "flink:1.20", "--yes").wants(t, 1, "its image has no jcmd")
	heap("--image", "localhost/no-such:1", "--yes").wants(t, 1, "can't run the image localhost/no-such:1: ")

	main.running(t, "flinkdeployment", "basic-example", namespace)
	if restarts := main.kubectl(t, "get", "pod", pod, "-n", namespace, "-o", "jsonpath={.status.containerStatuses[0].restartCount}"); restarts != "0" {
		t.Errorf("the TaskManager was restarted %s times", restarts)
	}
}
