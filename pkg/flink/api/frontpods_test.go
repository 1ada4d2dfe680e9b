package api

import (
	"testing"
	"time"
)

func TestSinceWhenAJobIsAsItIs(t *testing.T) {
	for name, c := range map[string]struct {
		status string
		want   int64
	}{
		"runs":                          {`"lifecycleState":"STABLE","jobStatus":{"state":"RUNNING","startTime":"1000","updateTime":"5000"}`, 5000},
		"not noted when":                {`"lifecycleState":"STABLE","jobStatus":{"state":"RUNNING","startTime":"1000"}`, 0},
		"a batch job that ended":        {`"lifecycleState":"STABLE","jobStatus":{"state":"FINISHED","updateTime":"5000"}`, 5000},
		"stopped by a savepoint":        {`"lifecycleState":"SUSPENDED","jobStatus":{"state":"FINISHED","updateTime":"5000","upgradeSavepointPath":"file:/s/1","savepointInfo":{"lastSavepoint":{"location":"file:///s/1","timeStamp":9000}}}`, 9000},
		"stopped, the savepoint is old": {`"lifecycleState":"SUSPENDED","jobStatus":{"state":"FINISHED","updateTime":"5000","upgradeSavepointPath":"file:/s/2","savepointInfo":{"lastSavepoint":{"location":"file:///s/1","timeStamp":9000}}}`, 0},
		"stopped, with snapshots":       {`"lifecycleState":"SUSPENDED","jobStatus":{"state":"FINISHED","updateTime":"5000","upgradeSavepointPath":"file:/s/1"}`, 0},
		"being changed":                 {`"lifecycleState":"UPGRADING","jobStatus":{"state":"FINISHED","updateTime":"5000"}`, 0},
		"being deployed":                {`"lifecycleState":"DEPLOYED","jobStatus":{"state":"RECONCILING","updateTime":"5000"}`, 0},
		"being canceled":                {`"lifecycleState":"UPGRADING","jobStatus":{"state":"CANCELLING","updateTime":"5000"}`, 0},
		"failed":                        {`"lifecycleState":"FAILED","jobStatus":{"state":"FAILED","updateTime":"5000"}`, 5000},
	} {
		job := jobOf(t, Deployment, `{"metadata":{"name":"a"},"spec":{"job":{}},"status":{`+c.status+`}}`)
		summary, err := Summarize(Deployment, job.Object)
		if err != nil {
			t.Fatal(err)
		}
		want := time.Time{}
		if c.want > 0 {
			want = time.UnixMilli(c.want)
		}
		if !job.StateSince().Equal(want) || !summary.StateSince.Equal(want) {
			t.Errorf("%s: %v and %v, want %v", name, job.StateSince(), summary.StateSince, want)
		}
	}
}
