package cmd

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmftest"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmftest/contract"
)

// samples are the files of a real project that are CMF's.
var samples = []string{
	"kafka_secret.json", "staging_env.json", "flink-dev-env.yaml", "env_secret_mapping.json", "dev_catalog.json",
	"dev_database.json", "compute_pool.json", "app-deployment.json", "flinkapplication.json", "sql_click.json",
}

// foreign are the others there.
var foreign = []string{
	"basic_flink_deployment.yaml", "cluster_role.yaml", "cmf-rest-class.yaml", "cmf_values.yaml",
	"flink_role.yaml", "pvc.yaml", "session-job-top-speed.yaml", "session-oss-cluster.yaml",
}

func (r *rig) sample(name string) string {
	return filepath.Join(contract.Shared(r.T, "samples", "flink-studies"), name)
}

func TestSamplesAppliedTwice(t *testing.T) {
	for _, version := range all {
		t.Run(version, func(t *testing.T) {
			r := newRig(t, cmftest.Options{Version: version})
			r.env("dev-env")
			for round, words := range []string{"created", "unchanged"} {
				for _, name := range samples {
					args := []string{"apply", "-f", r.sample(name), "-e", "dev-env"}
					expected := words
					switch name {
					case "dev_database.json":
						args = append(args, "--catalog", "dev-catalog")
						if strings.HasPrefix(version, "2.0") {
							got := r.fails(1, "kind KafkaDatabase needs CMF 2.1 or newer; this server is CMF 2.0", args...)
							want(t, got.out, "")
							continue
						}
					case "kafka_secret.json":
						if round == 1 {
							expected = "configured"
						}
					case "flink-dev-env.yaml":
						if round == 0 {
							expected = "configured" // dev-env is there
						}
					}
					if out := r.ok(args...); !strings.HasSuffix(out, " "+expected+"\n") {
						t.Errorf("%s, round %d: %s", name, round+1, out)
					}
				}
			}
		})
	}
}

func TestSamplesInOneDirectory(t *testing.T) {
	r := newRig(t, cmftest.Options{})
	r.env("dev-env")
	dir := t.TempDir()
	for _, name := range samples {
		data, err := os.ReadFile(r.sample(name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	first := r.ok("apply", "-f", dir, "-e", "dev-env")
	if n := strings.Count(first, "\n"); n != len(samples) {
		t.Errorf("%d objects:\n%s", n, first)
	}
	second := r.ok("apply", "-f", dir, "-e", "dev-env")
	if n := strings.Count(second, " unchanged\n"); n != len(samples)-1 || !strings.Contains(second, "secret.cmf.confluent.io/kafka-secret configured") {
		t.Errorf("the second time:\n%s", second)
	}
	got := r.run("diff", "-f", dir, "-e", "dev-env")
	if got.code != 0 || got.out != "" || !strings.Contains(got.err, "not comparable") {
		t.Errorf("diff: %+v", got)
	}
	deleted := r.ok("delete", "-f", dir, "-e", "dev-env", "--lose-state")
	contains(t, deleted, "secret.cmf.confluent.io/kafka-secret deleted")
	order := []string{"stmt-1", "pool1", "kafka-db", "dev-catalog", "kafka-secret-id", "environment.cmf.confluent.io/staging", "secret.cmf.confluent.io/kafka-secret "}
	last := -1
	for _, name := range order {
		at := strings.Index(deleted, name)
		if at < last || at < 0 {
			t.Errorf("%s is deleted out of order:\n%s", name, deleted)
		}
		last = at
	}
}

func TestForeignSamplesChangeNothing(t *testing.T) {
	r := newRig(t, cmftest.Options{})
	r.env("dev-env")
	r.server.Forget()
	for _, name := range foreign {
		for _, verb := range []string{"apply", "diff", "delete"} {
			got := r.fails(1, "not a CMF resource", verb, "-f", r.sample(name), "-e", "dev-env")
			want(t, got.out, "")
		}
	}
	r.fails(1, "not a CMF resource", "apply", "-f", filepath.Dir(r.sample("pvc.yaml")), "-e", "dev-env")
	if n := len(r.server.Requests()); n != 0 {
		t.Errorf("%d requests were sent", n)
	}
}

func TestPoolCreateIsTheBriefsExample(t *testing.T) {
	for _, version := range all {
		t.Run(version, func(t *testing.T) {
			r := newRig(t, cmftest.Options{Version: version})
			r.env("dev-env")
			want(t, r.ok("pool", "create", "-f", r.sample("compute_pool.json")), "computepool.cmf.confluent.io/pool1 created\n")
			r.fails(1, `pool "pool1" in environment "dev-env" already exists`, "compute-pool", "create", "-f", r.sample("compute_pool.json"))
		})
	}
}
