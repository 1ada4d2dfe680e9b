package diagnosis

import (
	"strings"
	"testing"
	"time"
)

func TestRestartsAndWhatTheyCost(t *testing.T) {
	t.Parallel()
	failedAt := func(ago ...time.Duration) change {
		return func(f *JobFacts) {
			for _, d := range ago {
				f.Flink.Exceptions = append(f.Flink.Exceptions, ReadException("java.lang.Exception: bad record", before(d), InTask))
			}
		}
	}
	checkpoints := func(total int64, ago ...time.Duration) change {
		return func(f *JobFacts) {
			f.Flink.Checkpoints.Total, f.Flink.Checkpoints.History = total, nil
			for _, d := range ago {
				f.Flink.Checkpoints.History = append(f.Flink.Checkpoints.History, Checkpoint{Status: "COMPLETED", Triggered: before(d), Duration: time.Second})
			}
		}
	}
	started := func(ago time.Duration) change {
		return func(f *JobFacts) { f.Flink.Started = before(ago) }
	}
	wide := func(f *JobFacts) { f.Flink.Vertices[1].Parallelism = 12 }
	counted := func(n int64, window time.Duration) change {
		return func(f *JobFacts) {
			f.Flink.Restarts, f.Flink.Window = n, window
			f.Marks[FromExceptions] = NoAnswer
		}
	}
	m := time.Minute
	for name, c := range map[string]struct {
		facts change
		want  string // "" for no finding
	}{
		"none":                                   {all(), ""},
		"three in weeks, one of them just now":   {all(failedAt(5*m, 400*time.Hour, 500*time.Hour)), ""},
		"three in an hour":                       {all(failedAt(5*m, 15*m, 25*m)), "restarted 3 times in the last 60m"},
		"six in a day":                           {all(failedAt(5*m, 3*time.Hour, 5*time.Hour, 8*time.Hour, 9*time.Hour, 10*time.Hour)), "restarted 6 times in the last 24h"},
		"three in a day":                         {all(failedAt(5*m, 3*time.Hour, 5*time.Hour)), ""},
		"never a checkpoint: all is lost":        {all(wide, started(50*m), checkpoints(0), failedAt(5*m, 20*m, 30*m)), "at least 45m of work was lost with them (9 slot hours)"},
		"a checkpoint just before each":          {all(wide, started(50*m), checkpoints(3, 5*m+2*time.Second, 20*m+2*time.Second, 30*m+2*time.Second), failedAt(5*m, 20*m, 30*m)), "the job has restarted 3 times in the last 60m$"},
		"since the checkpoint before each":       {all(wide, started(50*m), checkpoints(3, 9*m, 24*m, 34*m), failedAt(5*m, 20*m, 30*m)), "at least 12m of work was lost with them (2.4 slot hours)"},
		"a checkpoint done after the failure":    {all(started(50*m), checkpoints(1, 4*m), failedAt(5*m, 20*m, 30*m)), "at least 45m of work was lost with them (1.5 slot hours)"},
		"older checkpoints are no longer listed": {all(wide, started(900*time.Hour), checkpoints(5000, 4*m), failedAt(5*m, 20*m, 30*m)), "the job has restarted 3 times in the last 60m$"},
		"only the count, of a young job":         {all(counted(4, 20*m)), "restarted 4 times in the last 20m"},
		"only the count, of an old job":          {all(counted(4, 200*time.Hour)), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := healthy()
			c.facts(f)
			j := newJob(f)
			got := ""
			for _, one := range restartsOften(j) {
				got = one.Means
			}
			if c.want == "" && got != "" || !strings.Contains(got+"$", c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
