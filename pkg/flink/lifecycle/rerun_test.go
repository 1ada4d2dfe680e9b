package lifecycle

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	dynamicfake "k8s.io/client-go/dynamic/fake"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/change"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/flinktest"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

func suspendedJob(t *testing.T, config string) api.Job {
	t.Helper()
	return flinktest.JobOf(t, api.Deployment, `{"apiVersion":"flink.apache.org/v1beta1","kind":"FlinkDeployment","metadata":{"name":"a","namespace":"ns"},"spec":{"flinkConfiguration":{`+config+`},"job":{"state":"suspended"}},"status":{"lifecycleState":"SUSPENDED","jobManagerDeploymentStatus":"READY",
		"jobStatus":{"state":"FINISHED","jobId":"x","startTime":"1764000000000","upgradeSavepointPath":"file:/s/1"}}}`)
}

// jobManagerOf are the Deployment and pod of a JobManager.
func jobManagerOf(name string) []runtime.Object {
	labels := map[string]string{"app": name, "component": "jobmanager", "type": "flink-native-kubernetes"}
	return []runtime.Object{
		&appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "ns", UID: "u"}, Spec: appsv1.DeploymentSpec{Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}}}},
		&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name + "-1", Namespace: "ns", Labels: labels}},
	}
}

func TestASuspendedJobsJobManagerIsTakenAway(t *testing.T) {
	kept := api.RetainedState{Kind: api.RetainedSavepoint, Path: "file:/s/1"}
	other := jobManagerOf("a")
	other[0].(*appsv1.Deployment).Spec.Template.Labels = map[string]string{"app": "a"}
	for name, c := range map[string]struct {
		config  string
		objects []runtime.Object
		forbid  bool
		// operates says that the operator takes it away when its shutdown-ttl is over.
		operates bool
		deleted  bool
		fails    string
	}{
		"no high availability":    {objects: jobManagerOf("a"), deleted: true},
		"NONE":                    {config: `"high-availability":{"type":"NONE"}`, objects: jobManagerOf("a"), deleted: true},
		"high availability":       {config: `"high-availability":"kubernetes"`, objects: jobManagerOf("a")},
		"ZooKeeper":               {config: `"high-availability.type":"zookeeper"`, objects: jobManagerOf("a")},
		"gone already":            {},
		"a Deployment of another": {objects: other},
		"forbidden":               {objects: jobManagerOf("a"), forbid: true, fails: "may run again"},
		"by the operator":         {objects: jobManagerOf("a"), forbid: true, operates: true},
	} {
		core := fake.NewClientset(c.objects...)
		deleted := false
		job := suspendedJob(t, c.config)
		objects := dynamicfake.NewSimpleDynamicClient(runtime.NewScheme(), job.Object)
		var patches []string
		objects.PrependReactor("patch", api.Deployment.Plural, func(action clienttesting.Action) (bool, runtime.Object, error) {
			patches = append(patches, string(action.(clienttesting.PatchAction).GetPatch()))
			if !c.operates {
				return true, nil, apierrors.NewForbidden(api.Deployment.GVR().GroupResource(), "a", nil)
			}
			_ = core.Tracker().Delete(corev1.SchemeGroupVersion.WithResource("pods"), "ns", "a-1")
			_ = core.Tracker().Delete(appsv1.SchemeGroupVersion.WithResource("deployments"), "ns", "a")
			return true, job.Object, nil
		})
		core.PrependReactor("delete", "deployments", func(clienttesting.Action) (bool, runtime.Object, error) {
			if c.forbid {
				return true, nil, apierrors.NewForbidden(appsv1.Resource("deployments"), "a", nil)
			}
			deleted = true
			// The pods go with it.
			return false, nil, core.Tracker().Delete(corev1.SchemeGroupVersion.WithResource("pods"), "ns", "a-1")
		})
		err := endJobManager(t.Context(), operator.ClientOf(objects, core), job, kept, operator.Reporter{})
		if got := strings.Join(patches, "\n"); c.operates && (strings.Count(got, ttlKey+`":"1 s"`) != 1 || !strings.HasSuffix(got, `{"flinkConfiguration":{"`+ttlKey+`":null}}}`)) {
			t.Errorf("%s: patched with\n%s", name, got)
		}
		if (err == nil) != (c.fails == "") || deleted != c.deleted {
			t.Errorf("%s: %v, deleted: %v", name, err, deleted)
		}
		if err != nil && (!strings.Contains(err.Error(), c.fails) || !strings.Contains(err.Error(), "file:/s/1") || !strings.Contains(err.Error(), "kubectl delete deployment a -n ns")) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A job that somebody resumed as soon as it was suspended runs in that JobManager.
func TestAJobThatWasResumedKeepsItsJobManager(t *testing.T) {
	f := newFakeOperator(t, jobManagerOf("orders"), ordersWith(t, `{"spec":{"flinkConfiguration":{"high-availability.type":"NONE"}}}`))
	err := endStopped(t.Context(), f.client, ordersRef, api.RetainedState{Kind: api.RetainedSavepoint, Path: "s3://b/s/1"}, operator.Reporter{})
	if !errors.Is(err, change.ErrOvertaken) || !strings.Contains(err.Error(), "after it was suspended with savepoint s3://b/s/1") {
		t.Error(err)
	}
	for _, action := range f.core.Actions() {
		if action.GetVerb() == "delete" {
			t.Errorf("%v", action)
		}
	}
}

func TestSuspendedButRuns(t *testing.T) {
	began := time.UnixMilli(1_764_000_000_000)
	again := api.FlinkState{State: "RUNNING", Started: began.Add(time.Hour)}
	for name, c := range map[string]struct {
		job   api.Job
		state api.FlinkState
		runs  bool
	}{
		"ended":                      {suspendedJob(t, ""), api.FlinkState{State: "FINISHED", Started: began}, false},
		"runs again":                 {suspendedJob(t, ""), again, true},
		"starts again":               {suspendedJob(t, ""), api.FlinkState{State: "CREATED", Started: began.Add(time.Hour)}, true},
		"a page from before the end": {suspendedJob(t, ""), api.FlinkState{State: "RUNNING", Started: began}, false},
		"not suspended":              {changedJob(1, map[string]any{"lifecycleState": "STABLE", "jobStatus": map[string]any{"state": "RUNNING", "jobId": "x"}}), again, false},
	} {
		client := operator.ClientOf(nil, fake.NewClientset(jobManagerOf("a")...))
		client = client.Asking(flinktest.States(c.state, nil))
		if run := RunsSuspended(t.Context(), client, c.job); (run != nil) != c.runs || c.runs && !strings.HasPrefix(run.String(), "suspended, but runs") {
			t.Errorf("%s: %v", name, run)
		}
	}
	// There is no JobManager to ask.
	asked := false
	client := operator.ClientOf(nil, fake.NewClientset())
	client = client.Asking(flinktest.Flink{OnState: func(context.Context, api.Ref) (api.FlinkState, error) {
		asked = true
		return again, nil
	}})
	if run := RunsSuspended(t.Context(), client, suspendedJob(t, "")); run != nil || asked {
		t.Error(run, asked)
	}
}

// The mode from before a suspension is put back once the JobManager has proven
// the restore, and not before.
func TestTheModeIsPutBack(t *testing.T) {
	proven, unproven := api.RetainedState{Kind: api.RetainedSavepoint, Path: "file:/s/1", Proven: true}, api.RetainedState{Kind: api.RetainedSavepoint, Path: "file:/s/1"}
	for name, c := range map[string]struct {
		before  string // the annotation
		now     string // spec.job.upgradeMode after the resumption
		from    api.RetainedState
		chosen  string
		patched string
		said    string
	}{
		"stateless":            {"stateless", "savepoint", proven, "", `"upgradeMode":"stateless"`, "is stateless again"},
		"last-state":           {"last-state", "savepoint", proven, "", `"upgradeMode":"last-state"`, "is last-state again"},
		"none was set":         {modeUnset, "savepoint", proven, "", `"upgradeMode":null`, "is not set again"},
		"not proven":           {"stateless", "savepoint", unproven, "", "", "stays savepoint, because it isn't proven"},
		"started empty":        {"stateless", "savepoint", api.RetainedState{Kind: api.RetainedNone, Proven: true}, "", "", "stays savepoint"},
		"the user has chosen":  {"stateless", "savepoint", proven, "savepoint", `"annotations":{"` + modeBeforeKey + `":null}`, "as asked for"},
		"it was changed since": {"stateless", "last-state", proven, "", `"annotations":{"` + modeBeforeKey + `":null}`, "was stateless before"},
		"nothing was changed":  {"", "savepoint", proven, "", "", ""},
	} {
		manifest := func(mode string) api.Job {
			job := flinktest.JobOf(t, api.Deployment, `{"apiVersion":"flink.apache.org/v1beta1","kind":"FlinkDeployment","metadata":{"name":"a","namespace":"ns"},"spec":{"job":{"upgradeMode":"`+mode+`"}}}`)
			if c.before != "" {
				job.Object.SetAnnotations(map[string]string{modeBeforeKey: c.before})
			}
			return job
		}
		objects := dynamicfake.NewSimpleDynamicClient(runtime.NewScheme(), manifest(c.now).Object)
		patch := ""
		objects.PrependReactor("patch", "*", func(action clienttesting.Action) (bool, runtime.Object, error) {
			patch = string(action.(clienttesting.PatchAction).GetPatch())
			return true, manifest(c.now).Object, nil
		})
		said := ""
		client := operator.ClientOf(objects, fake.NewClientset())
		putModeBack(t.Context(), client, manifest("savepoint"), change.Report{Done: true, From: c.from}, ResumeRequest{StateChoice: api.StateChoice{UpgradeMode: c.chosen}}, operator.Reporter{Note: func(s string) { said += s }})
		if !strings.Contains(patch, c.patched) || (patch == "") != (c.patched == "") || !strings.Contains(said, c.said) || (said == "") != (c.said == "") {
			t.Errorf("%s: %s\n%s", name, patch, said)
		}
		if c.patched != "" && c.now != "savepoint" && strings.Contains(patch, "upgradeMode\"") {
			t.Errorf("%s: another's mode is overwritten: %s", name, patch)
		}
	}
}
