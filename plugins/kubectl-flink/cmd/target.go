package cmd

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/completion"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

// oneJob finds the job that args mean, by the rule of every verb that takes
// one NAME.
func (c *common) oneJob(ctx context.Context, client *operator.Client, args []string) (api.Ref, error) {
	namespace, _, err := c.factory.Namespace()
	if err != nil {
		return api.Ref{}, err
	}
	if len(args) > 0 {
		return operator.ParseRef(args[0], namespace, api.JobKinds...)
	}
	return client.OnlyJob(ctx, namespace, c.picker())
}

// picker asks on the terminal; nil where there is none.
func (c *common) picker() operator.Picker {
	if !plugin.CanAsk(c.IOStreams) {
		return nil
	}
	return c.pick
}

func (c *common) pick(ctx context.Context, prompt string, choices []string) (int, error) {
	for i, choice := range choices {
		fmt.Fprintf(c.ErrOut, "%3d  %s\n", i+1, term.SafeLine(choice))
	}
	fmt.Fprintf(c.ErrOut, "%s [1-%d] ", prompt, len(choices))
	answer, err := plugin.Answer(ctx, c.IOStreams)
	if err != nil {
		return 0, err
	}
	if answer == "" {
		return 0, exit.With(exit.Usage, errors.New("nothing chosen"))
	}
	n, err := strconv.Atoi(answer)
	if err != nil || n < 1 || n > len(choices) {
		return 0, exit.Usagef("%q is not a number from 1 to %d", answer, len(choices))
	}
	return n - 1, nil
}

// operatorHere is the client of the operator's objects, and the namespace that
// names without one are of.
func (c *common) operatorHere() (client *operator.Client, namespace string, err error) {
	if client, err = c.operator(); err != nil {
		return nil, "", err
	}
	namespace, _, err = c.factory.Namespace()
	return client, namespace, err
}

// completeJobs completes [TYPE/]NAME with the job's state beside it. It isn't inlined
// into each verb, to keep the program small.
//
//go:noinline
func (c *common) completeJobs(many bool) cobra.CompletionFunc {
	return completion.Values(func(ctx context.Context, args []string, prefix string) ([]completion.Choice, error) {
		if len(args) > 0 && !many {
			return nil, nil
		}
		client, namespace, err := c.operatorHere()
		if err != nil {
			return nil, err
		}
		jobs, err := client.Jobs(ctx, namespace, metav1.ListOptions{ResourceVersion: "0"})
		if err != nil {
			return nil, err
		}
		return jobChoices(jobs, args, prefix, time.Now()), nil
	})
}

// jobChoices are the jobs as a user may type them: FlinkDeployments by name,
// the others with their type, everything with its type once one is typed.
func jobChoices(jobs []api.Job, used []string, prefix string, now time.Time) []completion.Choice {
	var out []completion.Choice
	typed, _, hasType := strings.Cut(prefix, "/")
	for _, job := range jobs {
		ref := job.Ref()
		value := ref.Name
		if hasType {
			if kind, ok := api.ParseKind(typed, api.JobKinds...); !ok || kind.Name != ref.Kind.Name {
				continue
			}
			value = typed + "/" + ref.Name
		} else if ref.Kind.Name != api.Deployment.Name {
			value = ref.String()
		}
		skip := false
		for _, u := range used {
			skip = skip || u == value
		}
		if !skip {
			out = append(out, completion.Choice{Value: value, Description: job.Describe(now)})
		}
	}
	return out
}

// completeSessionClusters completes FlinkDeployments without a job of their own.
func (c *common) completeSessionClusters() cobra.CompletionFunc {
	return completion.Values(func(ctx context.Context, _ []string, _ string) ([]completion.Choice, error) {
		client, namespace, err := c.operatorHere()
		if err != nil {
			return nil, err
		}
		objects, err := client.List(ctx, api.Deployment, namespace, metav1.ListOptions{ResourceVersion: "0"})
		var out []completion.Choice
		for i := range objects {
			cluster := api.Job{Kind: api.Deployment, Object: &objects[i]}
			if cluster.IsSessionCluster() {
				out = append(out, completion.Choice{Value: objects[i].GetName(), Description: "JobManager " + cluster.JobManager()})
			}
		}
		return out, err
	})
}
