package cmd

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/sqlshell"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/diagnosis"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/reach"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/sqlgateway"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-flink/view"
)

// slotsWanting is how a query fails that got no slots: mostly by a time-out,
// which doesn't say for what.
var slotsWanting = regexp.MustCompile(`NoResourceAvailableException|Could not acquire the minimum required resources|Slot request bulk is not fulfillable|waits for task slots|Timeout has occurred: \d+ ms`)

// notOfStatements are rules about a job's own main method and about jobs that
// have ended: what a statement's error says itself.
var notOfStatements = []string{"FLINK-JOB-SQL", "FLINK-JOB-MAIN", "FLINK-JOB-EXCEPTION", "FLINK-JOB-FAILED", "FLINK-JOB-NO-RESTART", "FLINK-JOB-ATTEMPTS"}

// explainStatement says why a statement failed and what to do, as far as
// diagnosis knows: a query that got no slots by what is wrong with the session
// cluster, others by their exception.
func (o *sqlOptions) explainStatement(client *operator.Client, place reach.Place) func(context.Context, *sqlshell.Error) string {
	if place.Cluster.Object == nil {
		return nil
	}
	return func(ctx context.Context, failed *sqlshell.Error) string {
		facts := &diagnosis.JobFacts{Now: o.now(), Object: place.Cluster.Object}
		var found []diagnosis.Finding
		if slotsWanting.MatchString(failed.Full) {
			way := o.tunnelFlags
			way.reconnect = 0
			tunnel, err := o.tunnel(way, nil)
			if err == nil {
				defer tunnel.Close()
			}
			if seen, _, err := o.gathererOf(client, tunnel, o.tls, explainLimit).Job(ctx, place.Cluster.Ref()); err == nil {
				if root, ok := diagnosis.Root(diagnosis.Job(seen)); ok && root.Severity == diagnosis.Error {
					found = append(found, root)
				}
				facts = seen
			}
		}
		if len(found) == 0 {
			found = slices.DeleteFunc(diagnosis.Attempt(facts, diagnosis.ReadException(failed.Full, time.Time{}, "")), func(f diagnosis.Finding) bool {
				return slices.Contains(notOfStatements, f.Rule) ||
					// What fails are checkpoints, not a savepoint that was asked for.
					strings.HasPrefix(failed.Full, sqlgateway.NoRowsYet) && strings.HasPrefix(f.Rule, "FLINK-SNAP-")
			})
		}
		if len(found) == 0 {
			return ""
		}
		return view.Explanation(found[0], failed.Root)
	}
}
