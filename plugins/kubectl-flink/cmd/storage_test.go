package cmd

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/progress"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/flinktest"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/probe"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/reach"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/storage"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-flink/view"
)

// Of a kind those go that are the job's, old, whole and that nothing refers to,
// but never the newest.
func TestRemoveOfAKind(t *testing.T) {
	now := time.Unix(2e9, 0)
	old := now.Add(-100 * 24 * time.Hour)
	at := func(path string, written time.Time, change func(*storage.Doomed)) storage.Doomed {
		d := storage.Doomed{Unit: storage.Unit{Kind: storage.SavepointUnit, Path: path, Written: written}, Own: true}
		if change != nil {
			change(&d)
		}
		return d
	}
	all := []storage.Doomed{
		at("incomplete", old, func(d *storage.Doomed) { d.Incomplete = true }),
		at("foreign", old, func(d *storage.Doomed) { d.Own = false }),
		at("checkpoint", old, func(d *storage.Doomed) { d.Kind = storage.CheckpointUnit }),
		at("newest", old, nil),
		at("young", now.Add(-time.Hour), nil),
		at("no age", time.Time{}, nil),
		at("referred", old, func(d *storage.Doomed) { d.Refers = []string{"a snapshot"} }),
		at("goes", old, nil),
	}
	got := ofKind(all, storage.SavepointUnit, now.Add(-30*24*time.Hour))
	if len(got) != 1 || got[0].Path != "goes" {
		t.Errorf("%+v", got)
	}
}

// What something refers to, and what isn't known in full, is refused.
func TestRemoveRefuses(t *testing.T) {
	free := storage.Doomed{Unit: storage.Unit{Path: "s3://b/savepoint-012345-1"}}
	held := free
	held.Refers = []string{"flinkstatesnapshot/nightly"}
	o := &removeOptions{}
	if err := o.refused([]storage.Doomed{free}, storage.Survey{}); err != nil {
		t.Error(err)
	}
	if err := o.refused([]storage.Doomed{free, held}, storage.Survey{}); err == nil || !strings.Contains(err.Error(), "flinkstatesnapshot/nightly refers to") {
		t.Error(err)
	}
	if err := o.refused([]storage.Doomed{free}, storage.Survey{Problems: []string{"a JobManager is silent"}}); err == nil || !strings.Contains(err.Error(), "a JobManager is silent") {
		t.Error(err)
	}
	o.force = true
	if err := o.refused([]storage.Doomed{held}, storage.Survey{Problems: []string{"x"}}); err != nil {
		t.Error(err)
	}
}

func TestRemoveArguments(t *testing.T) {
	for want, o := range map[string]removeOptions{
		"what is to go?":          {},
		"exclude each other":      {kind: "savepoint", surveyFlags: surveyFlags{}, older: "1d", Arguments: arguments("s3://b/savepoint-012345-1")},
		"want savepoint or":       {kind: "shared", older: "1d"},
		"--kind needs":            {kind: "savepoint"},
		"is for a PATH":           {kind: "savepoint", older: "1d", force: true},
		"goes with --kind":        {older: "1d", Arguments: arguments("s3://b/savepoint-012345-1")},
		"is no savepoint":         {Arguments: arguments("s3://b/checkpoints")},
		"is no savepoint or":      {Arguments: arguments("s3://b/chk-7")},
		"relative path":           {Arguments: arguments("savepoint-012345-1")},
		"--job":                   {Arguments: arguments("s3://b/savepoint-012345-1"), job: "pod/x"},
		"--older-than: \"never\"": {kind: "savepoint", older: "never"},
	} {
		if err := o.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	for _, o := range []removeOptions{
		{Arguments: arguments("s3://b/savepoint-012345-1/", "file:/c/0123456789abcdef0123456789abcdef/chk-7")}, {kind: "checkpoint", older: "30d"},
	} {
		if err := o.Validate(); err != nil {
			t.Error(err)
		}
	}
}

func TestOrphansArguments(t *testing.T) {
	for want, o := range map[string]orphansOptions{
		"goes with --delete":    {older: "7d", yes: true},
		"isn't deleted":         {older: "1m", delete: true},
		"is not the ID":         {older: "7d", runs: []string{"12345"}},
		"is not a length of":    {older: "-1h"},
		"is not the ID of a Fl": {older: "7d", runs: []string{strings.Repeat("g", 32)}},
	} {
		if err := o.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	o := orphansOptions{older: "10m", delete: true, yes: true, runs: []string{strings.Repeat("a", 32)}}
	if err := o.Validate(); err != nil || o.olderThan != 10*time.Minute {
		t.Errorf("%v %s", err, o.olderThan)
	}
}

// Why a step failed is said by the rules that know a checkpoint's failure, else by
// the exception itself.
func TestTriedSteps(t *testing.T) {
	job := api.Job{Kind: api.Deployment, Object: flinktest.Object(api.Deployment, "shop", `{"flinkConfiguration": {"s3.endpoint": "http://minio:9000"}}`, "")}
	config := api.Config{"s3.endpoint": "http://minio:9000", "s3.path.style.access": "true"}
	for _, c := range []struct{ trace, rule, why string }{
		{"org.apache.flink.core.fs.UnsupportedFileSystemSchemeException: Could not find a file system implementation for scheme 's3'. The scheme is directly supported by Flink through the following plugin(s): flink-s3-fs-hadoop\n\tat org.apache.flink.core.fs.FileSystem.getUnguardedFileSystem(FileSystem.java:528)", "", "s3"},
		{"com.facebook.presto.hive.s3.PrestoS3FileSystem$UnrecoverableS3OperationException: com.amazonaws.services.s3.model.AmazonS3Exception: The Access Key Id you provided does not exist in our records. (Service: Amazon S3; Status Code: 403; Error Code: InvalidAccessKeyId)\n\tat com.facebook.presto.hive.s3.PrestoS3FileSystem.x(P.java:1)", "FLINK-S3-DENIED", "refuses the credentials"},
		{"java.io.IOException: com.amazonaws.services.s3.model.AmazonS3Exception: The specified bucket does not exist (Service: Amazon S3; Status Code: 404; Error Code: NoSuchBucket)\n\tat com.amazonaws.http.X.y(X.java:1)", "FLINK-S3-BUCKET", "the bucket isn't there"},
		{"java.io.IOException: Disk on fire\n\tat X.y(X.java:1)", "", "Disk on fire"},
	} {
		got := triedStep(job, job, config, probe.Outcome{Dir: "s3://flink/c", Step: probe.Write, Trace: c.trace}, time.Now())
		if got.OK || c.rule != "" && got.Rule != c.rule || !strings.Contains(got.Why, c.why) {
			t.Errorf("%+v, want %s: %s", got, c.rule, c.why)
		}
	}
	if got := triedStep(job, job, config, probe.Outcome{Dir: "s3://flink/c", Step: probe.Write, TimedOut: true}, time.Now()); !strings.Contains(got.Why, "http://minio:9000") {
		t.Errorf("%+v", got)
	}
}

// A directory counts as usable only where each step was tried and went well.
func TestCheckPage(t *testing.T) {
	o := &storageCheckOptions{common: &common{now: time.Now}}
	job := api.Job{Kind: api.Deployment, Object: flinktest.Object(api.Deployment, "shop", `{}`, "")}
	dirs := []reach.StateDir{{Path: "s3://b/c", Key: "a"}, {Path: "s3://b/s", Key: "b"}, {Path: "s3://b/ha", Key: "c"}}
	var outcomes []probe.Outcome
	for _, step := range probe.Steps {
		outcomes = append(outcomes, probe.Outcome{Dir: "s3://b/c", Step: step, OK: true})
	}
	outcomes = append(outcomes, probe.Outcome{Dir: "s3://b/s", Step: probe.Open, OK: true}, probe.Outcome{Dir: "s3://b/s", Step: probe.Delete, Trace: "java.io.IOException: no"})
	page := view.CheckPage{Job: job.Ref(), Same: true, Images: []string{"flink"}, Dirs: o.tried(job, job, api.Config{}, storageSide{dirs: dirs}, outcomes)}
	if page.Failed() != 2 || !page.Dirs[0].OK() || page.Dirs[1].OK() || page.Dirs[2].OK() {
		t.Errorf("%+v", page)
	}
	text := troubles(page)
	for _, want := range []string{"delete s3://b/s: ", "may be left there", "s3://b/ha wasn't tried"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

// A directory that only the TaskManagers can't use is named with them, and once.
func TestCheckPageOfTwoSides(t *testing.T) {
	step := func(ok bool) view.TriedStep { return view.TriedStep{Step: probe.Open, OK: ok, Why: "no such bucket"} }
	var good []view.TriedStep
	for _, s := range probe.Steps {
		good = append(good, view.TriedStep{Step: s, OK: true})
	}
	page := view.CheckPage{Images: []string{"flink", "flink"}, Dirs: []view.TriedDir{
		{Path: "s3://b/c", Side: "JobManager", Steps: good}, {Path: "s3://b/c", Side: "TaskManager", Steps: []view.TriedStep{step(false)}},
	}}
	text := troubles(page) + page.SidesText()
	if page.Failed() != 1 || page.ByWhom() != " by the TaskManager" || text != "\nopen s3://b/c (TaskManager): no such bucket\n" {
		t.Errorf("%d%s\n%s", page.Failed(), page.ByWhom(), text)
	}
	page.Dirs[0].Steps = []view.TriedStep{step(false)}
	text = troubles(page)
	if page.Failed() != 1 || page.ByWhom() != " by the JobManager and the TaskManager" || text != "\nopen s3://b/c (JobManager), s3://b/c (TaskManager): no such bucket\n" {
		t.Errorf("%d%s\n%s", page.Failed(), page.ByWhom(), text)
	}
	table := page.Result().Table
	if table.Columns[1].Name != "SIDE" || table.Rows[1][1].Text != "TaskManager" {
		t.Errorf("%+v", table)
	}
}

// The TaskManagers' side is tried where their pods differ, and not for the directory of
// high availability, where they keep nothing.
func TestStorageSides(t *testing.T) {
	dirs := []reach.StateDir{{Path: "s3://b/c"}, {Path: "s3://b/ha", HA: true}}
	for name, c := range map[string]struct {
		spec string
		dirs []reach.StateDir
		want int
	}{
		"same":     {`{"image": "flink"}`, dirs, 1},
		"differ":   {`{"image": "flink", "taskManager": {"podTemplate": {"spec": {"containers": [{"name": "flink-main-container", "env": [{"name": "A", "value": "b"}]}]}}}}`, dirs, 2},
		"only one": {`{"image": "flink", "taskManager": {"podTemplate": {"spec": {"hostAliases": [{"ip": "10.0.0.1"}]}}}}`, dirs[1:], 1},
	} {
		client := flinktest.New().Client
		job := api.Job{Kind: api.Deployment, Object: flinktest.Object(api.Deployment, "shop", c.spec, "")}
		sides, differ, err := storageSides(t.Context(), client, job, api.Config{}, c.dirs, progress.New(io.Discard, false))
		if err != nil || len(sides) != c.want || differ != (name != "same") {
			t.Fatalf("%s: %+v %v %v", name, sides, differ, err)
		}
		if len(sides) == 2 && (len(sides[1].dirs) != 1 || sides[1].dirs[0].HA || sides[1].pod.Spec.Containers[0].Env[0].Name != "A") {
			t.Errorf("%s: %+v", name, sides[1])
		}
	}
}

func arguments(args ...string) plugin.Arguments { return plugin.Arguments{Args: args} }
