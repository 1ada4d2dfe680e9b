//go:build api

package api

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

// The operator's part is read where it may be read; what else there is tells
// without it, and without a JobManager.
func TestConfigTellsWhereValuesComeFrom(t *testing.T) {
	ns := current.namespace(t)
	spec := deploymentSpec(map[string]any{
		"state.backend": "rocksdb", "s3.secret-key": "hunter2", "db.url": "jdbc:mysql://root:hunter2@db/x",
		"execution": map[string]any{"checkpointing": map[string]any{"dir": "s3://a/b"}},
	})
	spec["jobManager"] = map[string]any{"resource": map[string]any{"memory": "1024m", "cpu": 0.5}}
	current.create(t, api.Deployment, ns, "basic", spec, observed(runningStatus(), 1))
	_, err := current.core.CoreV1().ConfigMaps(ns).Create(context.Background(), &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Name: "flink-config-basic"},
		Data: map[string]string{"flink-conf.yaml": "state.backend: rocksdb\ns3.secret-key: hunter2\ndb.url: jdbc:mysql://root:hunter2@db/x\n" +
			"execution.checkpointing.dir: s3://a/b\njobmanager.memory.process.size: 1 gb\nkubernetes.jobmanager.cpu.amount: 0.5\nweb.cancel.enable: false\nparallelism.default: 2\n"},
	}, metav1.CreateOptions{})
	must(t, err)

	objects := []string{"config", "basic", "-n", ns, "--live-timeout", "0"}
	r := current.flink(t, t.Context(), objects...)
	r.wants(t, exit.OK)
	for _, want := range []string{
		"from the objects alone: no JobManager was asked", "state.backend: deprecated; use state.backend.type",
		`parallelism.default: spec.job.parallelism says "1"`, "jdbc:mysql://root:******@db/x", "Not known: the operator's defaults: No Deployment",
	} {
		if !strings.Contains(r.out, want) {
			t.Errorf("no %q\n%s", want, r)
		}
	}
	for _, format := range []string{"", "wide", "json", "yaml", "name", "jsonpath={.items[*].value}", "custom-columns=K:.key,V:.value"} {
		r := current.flink(t, t.Context(), append(objects, "-o", format, "--all")...)
		r.wants(t, exit.OK)
		if strings.Contains(r.out+r.err, "hunter2") {
			t.Errorf("-o %s shows a secret\n%s", format, r)
		}
	}
	r = current.flink(t, t.Context(), append(objects, "parallelism.default", "jobmanager.*", "-o", "json")...)
	r.wants(t, exit.OK)
	var page struct {
		Items []struct{ Key, Value, Source, From string }
	}
	must(t, json.Unmarshal([]byte(r.out), &page))
	found := map[string]string{}
	for _, item := range page.Items {
		found[item.Key] = item.Value + " " + item.Source + " " + item.From
	}
	if found["jobmanager.memory.process.size"] != "1 gb spec spec.jobManager.resource.memory" || found["parallelism.default"] != "2 spec spec.job.parallelism" {
		t.Errorf("%v", found)
	}
	current.flink(t, t.Context(), append(objects, "--diff", "-o", "name")...).wants(t, exit.No)
	current.flink(t, t.Context(), append(objects, "no.such")...).wants(t, exit.Failed, `no key of flinkdeployment/basic is "no.such"`)

	// A user who may only read the operator's kinds still sees the spec.
	kubeconfig := current.user(t, ns, rbacv1.PolicyRule{APIGroups: []string{api.Group}, Resources: []string{"*"}, Verbs: []string{"get", "list"}})
	r = flinkAs(t, t.Context(), kubeconfig, objects...)
	r.wants(t, exit.OK)
	for _, want := range []string{"rocksdb", "Not known: the pods' configuration: configmaps \"flink-config-basic\" is forbidden", "Not known: the operator's defaults: deployments.apps is forbidden"} {
		if !strings.Contains(r.out, want) {
			t.Errorf("no %q\n%s", want, r)
		}
	}
}
