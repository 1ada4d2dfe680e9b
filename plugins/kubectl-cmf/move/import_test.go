package move

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/flinktest"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmftest"
)

// An import, with what goes wrong at each of its points, and what runs then:
// never both, and one of them where nobody interrupted.
func TestImport(t *testing.T) {
	const app = "/cmf/api/v1/environments/prod/applications"
	for name, c := range map[string]struct {
		fault func(r *rig, interrupt func())
		// code and words are the error's, "" for none.
		code     int
		words    []string
		app, job string
	}{
		"done": {app: "running RUNNING", job: "suspended FINISHED"},
		"creating is refused": {
			fault: func(r *rig, _ func()) {
				r.server.Inject(cmftest.Fault{Method: http.MethodPost, Path: app, Times: 1, Status: 422, Body: `{"errors":[{"message":"spec.flinkVersion: v9"}]}`})
			},
			code: 1, words: []string{"spec.flinkVersion: v9", "flinkdeployment/orders was not touched"},
			app: "none", job: "running RUNNING",
		},
		"creating has no answer": {
			fault: func(r *rig, _ func()) {
				r.server.Inject(cmftest.Fault{Method: http.MethodPost, Path: app, Times: 4, Status: 500, After: true})
			},
			code: 1, words: []string{"is not there any more", "was not touched"},
			app: "none", job: "running RUNNING",
		},
		"suspending is forbidden": {
			fault: func(r *rig, _ func()) {
				r.cluster.Refuse("patch", api.Deployment, flinktest.Forbidden(api.Deployment, "orders"))
			},
			code: 1, words: []string{"forbidden", "is not there any more", "flinkdeployment/orders is RUNNING again"},
			app: "none", job: "running RUNNING",
		},
		"the savepoint can't be registered": {
			fault: func(r *rig, _ func()) {
				r.server.Inject(cmftest.Fault{Method: http.MethodPost, Path: "/detached-savepoints", Status: 500})
			},
			code: 1, words: []string{"is not there any more", "flinkdeployment/orders is RUNNING again, restored from s3://b/s/savepoint-1"},
			app: "none", job: "running RUNNING",
		},
		"starting is refused": {
			fault: func(r *rig, _ func()) {
				r.server.Inject(cmftest.Fault{Method: http.MethodPost, Path: "/orders/start", Status: 404, Body: `{"errors":[{"message":"Savepoint not found"}]}`})
			},
			code: 1, words: []string{"Savepoint not found", "is not there any more", "flinkdeployment/orders is RUNNING again"},
			app: "none", job: "running RUNNING",
		},
		"starting has no answer, and was done": {
			fault: func(r *rig, _ func()) {
				r.server.Inject(cmftest.Fault{Method: http.MethodPost, Path: "/orders/start", Status: 500, After: true})
			},
			code: 1, words: []string{"is not there any more", "flinkdeployment/orders is RUNNING again"},
			app: "none", job: "running RUNNING",
		},
		"restored from something else": {
			fault: func(r *rig, _ func()) {
				r.server.Inject(cmftest.Fault{Path: "/checkpoints", Status: 200, Body: `{"latest":{"restored":{"external_path":"s3://b/s/savepoint-0"}}}`})
			},
			code: 1, words: []string{"restored from s3://b/s/savepoint-0, not from s3://b/s/savepoint-1", "is not there any more", "flinkdeployment/orders is RUNNING again"},
			app: "none", job: "running RUNNING",
		},
		"restored from nothing": {
			fault: func(r *rig, _ func()) {
				r.server.Inject(cmftest.Fault{Path: "/checkpoints", Status: 200, Body: `{"latest":{}}`})
			},
			code: 1, words: []string{"it started without state", "flinkdeployment/orders is RUNNING again"},
			app: "none", job: "running RUNNING",
		},
		"nobody can be asked": {
			fault: func(r *rig, _ func()) {
				r.server.Inject(cmftest.Fault{Path: "/checkpoints", Status: 502})
			},
			code: 1, words: []string{"not proven", "was not resumed, so that the job doesn't run twice", "kubectl cmf app delete orders -e prod --lose-state\n  kubectl flink resume flinkdeployment/orders -n ns"},
			app: "running RUNNING", job: "suspended FINISHED",
		},
		"CMF is gone once it was told to start": {
			fault: func(r *rig, _ func()) {
				r.server.Inject(cmftest.Fault{Method: http.MethodPost, Path: "/orders/start", Status: 500, After: true, Hook: func() {
					r.server.Inject(cmftest.Fault{Path: app + "/orders", Status: 403})
				}})
			},
			code: 1, words: []string{"still runs isn't known", "was not resumed: its state is at s3://b/s/savepoint-1", "kubectl flink resume flinkdeployment/orders -n ns"},
			app: "running RUNNING", job: "suspended FINISHED",
		},
		"it never runs": {
			fault: func(r *rig, _ func()) {
				r.server.Inject(cmftest.Fault{Method: http.MethodPost, Path: "/orders/start", Times: 1, Delay: 11 * time.Minute})
			},
			code: 124, words: []string{"timed out", "is not there any more", "flinkdeployment/orders is RUNNING again"},
			app: "none", job: "running RUNNING",
		},
		"Ctrl-C while it is created": {
			fault: func(r *rig, interrupt func()) {
				r.server.Inject(cmftest.Fault{Method: http.MethodPost, Path: app, Times: 1, Hook: interrupt})
			},
			code: 130, words: []string{"flinkdeployment/orders was not touched", "To go on, say the same again", "kubectl cmf app delete orders -e prod --lose-state"},
			app: "suspended SUSPENDED", job: "running RUNNING",
		},
		"Ctrl-C once the job is suspended": {
			fault: func(r *rig, interrupt func()) {
				r.server.Inject(cmftest.Fault{Method: http.MethodPost, Path: "/detached-savepoints", Times: 1, Hook: interrupt})
			},
			code: 130, words: []string{"flinkdeployment/orders is suspended; its state is at s3://b/s/savepoint-1", "neither runs", "To go on, say the same again", "kubectl flink resume flinkdeployment/orders -n ns"},
			app: "suspended SUSPENDED", job: "suspended FINISHED",
		},
		"Ctrl-C while it starts": {
			fault: func(r *rig, interrupt func()) {
				r.server.Inject(cmftest.Fault{Method: http.MethodPost, Path: "/orders/start", Times: 1, Hook: interrupt})
			},
			code: 130, words: []string{"was told to start from it", "kubectl flink resume flinkdeployment/orders -n ns"},
			app: "running RUNNING", job: "suspended FINISHED",
		},
		"Ctrl-C before it is proven": {
			fault: func(r *rig, interrupt func()) {
				r.server.Inject(cmftest.Fault{Path: "/checkpoints", Times: 1, Status: 503, Hook: interrupt})
			},
			code: 130, words: []string{"that it runs from there isn't proven"},
			app: "running RUNNING", job: "suspended FINISHED",
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				ctx, interrupt := context.WithCancel(t.Context())
				defer interrupt()
				m := &Import{r.sides()}
				plan, err := m.Plan(ctx)
				if err != nil || Stops(plan.Points) != nil {
					t.Fatalf("%v, %v", err, plan)
				}
				if c.fault != nil {
					c.fault(r, interrupt)
				}
				done, err := m.Run(ctx, plan)
				r.check(err, c.code, c.words, c.app, c.job)
				if err == nil && done.From != "s3://b/s/savepoint-1" {
					t.Errorf("from %q", done.From)
				}
			})
		})
	}
}

// check compares how a move ended, and what runs then.
func (r *rig) check(err error, code int, words []string, app, job string) {
	r.Helper()
	if exit.Code(err) != code {
		r.Errorf("exit code %d, want %d: %v", exit.Code(err), code, err)
	}
	if err != nil {
		wants(r.T, "the error", err.Error(), words...)
	}
	time.Sleep(time.Minute) // whatever goes on comes to its end
	r.server.Heal()
	if got := r.app(); got != app {
		r.Errorf("the application is %q, want %q\n%v", got, app, err)
	}
	if got := r.job(); got != job {
		r.Errorf("the job is %q, want %q\n%v", got, job, err)
	}
}

// An import that was interrupted goes on where it was, wherever that is.
func TestImportGoesOn(t *testing.T) {
	for name, fault := range map[string]cmftest.Fault{
		"while it is created":     {Method: http.MethodPost, Path: "/applications", Times: 1},
		"once it is suspended":    {Method: http.MethodPost, Path: "/detached-savepoints", Times: 1},
		"while it starts":         {Method: http.MethodPost, Path: "/orders/start", Times: 1},
		"before it is proven":     {Path: "/checkpoints", Times: 1, Status: 503},
		"while it looks for both": {Method: http.MethodGet, Path: "/applications/orders", Skip: 2, Times: 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				m := &Import{r.sides()}
				ctx, interrupt := context.WithCancel(t.Context())
				plan, err := m.Plan(ctx)
				if err != nil {
					t.Fatal(err)
				}
				fault.Hook = interrupt
				r.server.Inject(fault)
				if _, err := m.Run(ctx, plan); exit.Code(err) != exit.Interrupted {
					t.Fatalf("the first: %v", err)
				}
				time.Sleep(time.Minute)
				if plan, err = m.Plan(t.Context()); err != nil || Stops(plan.Points) != nil {
					t.Fatalf("the second: %v, %v", err, plan)
				}
				_, err = m.Run(t.Context(), plan)
				r.check(err, 0, nil, "running RUNNING", "suspended FINISHED")
			})
		})
	}
}
