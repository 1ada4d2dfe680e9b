package move

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/flinktest"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmf"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmftest"
)

// newAppRig has the application orders in the environment prod, whose job runs,
// and no FlinkDeployment.
func newAppRig(t *testing.T, mode string) *rig {
	t.Helper()
	r := newRig(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "empty"}})
	spec, err := cmf.Decode([]byte(orders))
	if err != nil {
		t.Fatal(err)
	}
	application := cmf.Object{"apiVersion": cmf.Group + "/v1", "kind": "FlinkApplication", "metadata": map[string]any{"name": "orders"}, "spec": map[string]any(spec)}
	application.Set("spec.job.upgradeMode", mode)
	if _, err := r.client.Create(t.Context(), r.sides().App, application); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Minute)
	if got := r.app(); got != "running RUNNING" {
		t.Fatalf("the application is %s", got)
	}
	return r
}

// leftState is where the stand-in's application leaves its state.
const leftState = "s3://flink/savepoints/savepoint-"

// An ejection, with what goes wrong at each of its points, and what runs then:
// never both, and one of them where nobody interrupted.
func TestEject(t *testing.T) {
	const app = "/cmf/api/v1/environments/prod/applications"
	for name, c := range map[string]struct {
		mode  string
		fault func(r *rig, interrupt func())
		// code and words are the error's, "" for none.
		code     int
		words    []string
		app, job string
	}{
		"done":                {app: "suspended SUSPENDED", job: "running RUNNING"},
		"done, stateless":     {mode: "stateless", app: "suspended SUSPENDED", job: "running RUNNING"},
		"done, by last-state": {mode: "last-state", app: "suspended SUSPENDED", job: "running RUNNING"},
		"stopping is refused": {
			fault: func(r *rig, _ func()) {
				r.server.Inject(cmftest.Fault{Method: http.MethodPost, Path: "/orders/suspend", Status: 403, Body: `{"errors":[{"message":"not yours"}]}`})
			},
			code: 1, words: []string{"not yours", `app "orders" in environment "prod" is to run, as before`},
			app: "running RUNNING", job: "none",
		},
		"stopping a stateless one is refused": {
			mode: "stateless",
			fault: func(r *rig, _ func()) {
				r.server.Inject(cmftest.Fault{Method: http.MethodPost, Path: app, Status: 422, Body: `{"errors":[{"message":"no directory"}]}`})
			},
			code: 1, words: []string{"no directory", "is to run, as before"},
			app: "running RUNNING", job: "none",
		},
		"stopping has no answer, and was done": {
			fault: func(r *rig, _ func()) {
				r.server.Inject(cmftest.Fault{Method: http.MethodPost, Path: "/orders/suspend", Status: 500, After: true})
			},
			code: 1, words: []string{`app "orders" in environment "prod" is RUNNING again`},
			app: "running RUNNING", job: "none",
		},
		"it never stops": {
			fault: func(r *rig, _ func()) {
				r.server.Inject(cmftest.Fault{Method: http.MethodPost, Path: "/orders/suspend", Times: 1, Delay: 11 * time.Minute})
			},
			code: 124, words: []string{"timed out", "is to run, as before"},
			app: "running RUNNING", job: "none",
		},
		"where its state is isn't told": {
			fault: func(r *rig, _ func()) {
				r.server.Inject(cmftest.Fault{Method: http.MethodGet, Path: app + "/orders", Skip: 1, Times: 100, Status: 200, Body: `{"kind":"FlinkApplication","metadata":{"name":"orders"},"spec":{"job":{"state":"suspended","upgradeMode":"savepoint"}},"status":{"lifecycleState":"SUSPENDED","jobStatus":{"state":"FINISHED"}}}`})
			},
			code: 1, words: []string{"CMF doesn't tell where its state is", "is RUNNING again"},
			app: "running RUNNING", job: "none",
		},
		"creating is refused": {
			fault: func(r *rig, _ func()) {
				r.cluster.Refuse("create", api.Deployment, flinktest.Forbidden(api.Deployment, "orders"))
			},
			code: 1, words: []string{"forbidden", "flinkdeployment/orders is not there any more", `app "orders" in environment "prod" is RUNNING again, restored from ` + leftState},
			app: "running RUNNING", job: "none",
		},
		"creating is refused, stateless": {
			mode: "stateless",
			fault: func(r *rig, _ func()) {
				r.cluster.Refuse("create", api.Deployment, flinktest.Forbidden(api.Deployment, "orders"))
			},
			code: 1, words: []string{"is RUNNING again, restored from " + leftState, "its upgradeMode was stateless and is savepoint now"},
			app: "running RUNNING", job: "none",
		},
		"somebody else creates one of that name": {
			fault: func(r *rig, _ func()) {
				r.cluster.Add(flinktest.Object(api.Deployment, "orders", orders, runs))
			},
			code: 1, words: []string{"already exists", "is RUNNING again, restored from " + leftState},
			app: "running RUNNING", job: "running RUNNING", // which is not of it
		},
		"restored from something else": {
			fault: func(r *rig, _ func()) { r.setWrong("s3://b/s/savepoint-0") },
			code:  1, words: []string{"restored from s3://b/s/savepoint-0, not from " + leftState, "flinkdeployment/orders is not there any more", "is RUNNING again, restored from " + leftState},
			app: "running RUNNING", job: "none",
		},
		"nobody can be asked": {
			fault: func(r *rig, _ func()) { r.setDeaf() },
			code:  1, words: []string{"not proven", "was not started again, so that the job doesn't run twice", "kubectl delete flinkdeployment orders -n ns\n  kubectl cmf app start orders -e prod"},
			app: "suspended SUSPENDED", job: "running RUNNING",
		},
		"it can't be deleted again": {
			fault: func(r *rig, _ func()) {
				r.setWrong("s3://b/s/savepoint-0")
				r.cluster.Refuse("delete", api.Deployment, flinktest.Forbidden(api.Deployment, "orders"))
			},
			code: 1, words: []string{"still runs isn't known", "was not started again: its state is at " + leftState, "kubectl delete flinkdeployment orders -n ns"},
			app: "suspended SUSPENDED", job: "running RUNNING",
		},
		"CMF is gone once it is created": {
			fault: func(r *rig, _ func()) {
				r.setWrong("s3://b/s/savepoint-0")
				r.server.Inject(cmftest.Fault{Method: http.MethodPost, Path: "/orders/start", Status: 403})
			},
			code: 1, words: []string{"not there any more", `app "orders" in environment "prod" does NOT run again`, "kubectl cmf app start orders -e prod"},
			app: "suspended SUSPENDED", job: "none",
		},
		"Ctrl-C while it stops": {
			fault: func(r *rig, interrupt func()) {
				r.server.Inject(cmftest.Fault{Method: http.MethodGet, Path: app + "/orders", Times: 1, Hook: interrupt})
			},
			code: 130, words: []string{"is being suspended with a savepoint, and CMF goes on with it", "flinkdeployment/orders was not created", "To go on, say the same again", "kubectl cmf app start orders -e prod"},
			app: "suspended SUSPENDED", job: "none",
		},
		"Ctrl-C once it is created": {
			fault: func(r *rig, interrupt func()) { r.onReconcile = interrupt },
			code:  130, words: []string{"flinkdeployment/orders was created and starts from there", "kubectl delete flinkdeployment orders -n ns\n  kubectl cmf app start orders -e prod"},
			app: "suspended SUSPENDED", job: "running RUNNING",
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				mode := c.mode
				if mode == "" {
					mode = "savepoint"
				}
				r := newAppRig(t, mode)
				ctx, interrupt := context.WithCancel(t.Context())
				defer interrupt()
				m := &Eject{Sides: r.sides()}
				plan, err := m.Plan(ctx)
				if err != nil || Stops(plan.Points) != nil {
					t.Fatalf("%v, %v", err, plan)
				}
				if c.fault != nil {
					c.fault(r, interrupt)
				}
				done, err := m.Run(ctx, plan)
				r.check(err, c.code, c.words, c.app, c.job)
				if err == nil && (!strings.HasPrefix(done.From, leftState) || r.cluster.Job(api.Deployment, "orders").InitialPath() != done.From) {
					t.Errorf("from %q", done.From)
				}
			})
		})
	}
}

// An ejection that was interrupted goes on where it was, wherever that is, and
// nothing is done twice.
func TestEjectGoesOn(t *testing.T) {
	for name, interrupted := range map[string]func(r *rig, interrupt func()){
		"while it stops": func(r *rig, interrupt func()) {
			r.server.Inject(cmftest.Fault{Method: http.MethodGet, Path: "/applications/orders", Times: 1, Hook: interrupt})
		},
		"once it has stopped": func(r *rig, interrupt func()) {
			r.server.Inject(cmftest.Fault{Method: http.MethodGet, Path: "/applications/orders", Skip: 3, Times: 1, Hook: interrupt})
		},
		"while the other starts": func(r *rig, interrupt func()) { r.onReconcile = interrupt },
	} {
		for _, waits := range []time.Duration{0, time.Minute} {
			t.Run(name+" "+waits.String(), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					r := newAppRig(t, "savepoint")
					m := &Eject{Sides: r.sides()}
					ctx, interrupt := context.WithCancel(t.Context())
					plan, err := m.Plan(ctx)
					if err != nil {
						t.Fatal(err)
					}
					interrupted(r, interrupt)
					if _, err := m.Run(ctx, plan); exit.Code(err) != exit.Interrupted {
						t.Fatalf("the first: %v", err)
					}
					time.Sleep(waits)
					if plan, err = m.Plan(t.Context()); err != nil || Stops(plan.Points) != nil {
						t.Fatalf("the second: %v, %v", err, plan)
					}
					_, err = m.Run(t.Context(), plan)
					r.check(err, 0, nil, "suspended SUSPENDED", "running RUNNING")
					if creates := strings.Count(strings.Join(r.cluster.Writes(), "\n"), "create flinkdeployments"); creates != 1 {
						t.Errorf("%d creates", creates)
					}
				})
			})
		}
	}
}

// Nothing is created as long as something says that the application runs.
func TestStillStopped(t *testing.T) {
	const suspended = `{"lifecycleState":"SUSPENDED","jobStatus":{"state":"FINISHED","jobId":"aaa","startTime":"946684000000"}}`
	for name, c := range map[string]struct {
		stop         bool
		spec, status string
		state        api.FlinkState
		words        string
	}{
		"it is stopped":                         {stop: true},
		"somebody started it":                   {words: "was started by another user or program meanwhile: it is RUNNING"},
		"Kubernetes says so, too":               {stop: true, spec: strings.Replace(orders, "running", "suspended", 1), status: suspended, state: api.FlinkState{State: "FINISHED"}},
		"its FlinkDeployment is to run":         {stop: true, spec: orders, status: suspended, words: "CMF's flinkdeployment/orders in namespace ns still runs"},
		"its FlinkDeployment runs":              {stop: true, spec: strings.Replace(orders, "running", "suspended", 1), status: runs, words: "still runs"},
		"its JobManager ran the job once again": {stop: true, spec: strings.Replace(orders, "running", "suspended", 1), status: suspended, state: api.FlinkState{State: "RUNNING", Started: time.Now()}, words: "its JobManager came up again"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newAppRig(t, "savepoint")
				w := &ejecting{Eject: &Eject{Sides: r.sides()}, plan: &EjectPlan{namespace: "ns"}}
				if c.stop {
					if err := r.suspendApp(); err != nil {
						t.Fatal(err)
					}
					time.Sleep(time.Minute)
				}
				if c.spec != "" {
					r.cluster.Add(flinktest.Object(api.Deployment, "orders", c.spec, c.status))
					mustAdd(t, r, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "jm", Namespace: "ns", Labels: map[string]string{"app": "orders", "component": "jobmanager", "type": "flink-native-kubernetes"}}})
				}
				r.cluster.Ask(flinktest.States(c.state, nil))
				w.Operator = r.cluster.Client
				err := w.stillStopped(t.Context())
				if (err == nil) != (c.words == "") || err != nil && !strings.Contains(err.Error(), c.words) {
					t.Errorf("%v", err)
				}
			})
		})
	}
}

// Fields that the operator doesn't have are named, other refusals are not.
func TestUnknownFields(t *testing.T) {
	strict := apierrors.NewBadRequest(`FlinkDeployment in version "v1beta1" cannot be handled as a FlinkDeployment: strict decoding error: unknown field "spec.savepointSchedule", unknown field "spec.job.x"`)
	got := unknownFields(strict)
	if len(got) != 2 || got[0].Field != "spec.savepointSchedule" || got[1].Field != "spec.job.x" || got[0].Stops {
		t.Errorf("%v", got)
	}
	for _, other := range []error{apierrors.NewBadRequest("no"), errors.New(`unknown field "a"`), flinktest.Forbidden(api.Deployment, "x")} {
		if got := unknownFields(other); got != nil {
			t.Errorf("%v: %v", other, got)
		}
	}
}

// What was made by an import and goes back goes over with all that the job had.
func TestThereAndBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		in := &Import{r.sides()}
		plan, err := in.Plan(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := in.Run(t.Context(), plan); err != nil {
			t.Fatal(err)
		}
		out := &Eject{Sides: r.sides()}
		if plan, err := out.Plan(t.Context()); err != nil || Stops(plan.Points) == nil {
			t.Fatalf("the name is taken: %v, %v", err, plan)
		}
		out.Job.Name = "again"
		back, err := out.Plan(t.Context())
		if err != nil || Stops(back.Points) != nil {
			t.Fatalf("%v, %v", err, back)
		}
		done, err := out.Run(t.Context(), back)
		if err != nil {
			t.Fatal(err)
		}
		r.check(nil, 0, nil, "suspended SUSPENDED", "suspended FINISHED")
		was, is := r.cluster.Job(api.Deployment, "orders").Fresh().Spec(), done.Deployment.Fresh().Spec()
		if a, b := text(t, was), text(t, is); a != b {
			t.Errorf("before:\n%s\nafter:\n%s", a, b)
		}
		if got := text(t, done.Deployment.Object.GetAnnotations()); got != `{"kubectl-cmf/ejected-from":"prod/orders"}` {
			t.Errorf("annotations: %s", got)
		}
		// And over once more: each side knows its own by where that came from last.
		third := &Import{r.sides()}
		third.Job.Name, third.App.Name = "again", "third"
		over, err := third.Plan(t.Context())
		if err != nil || Stops(over.Points) != nil {
			t.Fatalf("%v, %v", err, over)
		}
		if got := text(t, over.Application.Map("metadata.annotations")); got != `{"kubectl-cmf/imported-from":"ns/again"}` {
			t.Errorf("annotations: %s", got)
		}
	})
}

func mustAdd(t *testing.T, r *rig, pod *corev1.Pod) {
	t.Helper()
	if err := r.cluster.Core.Tracker().Add(pod); err != nil {
		t.Fatal(err)
	}
}
