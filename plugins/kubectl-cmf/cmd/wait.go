package cmd

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/completion"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/apply"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmf"
)

// waitOptions are the flags of `kubectl cmf KIND wait`.
type waitOptions struct {
	*common
	plugin.Arguments
	plugin.RunFlags
	kind      *cmf.Kind
	condition string
}

// newWait is `kubectl cmf KIND wait`.
func newWait(c *common, kind *cmf.Kind) *cobra.Command {
	o := &waitOptions{common: c, kind: kind}
	cmd := &cobra.Command{
		Use: "wait " + nameArg(kind) + " ...", Short: "Wait until " + many(kind) + " are ready, in a state, or gone",
		Long: "Wait for a condition: ready (the state that the spec asks for), delete, state=WORD, or jsonpath={.path}=value.\n" +
			"Exit code 0: it is so; 1: it failed or can't become so; 124: it took too long.",
		Example:           plugin.Examples("kubectl cmf " + kind.Name + " wait " + exampleName(kind) + "\nkubectl cmf " + kind.Name + " wait " + exampleName(kind) + " --timeout 2m\nkubectl cmf " + kind.Name + " wait " + exampleName(kind) + " --for delete"),
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: completion.Values(c.completeNames(kind)),
		RunE:              plugin.RunE(o),
	}
	cmd.Flags().StringVar(&o.condition, "for", "ready", "What to wait for: ready, delete, state=WORD, jsonpath={.path}=value")
	o.AddRunFlags(cmd, plugin.RunWords{Timeout: atMost, TimeoutDefault: 5 * time.Minute, Endless: true})
	_ = cmd.RegisterFlagCompletionFunc("for", completion.Fixed("ready", "delete", "state="))
	return cmd
}

// atMost is the usage text of a --timeout that may be left out by 0.
const atMost = "How long to wait at most (0: for ever)"

// Validate finds what is wrong with the flags.
func (o *waitOptions) Validate() error {
	if _, err := parseCondition(o.condition); err != nil {
		return err
	}
	return o.CheckRun()
}

// Run waits for all of them at once.
func (o *waitOptions) Run(ctx context.Context) error {
	check, err := parseCondition(o.condition)
	if err != nil {
		return err
	}
	client, err := o.client(ctx)
	if err != nil {
		return err
	}
	var refs []cmf.Ref
	for _, name := range o.Args {
		ref, err := o.ref(ctx, o.kind, name)
		if err != nil {
			return err
		}
		refs = append(refs, ref)
	}
	ctx, cancel := o.Bounded(ctx)
	defer cancel()
	line := o.progress()
	defer line.Done()
	errs := make([]error, len(refs))
	var group sync.WaitGroup
	var out sync.Mutex
	for i, ref := range refs {
		group.Go(func() {
			if check == nil {
				errs[i] = apply.Gone(ctx, client.Client, ref, nil, o.poll)
			} else {
				_, errs[i] = o.waiter(client.Client, line).For(ctx, ref, check(ref))
			}
			if errs[i] == nil {
				out.Lock()
				defer out.Unlock()
				fmt.Fprintf(o.Out, "%s condition met\n", ref)
			}
		})
	}
	group.Wait()
	return errors.Join(errs...)
}

// parseCondition reads --for; nil is for delete.
func parseCondition(text string) (func(cmf.Ref) apply.Condition, error) {
	name, value, _ := strings.Cut(text, "=")
	switch name {
	case "ready":
		return func(ref cmf.Ref) apply.Condition { return apply.Ready(ref, nil) }, nil
	case "delete":
		return nil, nil
	case "state", "phase":
		if value != "" {
			return func(ref cmf.Ref) apply.Condition { return apply.State(ref, strings.ToUpper(value)) }, nil
		}
	case "jsonpath":
		path, want, _ := strings.Cut(value, "=")
		path = strings.Trim(strings.TrimSuffix(strings.TrimPrefix(path, "{"), "}"), ".")
		// As in kubectl, \. is a dot in a name.
		path = strings.ReplaceAll(path, `\.`, "~1")
		if path != "" && !strings.ContainsAny(path, "[]*?@'\"") {
			return func(cmf.Ref) apply.Condition { return apply.Field(path, want) }, nil
		}
	}
	return nil, exit.Usagef("--for: %q is none of ready, delete, state=WORD, jsonpath={.path}=value", text)
}
