package cmd

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/apply"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmf"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/connect"
)

// savepointOptions are how one is taken.
type savepointOptions struct {
	name, path, format string
	// retries is how often CMF tries again; "" is its own choice.
	retries string
}

// savepoint is one that was taken.
type savepoint struct {
	ref  cmf.Ref
	uid  string
	path string
}

// takeSavepoint takes a savepoint of an application or a statement and waits for
// its end.
func (c *common) takeSavepoint(ctx context.Context, client *connect.Connection, owner cmf.Ref, o savepointOptions) (savepoint, error) {
	kind := cmf.Must("savepoint")
	if err := client.Needs(ctx, kind.Since, "taking a savepoint"); err != nil {
		return savepoint{}, err
	}
	name := o.name
	if name == "" {
		name = defaultSavepoint(owner.Name, c.now())
	}
	scope := owner.Scope
	if owner.Kind == cmf.Must("statement") {
		scope.Statement = owner.Name
	} else {
		scope.Application = owner.Name
	}
	ref := cmf.Ref{Kind: kind, Scope: scope, Name: name}
	spec := map[string]any{}
	if o.path != "" {
		spec["path"] = o.path
	}
	if o.format != "" {
		spec["formatType"] = strings.ToUpper(o.format)
	}
	if o.retries != "" {
		spec["backoffLimit"] = json.Number(o.retries)
	}
	object := cmf.Object{"apiVersion": cmf.Group + "/v1", "kind": kind.Kind, "metadata": map[string]any{"name": name}, "spec": spec}
	if _, err := client.Create(ctx, ref, object); err != nil {
		return savepoint{}, err
	}
	line := c.progress()
	defer line.Done()
	done, err := c.waiter(client.Client, line).For(ctx, ref, apply.Ready(ref, nil))
	if err != nil {
		return savepoint{}, apply.Requested(err, "savepoint "+name)
	}
	return savepoint{ref: ref, uid: done.Text("metadata.uid"), path: done.Text("status.path")}, nil
}

// maxName is the length of names that every CMF takes, in characters.
const maxName = 45

func defaultSavepoint(app string, now time.Time) string {
	stamp := now.UTC().Format("20060102-150405")
	if len(app) > maxName-len(stamp)-1 {
		app = strings.Trim(app[:maxName-len(stamp)-1], "-.")
	}
	return app + "-" + stamp
}

// appSavepointOptions are the flags of `kubectl cmf app savepoint`.
type appSavepointOptions struct {
	*common
	plugin.Arguments
	plugin.RunFlags
	savepointOptions
	kind *cmf.Kind
}

// newAppSavepoint is `kubectl cmf app savepoint`, newStatementSavepoint `kubectl
// cmf statement savepoint`.
func newAppSavepoint(c *common) *cobra.Command {
	return newTakeSavepoint(c, cmf.Must("app"), "a running application", "basic-example")
}

func newStatementSavepoint(c *common) *cobra.Command {
	return newTakeSavepoint(c, cmf.Must("statement"), "a running statement", "clicks")
}

func newTakeSavepoint(c *common, kind *cmf.Kind, whose, name string) *cobra.Command {
	o := &appSavepointOptions{common: c, kind: kind}
	call := "kubectl cmf " + kind.Name + " savepoint " + name
	cmd := &cobra.Command{
		Use: "savepoint " + nameArg(kind), Short: "Take a savepoint of " + whose + " and wait for it",
		Example:           plugin.Examples(call + "\n" + call + " --name before-change --format native\n" + call + " --path s3://flink/savepoints"),
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: c.oneName(o.kind),
		RunE:              plugin.RunE(o),
	}
	cmd.Flags().StringVar(&o.name, "name", "", "Name of the savepoint (default: made of the job's and the time)")
	cmd.Flags().StringVar(&o.path, "path", "", "Directory to write to (default: the job's own)")
	cmd.Flags().StringVar(&o.format, "format", "", "canonical or native")
	cmd.Flags().StringVar(&o.retries, "backoff-limit", "", "How often it is tried again; -1 is without end (default: CMF's)")
	o.AddRunFlags(cmd, plugin.RunWords{Timeout: atMost, TimeoutDefault: 10 * time.Minute, Endless: true})
	return cmd
}

// Validate finds what is wrong with the flags.
func (o *appSavepointOptions) Validate() error {
	if n, err := strconv.Atoi(o.retries); o.retries != "" && (err != nil || n < -1 || n > math.MaxInt32) {
		return exit.Usagef("--backoff-limit must be a number from -1, not %q", o.retries)
	}
	return o.CheckRun()
}

// ended are the states of jobs and phases of statements in which nothing runs, nor
// will by itself.
var ended = []string{api.JobFinished, api.JobFailed, api.JobCanceled, api.JobSuspended, cmf.PhaseStopped, cmf.PhaseCompleted, cmf.PhaseFailed}

// Run takes the savepoint.
func (o *appSavepointOptions) Run(ctx context.Context) error {
	ctx, cancel := o.Bounded(ctx)
	defer cancel()
	client, app, err := o.named(ctx, o.kind, o.Args[0])
	if err != nil {
		return err
	}
	object, err := client.Get(ctx, app)
	if err != nil {
		return err
	}
	// CMF would wait for the job to run.
	if state := object.Text("status.jobStatus.state|status.phase"); slices.Contains(ended, state) {
		return fmt.Errorf("%s is %s; a savepoint is taken of what runs", app.Where(), state)
	}
	taken, err := o.takeSavepoint(ctx, client, app, o.savepointOptions)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(o.Out, "%s created: %s\n", taken.ref, taken.path)
	return err
}

// detachOptions are the arguments of `kubectl cmf savepoint detach`.
type detachOptions struct {
	*common
	plugin.Arguments
	kind *cmf.Kind
}

// newSavepointDetach is `kubectl cmf savepoint detach`.
func newSavepointDetach(c *common) *cobra.Command {
	o := &detachOptions{common: c, kind: cmf.Must("savepoint")}
	return &cobra.Command{
		Use: "detach SAVEPOINT --application APP", Short: "Make a savepoint independent of its application",
		Long:              "Make a savepoint independent of its application: it stays when the application is deleted, and others can start from it.",
		Example:           plugin.Examples("kubectl cmf savepoint detach before-upgrade --application basic-example\nkubectl cmf savepoint detach before-upgrade --application basic-example -e dev-env\nkubectl cmf savepoint detach before-upgrade --application basic-example --quiet"),
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: c.oneName(o.kind),
		RunE:              plugin.RunE(o),
	}
}

// Run detaches the savepoint.
func (o *detachOptions) Run(ctx context.Context) error {
	client, ref, err := o.named(ctx, o.kind, o.Args[0])
	if err != nil {
		return err
	}
	if ref.Scope.Application == "" {
		return fmt.Errorf("CMF detaches savepoints of applications only, not of statements")
	}
	object, err := client.Act(ctx, ref, "detach", nil)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(o.Out, "detachedsavepoint.%s/%s detached\n", cmf.Group, cmp.Or(object.Name(), ref.Name))
	return err
}
