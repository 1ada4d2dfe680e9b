package cmd

import (
	"strings"
	"testing"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/flinktest"
)

// A jar of this computer gets an address beside the state of what runs it, where that
// can fetch it; else it is said why not, and what to set.
func TestOwnJars(t *testing.T) {
	path := aJar(t, "top-speed.jar")
	app := func(spec string) api.Job {
		return api.Job{Kind: api.Deployment, Object: flinktest.Object(api.Deployment, "shop", spec, "")}
	}
	onS3 := `"flinkConfiguration": {"execution.checkpointing.dir": "s3://flink/shop/checkpoints"}`
	own := `"job": {"jarURI": "` + path + `", "entryClass": "org.example.Job"}`
	session := api.Job{Kind: api.SessionJob, Object: flinktest.Object(api.SessionJob, "top", `{"deploymentName": "session", `+own+`}`, "")}
	cluster := api.Job{Kind: api.Deployment, Object: flinktest.Object(api.Deployment, "session", `{"flinkVersion": "v2_0", `+onS3+`}`, "")}
	for name, c := range map[string]struct {
		jobs  []api.Job
		dir   string
		files []string
		want  string
		uri   string
	}{
		"beside the state":           {jobs: []api.Job{app(`{"flinkVersion": "v2_0", ` + onS3 + `, ` + own + `}`)}, uri: "s3://flink/shop/jars/top-speed-"},
		"where the user says":        {jobs: []api.Job{app(`{"flinkVersion": "v2_0", ` + own + `}`)}, dir: "s3://other/jars/", uri: "s3://other/jars/top-speed-"},
		"nowhere":                    {jobs: []api.Job{app(`{"flinkVersion": "v2_0", ` + own + `}`)}, want: "with --jar-dir s3://"},
		"an old Flink":               {jobs: []api.Job{app(`{"flinkVersion": "v1_18", ` + onS3 + `, ` + own + `}`)}, want: "from Flink 1.19 on"},
		"another class":              {jobs: []api.Job{app(`{"flinkVersion": "v2_0", ` + onS3 + `, ` + strings.ReplaceAll(own, "org.example.Job", "no.Such") + `}`)}, want: "no class no.Such"},
		"a manifest from elsewhere":  {jobs: []api.Job{app(`{"flinkVersion": "v2_0", ` + onS3 + `, ` + own + `}`)}, files: []string{"https://example.org/job.yaml"}, want: "may not send anywhere"},
		"an address stays":           {jobs: []api.Job{app(`{"job": {"jarURI": "local:///a.jar"}}`)}},
		"no file of this computer":   {jobs: []api.Job{app(`{"job": {"jarURI": "nowhere/a.jar"}}`)}},
		"a session job, its cluster": {jobs: []api.Job{session, cluster}, uri: "s3://flink/shop/jars/top-speed-"},
	} {
		t.Run(name, func(t *testing.T) {
			for i, job := range c.jobs {
				c.jobs[i].Object = job.Object.DeepCopy()
			}
			before := api.Text(c.jobs[0].Spec(), "job", "jarURI")
			o := &submitOptions{common: &common{}, jarDir: c.dir, files: c.files}
			got, err := o.ownJars(t.Context(), flinktest.New().Client, c.jobs, nil)
			if c.want != "" {
				if err == nil || !strings.Contains(err.Error(), c.want) || api.Text(c.jobs[0].Spec(), "job", "jarURI") != before {
					t.Errorf("%v, want %q", err, c.want)
				}
				return
			}
			defer got.Close()
			uri := api.Text(c.jobs[0].Spec(), "job", "jarURI")
			if err != nil || c.uri == "" && (uri != before || len(got) > 0) || c.uri != "" && (len(got) != 1 || !strings.HasPrefix(uri, c.uri) || !strings.HasSuffix(uri, ".jar")) {
				t.Errorf("%q, %d jars, %v; want %q", uri, len(got), err, c.uri)
			}
		})
	}
}
