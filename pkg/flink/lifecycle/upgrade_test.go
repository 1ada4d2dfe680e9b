package lifecycle

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/change"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/flinktest"
)

const upgradable = `{"apiVersion":"flink.apache.org/v1beta1","kind":"FlinkDeployment","metadata":{"name":"a","namespace":"n"},"spec":{
	"image":"flink:1.20","flinkVersion":"v1_20",
	"flinkConfiguration":{"a.b":"1","s3":{"secret-key":"hush","endpoint":"x"},"kubernetes.operator.x":"y"},
	"podTemplate":{"spec":{"containers":[{"name":"flink-main-container","env":[{"name":"DB_PASSWORD","value":"hush"},{"name":"MODE","value":"m"}]}]}},
	"job":{"jarURI":"local:///x.jar","parallelism":2,"args":["--rate","10","--password","hush"],"upgradeMode":"savepoint"}}}`

func TestUpgradePlans(t *testing.T) {
	for name, c := range map[string]struct {
		fields UpgradeFields
		diff   []string
		effect Effect
	}{
		"nothing":        {UpgradeFields{Image: "flink:1.20", Parallelism: 2}, nil, NoEffect},
		"image":          {UpgradeFields{Image: "flink:1.21"}, []string{"image: flink:1.20 > flink:1.21"}, Redeploy},
		"version":        {UpgradeFields{FlinkVersion: "2.3"}, []string{"flinkVersion: v1_20 > v2_3"}, Redeploy},
		"parallelism":    {UpgradeFields{Parallelism: 3}, []string{"job.parallelism: 2 > 3"}, Redeploy},
		"operator's key": {UpgradeFields{Set: map[string]string{"kubernetes.operator.x": "z"}}, []string{"flinkConfiguration kubernetes.operator.x: y > z"}, NoRestart},
		"autoscaler":     {UpgradeFields{Set: map[string]string{"job.autoscaler.enabled": "true"}}, []string{"flinkConfiguration job.autoscaler.enabled:  > true"}, NoRestart},
		"nested key":     {UpgradeFields{Set: map[string]string{"s3.endpoint": "y"}}, []string{"flinkConfiguration s3.endpoint: x > y"}, Redeploy},
		"a secret":       {UpgradeFields{Set: map[string]string{"s3.secret-key": "new"}}, []string{"flinkConfiguration s3.secret-key: ****** > ****** (another value)"}, Redeploy},
		"numbers and nested values": {
			UpgradeFields{Manifest: flinktest.JobOf(t, api.Deployment, `{"metadata":{"name":"a","namespace":"n"},"spec":{"podTemplate":{"spec":{"containers":[{"name":"flink-main-container",
				"env":[{"name":"DB_PASS","value":"hush"},{"name":"URL","value":"x://u:hush@h"},{"name":"REF","valueFrom":{"secretKeyRef":{"name":"n","key":"password"}}}],"args":["--conf","{\"pwd\":\"hush\"}"]}]}}}}`)},
			[]string{
				`podTemplate.spec.containers[0].args:  > ["--conf","{\"pwd\":\"******\"}"]`,
				"podTemplate.spec.containers[0].env[0].name: DB_PASSWORD > DB_PASS",
				"podTemplate.spec.containers[0].env[1].name: MODE > URL", "podTemplate.spec.containers[0].env[1].value: m > x://u:******@h",
				"podTemplate.spec.containers[0].env[2].name:  > REF",
				"podTemplate.spec.containers[0].env[2].valueFrom.secretKeyRef.key:  > password", "podTemplate.spec.containers[0].env[2].valueFrom.secretKeyRef.name:  > n",
			},
			Redeploy,
		},
		"unset": {UpgradeFields{Unset: []string{"a.b", "s3.endpoint", "none"}}, []string{"flinkConfiguration a.b: 1 > ", "flinkConfiguration s3.endpoint: x > "}, Redeploy},
		"arguments": {
			UpgradeFields{Args: []string{"--rate", "20", "--token=hush"}, SetArgs: true},
			[]string{`job.args: ["--rate","10","--password","******"] > ["--rate","20","--token=******"]`},
			Redeploy,
		},
		"overrides, no adaptive scheduler": {UpgradeFields{Set: map[string]string{"pipeline.jobvertex-parallelism-overrides": "a:1"}}, []string{"flinkConfiguration pipeline.jobvertex-parallelism-overrides:  > a:1"}, Redeploy},
	} {
		job := flinktest.JobOf(t, api.Deployment, upgradable)
		patch, _, err := c.fields.patch(job)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		after := job.Patched(patch)
		changes := api.DiffSpecs(job.Spec(), after.Spec())
		var got []string
		for _, ch := range changes {
			got = append(got, fmt.Sprintf("%s: %s > %s", ch.Path, ch.Old, ch.New))
		}
		if strings.Join(got, "\n") != strings.Join(c.diff, "\n") || effectOf(changes, after.Spec()) != c.effect {
			t.Errorf("%s: %q, effect %d, want %q, %d", name, got, effectOf(changes, after.Spec()), c.diff, c.effect)
		}
		if strings.Contains(strings.Join(change.DescribePatch(patch), " "), "hush") {
			t.Errorf("%s: %v", name, change.DescribePatch(patch))
		}
	}
	adaptive := flinktest.JobOf(t, api.Deployment, strings.Replace(upgradable, `"a.b":"1"`, `"jobmanager.scheduler":"adaptive"`, 1))
	patch, _, _ := UpgradeFields{Set: map[string]string{"pipeline.jobvertex-parallelism-overrides": "a:1"}}.patch(adaptive)
	after := adaptive.Patched(patch)
	if e := effectOf(api.DiffSpecs(adaptive.Spec(), after.Spec()), after.Spec()); e != InPlace {
		t.Errorf("overrides with the adaptive scheduler: effect %d", e)
	}
}

func TestUpgradeByManifest(t *testing.T) {
	job := flinktest.JobOf(t, api.Deployment, upgradable)
	// Applied before with the image and one key; since then somebody has set
	// upgradeMode and another key.
	job.Object.SetAnnotations(map[string]string{lastApplied: `{"spec":{"image":"flink:1.20","flinkConfiguration":{"a.b":"1"}}}`})
	wanted := flinktest.JobOf(t, api.Deployment, `{"apiVersion":"flink.apache.org/v1beta1","kind":"FlinkDeployment","metadata":{"name":"a"},"spec":{"image":"flink:9","flinkConfiguration":{"c":"2"}}}`)
	patch, annotations, err := UpgradeFields{Manifest: wanted}.patch(job)
	if err != nil {
		t.Fatal(err)
	}
	got, _ := json.Marshal(patch)
	if want := `{"flinkConfiguration":{"a.b":null,"c":"2"},"image":"flink:9"}`; string(got) != want {
		t.Errorf("%s, want %s", got, want)
	}
	if text, _ := annotations[lastApplied].(string); !strings.Contains(text, "flink:9") {
		t.Errorf("the next kubectl apply would not know: %v", annotations)
	}
	wanted.Object.SetName("b")
	if _, _, err := (UpgradeFields{Manifest: wanted}).patch(job); err == nil {
		t.Error("another job's manifest")
	}
}

func TestWhatACloneNeeds(t *testing.T) {
	spec := flinktest.JobOf(t, api.Deployment, `{"spec":{"serviceAccount":"flink","flinkConfiguration":{"kubernetes.secrets":"s1:/a,s2:/b"},
		"podTemplate":{"spec":{"imagePullSecrets":[{"name":"pull"}],
			"containers":[{"name":"flink-main-container","env":[{"name":"E","valueFrom":{"secretKeyRef":{"name":"s3","key":"k"}}},{"name":"O","valueFrom":{"secretKeyRef":{"name":"maybe","key":"k","optional":true}}}],
				"volumeMounts":[{"name":"data","mountPath":"/flink-data"},{"name":"tmp","mountPath":"/flink-data/tmp"}]}],
			"volumes":[{"name":"data","persistentVolumeClaim":{"claimName":"pvc"}},{"name":"tmp","emptyDir":{}},{"name":"conf","configMap":{"name":"cm"}}]}}}}`).Spec()
	var got []string
	for _, r := range References(spec) {
		got = append(got, r.Kind+"/"+r.Name)
	}
	if want := "configmap/cm persistentvolumeclaim/pvc secret/pull secret/s1 secret/s2 secret/s3 serviceaccount/flink"; strings.Join(got, " ") != want {
		t.Errorf("%v, want %s", got, want)
	}
}
