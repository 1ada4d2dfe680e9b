// Package cmd wires kubectl-flink's verbs: flags, examples, completion. What
// a verb does is written in the packages that it calls.
package cmd

import (
	"time"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/kube"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/progress"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

// The groups that verbs are listed under in the help.
const (
	groupSee   = "see"
	groupState = "state"
	groupJob   = "job"
	groupReach = "reach"
	groupOther = "other"
)

// objectsAsTheyAre is in the help of verbs that print objects.
const objectsAsTheyAre = `With -o json, yaml, jsonpath or custom-columns, objects are printed as the API
server has them, with the secrets that are in them, as kubectl does.`

// common is what every verb works with.
type common struct {
	genericiooptions.IOStreams
	factory *kube.Factory
	// now is the clock that ages are counted by.
	now func() time.Time
	// hurried makes pauses between questions short: for tests.
	hurried bool
}

// pause is how long to wait between questions that are asked every d.
func (c *common) pause(d time.Duration) time.Duration {
	if c.hurried {
		return min(d, time.Millisecond)
	}
	return d
}

// progress shows long work on standard error, unless quiet. The commands that it
// tells lead to the cluster that this one was told.
func (c *common) progress(quiet bool) *progress.Line {
	return progress.New(c.ErrOut, quiet).Through(c.factory.Aim)
}

func (c *common) operator() (*operator.Client, error) { return operator.NewClient(c.factory) }

// NewRoot is `kubectl flink`.
func NewRoot(streams genericiooptions.IOStreams) *cobra.Command {
	c := &common{IOStreams: streams, factory: kube.NewFactory("kubectl-flink", streams), now: time.Now}
	return c.root()
}

func (c *common) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "kubectl-flink",
		Short: "Operate Apache Flink jobs on Kubernetes",
		Long: `Operate the jobs of the Apache Flink Kubernetes Operator: FlinkDeployment,
FlinkSessionJob, FlinkStateSnapshot and FlinkBlueGreenDeployment.`,
		Annotations: map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl flink"},
		RunE:        plugin.Help,
	}
	c.factory.AddFlags(root.PersistentFlags())
	root.AddGroup(
		&cobra.Group{ID: groupSee, Title: "See:"},
		&cobra.Group{ID: groupJob, Title: "Change:"},
		&cobra.Group{ID: groupState, Title: "State:"},
		&cobra.Group{ID: groupReach, Title: "Reach:"},
		&cobra.Group{ID: groupOther, Title: "Other commands:"},
	)
	root.SetHelpCommandGroupID(groupOther)
	addTo := func(group string, commands ...*cobra.Command) {
		for _, command := range commands {
			command.GroupID = group
			root.AddCommand(command)
		}
	}
	addTo(groupSee, newList(c), newStatus(c), newTop(c), newGraph(c), newExceptions(c), newCheckpoints(c), newConfig(c), newDoctor(c), newLint(c), newEvents(c), newLogs(c), newJobs(c))
	addTo(groupSee, newTimeline(c), newReport(c))
	addTo(groupSee, newThreads(c), newFlame(c), newMetrics(c), newAccumulators(c), newRescales(c), newApplications(c), newProfile(c), newHeap(c))
	addTo(groupJob, newSubmit(c), newUpgrade(c), newClone(c), newDelete(c), newSuspend(c), newResume(c), newStop(c), newRestart(c), newScale(c), newCancel(c))
	addTo(groupJob, newJar(c))
	addTo(groupState, newSavepoint(c), newCheckpoint(c), newSnapshot(c), newRestore(c), newStorage(c), newBackup(c), newRecover(c))
	addTo(groupReach, newUI(c), newPortForward(c), newREST(c), newSQL(c), newSQLClient(c))
	addTo(groupOther, newVersion(c))
	plugin.AddUsage(root, groupOther)
	plugin.AddCompletion(root, groupOther)
	plugin.CompleteConnection(root, c.factory)
	return root
}
