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
		"blue/green moves":    {func(s *api.Summary) { s.BlueGreen = "TRANSITIONING_TO_GREEN"; s.Lifecycle = "" }, Upgrading},
		"operator before 1.8": {func(s *api.Summary) { s.Observed = 0 }, Healthy},
		"snapshot done":       {func(s *api.Summary) { s.Kind = api.StateSnap; s.State = "COMPLETED" }, Completed},
		"snapshot failed":     {func(s *api.Summary) { s.Kind = api.StateSnap; s.State = "FAILED" }, Failed},
	} {
		if got := Of(base(c.change), now); got.Word != c.want {
			t.Errorf("%s: %s (%s), want %s", name, got.Word, got.Why, c.want)
		}
	}
}

func TestEveryWordHasARank(t *testing.T) {
	if !Healthy.OK() || !Suspended.OK() || Pending.OK() || !Upgrading.Moving() || Degraded.Moving() || Failed.Rank() != len(Words)-1 {
		t.Error("the order of the words")
	}
}
