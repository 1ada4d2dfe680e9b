package change

import (
	"strings"
	"testing"
	"time"
)

// What a judgement means depends on how long its error has stood, and on
// whether the error is one that passes.
func TestPatience(t *testing.T) {
	const passes, stays = "FailedMount: not there yet", "ErrImagePull"
	for name, c := range map[string]struct {
		judgement judgement
		// stands is how long it has.
		stands            time.Duration
		stale, keepTrying bool
		want              verdict
	}{
		"not taken up":                        {judgement{notTaken, "waiting"}, time.Hour, false, false, verdict{what: "waiting"}},
		"carried out":                         {judgement{moving, "stopping"}, time.Hour, false, false, verdict{what: "stopping"}},
		"reached":                             {judgement{reached, ""}, 0, false, false, verdict{next: settled}},
		"skipped":                             {judgement{skipped, takenForFinished}, 0, false, true, verdict{overlooked, "", takenForFinished}},
		"lost":                                {judgement{lost, "the job FAILED"}, 0, true, true, verdict{failed, ChangeFailed, "the job FAILED"}},
		"rolled back":                         {judgement{lost, rolledBack}, 0, false, false, verdict{failed, ChangeFailed, rolledBack + ": it was not stable in time (" + ReadinessKey + ")"}},
		"rejected":                            {judgement{refused, stays}, 0, false, false, verdict{failed, ChangeRejected, stays}},
		"rejected, with --keep-trying":        {judgement{refused, stays}, 0, false, true, verdict{failed, ChangeRejected, stays}},
		"rejected, by an error of before":     {judgement{refused, stays}, staleLimit - 1, true, false, verdict{what: "the operator tries again: " + stays}},
		"rejected, and the error of before":   {judgement{refused, stays}, staleLimit, true, false, verdict{failed, ChangeRejected, stays}},
		"failing":                             {judgement{failing, stays}, 0, false, false, verdict{failed, ChangeStuck, stays}},
		"failing, with --keep-trying":         {judgement{failing, stays}, time.Hour, false, true, verdict{what: "the operator tries again: " + stays}},
		"failing, by what passes":             {judgement{failing, passes}, passingLimit - 1, false, false, verdict{what: "the operator tries again: " + passes}},
		"failing, by what doesn't pass after": {judgement{failing, passes}, passingLimit, false, false, verdict{failed, ChangeStuck, passes}},
		"failing, by an error of before":      {judgement{failing, passes}, staleLimit, true, false, verdict{failed, ChangeStuck, passes}},
		"in trouble":                          {judgement{troubled, stays}, troubleLimit - 1, true, false, verdict{what: stays}},
		"in trouble for too long":             {judgement{troubled, stays}, troubleLimit, true, false, verdict{failed, ChangeFailed, stays}},
		"in trouble, with --keep-trying":      {judgement{troubled, stays}, time.Hour, false, true, verdict{what: stays}},
		"in trouble that passes":              {judgement{troubled, passes}, passingLimit - 1, false, false, verdict{what: passes}},
		"in trouble that doesn't pass after":  {judgement{troubled, passes}, passingLimit, false, false, verdict{failed, ChangeFailed, passes}},
	} {
		t.Run(name, func(t *testing.T) {
			var p patience
			began := time.Unix(1_764_000_000, 0)
			first := p.weigh(c.judgement, c.stale, c.keepTrying, began)
			if c.stands == 0 && first != c.want {
				t.Errorf("at once %+v, want %+v", first, c.want)
			}
			if got := p.weigh(c.judgement, c.stale, c.keepTrying, began.Add(c.stands)); got != c.want {
				t.Errorf("after %s %+v, want %+v", c.stands, got, c.want)
			}
		})
	}
}

// An error stands from when it first came, and another begins again; the
// operator forgets it when it rolls the change back.
func TestPatienceWithAnotherError(t *testing.T) {
	var p patience
	at := func(d time.Duration) time.Time { return time.Unix(1_764_000_000, 0).Add(d) }
	steps := []struct {
		after     time.Duration
		judgement judgement
		next      nextStep
	}{
		{0, judgement{troubled, "a"}, waiting},
		{troubleLimit - 1, judgement{troubled, "b"}, waiting},
		{troubleLimit, judgement{troubled, "b"}, waiting},
		{troubleLimit + 1, judgement{moving, "goes on"}, waiting},
		{2 * troubleLimit, judgement{troubled, "b"}, waiting},
		{3 * troubleLimit, judgement{troubled, "b"}, failed},
	}
	for i, s := range steps {
		if got := p.weigh(s.judgement, false, false, at(s.after)); got.next != s.next {
			t.Errorf("step %d: %+v", i, got)
		}
	}
	if got := p.weigh(judgement{lost, rolledBack}, false, false, at(0)); !strings.HasSuffix(got.what, ": b") {
		t.Errorf("rolled back: %+v", got)
	}
}
