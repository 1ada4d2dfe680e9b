package change

import (
	"testing"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/flinktest"
)

// Of a lost job it is said what starts it again with the state that it has.
func TestALostJob(t *testing.T) {
	const never, ran = `{"error":"Job Not Found","jobStatus":{"state":"RECONCILING","jobId":"a"}}`, `{"error":"Job Not Found","jobStatus":{"state":"RECONCILING","jobId":"a","startTime":"1"}}`
	for name, c := range map[string]struct{ spec, status, want string }{
		"it ran":         {`{"job":{}}`, ran, "start it from what is saved: kubectl flink restore flinkdeployment/orders --from latest --no-savepoint -n ns"},
		"it never ran":   {`{"job":{}}`, never, "kubectl flink restart flinkdeployment/orders --lose-state -n ns"},
		"with a start":   {`{"job":{"initialSavepointPath":"s3://b/sp"}}`, never, "kubectl flink restore flinkdeployment/orders --from s3://b/sp --no-savepoint -n ns"},
		"why it is told": {`{"job":{}}`, ran, "it failed for good while it started: no topic"},
	} {
		t.Run(name, func(t *testing.T) {
			says(t, lostJob(api.Job{Kind: api.Deployment, Object: flinktest.Object(api.Deployment, "orders", c.spec, c.status)}, "no topic"), c.want)
		})
	}
}
