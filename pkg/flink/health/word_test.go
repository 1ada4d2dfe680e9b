package health

import (
	"testing"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

func TestWords(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	base := func(change func(*api.Summary)) api.Summary {
		s := api.Summary{
			Kind: api.Deployment, Name: "a", Generation: 2, Observed: 2, State: "RUNNING", Lifecycle: "STABLE",
			JobManager: "READY", Wanted: "running", StatusKnown: true, Created: ago(time.Hour), StateSince: ago(time.Minute),
		}
		if change != nil {
			change(&s)
		}
		return s
	}
	invalid := api.DecodeFailure(`{"type":"x.ReconciliationException","message":"m","throwableList":[{"type":"org.apache.flink.kubernetes.operator.exception.ValidationException","message":"no version"}]}`)
	mount := api.DecodeFailure(`{"type":"org.apache.flink.kubernetes.operator.exception.DeploymentFailedException","message":"MountVolume.SetUp failed for volume \"flink-config-volume\" : configmap \"flink-config-a\" not found","additionalMetadata":{"reason":"FailedMount"},"throwableList":[]}`)
	for name, c := range map[string]struct {
		change func(*api.Summary)
		want   Word
	}{
		"its JobManager is made": {func(s *api.Summary) {
			s.State, s.Lifecycle, s.JobManager, s.Error, s.ReconciliationAt = "RECONCILING", "DEPLOYED", "ERROR", mount, ago(5*time.Second)
		}, Starting},
		"a ConfigMap stays away": {func(s *api.Summary) {
			s.State, s.Lifecycle, s.JobManager, s.Error, s.ReconciliationAt = "RECONCILING", "DEPLOYED", "ERROR", mount, ago(time.Hour)
		}, Failed},
		"runs":                  {nil, Healthy},
		"not seen yet":          {func(s *api.Summary) { s.Generation = 3 }, Pending},
		"rejected":              {func(s *api.Summary) { s.Generation = 3; s.Error = invalid }, Rejected},
		"runs with an error":    {func(s *api.Summary) { s.Error.Message = "x" }, Degraded},
		"restarts":              {func(s *api.Summary) { s.State = "RESTARTING" }, Degraded},
		"restarts for long":     {func(s *api.Summary) { s.State = "RESTARTING"; s.StateSince = ago(time.Hour) }, Stalled},
		"failed":                {func(s *api.Summary) { s.State = "FAILED"; s.Lifecycle = "FAILED" }, Failed},
		"suspended":             {func(s *api.Summary) { s.State = "FINISHED"; s.Lifecycle = "SUSPENDED"; s.Wanted = "suspended" }, Suspended},
		"created suspended":     {func(s *api.Summary) { s.State = ""; s.Lifecycle = "CREATED"; s.Wanted = "suspended" }, Suspended},
		"suspended, no status":  {func(s *api.Summary) { s.StatusKnown = false; s.Wanted = "suspended" }, Suspended},
		"to resume":             {func(s *api.Summary) { s.Lifecycle = "SUSPENDED"; s.Generation = 3 }, Pending},
		"finished":              {func(s *api.Summary) { s.State = "FINISHED" }, Finished},
		"canceled":              {func(s *api.Summary) { s.State = "CANCELED" }, Canceled},
		"upgrading":             {func(s *api.Summary) { s.Lifecycle = "UPGRADING"; s.ReconciliationAt = ago(time.Minute) }, Upgrading},
		"upgrading for long":    {func(s *api.Summary) { s.Lifecycle = "UPGRADING"; s.ReconciliationAt = ago(time.Hour) }, Stalled},
		"upgrade with an error": {func(s *api.Summary) { s.Lifecycle = "UPGRADING"; s.Error.Message = "x" }, Stalled},
		"rolled back":           {func(s *api.Summary) { s.Lifecycle = "ROLLED_BACK" }, RolledBack},
		"new":                   {func(s *api.Summary) { s.StatusKnown = false; s.Created = ago(time.Second) }, Pending},
		"no operator":           {func(s *api.Summary) { s.StatusKnown = false }, Ignored},
		"deleting":              {func(s *api.Summary) { s.Deleting = ago(time.Second) }, Deleting},
		"starts":                {func(s *api.Summary) { s.State = "CREATED"; s.Lifecycle = "DEPLOYED" }, Starting},
		"starts for long":       {func(s *api.Summary) { s.State = "CREATED"; s.StateSince = ago(time.Hour) }, Stalled},
		"JobManager gone":       {func(s *api.Summary) { s.State = "RECONCILING"; s.JobManager = "MISSING" }, Degraded},
		"session cluster":       {func(s *api.Summary) { s.Session = true; s.State = ""; s.Wanted = "" }, Healthy},
		"session cluster starts": {func(s *api.Summary) {
			s.Session = true
			s.State = ""
			s.JobManager = "DEPLOYING"
			s.ReconciliationAt = ago(time.Second)
		}, Starting},
		"session cluster, not seen yet": {func(s *api.Summary) { s.Session, s.State, s.Generation = true, "", 3 }, Pending},
		"session cluster with an error": {func(s *api.Summary) { s.Session, s.State, s.Error.Message = true, "", "x" }, Degraded},
		"session cluster starts for long": {func(s *api.Summary) {
			s.Session, s.State, s.JobManager, s.Lifecycle, s.ReconciliationAt = true, "", "DEPLOYING", "DEPLOYED", ago(time.Hour)
		}, Stalled},
		"session cluster whose JobManager went": {func(s *api.Summary) { s.Session, s.State, s.JobManager = true, "", "MISSING" }, Degraded},
		"rolls back":                            {func(s *api.Summary) { s.Lifecycle = "ROLLING_BACK" }, RollingBack},
		"finished, not seen yet":                {func(s *api.Summary) { s.State, s.Generation = "FINISHED", 3 }, Pending},
		"no job yet": {func(s *api.Summary) {
			s.State, s.Lifecycle, s.StateSince, s.JobManager, s.ReconciliationAt = "", "DEPLOYED", time.Time{}, "DEPLOYING", ago(time.Second)
		}, Starting},
		"blue/green moves":    {func(s *api.Summary) { s.BlueGreen = "TRANSITIONING_TO_GREEN"; s.Lifecycle = "" }, Upgrading},
		"blue/green starts":   {func(s *api.Summary) { s.BlueGreen = "INITIALIZING_BLUE"; s.Lifecycle = "" }, Starting},
		"operator before 1.8": {func(s *api.Summary) { s.Observed = 0 }, Healthy},
		"snapshot done":       {func(s *api.Summary) { s.Kind = api.StateSnap; s.State = "COMPLETED" }, Completed},
		"snapshot abandoned":  {func(s *api.Summary) { s.Kind = api.StateSnap; s.State = "ABANDONED" }, Failed},
		"snapshot deleting":   {func(s *api.Summary) { s.Kind = api.StateSnap; s.Deleting = ago(time.Second) }, Deleting},
		"snapshot ignored":    {func(s *api.Summary) { s.Kind = api.StateSnap; s.State = "" }, Ignored},
		"snapshot new":        {func(s *api.Summary) { s.Kind = api.StateSnap; s.State = ""; s.Created = ago(time.Second) }, Pending},
		"snapshot for long":   {func(s *api.Summary) { s.Kind = api.StateSnap; s.State = "IN_PROGRESS" }, Stalled},
		"snapshot in trouble": {func(s *api.Summary) {
			s.Kind = api.StateSnap
			s.State = "TRIGGER_PENDING"
			s.Created = ago(time.Second)
			s.Error.Message = "x"
		}, Stalled},
		"snapshot failed": {func(s *api.Summary) { s.Kind = api.StateSnap; s.State = "FAILED" }, Failed},
	} {
		if got := Of(base(c.change), now); got.Word != c.want {
			t.Errorf("%s: %s (%s), want %s", name, got.Word, got.Why, c.want)
		}
	}
}

// An error that every JobManager causes as it starts explains nothing.
func TestJobNotFoundIsNoReason(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	s := api.Summary{Kind: api.Deployment, State: "RECONCILING", Lifecycle: "DEPLOYED", JobManager: "READY", StatusKnown: true, Created: now, Generation: 1, Observed: 1}
	s.Error.Message = jobNotFound
	if v := Of(s, now); v.Why != "the job is RECONCILING" {
		t.Errorf("%s: %q", v.Word, v.Why)
	}
}

func TestReached(t *testing.T) {
	running := api.Summary{State: "RUNNING", Lifecycle: "STABLE", JobManager: "READY", Wanted: "running", Generation: 2, Observed: 2}
	with := func(change func(*api.Summary)) api.Summary {
		s := running
		change(&s)
		return s
	}
	lagging := with(func(s *api.Summary) { s.Generation = 3 })
	finished := with(func(s *api.Summary) { s.State = "FINISHED" })
	for name, c := range map[string]struct {
		goal    string
		summary api.Summary
		verdict Verdict
		done    bool
		never   string
	}{
		"running":                           {"running", running, Verdict{Word: Healthy}, true, ""},
		"running, of the spec before":       {"running", lagging, Verdict{Word: Pending}, false, ""},
		"running without its JobManager":    {"running", with(func(s *api.Summary) { s.JobManager = "MISSING" }), Verdict{Word: Degraded}, false, ""},
		"running with trouble":              {"running", running, Verdict{Word: Degraded, Why: "x"}, true, ""},
		"a session cluster":                 {"running", api.Summary{Session: true}, Verdict{Word: Healthy}, true, ""},
		"a session cluster that starts":     {"running", api.Summary{Session: true}, Verdict{Word: Starting}, false, ""},
		"a batch job that was fast":         {"running", finished, Verdict{Word: Finished}, false, "it has finished"},
		"a job that is suspended":           {"running", api.Summary{}, Verdict{Word: Suspended}, false, "it is suspended"},
		"stable":                            {"stable", running, Verdict{Word: Healthy}, true, ""},
		"stable, and finished":              {"stable", finished, Verdict{Word: Finished}, true, ""},
		"stable only in name":               {"stable", running, Verdict{Word: Degraded}, false, ""},
		"blue/green":                        {"stable", api.Summary{BlueGreen: "ACTIVE_GREEN"}, Verdict{Word: Healthy}, true, ""},
		"blue/green on its way":             {"stable", api.Summary{BlueGreen: "TRANSITIONING_TO_GREEN"}, Verdict{Word: Upgrading}, false, ""},
		"suspended":                         {"suspended", api.Summary{}, Verdict{Word: Suspended}, true, ""},
		"suspended, which nobody asked for": {"suspended", running, Verdict{Word: Healthy}, false, "its spec wants it running"},
		"suspended, when it has finished":   {"suspended", finished, Verdict{Word: Finished}, false, "it has finished"},
		"finished":                          {"finished", finished, Verdict{Word: Finished}, true, ""},
		"finished, and it runs":             {"finished", running, Verdict{Word: Healthy}, false, ""},
		"upgraded":                          {"upgraded", running, Verdict{Word: Healthy}, true, ""},
		"upgraded, of the spec before":      {"upgraded", lagging, Verdict{Word: Pending}, false, ""},
		"upgraded, and rolled back":         {"upgraded", running, Verdict{RolledBack, "given up"}, false, "rolled-back: given up"},
		"what is refused":                   {"running", api.Summary{}, Verdict{Word: Rejected}, false, "rejected"},
		"what has failed":                   {"finished", api.Summary{}, Verdict{Failed, "no image"}, false, "failed: no image"},
		"what was canceled":                 {"finished", api.Summary{}, Verdict{Word: Canceled}, false, "canceled"},
	} {
		done, never := Reached(c.goal, c.summary, c.verdict)
		if done != c.done || never != c.never {
			t.Errorf("%s: %v, %q; want %v, %q", name, done, never, c.done, c.never)
		}
	}
}

func TestEveryWordHasARank(t *testing.T) {
	if !Healthy.OK() || !Suspended.OK() || Pending.OK() || !Upgrading.Moving() || Degraded.Moving() || Failed.Rank() != len(Words)-1 {
		t.Error("the order of the words")
	}
}
