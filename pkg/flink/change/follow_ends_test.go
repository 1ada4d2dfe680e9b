package change

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/flinktest"
)

func TestTheOperatorIsSilent(t *testing.T) {
	playAll(t, map[string]scene{
		"it doesn't run": {
			objects: []runtime.Object{flinktest.Operator(0, 0)}, code: exit.Failed, within: 14 * time.Second,
			says:  []string{"the change was not carried out: the operator is not running: deployment flink/flink-kubernetes-operator has 0 of 0 replicas ready", "The changed spec stays and is carried out when the operator runs again; to take the change back: kubectl patch"},
			check: failedAs(ChangeStuck, false),
		},
		"it stops in the middle": {
			objects: []runtime.Object{flinktest.Operator(0, 0)}, operate: step(5*time.Second, starting), code: exit.Failed, within: 20 * time.Second,
			says: []string{"It had begun with the change (lifecycle DEPLOYED, JobManager DEPLOYING, the job is RECONCILING), and goes on with it when it runs again"},
			check: func(t *testing.T, c *flinktest.Cluster, r Report, err error) {
				if r.Took < 17*time.Second {
					t.Errorf("%s after the change, 5 s of which it worked", r.Took)
				}
				failedAs(ChangeStuck, false)(t, c, r, err)
			},
		},
		"it runs but doesn't react": {
			cut: 40 * time.Second, code: exit.TimedOut,
			notes: []string{"flinkdeployment/orders: the operator has not reacted yet. The operator runs: deployment flink/flink-kubernetes-operator has 1 of 1 replicas ready."},
			check: func(t *testing.T, c *flinktest.Cluster, _ Report, _ error) {
				if n := strings.Count(c.Notes(), "not reacted"); n != 1 {
					t.Errorf("said %d times", n)
				}
			},
		},
		"it isn't ready in the middle": {
			objects: []runtime.Object{flinktest.Operator(1, 0)}, operate: step(5*time.Second, starting), cut: 40 * time.Second, code: exit.TimedOut,
			notes: []string{"the operator does nothing. The operator is not ready: deployment flink/flink-kubernetes-operator has 0 of 1 replicas ready."},
		},
		"there is none": {
			objects: []runtime.Object{}, cut: 20 * time.Second, code: exit.TimedOut, notes: []string{"has not reacted yet. No Deployment of the operator was found"},
		},
		"it works for long": {
			operate: steps(step(5*time.Second, starting), step(15*time.Second, `{"jobStatus":{"state":"CREATED"}}`), step(25*time.Second, runsAgain)), restored: "file:/s/2",
			check: func(t *testing.T, c *flinktest.Cluster, _ Report, _ error) {
				if strings.Contains(c.Notes(), "not reacted") || strings.Contains(c.Notes(), "does nothing") {
					t.Error(c.Notes())
				}
			},
		},
	})
}

func TestTheWaitEndsFirst(t *testing.T) {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "orders-1", Namespace: flinktest.Namespace, Labels: map[string]string{"app": "orders", "component": "jobmanager"}},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: api.MainContainer}}},
		Status:     corev1.PodStatus{Phase: corev1.PodPending, ContainerStatuses: []corev1.ContainerStatus{{Name: api.MainContainer, State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ImagePullBackOff", Message: "no such image"}}}}},
	}
	stays := "The change stays in the spec and goes on without this command"
	playAll(t, map[string]scene{
		"time-out before the operator takes it up": {
			cut: 10 * time.Second, code: exit.TimedOut,
			says: []string{
				"timed out after 10s: flinkdeployment/orders was not restarted yet: waiting for the operator to take it up", stays,
				"Go on waiting with: kubectl flink status orders -n ns --for stable", "Take the change back with: kubectl patch flinkdeployment orders -n ns --type merge -p '{\"spec\":{\"restartNonce\":null}}'",
			},
		},
		"Ctrl-C before the operator takes it up": {cut: 3 * time.Second, ctrlC: true, code: exit.Interrupted, says: []string{"context canceled: flinkdeployment/orders was not restarted yet: waiting for the operator", stays}},
		"Ctrl-C while it is stopped": {
			operate: step(time.Second, stopping), cut: 3 * time.Second, ctrlC: true, code: exit.Interrupted, says: []string{"lifecycle UPGRADING, the job is FINISHED", stays},
		},
		"Ctrl-C while it starts": {
			operate: steps(step(time.Second, starting)), cut: 3 * time.Second, ctrlC: true, code: exit.Interrupted, says: []string{"the job is RECONCILING", stays},
		},
		"Ctrl-C while it suspends": {
			change: suspendOf, operate: step(time.Second, stopping), cut: 3 * time.Second, ctrlC: true, code: exit.Interrupted,
			says: []string{"was not suspended yet: stopping; the job is FINISHED", "--for suspended"},
		},
		"time-out while a pod can't start": {
			objects: []runtime.Object{flinktest.Operator(1, 1), pod}, operate: step(time.Second, starting), cut: 10 * time.Second, code: exit.TimedOut,
			says: []string{"Pod orders-1 is ImagePullBackOff: no such image"},
		},
		"time-out while the operator is away": {
			objects: []runtime.Object{flinktest.Operator(0, 0), pod}, cut: 10 * time.Second, code: exit.TimedOut,
			says: []string{"the operator is not running: deployment flink/flink-kubernetes-operator has 0 of 0 replicas ready. The change stays in the spec and is carried out when it runs again"}, hides: []string{"Pod orders-1"},
		},
		"time-out of what was so already, the operator is away": {
			objects: []runtime.Object{flinktest.Operator(0, 0)}, status: `{"lifecycleState":"DEPLOYED"}`,
			change: func(job api.Job) Change {
				return Change{Job: job, Did: "resumed", Spec: map[string]any{"job": map[string]any{"state": "running"}}}
			},
			cut: 10 * time.Second, code: exit.TimedOut, says: []string{"the operator is not running: deployment flink/flink-kubernetes-operator has 0 of 0 replicas ready. Nothing was changed by this command"}, hides: []string{"Take the change back"},
		},
		"time-out while a savepoint is in progress": {
			status: `{"jobStatus":{"savepointInfo":{"triggerId":"t"}}}`, cut: 10 * time.Second, code: exit.TimedOut, says: []string{"the operator has not taken it up yet: a savepoint is in progress"},
		},
		"time-out with a secret in the change": {
			change: func(job api.Job) Change {
				ch := restartOf(job)
				ch.Spec["flinkConfiguration"] = map[string]any{"s3.secret-key": "hunter2"}
				return ch
			},
			cut: 5 * time.Second, code: exit.TimedOut, hides: []string{"hunter2"},
			check: func(t *testing.T, c *flinktest.Cluster, _ Report, _ error) {
				if strings.Contains(c.Notes(), "hunter2") || !strings.Contains(c.Notes(), "s3.secret-key") {
					t.Error(c.Notes())
				}
			},
		},
		"Ctrl-C while tasks wait for slots": {
			prepare: func(c *flinktest.Cluster) {
				c.Ask(flinktest.States(api.FlinkState{State: "RUNNING", Tasks: 4, Waiting: 3}, nil))
			},
			operate: restarts(2), cut: 20 * time.Second, ctrlC: true, code: exit.Interrupted,
			check: func(t *testing.T, c *flinktest.Cluster, _ Report, _ error) {
				if !strings.Contains(c.Waits(), (api.FlinkState{Tasks: 4, Waiting: 3}).WaitingTasks()) {
					t.Error(c.Waits())
				}
			},
		},
	})
}

func TestAJobThatTheOperatorTakesForFinished(t *testing.T) {
	finished := strings.Replace(forgotten, `"FINISHED"`, `"FINISHED","upgradeSavepointPath":"file:/s/2"`, 1)
	playAll(t, map[string]scene{
		"is started by a nonce": {
			operate:  steps(step(2*time.Second, finished), step(4*time.Second, strings.Replace(stopping, `"observedGeneration":2`, `"observedGeneration":3`, 1)), step(5*time.Second, starting), step(6*time.Second, strings.Replace(runsAgain, `"observedGeneration":2`, `"observedGeneration":3`, 1))),
			restored: "file:/s/2", within: 10 * time.Second,
			notes: []string{"the operator takes the job for finished and doesn't start it (it missed the suspension); restarted (restartNonce: 2)"},
			check: func(t *testing.T, c *flinktest.Cluster, r Report, _ error) {
				if nonce, _ := api.Number(c.Job(api.Deployment, "orders").Spec(), "restartNonce"); nonce != 2 || api.Section(r.Patch, "spec")["restartNonce"] != int64(2) || r.Generation != 3 {
					t.Errorf("nonce %d, %+v", nonce, r)
				}
			},
		},
		"only once": {
			operate: steps(step(2*time.Second, finished), step(4*time.Second, strings.Replace(finished, `"observedGeneration":2`, `"observedGeneration":3`, 1))),
			code:    exit.Failed, within: 6 * time.Second,
			says: []string{"the change failed: the operator takes the job for finished and doesn't start it", "Its state is kept. Start it from there with: kubectl flink restart flinkdeployment/orders -n ns"},
		},
		"but not where that is forbidden": {
			operate: steps(step(2*time.Second, finished), func(c *flinktest.Cluster) {
				flinktest.After(time.Second, func() { c.Refuse("patch", api.Deployment, flinktest.Forbidden(api.Deployment, "orders")) })
			}), code: exit.Failed, says: []string{"and it could not be restarted", "forbidden"},
		},
	})
}

func TestTheStateThatItRunsFrom(t *testing.T) {
	playAll(t, map[string]scene{
		"another savepoint": {
			operate: restarts(2), restored: "file:/s/1", code: exit.Failed,
			says: []string{"flinkdeployment/orders started without its state: it was restored from file:/s/1 instead of file:/s/2"}, check: failedAs(ChangeUnproven, false),
		},
		"none": {
			operate: restarts(2), restored: "nothing", code: exit.Failed,
			says: []string{"the JobManager says that it was not restored from anything", "Its earlier state still exists at file:/s/2", "spec.job.savepointRedeployNonce"}, check: failedAs(ChangeUnproven, false),
		},
		"none, and where its state is isn't known": {
			operate: steps(step(time.Second, starting), step(3*time.Second, runsAgain)), restored: "nothing", code: exit.Failed, says: []string{"Its earlier state still exists; go back to it"},
		},
		"its own checkpoint since": {
			operate: restarts(2), restored: "file:/c/b/chk-3", notes: []string{"has restarted since, from its own checkpoint file:/c/b/chk-3"},
		},
		"nobody answers": {
			operate: restarts(2), restored: "away", within: 20 * time.Second, notes: []string{"that it runs from its state is the operator's word only; the JobManager can't be asked: connection refused"},
			check: func(t *testing.T, _ *flinktest.Cluster, r Report, _ error) {
				if want := (api.RetainedState{Kind: api.RetainedSavepoint, Path: "file:/s/2"}); r.From != want {
					t.Errorf("%+v", r.From)
				}
			},
		},
		"nobody asks": {operate: restarts(2), notes: []string{"operator's word only; the JobManager can't be asked: nobody asks it"}},
		"none was wanted": {
			change: func(job api.Job) Change { ch := restartOf(job); ch.Goal.State = false; return ch }, operate: restarts(2), restored: "nothing",
			check: func(t *testing.T, _ *flinktest.Cluster, r Report, _ error) {
				if r.From.Kind != api.RetainedNone || !r.From.Proven {
					t.Errorf("%+v", r.From)
				}
			},
		},
		"the one that was named": {
			change:  func(job api.Job) Change { return Redeploy(job, "file:/s/named", false) },
			operate: steps(step(time.Second, starting), step(3*time.Second, runsAgain)), restored: "file:///s/named",
		},
		"not the one that was named": {
			change:  func(job api.Job) Change { return Redeploy(job, "file:/s/named", false) },
			operate: steps(step(time.Second, starting), step(3*time.Second, runsAgain)), restored: "file:/s/else", code: exit.Failed, says: []string{"it was restored from file:/s/else instead of file:/s/named"},
		},
		"a named one needs another run": {
			change: func(job api.Job) Change { return Redeploy(job, "file:/s/named", false) },
			// The operator calls it stable before the new run is there.
			operate: step(time.Second, `{"observedGeneration":2,"jobStatus":{"startTime":"2000"}}`), restored: "file:/s/named", cut: 10 * time.Second, code: exit.TimedOut,
		},
	})
}
