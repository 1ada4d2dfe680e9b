package api

import (
	"fmt"
	"strings"
	"testing"
)

func TestPathForm(t *testing.T) {
	for text, want := range map[string]string{
		"s3://bucket/sp": "", "S3A://bucket/sp": "", "gs://b": "", "abfss://c@a.dfs.core.windows.net/d": "", "hdfs:///d": "", "oss://b/d": "",
		"/data/sp": "", "file:/data/sp": "", "file:///data/my sp": "", " file:///data/sp/ ": "", "hdfs://nn:8020/d": "",
		"relative/dir": "relative", "file:sp": "relative", "savepoints": "relative", "s3:bucket": "relative", "./sp": "relative", "C d:/x": "relative",
		"file://data/sp": "file:///data/sp", "local:///opt/flink/sp": "image", "": "empty", LastState: "last checkpoint", NotAddressable: "memory",
	} {
		err := CheckPathForm(text)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

// template is a pod template whose Flink container mounts one volume.
func template(volume, at, more string) string {
	return fmt.Sprintf(`{"spec":{"containers":[{"name":"flink-main-container","volumeMounts":[{"name":"v","mountPath":"%s"%s}]}],"volumes":[{"name":"v",%s}]}}`, at, more, volume)
}

func TestStatePlace(t *testing.T) {
	claim, hostPath := `"persistentVolumeClaim":{"claimName":"c"}`, `"hostPath":{"path":"/h"}`
	for name, c := range map[string]struct {
		spec, path string
		want       PlaceKind
		why        string
	}{
		"a claim":                                      {`"podTemplate":` + template(claim, "/data", ""), "file:///data/sp", SharedPlace, ""},
		"NFS, one slash":                               {`"podTemplate":` + template(`"nfs":{"server":"s","path":"/"}`, "/data/", ""), "file:/data/sp", SharedPlace, ""},
		"a CSI volume, no scheme":                      {`"podTemplate":` + template(`"csi":{"driver":"d"}`, "/data", ""), "/data", SharedPlace, ""},
		"beside it":                                    {`"podTemplate":` + template(claim, "/data", ""), "file:///database/sp", PodPlace, "no volume"},
		"out of it by ..":                              {`"podTemplate":` + template(claim, "/data", ""), "file:///data/../tmp/sp", PodPlace, "no volume"},
		"none at all":                                  {`"job":{}`, "file:///tmp/sp", PodPlace, "no volume"},
		"an emptyDir":                                  {`"podTemplate":` + template(`"emptyDir":{}`, "/data", ""), "/data/sp", PodPlace, "emptyDir"},
		"an ephemeral claim":                           {`"podTemplate":` + template(`"ephemeral":{}`, "/data", ""), "/data/sp", PodPlace, "ephemeral"},
		"an emptyDir in a claim":                       {`"podTemplate":{"spec":{"containers":[{"name":"flink-main-container","volumeMounts":[{"name":"v","mountPath":"/data"},{"name":"w","mountPath":"/data/tmp"}]}],"volumes":[{"name":"v",` + claim + `},{"name":"w","emptyDir":{}}]}}`, "/data/tmp/sp", PodPlace, "emptyDir"},
		"a claim in an emptyDir":                       {`"podTemplate":{"spec":{"containers":[{"name":"flink-main-container","volumeMounts":[{"name":"v","mountPath":"/data/sp"},{"name":"w","mountPath":"/data"}]}],"volumes":[{"name":"v",` + claim + `},{"name":"w","emptyDir":{}}]}}`, "/data/sp/1", SharedPlace, ""},
		"a sidecar's":                                  {`"podTemplate":` + strings.Replace(template(claim, "/data", ""), "flink-main-container", "sidecar", 1), "/data/sp", PodPlace, "no volume"},
		"both roles alike":                             {`"jobManager":{"podTemplate":` + template(claim, "/data", "") + `},"taskManager":{"podTemplate":` + template(claim, "/data", "") + `}`, "/data/sp", SharedPlace, ""},
		"the JobManager's alone":                       {`"jobManager":{"podTemplate":` + template(claim, "/data", "") + `}`, "/data/sp", PodPlace, "JobManager alone"},
		"the TaskManagers' alone":                      {`"taskManager":{"podTemplate":` + template(hostPath, "/data", "") + `}`, "/data/sp", PodPlace, "TaskManagers alone"},
		"two claims":                                   {`"jobManager":{"podTemplate":` + template(claim, "/data", "") + `},"taskManager":{"podTemplate":` + template(`"persistentVolumeClaim":{"claimName":"d"}`, "/data", "") + `}`, "/data/sp", PodPlace, "another volume"},
		"two directories of a claim":                   {`"jobManager":{"podTemplate":` + template(claim, "/data", `,"subPath":"a"`) + `},"taskManager":{"podTemplate":` + template(claim, "/data", `,"subPath":"b"`) + `}`, "/data/sp", PodPlace, "another volume"},
		"one directory, two ways":                      {`"jobManager":{"podTemplate":` + template(claim, "/data", "") + `},"taskManager":{"podTemplate":` + template(claim, "/data/sp", `,"subPath":"sp"`) + `}`, "/data/sp/1", SharedPlace, ""},
		"a directory of the namespace":                 {`"podTemplate":` + template(claim, "/data", `,"subPathExpr":"$(POD_NAMESPACE)/$(CLUSTER)"`), "/data/sp", SharedPlace, ""},
		"a directory of each tenant":                   {`"podTemplate":` + template(claim, "/data", `,"subPathExpr":"$(TENANT_UID)"`), "/data/sp", SharedPlace, ""},
		"a directory of each pod by another name":      {`"podTemplate":` + strings.Replace(template(claim, "/data", `,"subPathExpr":"flink/$(ME)"`), `"name":"flink-main-container"`, `"name":"flink-main-container","env":[{"name":"ME","valueFrom":{"fieldRef":{"fieldPath":"metadata.uid"}}}]`, 1), "/data/sp", PodPlace, "every pod has of its own"},
		"a directory of each pod by way of a variable": {`"podTemplate":` + strings.Replace(template(claim, "/data", `,"subPathExpr":"$(DIR)"`), `"name":"flink-main-container"`, `"name":"flink-main-container","env":[{"name":"ME","valueFrom":{"fieldRef":{"fieldPath":"metadata.name"}}},{"name":"DIR","value":"jobs/$(ME)"}]`, 1), "/data/sp", PodPlace, "every pod has of its own"},
		"a directory by a fixed variable":              {`"podTemplate":` + strings.Replace(template(claim, "/data", `,"subPathExpr":"$(POD_NAME)"`), `"name":"flink-main-container"`, `"name":"flink-main-container","env":[{"name":"POD_NAME","value":"orders"}]`, 1), "/data/sp", SharedPlace, ""},
		"a volume without a source in a claim":         {`"podTemplate":{"spec":{"containers":[{"name":"flink-main-container","volumeMounts":[{"name":"v","mountPath":"/data"},{"name":"w","mountPath":"/data/tmp"}]}],"volumes":[{"name":"v",` + claim + `},{"name":"w"}]}}`, "/data/tmp/sp", PodPlace, "emptyDir"},
		"a directory of each pod":                      {`"podTemplate":` + template(claim, "/data", `,"subPathExpr":"$(POD_NAME)"`), "/data/sp", PodPlace, "every pod has of its own"},
		"laid over by position":                        {`"podTemplate":` + template(claim, "/data", "") + `,"jobManager":{"podTemplate":{"spec":{"containers":[{"name":"flink-main-container","env":[{"name":"A","value":"b"}]}]}}}`, "/data/sp", SharedPlace, ""},
		"a sidecar comes first":                        {`"podTemplate":` + template(claim, "/data", "") + `,"jobManager":{"podTemplate":{"spec":{"containers":[{"name":"sidecar"}]}}}`, "/data/sp", PodPlace, "TaskManagers alone"},
		"a sidecar, merged by name":                    {`"flinkConfiguration":{"kubernetes.operator.pod-template.merge-arrays-by-name":"true"},"podTemplate":` + template(claim, "/data", "") + `,"jobManager":{"podTemplate":{"spec":{"containers":[{"name":"sidecar"}]}}}`, "/data/sp", SharedPlace, ""},
		"another default filesystem":                   {`"flinkConfiguration":{"fs":{"default-scheme":"hdfs://nn:8020"}}`, "/data/sp", RemotePlace, ""},
		"file:, for all that":                          {`"flinkConfiguration":{"fs.default-scheme":"hdfs://nn:8020"}`, "file:///data/sp", PodPlace, "no volume"},
		"an object store":                              {`"job":{}`, "s3p://b/sp", RemotePlace, ""},
		"relative":                                     {`"podTemplate":` + template(claim, "/data", ""), "data/sp", PodPlace, "relative"},
	} {
		job := jobOf(t, Deployment, `{"metadata":{"name":"a"},"spec":{`+c.spec+`}}`)
		got := MountsOf(job.Spec()).Place(c.path)
		if got.Kind != c.want || !strings.Contains(got.Why, c.why) || (got.Why == "") != (c.why == "") {
			t.Errorf("%s: %+v, want %s, %q", name, got, c.want, c.why)
		}
	}
	readOnly := jobOf(t, Deployment, `{"metadata":{"name":"a"},"spec":{"podTemplate":`+template(claim, "/data", `,"readOnly":true`)+`}}`)
	if got := MountsOf(readOnly.Spec()).Place("/data"); got.Kind != SharedPlace || !got.ReadOnly {
		t.Errorf("%+v", got)
	}
}
