package sqljob

import (
	"strings"
	"testing"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/flinktest"
)

func insert(t *testing.T) Script { return script(t, "INSERT INTO t SELECT 1;") }

func TestAnApplicationOfNothingButAScript(t *testing.T) {
	app := App{Name: "orders", Namespace: "ns", Image: "registry/team/flink:2.3.0-java17", Script: insert(t), Config: map[string]string{"execution.checkpointing.dir": "s3://b/c"}}
	job, err := app.Job()
	if err != nil {
		t.Fatal(err)
	}
	spec := job.Spec()
	for path, want := range map[string]string{
		"flinkVersion": "v2_3", "serviceAccount": "flink", "image": app.Image, "job.entryClass": Driver,
		"job.upgradeMode": "last-state", "job.jarURI": nativeJar, "jobManager.resource.memory": "1600m",
	} {
		if got := api.Text(spec, strings.Split(path, ".")...); got != want {
			t.Errorf("%s is %q, want %q", path, got, want)
		}
	}
	if got := ConfigMapOf(spec); got != ConfigMapName("orders", app.Script) || !strings.HasPrefix(got, "orders-sql-") {
		t.Error(got)
	}
	lacks := strings.Join(app.Lacks(job), "\n")
	for _, want := range []string{"checkpointing.interval", "savepoint-dir", "high-availability.type"} {
		if !strings.Contains(lacks, want) {
			t.Errorf("lacks %q: %s", want, lacks)
		}
	}
	if strings.Contains(lacks, "execution.checkpointing.dir:") {
		t.Error(lacks)
	}
}

func TestWhatAnApplicationIsMadeOf(t *testing.T) {
	for _, c := range []struct {
		name string
		app  App
		want string
	}{
		{"no image", App{Name: "a"}, "--image is missing"},
		{"no version", App{Name: "a", Image: "orders:2.3"}, "--flink-version is missing"},
		{"no version, but a digest", App{Name: "a", Image: "flink@sha256:00"}, "--flink-version is missing"},
		{"too old", App{Name: "a", Image: "flink:1.20.5"}, "--deployment SESSION"},
		{"an image with versions of its own", App{Name: "a", Image: "reg:5000/team/flink-orders:1.0.7"}, "--flink-version is missing: 1.0 in the tag"},
		{"Flink's image of 1", App{Name: "a", Image: "mirror.example/library/flink:1.20.1-java17"}, "Flink 1.20 can't run a script"},
		{"an image with a version that is given", App{Name: "a", Image: "flink-orders:1.0.7", FlinkVersion: "1.20"}, "Flink 1.20 can't run a script"},
		{"no number", App{Name: "a", Image: "x", FlinkVersion: "new"}, "no version"},
		{"no name", App{Image: "flink:2.3"}, "NAME is missing"},
	} {
		c.app.Script = insert(t)
		if _, err := c.app.Job(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
	job, err := App{Name: "a", FlinkVersion: "2.3", Mode: "standalone", Script: insert(t)}.Job()
	if err != nil {
		t.Fatal(err)
	}
	if api.Text(job.Spec(), "image") != "flink:2.3" || api.Text(job.Spec(), "job", "jarURI") != "" {
		t.Error(job.Spec())
	}
	job, err = App{Name: "a", FlinkVersion: "2.3", Jars: []string{"https://x/a.jar", "local:///opt/flink/usrlib/u.jar", "s3://b/c.jar"}, Script: insert(t)}.Job()
	if err != nil {
		t.Fatal(err)
	}
	if api.Text(job.Spec(), "job", "jarURI") != "local:///opt/flink/usrlib/u.jar" || api.Text(job.Spec(), "flinkConfiguration", artifactsKey) != "https://x/a.jar;s3://b/c.jar" {
		t.Error(job.Spec())
	}
}

// The script's mount stands where the operator's laying one list over the other
// by position doesn't touch it, and a new version takes the place of the old.
func TestMountAmongTemplates(t *testing.T) {
	const common = `"podTemplate":{"spec":{"containers":[{"name":"flink-main-container","volumeMounts":[{"name":"data","mountPath":"/data"}]}],"volumes":[{"name":"data","emptyDir":{}}]}}`
	const own = `"jobManager":{"podTemplate":{"spec":{"containers":[{"name":"flink-main-container","volumeMounts":[{"name":"x","mountPath":"/x"},{"name":"y","mountPath":"/y"}]}],"volumes":[{"name":"x","emptyDir":{}},{"name":"y","emptyDir":{}}]}}}`
	for name, spec := range map[string]string{
		"nothing": "", "common": common, "own": own, "both": common + "," + own,
		"sidecar": `"podTemplate":{"spec":{"containers":[{"name":"sidecar"}]}}`,
	} {
		job := flinktest.JobOf(t, api.Deployment, `{"spec":{"job":{},"flinkConfiguration":{"k":"v"}`+strings.TrimSuffix(","+spec, ",")+`}}`)
		Mount(job.Spec(), "one")
		Mount(job.Spec(), "two")
		if got := ConfigMapOf(job.Spec()); got != "two" {
			t.Errorf("%s: %q", name, got)
		}
		pod, err := api.FlinkPodSpec(job.Spec(), "jobManager")
		if err != nil {
			t.Fatal(err)
		}
		volumes, mounts := 0, 0
		for _, v := range pod.Volumes {
			if v.Name == volume && v.ConfigMap != nil && v.ConfigMap.Name == "two" && v.EmptyDir == nil {
				volumes++
			}
		}
		for _, c := range pod.Containers {
			for _, m := range c.VolumeMounts {
				if m.Name == volume && m.MountPath == Dir && c.Name == api.MainContainer {
					mounts++
				}
			}
		}
		if volumes != 1 || mounts != 1 {
			t.Errorf("%s: %d volumes, %d mounts: %+v", name, volumes, mounts, pod)
		}
	}
}

func TestWhatAnImageLacks(t *testing.T) {
	const whole = "jar /opt/flink/lib/flink-dist-2.3.0.jar\njar /opt/flink/lib/flink-table-runtime-2.3.0.jar\ngateway /opt/flink/opt/flink-sql-gateway-2.3.0.jar\ndriver /opt/flink/lib/flink-table-runtime-2.3.0.jar\nnative yes\nend\n"
	for _, c := range []struct{ name, old, new, want string }{
		{"whole", "", "", ""},
		{"no gateway", "gateway /opt/flink/opt/flink-sql-gateway-2.3.0.jar\n", "", "org.apache.flink:flink-sql-gateway:2.3.0"},
		{"two gateways", "native", "gateway /opt/flink/opt/flink-sql-gateway-2.2.0.jar\nnative", "there are 2"},
		{"no driver", "driver /opt", "nothing /opt", Driver},
		{"Flink 1", "driver /opt/flink/lib/flink-table-runtime-2.3.0.jar", "", "flinkVersion is"},
		{"no Flink", "jar /", "other /", "no Flink in it"},
		{"no jar of native mode", "native yes", "", "--mode standalone"},
	} {
		text := strings.ReplaceAll(whole, c.old, c.new)
		if c.name == "Flink 1" {
			text = strings.ReplaceAll(whole, "dist-2.3.0", "dist-2.2.1")
		}
		image, ok := parseImage(text)
		if !ok {
			t.Fatal(c.name)
		}
		job, err := App{Name: "a", FlinkVersion: "2.3", Script: insert(t)}.Job()
		if err != nil {
			t.Fatal(err)
		}
		err = image.Check(job)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
	if _, ok := parseImage("jar /opt/flink/lib/flink-dist-2.3.0.jar\n"); ok {
		t.Error("half an answer counts as whole")
	}
}
