package cmd

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/kube"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/change"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/diagnosis"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/savepoint"
)

// What Flink 2 says of a canonical savepoint: the cause stands behind what it
// brings about, in lines with words before them.
func TestAttemptsAreReadFromErrors(t *testing.T) {
	const both = "CheckpointException: Checkpoint Coordinator is suspending.\n  cause: UnsupportedOperationException: Not supported yet."
	facts := &diagnosis.JobFacts{Now: time.Now(), Object: objectOf(api.Ref{Kind: api.Deployment, Namespace: "shop", Name: "orders"})}
	for name, err := range map[string]error{
		"a savepoint":               &savepoint.FailedError{Cause: both},
		"a change":                  &change.FailedError{Cause: both, How: change.ChangeStuck},
		"what Flink says around it": &savepoint.FailedError{Cause: both + " (in CheckpointException: Could not complete snapshot 15 for operator Flat Map -> Sink: Print to Std. Out (1/2)#0. Failure reason: Checkpoint was declined.)"},
		"a change, too":             &change.FailedError{Cause: both + " (in CheckpointException: Could not complete snapshot 7 for operator Flat Map (2/2)#0. Failure reason: Checkpoint was declined.)", How: change.ChangeStuck},
	} {
		texts, where := attemptsOf(err)
		var thrown []diagnosis.Exception
		for _, text := range texts {
			thrown = append(thrown, diagnosis.ReadException(text, time.Time{}, where))
		}
		found := diagnosis.Attempt(facts, thrown...)
		if len(found) == 0 || found[0].Rule != "FLINK-SNAP-FORMAT" {
			t.Errorf("%s: %q: %+v", name, texts, found)
		}
	}
	// A cause that no rule knows isn't passed over for what followed from it.
	for _, err := range []error{
		&savepoint.FailedError{Cause: "CheckpointException: Checkpoint Coordinator is suspending.\n  cause: IllegalStateException: the order is odd"},
		&change.FailedError{Cause: "CheckpointException: Checkpoint Coordinator is suspending.\n  cause: IllegalStateException: the order is odd", How: change.ChangeStuck},
	} {
		texts, where := attemptsOf(err)
		for _, text := range texts {
			for _, f := range diagnosis.Attempt(facts, diagnosis.ReadException(text, time.Time{}, where)) {
				if f.Rule == "FLINK-SNAP-NOT-RUNNING" {
					t.Errorf("%q: %+v", text, f)
				}
			}
		}
	}
	texts, _ := attemptsOf(&change.FailedError{Cause: "a", Events: nil, How: change.ChangeStuck})
	if len(texts) != 1 || texts[0] != "a" {
		t.Errorf("%q", texts)
	}
}

// A command that is copied from an error, a note or a finding leads to the cluster
// that this one was told, and not to the kubeconfig's own.
func TestCommandsLeadToTheClusterThatIsMeant(t *testing.T) {
	var out bytes.Buffer
	streams := genericiooptions.IOStreams{Out: &out, ErrOut: &out}
	c := &common{IOStreams: streams, factory: kube.NewFactory("test", streams), now: time.Now}
	root := c.root()
	root.AddCommand(&cobra.Command{Use: "hint", RunE: func(*cobra.Command, []string) error {
		line := c.progress(false)
		defer line.Done()
		line.Print("Note: kubectl flink status a -n ns")
		c.complain(nil, "Quiet: kubectl flink status a -n ns")
		found := []diagnosis.Finding{{
			Cures:        []diagnosis.Cure{{Text: "look", Command: "kubectl get pod a -n ns"}},
			Consequences: []diagnosis.Finding{{Cures: []diagnosis.Cure{{Text: "or kubectl flink logs a -n ns"}}}},
		}}
		c.aim(found)
		fmt.Fprintln(&out, found[0].Advice(), found[0].Consequences[0].Advice())
		return errors.New("no\nGo on: kubectl delete deployment a -n ns")
	}})
	if code := plugin.Execute(t.Context(), root, streams, []string{"hint", "--context", "prod"}); code != 1 {
		t.Errorf("exit code %d", code)
	}
	want := `Note: kubectl flink status a -n ns --context prod
Quiet: kubectl flink status a -n ns --context prod
[look: kubectl get pod a -n ns --context prod] [or kubectl flink logs a -n ns --context prod]
error: no
Go on: kubectl delete deployment a -n ns --context prod
`
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
}
