package cmd

import (
	"context"
	"errors"
	"io"
	"net/url"

	"github.com/spf13/cobra"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/completion"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/apply"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmf"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/connect"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/view"
)

// describer is `kubectl cmf KIND describe`.
type describer struct{ getter }

// Run prints all that is known.
func (d *describer) Run(ctx context.Context) error { return d.describe(ctx, d.Args) }

// getter is `kubectl cmf KIND get`.
type getter struct {
	*common
	plugin.Arguments
	kind        *cmf.Kind
	output      printer.Flags
	showSecrets bool
}

func newGet(c *common, kind *cmf.Kind) *cobra.Command {
	g := &getter{common: c, kind: kind}
	cmd := &cobra.Command{
		Use: "get [" + nameArg(kind) + " ...]", Short: "Show " + many(kind) + " by name; without a name, list them",
		Example:           plugin.Examples("kubectl cmf " + kind.Name + " get" + exampleScope(kind) + "\nkubectl cmf " + kind.Name + " get " + exampleName(kind) + "\nkubectl cmf " + kind.Name + " get " + exampleName(kind) + " -o yaml"),
		ValidArgsFunction: completion.Values(c.completeNames(kind)),
		RunE:              plugin.RunE(g),
	}
	g.output.AddFlags(cmd)
	g.output.AddTableFlags(cmd.Flags())
	cmd.Flags().BoolVar(&g.showSecrets, "show-secrets", false, "Print passwords and keys that the resource holds")
	return cmd
}

func newDescribe(c *common, kind *cmf.Kind) *cobra.Command {
	g := &describer{getter{common: c, kind: kind}}
	cmd := &cobra.Command{
		Use: "describe " + nameArg(kind) + " ...", Short: "Show all that is known of " + many(kind),
		Example:           plugin.Examples("kubectl cmf " + kind.Name + " describe " + exampleName(kind) + "\nkubectl cmf " + kind.Name + " describe " + exampleName(kind) + " --show-secrets\nkubectl cmf " + kind.Name + " describe " + exampleName(kind) + " | less"),
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: completion.Values(c.completeNames(kind)),
		RunE:              plugin.RunE(g),
	}
	cmd.Flags().BoolVar(&g.showSecrets, "show-secrets", false, "Print passwords and keys that the resource holds")
	return cmd
}

// fetch fetches what is called names; failed is the errors of those that it can't
// fetch, as kubectl does it: the others are printed all the same.
func (g *getter) fetch(ctx context.Context, names []string) (rows []view.Row, client *connect.Connection, failed, err error) {
	g.noteSecrets(g.showSecrets)
	if client, err = g.client(ctx); err != nil {
		return nil, nil, nil, err
	}
	for _, name := range names {
		ref, err := g.ref(ctx, g.kind, name)
		if err != nil {
			return nil, nil, nil, err
		}
		object, err := g.one(ctx, client, ref)
		if ofOneScope(err) {
			failed = errors.Join(failed, err)
			continue
		}
		if err != nil {
			return nil, nil, nil, err
		}
		if !g.showSecrets {
			object = cmf.Redact(g.kind, object)
		}
		rows = append(rows, view.Row{Object: object, Scope: ref.Scope})
	}
	return rows, client, failed, nil
}

// one fetches a resource; an event can't be fetched by name.
func (g *getter) one(ctx context.Context, client *connect.Connection, ref cmf.Ref) (cmf.Object, error) {
	if ref.Kind.Name != "event" {
		return client.Get(ctx, ref)
	}
	list, err := client.List(ctx, ref.Kind, ref.Scope, cmf.ListOptions{})
	if err != nil {
		return nil, err
	}
	for _, o := range list {
		if o.Name() == ref.Name {
			return o, nil
		}
	}
	return nil, exit.With(exit.Failed, &cmf.ResourceError{Ref: ref, Err: &cmf.StatusError{Status: 404}})
}

// Validate finds what is wrong with the flags.
func (g *getter) Validate() error { return g.output.Validate() }

// Run prints what was named, or lists all.
func (g *getter) Run(ctx context.Context) error {
	names := g.Args
	if len(names) == 0 {
		l := &lister{common: g.common, kind: g.kind, output: g.output, showSecrets: g.showSecrets}
		return l.Run(ctx)
	}
	rows, client, failed, err := g.fetch(ctx, names)
	if err != nil {
		return err
	}
	if len(rows) == 0 {
		return failed
	}
	palette, err := g.palette()
	if err != nil {
		return err
	}
	var objects []cmf.Object
	var printed []string
	for _, row := range rows {
		objects = append(objects, row.Object)
		printed = append(printed, cmf.Ref{Kind: g.kind, Name: row.Object.Name()}.String())
	}
	if g.output.IsHuman() && g.kind == cmf.Must("catalog") {
		rows = withDatabases(ctx, client, rows)
	}
	result := printer.Result{
		Object: objects[0], Names: printed, AsIs: true, ShowSecrets: g.showSecrets,
		Table: view.Table(g.kind, rows, view.TableOptions{Now: g.now(), Palette: palette}),
	}
	if len(names) > 1 {
		result.Object = printer.List(objects)
	}
	return errors.Join(g.output.Print(g.Out, result), failed)
}

func (g *getter) describe(ctx context.Context, names []string) error {
	rows, client, failed, err := g.fetch(ctx, names)
	if err != nil {
		return err
	}
	palette, err := g.palette()
	if err != nil {
		return err
	}
	for i, row := range rows {
		if i > 0 {
			if _, err := io.WriteString(g.Out, "\n\n"); err != nil {
				return err
			}
		}
		d := view.Description{
			Ref:    cmf.Ref{Kind: g.kind, Scope: row.Scope, Name: row.Object.Name()},
			Object: row.Object, ManagedBy: apply.ManagedBy(row.Object), Now: g.now(), Palette: palette,
		}
		if g.kind == cmf.Must("app") {
			d.Events, d.EventsError = events(ctx, client, d.Ref)
			for i, event := range d.Events {
				if !g.showSecrets {
					d.Events[i] = cmf.Redact(cmf.Must("event"), event)
				}
			}
		}
		if _, verdict, _ := g.kind.State(row.Object); g.kind == cmf.Must("statement") && verdict == cmf.Failed {
			// What it looks like is worth showing without them.
			if list, err := client.Exceptions(ctx, d.Ref); err == nil {
				found := view.Exceptions(list)
				d.Exceptions = found[:min(len(found), 3)]
			}
		}
		if err := view.Describe(g.Out, d); err != nil {
			return err
		}
	}
	return failed
}

// events are those of an application, the newest first.
func events(ctx context.Context, client *connect.Connection, app cmf.Ref) ([]cmf.Object, error) {
	scope := app.Scope
	scope.Application = app.Name
	return client.List(ctx, cmf.Must("event"), scope, cmf.ListOptions{Query: url.Values{}})
}
