package cmd

import (
	"archive/zip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/flinktest"
)

// aJar is a file with one class.
func aJar(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	archive := zip.NewWriter(file)
	for _, name := range []string{"META-INF/MANIFEST.MF", "org/example/Job.class"} {
		if _, err := archive.Create(name); err != nil {
			t.Fatal(err)
		}
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestJarUploadArguments(t *testing.T) {
	jar := aJar(t, "top speed.jar")
	text := filepath.Join(t.TempDir(), "text.jar")
	if err := os.WriteFile(text, []byte("none"), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, o := range map[string]jarUploadOptions{
		"no jar, or not whole":          {Arguments: arguments(text, "s3://flink/jars/")},
		"doesn't end with .jar, which":  {Arguments: arguments(os.Args[0], "s3://flink/jars/")},
		"no regular file":               {Arguments: arguments(t.TempDir(), "s3://flink/jars/")},
		"no such file":                  {Arguments: arguments(text+"x", "s3://flink/jars/")},
		"no class org.example.Other":    {Arguments: arguments(jar, "s3://flink/jars/"), class: "org.example.Other"},
		"--class":                       {Arguments: arguments(jar, "s3://flink/jars/"), class: "../x"},
		"not in hdfs:":                  {Arguments: arguments(jar, "hdfs://flink/jars/")},
		"for a directory write / at":    {Arguments: arguments(jar, "s3://flink/jars")},
		"names no bucket":               {Arguments: arguments(jar, "s3://")},
		"isn't asked for":               {Arguments: arguments(jar, "s3://flink/../x.jar")},
		"give an s3:// address":         {Arguments: arguments(jar, "session-example"), deploy: "shop"},
		"--deploy":                      {Arguments: arguments(jar, "s3://flink/"), deploy: "pod/x"},
		"--job":                         {Arguments: arguments(jar, "s3://flink/"), jarFlags: jarFlags{job: "pod/x"}},
		"are for s3://":                 {Arguments: arguments(jar, "session-example"), jarFlags: jarFlags{secret: "minio"}},
		"leave out --job or --endpoint": {Arguments: arguments(jar, "s3://flink/"), jarFlags: jarFlags{job: "shop", endpoint: "http://x"}},
		"is not one of flinkdeployment": {Arguments: arguments(jar, "sessionjob/x")},
	} {
		err := o.Validate()
		if err == nil || !strings.Contains(strings.ToLower(err.Error()), strings.ToLower(want)) || exit.Code(err) != exit.Usage {
			t.Errorf("%v (exit %d), want %q", err, exit.Code(err), want)
		}
	}
	for place, want := range map[string]string{
		"s3://flink": "s3://flink/top_speed.jar", "s3a://flink/jars/": "s3a://flink/jars/top_speed.jar", "s3://flink/x.jar": "s3://flink/x.jar", "session-example": "",
	} {
		o := jarUploadOptions{Arguments: arguments(jar, place), class: "org.example.Job"}
		if err := o.Validate(); err != nil || o.uri != want {
			t.Errorf("%s: %q, %v", place, o.uri, err)
		}
		if o.file != nil {
			o.file.Close()
		}
	}
	o := jarUploadOptions{Arguments: arguments(jar, "s3://flink/"), deploy: "shop"}
	if err := o.Validate(); err != nil || o.job != "shop" {
		t.Errorf("the store of the job that gets the jar is %q: %v", o.job, err)
	}
	o.file.Close()
}

func TestJarDeleteArguments(t *testing.T) {
	const id = "7d1f0c5e-3e1b-4c8e-9d53-0a5d3c1b2e4f_job.jar"
	for want, args := range map[string][]string{
		"Give its ID":              {"session-example"},
		`"job.jar" is not the ID`:  {"session-example", id, "job.jar"},
		`"../jobs" is not the ID`:  {"session-example", "../jobs"},
		"not the address of a jar": {"s3://flink/jars/"},
		"is not the address":       {"s3://flink/a.jar", "b.jar"},
		"are in two buckets":       {"s3://flink/a.jar", "s3://other/a.jar"},
		"isn't asked for":          {"s3://flink/../a.jar"},
	} {
		o := jarDeleteOptions{Arguments: arguments(args...)}
		if err := o.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	for _, args := range [][]string{{"session-example", id, id}, {"s3://flink/a.jar", "s3a://flink/b/c.jar"}} {
		o := jarDeleteOptions{Arguments: arguments(args...)}
		if err := o.Validate(); err != nil {
			t.Error(err)
		}
	}
}

// A jar is in use by what a job is, was last, and would be rolled back to.
func TestJarsInUse(t *testing.T) {
	object := flinktest.Object(api.Deployment, "shop",
		`{"job": {"jarURI": "s3://flink/jars/new.jar"}, "flinkConfiguration": {"pipeline.classpaths": "['s3://flink/jars/lib.jar', file:///x.jar]"}}`,
		`{"reconciliationStatus": {"lastReconciledSpec": "{\"spec\":{\"job\":{\"jarURI\":\"s3a://flink/jars/old.jar\"}}}", "lastStableSpec": "{\"spec\":{\"job\":{\"jarURI\":\"s3p://flink/jars/stable.jar\"}}}"}}`)
	local := flinktest.Object(api.Deployment, "local", `{"job": {"jarURI": "local:///a.jar"}}`, "")
	c := flinktest.New(object, local)
	uses, everywhere, err := jarsInUse(t.Context(), c.Client, "default")
	if err != nil || !everywhere || len(uses) != 4 {
		t.Fatalf("%v, %v, %v", uses, everywhere, err)
	}
	for _, name := range []string{"new", "lib", "old", "stable"} {
		if users := uses[objectKey("s3n://flink/jars/"+name+".jar")]; len(users) != 1 || !strings.HasPrefix(users[0], "flinkdeployment/shop in ") {
			t.Errorf("%s: %q", name, users)
		}
	}
	if sameObject("local:///a.jar", "local:///a.jar") || !sameObject("s3://b/k", "s3a://b/k") || sameObject("s3://b/k", "s3://b/l") {
		t.Error("objects of S3 are taken for others")
	}
}
