//go:build e2e

package e2e

import (
	"encoding/json"
	"strings"
	"testing"
)

// inspected is what -o json says of a savepoint or checkpoint.
type inspected struct {
	Sort, Where, Job string
	Version, Checked int
	Size             int64
	Problems         []string
	Operators        []struct {
		ID                          string
		Size                        int64
		Parallelism, MaxParallelism int
		Kinds                       map[string]struct{ Size int64 }
	}
	Changes []struct {
		What    string
		Was, Is int64
	}
}

func (c *cluster) inspect(t *testing.T, namespace string, args ...string) inspected {
	t.Helper()
	r := c.run(t, append([]string{"flink", "snapshot", "inspect", "-n", namespace, "-o", "json"}, args...)...).wants(t, 0)
	if strings.Contains(r.out+r.err, "minioadmin") {
		t.Errorf("the storage's password was printed\n%s", r)
	}
	var out inspected
	if err := json.Unmarshal([]byte(r.out), &out); err != nil {
		t.Fatalf("%v\n%s", err, r)
	}
	return out
}

// holds says whether an inspection is one of the example: a keyed operator and
// a source with operator state.
func (i inspected) holds(t *testing.T, sort, where string) {
	t.Helper()
	keyed, source := int64(0), int64(0)
	for _, o := range i.Operators {
		keyed += o.Kinds["keyed"].Size
		source += o.Kinds["operator"].Size
	}
	if i.Sort != sort || !strings.HasPrefix(i.Where, where) || keyed == 0 || source == 0 || i.Size < keyed+source || len(i.Problems) > 0 {
		t.Errorf("%+v, want a %s %s", i, sort, where)
	}
}

// Savepoints in a volume are looked into through a pod, also when no pod of the
// job is left, by one that is gone afterwards. (TestStateOnS3 looks into those of
// an object store.)
func TestInspect(t *testing.T) {
	t.Parallel()
	const ns = "inspect-e2e"
	main.ownJob(t, ns)
	path := main.run(t, "flink", "-n", ns, "savepoint", "basic-example", "--name", "first", "-o", pathOnly).wants(t, 0).out
	main.run(t, "flink", "-n", ns, "savepoint", "basic-example", "--name", "second").wants(t, 0)
	main.inspect(t, ns, "first").holds(t, "canonical savepoint", "in pod basic-example-")
	main.inspect(t, ns, path).holds(t, "canonical savepoint", "in pod basic-example-")
	if i := main.inspect(t, ns, "flinkdep/basic-example"); i.Job != "flinkdeployment/basic-example" || len(i.Operators) != 3 {
		t.Errorf("the newest: %+v", i)
	}
	if i := main.inspect(t, ns, "second", "--diff", "first"); len(i.Changes) != 3 || i.Changes[0].Is == 0 {
		t.Errorf("changes %+v", i.Changes)
	}
	r := main.run(t, "flink", "-n", ns, "snapshot", "inspect", "first").wants(t, 0)
	if !strings.Contains(r.out, "up to parallelism 128") || !strings.Contains(r.out, "Source: Events Generator Source") || !strings.Contains(r.out, "#") {
		t.Error(r)
	}
	main.run(t, "flink", "-n", ns, "snapshot", "inspect", path+"-none").wants(t, 1, "no savepoint or checkpoint at")
	main.run(t, "flink", "-n", ns, "snapshot", "inspect", "gs://bucket/x").wants(t, 1, "Google Cloud Storage can't be read from here")

	// What a start would meet is foretold, and refused while the job still runs.
	start := func(code int, args ...string) result {
		t.Helper()
		return main.run(t, append([]string{"flink", "-n", ns}, args...)...).wants(t, code)
	}
	if r := start(3, "upgrade", "basic-example", "--parallelism", "129", "--check"); !strings.Contains(r.out, "is divided into at most 128 parts") {
		t.Error(r)
	}
	if r := start(1, "upgrade", "basic-example", "--parallelism", "129", "--yes"); !strings.Contains(r.err, "it would not start from") {
		t.Error(r)
	}
	if r := start(0, "upgrade", "basic-example", "--parallelism", "4", "--check"); !strings.Contains(r.out, "nothing seen speaks against the start") {
		t.Error(r)
	}
	if r := start(0, "storage", "ls", "basic-example"); !strings.Contains(r.out, "flinkstatesnapshot/first") || !strings.Contains(r.out, "JobManager of flinkdeployment/basic-example") {
		t.Error(r)
	}

	main.run(t, "flink", "-n", ns, "suspend", "basic-example", "--yes").wants(t, 0)
	main.kubectl(t, "delete", "deployment", "basic-example", "-n", ns, "--ignore-not-found", "--wait")
	eventually(t, "pods of the job", "", func() string {
		return main.run(t, "get", "pods", "-n", ns, "-l", "app=basic-example", "-o", "name").out
	})
	main.inspect(t, ns, "first").holds(t, "canonical savepoint", "in pod flink-state-reader-")
	eventually(t, "pods that read", "", func() string {
		return main.run(t, "get", "pods", "-n", ns, "-l", "app.kubernetes.io/component=state-reader", "-o", "name").out
	})
}
