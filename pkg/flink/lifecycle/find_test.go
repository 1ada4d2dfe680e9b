package lifecycle

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

// files are what a StateFinder finds, by directory; broken are those that aren't
// whole.
type files struct {
	in     map[string][]FoundState
	broken string
	fails  error
	asked  []string
}

func (f *files) Find(_ context.Context, _ api.Job, dir string) ([]FoundState, error) {
	f.asked = append(f.asked, dir)
	return f.in[dir], f.fails
}

func (f *files) Whole(_ context.Context, _ api.Job, path string) error {
	if f.broken != "" && strings.Contains(path, f.broken) {
		return errors.New("2 of its files aren't there")
	}
	return nil
}

// What objects don't report is found by its files: the newest whole one that is
// the job's.
func TestLatestByFiles(t *testing.T) {
	const run, old = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
	now := time.Now()
	chk := func(id, n string, age time.Duration) FoundState {
		return FoundState{Path: "s3://b/c/" + id + "/chk-" + n, Run: id, At: now.Add(-age)}
	}
	saved := func(id string, age time.Duration) FoundState {
		return FoundState{Path: "s3://b/s/savepoint-" + id[:6] + "-1", Run: id[:6], At: now.Add(-age)}
	}
	stopped := `{"status":{"lifecycleState":"FAILED","jobManagerDeploymentStatus":"MISSING","jobStatus":{"state":"FAILED","jobId":"` + run + `"}}}`
	running := `{"status":{"jobStatus":{"jobId":"` + run + `"}}}`
	neighbor := `{"metadata":{"name":"other"}}`
	for name, c := range map[string]struct {
		job      string
		neighbor bool
		known    Source
		finder   files
		others   bool
		want     string
		fails    []string
		notes    []string
	}{
		"the last run's checkpoint": {
			job: stopped, neighbor: true, finder: files{in: map[string][]FoundState{"s3://b/c": {chk(old, "9", time.Minute), chk(run, "3", time.Hour)}, "s3://b/s": {saved(run, 2*time.Hour)}}},
			want: "s3://b/c/" + run + "/chk-3", notes: []string{"looked for savepoints and checkpoints in s3://b/c (2), s3://b/s (1)", "of the job's last run"},
		},
		"a running job's checkpoints go": {job: running, finder: files{in: map[string][]FoundState{"s3://b/c": {chk(run, "3", time.Hour)}, "s3://b/s": {saved(run, 2*time.Hour)}}}, want: "s3://b/s/savepoint-aaaaaa-1"},
		"an earlier run's, in a directory of its own": {
			job: stopped, finder: files{in: map[string][]FoundState{"s3://b/c": {chk(old, "9", time.Minute)}}}, want: "s3://b/c/" + old + "/chk-9", notes: []string{"no other job here keeps its state in s3://b/c"},
		},
		"in a shared directory": {
			job: stopped, neighbor: true, finder: files{in: map[string][]FoundState{"s3://b/c": {chk(old, "9", time.Minute), chk(old, "8", time.Hour)}}},
			fails: []string{"nothing is known to be saved of flinkdeployment/orders", "looked at, too: s3://b/c (2), s3://b/s (0)", "has 2 more, which may be another job's (flinkdeployment/other in namespace ns keeps its state there, too); the newest is s3://b/c/" + old + "/chk-9", "--from PATH"},
		},
		"in a shared directory, and others' are allowed": {job: stopped, neighbor: true, others: true, finder: files{in: map[string][]FoundState{"s3://b/c": {chk(old, "9", time.Minute)}}}, want: "s3://b/c/" + old + "/chk-9"},
		"one isn't whole": {
			job: stopped, finder: files{broken: "chk-9", in: map[string][]FoundState{"s3://b/c": {chk(run, "9", time.Minute), chk(run, "8", time.Hour)}}},
			want: "s3://b/c/" + run + "/chk-8", notes: []string{"chk-9 is passed over: 2 of its files aren't there"},
		},
		"none is whole": {job: stopped, finder: files{broken: "chk", in: map[string][]FoundState{"s3://b/c": {chk(run, "9", time.Minute)}}}, fails: []string{"nothing is known"}},
		"what is known is newer": {
			job: stopped, known: Source{Kind: "savepoint", Path: "s3://b/s/k", At: now}, finder: files{in: map[string][]FoundState{"s3://b/c": {chk(run, "9", time.Minute)}}}, want: "s3://b/s/k",
		},
		"what is known is the newest file": {
			job: stopped, known: Source{Kind: "checkpoint", Path: "s3://b/c/" + run + "/chk-9", At: now.Add(-2 * time.Minute)},
			finder: files{in: map[string][]FoundState{"s3://b/c": {chk(run, "9", time.Minute)}}}, want: "s3://b/c/" + run + "/chk-9",
		},
		"what is known is older": {
			job: stopped, known: Source{Kind: "savepoint", Path: "s3://b/s/k", At: now.Add(-time.Hour)}, finder: files{in: map[string][]FoundState{"s3://b/c": {chk(run, "9", time.Minute)}}}, want: "s3://b/c/" + run + "/chk-9",
		},
		"nothing can be read": {job: stopped, finder: files{fails: errors.New("access denied")}, fails: []string{"s3://b/c, which can't be read in full: access denied"}},
		"nothing can be read, and something is known": {
			job: stopped, known: Source{Kind: "savepoint", Path: "s3://b/s/k", At: now}, finder: files{fails: errors.New("access denied")}, want: "s3://b/s/k", notes: []string{"access denied"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				jobs := []api.Job{ordersWith(t, c.job)}
				if c.neighbor {
					jobs = append(jobs, ordersWith(t, neighbor))
				}
				f := newFakeOperator(t, nil, jobs...)
				got, err := findState(patience(t), f.client, jobs[0], c.known, &c.finder, c.others, f.reporter())
				if (err != nil) != (c.fails != nil) || err == nil && got.Path != c.want {
					t.Errorf("%+v %v, want %s", got, err, c.want)
				}
				for _, part := range c.fails {
					if err != nil && !strings.Contains(err.Error(), part) {
						t.Errorf("no %q in %v", part, err)
					}
				}
				f.noted(c.notes...)
				if len(c.finder.asked) != 2 {
					t.Errorf("it looked in %v", c.finder.asked)
				}
			})
		})
	}
}
