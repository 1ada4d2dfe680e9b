package lifecycle

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/change"
)

// What a verb is going to start is shown before anything is done, and whoever
// looks can end it there.
func TestLookAhead(t *testing.T) {
	errSeen := errors.New("seen enough")
	newest := func() *api.FlinkState {
		state := stateFrom("")
		state.Latest = &api.FlinkSnapshot{ID: 7, Path: "s3://b/c/aaa/chk-7", At: time.Now()}
		state.Checkpoint = state.Latest
		return state
	}
	upgrade := func(request UpgradeRequest) func(context.Context, *fakeOperator, change.Options) error {
		return func(ctx context.Context, f *fakeOperator, options change.Options) error {
			request.Options = options
			_, err := Upgrade(ctx, f.client, ordersRef, request, f.reporter())
			return err
		}
	}
	parallel := UpgradeRequest{UpgradeFields: UpgradeFields{Parallelism: 8}}
	lose := parallel
	lose.LoseState = true
	lastState := parallel
	lastState.UpgradeMode = "last-state"
	resume := func(ctx context.Context, f *fakeOperator, options change.Options) error {
		_, err := Resume(ctx, f.client, ordersRef, ResumeRequest{Options: options}, f.reporter())
		return err
	}
	restore := func(from string) func(context.Context, *fakeOperator, change.Options) error {
		return func(ctx context.Context, f *fakeOperator, options change.Options) error {
			_, err := Restore(ctx, f.client, ordersRef, RestoreRequest{From: from, Options: options, AllowNonRestored: true}, f.reporter())
			return err
		}
	}
	clone := func(from string) func(context.Context, *fakeOperator, change.Options) error {
		return func(ctx context.Context, f *fakeOperator, options change.Options) error {
			_, err := Clone(ctx, f.client, ordersRef, f.client, CloneRequest{Name: "copy", Namespace: "ns", From: from, Look: options.Look, DryRun: "client"}, f.reporter())
			return err
		}
	}
	for name, c := range map[string]struct {
		job         []string
		flink       *api.FlinkState
		do          func(context.Context, *fakeOperator, change.Options) error
		want        change.Prospect
		parallelism int
		drops       bool
		none        bool
	}{
		"an upgrade with a savepoint": {
			flink: newest(), do: upgrade(parallel), parallelism: 8,
			want: change.Prospect{Kind: "checkpoint", Path: "s3://b/c/aaa/chk-7", Proxy: true, Fresh: true, OwnRun: true, Of: ordersRef},
		},
		"an upgrade with a savepoint before the first checkpoint": {
			flink: stateFrom(""), do: upgrade(parallel), parallelism: 8,
			want: change.Prospect{Proxy: true, Fresh: true, OwnRun: true, Of: ordersRef, Unknown: "the savepoint is only taken then, and no completed checkpoint is known that could stand for it"},
		},
		"an upgrade by the last checkpoint": {
			flink: newest(), do: upgrade(lastState), parallelism: 8,
			want: change.Prospect{Kind: "checkpoint", Path: "s3://b/c/aaa/chk-7", Proxy: true, OwnRun: true, Of: ordersRef},
		},
		"an upgrade without state": {
			flink: newest(), do: upgrade(lose), parallelism: 8,
			want: change.Prospect{Kind: "none", Path: "s3://b/c/aaa/chk-7", Proxy: true, OwnRun: true, Of: ordersRef, Stateless: true},
		},
		"an upgrade of a suspended job": {
			job: []string{suspendedBy("savepoint", "s3://b/s/0")}, do: upgrade(parallel), parallelism: 8,
			want: change.Prospect{Kind: "savepoint", Path: "s3://b/s/0", OwnRun: true, Of: ordersRef},
		},
		"an upgrade that changes nothing":         {flink: newest(), do: upgrade(UpgradeRequest{UpgradeFields: UpgradeFields{Parallelism: 2}}), none: true},
		"an upgrade that the operator only notes": {flink: newest(), do: upgrade(UpgradeRequest{UpgradeFields: UpgradeFields{Set: map[string]string{"kubernetes.operator.x": "y"}}}), none: true},
		"a restore": {
			flink: newest(), do: restore("s3://b/s/1"), parallelism: 2, drops: true,
			want: change.Prospect{Kind: "savepoint", Path: "s3://b/s/1"},
		},
		"a restore of the run's own": {
			job: []string{`{"status":{"jobStatus":{"state":"FAILED"}}}`}, flink: newest(), do: restore("s3://b/c/aaa/chk-7"), parallelism: 2, drops: true,
			want: change.Prospect{Kind: "checkpoint", Path: "s3://b/c/aaa/chk-7", OwnRun: true},
		},
		"a resumption": {
			job: []string{suspendedBy("savepoint", "s3://b/s/0")}, do: resume, parallelism: 2,
			want: change.Prospect{Kind: "savepoint", Path: "s3://b/s/0", OwnRun: true, Of: ordersRef},
		},
		"a resumption by high availability": {
			job: []string{suspendedBy("last-state", "")}, do: resume, parallelism: 2,
			want: change.Prospect{Kind: "checkpoint", OwnRun: true, Of: ordersRef, Unknown: "only the high-availability data names the last checkpoint"},
		},
		"a clone from a savepoint that is still to be taken": {
			flink: newest(), do: clone(""), parallelism: 2,
			want: change.Prospect{Kind: "checkpoint", Path: "s3://b/c/aaa/chk-7", Proxy: true, Fresh: true, OwnRun: true, Of: ordersRef},
		},
		"a clone from a path":   {flink: newest(), do: clone("s3://b/s/3"), parallelism: 2, want: change.Prospect{Kind: "savepoint", Path: "s3://b/s/3", Of: ordersRef}},
		"a clone without state": {flink: newest(), do: clone("none"), parallelism: 2, want: change.Prospect{Kind: "none"}},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				f := newFakeOperator(t, nil, ordersWith(t, c.job...))
				f.tells(ordersRef, c.flink)
				looked := 0
				var got change.Prospect
				err := c.do(patience(t), f, change.Options{DryRun: "client", Look: func(_ context.Context, p change.Prospect) error {
					looked++
					got = p
					return errSeen
				}})
				if c.none {
					if err != nil || looked != 0 {
						t.Errorf("%v, looked %d times", err, looked)
					}
					return
				}
				if !errors.Is(err, errSeen) || looked != 1 {
					t.Fatalf("%v, looked %d times", err, looked)
				}
				if got.Before.Object.GetName() != "orders" || got.After.Parallelism() != c.parallelism {
					t.Errorf("from %s to parallelism %d, want %d", got.Before.Ref(), got.After.Parallelism(), c.parallelism)
				}
				if drops, _ := api.Section(got.After.Spec(), "job")["allowNonRestoredState"].(bool); drops != c.drops {
					t.Errorf("state without operator is dropped: %v", drops)
				}
				got.Before, got.After = api.Job{}, api.Job{}
				if got != c.want {
					t.Errorf("%+v, want %+v", got, c.want)
				}
				f.check(err, exit.Failed, []string{"seen enough"})
				if len(f.created)+len(f.deleted) > 0 {
					t.Errorf("created %v, deleted %v", f.created, f.deleted)
				}
			})
		})
	}
}

// A job that was changed while it was suspended is compared with what it ran
// with.
func TestAsItRan(t *testing.T) {
	job := ordersWith(t, `{"spec":{"job":{"state":"suspended","parallelism":9}},"status":{"reconciliationStatus":{"lastReconciledSpec":"{\"spec\":{\"job\":{\"parallelism\":3,\"args\":[1,2.5]}}}"}}}`)
	ran := asItRan(job)
	if ran.Parallelism() != 3 || job.Parallelism() != 9 || ran.Ref() != job.Ref() {
		t.Errorf("%d, %d", ran.Parallelism(), job.Parallelism())
	}
	_ = ran.Object.DeepCopy() // its numbers are such as objects may have
	running := ordersWith(t, `{"spec":{"job":{"parallelism":9}}}`)
	if asItRan(running).Parallelism() != 9 {
		t.Error("a job that runs is as its spec says")
	}
}
