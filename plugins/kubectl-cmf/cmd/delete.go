package cmd

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/completion"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/apply"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmf"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/connect"
)

// deleter is `delete`.
type deleter struct {
	*common
	plugin.Arguments
	plugin.RunFlags
	kind *cmf.Kind
	filesFlags
	ignoreMissing bool
	loseState     bool
	withSavepoint bool
	metadataOnly  bool
	force         bool
	// version is that of an artifact; 0 is all of it.
	version int
}

func newDelete(c *common, kind *cmf.Kind) *cobra.Command {
	d := &deleter{common: c, kind: kind}
	cmd := &cobra.Command{
		Use: "delete -f FILE", Short: "Delete what files describe", Args: cobra.NoArgs,
		Long:    "Delete what files describe, dependents first. Objects are found by kind and name; the rest of a file doesn't matter.",
		Example: plugin.Examples("kubectl cmf delete -f app.yaml --with-savepoint\nkubectl cmf delete -f deploy/ --lose-state --dry-run=client\nkubectl cmf delete -f deploy/ --lose-state"),
		RunE:    plugin.RunE(d),
	}
	if kind == nil {
		cmd.GroupID = files
		c.addScope(cmd)
	} else {
		cmd.Use = "delete (" + nameArg(kind) + " ... | -f FILE)"
		cmd.Short = "Delete " + many(kind)
		cmd.Long = ""
		cmd.Args = cobra.ArbitraryArgs
		call := example(kind, "delete", exampleName(kind))
		switch {
		case kind.Keeps != nil && kind.Keeps.Savepoint:
			call += " --with-savepoint"
		case kind.Keeps != nil:
			call += " --lose-state"
		}
		cmd.Example = plugin.Examples(call + "\n" + call + " --ignore-not-found\n" + call + " --dry-run=client")
		cmd.ValidArgsFunction = completion.Values(c.completeNames(kind))
	}
	flags := cmd.Flags()
	d.filesFlags.add(cmd, "with what to delete")
	flags.BoolVar(&d.ignoreMissing, "ignore-not-found", false, "What isn't there is no error")
	if kind == nil || kind.Keeps != nil || kind.Flat {
		flags.BoolVar(&d.loseState, "lose-state", false, "Delete even what loses state: running jobs, savepoints")
	}
	if kind == nil || kind.Keeps != nil && kind.Keeps.Savepoint {
		flags.BoolVar(&d.withSavepoint, "with-savepoint", false, "Take a savepoint of each application first and keep it as a detached savepoint")
	}
	if kind == nil || kind.ForceSince != nil {
		flags.BoolVar(&d.metadataOnly, "metadata-only", false, "Remove CMF's record only; what runs in Kubernetes stays, unmanaged")
	}
	flags.BoolVar(&d.force, "force", false, "Delete what Confluent for Kubernetes manages, too")
	if kind == cmf.Must("artifact") {
		flags.IntVar(&d.version, "version", 0, "Delete this version only (default: all of it)")
		cmd.Example += "\n  kubectl cmf artifact delete my-functions --version 1 --ignore-not-found"
	}
	d.AddRunFlags(cmd, plugin.RunWords{
		DryRun: "none, or client: say what would be deleted", NoServer: noServerDryRun,
		Wait: "Wait until it is gone", WaitDefault: true,
		Timeout: atMost, TimeoutDefault: 5 * time.Minute, Endless: true,
	})
	return cmd
}

// deleteVersion deletes one version of an artifact.
func (d *deleter) deleteVersion(ctx context.Context, client *connect.Connection, ref cmf.Ref) error {
	did := "deleted"
	if d.DryRun == "client" {
		did = "deleted (dry run)"
	} else if err := client.DeleteVersion(ctx, ref, d.version); cmf.IsNotFound(err) && d.ignoreMissing {
		return nil
	} else if err != nil {
		return err
	}
	_, err := fmt.Fprintf(d.Out, "%s version %d %s\n", ref, d.version, did)
	return err
}

// noServerDryRun is why --dry-run=server is refused.
const noServerDryRun = "no version of CMF can check a change without making it"

// Validate finds what is wrong with the flags.
func (d *deleter) Validate() error {
	switch {
	case d.loseState && d.withSavepoint:
		return exit.Usagef("--lose-state and --with-savepoint exclude each other")
	case len(d.Args) > 0 && len(d.files) > 0:
		return exit.Usagef("give either names or -f, not both")
	case d.version < 0 || d.version > 0 && len(d.Args) != 1:
		return exit.Usagef("--version is a number from 1, of one artifact")
	case len(d.Args) == 0 && len(d.files) == 0 && d.kind != nil:
		return exit.Usagef("say what to delete: a name, or -f FILE")
	}
	return d.CheckRun()
}

// Run deletes them.
func (d *deleter) Run(ctx context.Context) error {
	client, items, err := d.items(ctx, d.Args)
	if err != nil {
		return err
	}
	there, missing, err := d.look(ctx, client, items)
	if err != nil {
		return err
	}
	var lost error
	if len(missing) > 0 && !d.ignoreMissing {
		lost = errors.Join(missing...)
		if len(d.files) > 0 {
			lost = fmt.Errorf("%w\nwith --ignore-not-found what is gone already is no error", lost)
		}
	}
	if len(there) == 0 {
		return lost
	}
	risky, err := d.guard(ctx, client, there)
	if err != nil {
		return err
	}
	if d.version > 0 {
		return d.deleteVersion(ctx, client, there[0].Ref)
	}
	steps := apply.DeletePlan(there, apply.Delete)
	if d.DryRun == "client" {
		for _, s := range steps {
			fmt.Fprintf(d.Out, "%s deleted (dry run)\n", s.Ref)
		}
		return lost
	}
	ctx, cancel := d.Bounded(ctx)
	defer cancel()
	if d.withSavepoint {
		for _, risk := range risky {
			if err := d.keep(ctx, client, risk.Ref); err != nil {
				return fmt.Errorf("%w; nothing was deleted", err)
			}
		}
	}
	runner := apply.Runner{
		Client: client.Client, Poll: d.poll, MetadataOnly: d.metadataOnly, WaitGone: d.Wait,
		Again: "to finish, when nothing stands against it, run the command again with --ignore-not-found",
		Done: func(s apply.Step, _ cmf.Object, err error) {
			if err == nil {
				fmt.Fprintf(d.Out, "%s %s\n", s.Ref, s.Outcome())
			}
		},
	}
	return errors.Join(runner.Run(ctx, steps), lost)
}

// items are what names or files say.
func (d *deleter) items(ctx context.Context, names []string) (*connect.Connection, []apply.Item, error) {
	if len(names) == 0 {
		documents, err := d.read(ctx, d.filesFlags)
		if err != nil {
			return nil, nil, err
		}
		place := d.placeOf(ctx, d.kind)
		place.Identity = true
		items, err := apply.Resolve(documents, place)
		if err != nil {
			return nil, nil, err
		}
		client, err := d.client(ctx)
		return client, items, err
	}
	client, err := d.client(ctx)
	if err != nil {
		return nil, nil, err
	}
	var items []apply.Item
	for i, name := range names {
		if slices.Contains(names[:i], name) {
			continue // said twice
		}
		ref, err := d.ref(ctx, d.kind, name)
		if err != nil {
			return nil, nil, err
		}
		items = append(items, apply.Item{Ref: ref, Location: name})
	}
	return client, items, nil
}

// look fetches what is there.
func (d *deleter) look(ctx context.Context, client *connect.Connection, items []apply.Item) (there []apply.Item, missing []error, err error) {
	for _, item := range items {
		object, err := client.Get(ctx, item.Ref)
		switch {
		case cmf.IsNotFound(err):
			missing = append(missing, err)
			continue
		case err != nil:
			return nil, nil, err
		}
		if owner := apply.ManagedBy(object); owner != "" {
			text := fmt.Sprintf("%s is managed by Confluent for Kubernetes (%s), which may create it again", item.Ref.Where(), owner)
			if !d.force {
				return nil, nil, fmt.Errorf("%s; delete it there, or use --force", text)
			}
			d.warn("%s", text)
		}
		item.Object = object
		there = append(there, item)
	}
	return there, missing, nil
}

// guard refuses to lose state without being told to.
func (d *deleter) guard(ctx context.Context, client *connect.Connection, items []apply.Item) ([]apply.Risk, error) {
	if d.loseState || d.metadataOnly {
		return nil, nil
	}
	risks, err := apply.Risks(ctx, client.Client, items)
	if err != nil || len(risks) == 0 {
		return nil, err
	}
	var refused []string
	var kept []apply.Risk
	for _, r := range risks {
		if d.withSavepoint && r.Savepoint && running(r, items) {
			kept = append(kept, r)
			continue
		}
		refused = append(refused, fmt.Sprintf("%s: %s", r.Ref.Where(), r.Why))
	}
	if len(refused) == 0 {
		return kept, nil
	}
	hint := "use --lose-state if that is what you want"
	if risks[0].Savepoint && !d.withSavepoint {
		hint = "use --with-savepoint to take a savepoint and keep it, or --lose-state"
	}
	return nil, fmt.Errorf("%s\nnothing was deleted; %s", strings.Join(refused, "\n"), hint)
}

// running reports whether a savepoint can be taken.
func running(r apply.Risk, items []apply.Item) bool {
	for _, item := range items {
		if item.Ref == r.Ref {
			return item.Object.Text("status.jobStatus.state") == api.JobRunning
		}
	}
	return false
}

// keep takes a savepoint of an application and detaches it.
func (d *deleter) keep(ctx context.Context, client *connect.Connection, app cmf.Ref) error {
	taken, err := d.takeSavepoint(ctx, client, app, savepointOptions{})
	if err != nil {
		return err
	}
	if _, err := client.Act(ctx, taken.ref, "detach", nil); err != nil {
		return fmt.Errorf("detach the savepoint: %w", err)
	}
	fmt.Fprintf(d.Out, "detachedsavepoint.%s/%s created: %s\n", cmf.Group, taken.ref.Name, taken.path)
	return nil
}
