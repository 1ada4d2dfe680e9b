package cmd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/completion"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/kube"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/sorting"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmf"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/connect"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/view"
)

// lister is `kubectl cmf KIND list`.
type lister struct {
	*common
	plugin.Arguments
	kind        *cmf.Kind
	output      printer.Flags
	selector    string
	filter      string
	sortBy      string
	all         bool
	watch       bool
	showSecrets bool
	// status and pool select statements.
	status, pool string
}

// phases are those of statements.
var phases = []string{cmf.PhasePending, cmf.PhaseRunning, cmf.PhaseCompleted, cmf.PhaseStopped, cmf.PhaseFailing, cmf.PhaseFailed, cmf.PhaseDeleting}

func newList(c *common, kind *cmf.Kind) *cobra.Command {
	l := &lister{common: c, kind: kind}
	cmd := &cobra.Command{
		Use: "list", Aliases: []string{"ls"}, Short: "List " + many(kind),
		Example: plugin.Examples(example(kind, "list"+exampleScope(kind)) + "\n" + example(kind, "list"+exampleScope(kind), "-o wide") + "\n" + example(kind, "list"+exampleScope(kind), "-o jsonpath='{.items[*]."+nameField(kind)+"}'")),
		Args:    cobra.NoArgs,
		RunE:    plugin.RunE(l),
	}
	flags := cmd.Flags()
	l.output.AddFlags(cmd)
	l.output.AddTableFlags(flags)
	flags.StringVarP(&l.selector, "selector", "l", "", "Select by labels, as in kubectl")
	if kind.Filter != nil {
		flags.StringVar(&l.filter, "filter", "", fmt.Sprintf("Select with CMF's own filter, as in name=prod* (CMF %s and newer)", *kind.Filter))
	}
	flags.StringVar(&l.sortBy, "sort-by", "", "Sort by the field at this path, as in .metadata.creationTimestamp")
	flags.BoolVarP(&l.watch, "watch", "w", false, "After the list, print what changes")
	flags.BoolVar(&l.showSecrets, "show-secrets", false, "Print passwords and keys that the resources hold")
	if kind.NeedsEnvironment() && !kind.NeedsApplication() && !kind.NeedsOwner() {
		flags.BoolVarP(&l.all, "all-environments", "A", false, "List in all environments")
	}
	if kind.Name == "statement" {
		flags.StringVar(&l.status, "status", "", "Only those in this phase: "+strings.ToLower(strings.Join(phases, ", ")))
		flags.StringVar(&l.pool, "pool", "", "Only those on this compute pool")
		_ = cmd.RegisterFlagCompletionFunc("status", completion.Fixed(phases...))
		_ = cmd.RegisterFlagCompletionFunc("pool", completion.Values(c.completeNames(cmf.Must("pool"))))
		cmd.Example += "\n  kubectl cmf statement list --status failed --pool pool1"
	}
	return cmd
}

// Validate finds what is wrong with the flags.
func (l *lister) Validate() error {
	if l.status != "" && !slices.Contains(phases, strings.ToUpper(l.status)) {
		return exit.Usagef("--status: %q is none of %s", l.status, strings.ToLower(strings.Join(phases, ", ")))
	}
	return l.output.Validate()
}

// selects reports whether a statement is one of those that are asked for. The
// server is asked to select, too; one that doesn't changes nothing.
func (l *lister) selects(o cmf.Object) bool {
	return (l.status == "" || strings.EqualFold(o.Text("status.phase"), l.status)) && (l.pool == "" || o.Text("spec.computePoolName") == l.pool)
}

// Run lists.
func (l *lister) Run(ctx context.Context) error {
	l.noteSecrets(l.showSecrets)
	options := cmf.ListOptions{Filter: l.filter, Query: url.Values{}}
	if l.status != "" {
		options.Query.Set("phase", strings.ToLower(l.status))
	}
	if l.pool != "" {
		options.Query.Set("compute-pool", l.pool)
	}
	if l.selector != "" {
		selector, err := labels.Parse(l.selector)
		if err != nil {
			return exit.Usagef("--selector: %w", err)
		}
		options.Selector = selector
	}
	client, err := l.client(ctx)
	if err != nil {
		return err
	}
	rows, failed, err := l.rows(ctx, client, options)
	if err != nil {
		return err
	}
	if err := l.print(ctx, client, rows, len(failed) > 0); err != nil {
		return err
	}
	if l.watch {
		return l.follow(ctx, client, options, rows, failed)
	}
	return failed.err()
}

// unlisted are the environments that couldn't be listed, each with its error.
type unlisted map[string]error

// err is the errors of all of them, in the order of their names.
func (u unlisted) err() error {
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(u)) {
		errs = append(errs, u[name])
	}
	return errors.Join(errs...)
}

// rows are the resources in all places that are asked for, sorted, and the
// environments among these that can't be listed.
func (l *lister) rows(ctx context.Context, client *connect.Connection, options cmf.ListOptions) ([]view.Row, unlisted, error) {
	scopes := []cmf.Scope{{}}
	if l.all {
		names, err := environmentNames(ctx, client)
		if err != nil {
			return nil, nil, err
		}
		scopes = nil
		for _, name := range names {
			scopes = append(scopes, cmf.Scope{Environment: name})
		}
	} else {
		scope, err := l.place(ctx, l.kind)
		if err != nil {
			return nil, nil, err
		}
		scopes[0] = scope
	}
	lists, errs, err := gatherEach(ctx, client, l.kind, scopes, options)
	if err == nil && !l.all {
		err = errs[0]
	}
	if err != nil {
		return nil, nil, err
	}
	failed := unlisted{}
	rows := []view.Row{}
	for i, list := range lists {
		if errs[i] != nil {
			failed[scopes[i].Environment] = errs[i]
		}
		for _, o := range list {
			if !l.selects(o) {
				continue
			}
			if !l.showSecrets {
				o = cmf.Redact(l.kind, o)
			}
			rows = append(rows, view.Row{Object: o, Scope: scopes[i]})
		}
	}
	l.sort(rows)
	return rows, failed, nil
}

func (l *lister) sort(rows []view.Row) {
	path := strings.Trim(strings.TrimSuffix(strings.TrimPrefix(l.sortBy, "{"), "}"), ".")
	switch {
	case path != "":
	case l.kind.Create:
		path = "metadata.name|name"
	default:
		return // events come in the server's order: newest first
	}
	sorting.By(rows, func(a, b view.Row) int {
		if c := strings.Compare(a.Scope.Environment, b.Scope.Environment); c != 0 && l.sortBy == "" {
			return c
		}
		return compare(a.Object, b.Object, path)
	})
}

// compare orders by the value at path: numbers by size, others as text.
func compare(a, b cmf.Object, path string) int {
	x, y := a.Text(path), b.Text(path)
	n, errN := json.Number(x).Float64()
	m, errM := json.Number(y).Float64()
	if errN == nil && errM == nil {
		switch {
		case n < m:
			return -1
		case n > m:
			return 1
		}
		return 0
	}
	return strings.Compare(x, y)
}

// print prints rows; incomplete says that there may be others, whose errors are told
// elsewhere.
func (l *lister) print(ctx context.Context, client *connect.Connection, rows []view.Row, incomplete bool) error {
	palette, err := l.palette()
	if err != nil {
		return err
	}
	objects := make([]cmf.Object, len(rows))
	names := make([]string, len(rows))
	for i, row := range rows {
		objects[i] = row.Object
		names[i] = cmf.Ref{Kind: l.kind, Name: row.Object.Name()}.String()
	}
	if len(rows) == 0 && incomplete && l.output.IsHuman() {
		return nil
	}
	if len(rows) == 0 && l.output.IsHuman() {
		where := ""
		if !l.all {
			where = whereNone(l.kind, l.common)
		}
		fmt.Fprintf(l.ErrOut, "No %s found%s.\n", many(l.kind), where)
		return nil
	}
	if l.output.IsHuman() && l.kind == cmf.Must("catalog") {
		rows = withDatabases(ctx, client, rows)
	}
	return l.output.Print(l.Out, printer.Result{
		Object: printer.List(objects), AsIs: true, ShowSecrets: l.showSecrets,
		Names: names,
		Table: view.Table(l.kind, rows, view.TableOptions{Environments: l.all, Now: l.now(), Palette: palette}),
	})
}

func whereNone(kind *cmf.Kind, c *common) string {
	if kind.NeedsEnvironment() && c.scope.Environment != "" {
		owner := ""
		switch {
		case c.scope.Statement != "" && kind.NeedsOwner():
			owner = " of statement " + c.scope.Statement
		case c.scope.Application != "" && (kind.NeedsOwner() || kind.NeedsApplication()):
			owner = " of application " + c.scope.Application
		}
		return owner + " in environment " + c.scope.Environment
	}
	return ""
}

// watchEvery is how often a watch looks: CMF has none of its own.
const watchEvery = 2 * time.Second

// follow prints each resource whose row changes, and that some are gone. What is in an
// environment that can't be listed counts as it was.
func (l *lister) follow(ctx context.Context, client *connect.Connection, options cmf.ListOptions, rows []view.Row, failed unlisted) error {
	l.output.NoHeaders = true
	l.tell(failed, nil)
	known := fingerprints(rows)
	every := l.poll
	if every <= 0 {
		every = watchEvery
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
		rows, now, err := l.rows(ctx, client, options)
		if err != nil {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return err
		}
		l.tell(now, failed)
		failed = now
		next := fingerprints(rows)
		for id, was := range known {
			if environment, _, _ := strings.Cut(id, "/"); l.all && now[environment] != nil {
				next[id] = was
			}
		}
		var changed []view.Row
		for _, row := range rows {
			if known[identity(row)] != next[identity(row)] {
				changed = append(changed, row)
			}
		}
		for id := range known {
			if _, still := next[id]; !still {
				fmt.Fprintf(l.ErrOut, "%s deleted\n", id)
			}
		}
		known = next
		if len(changed) > 0 {
			if err := l.print(ctx, client, changed, true); err != nil {
				return err
			}
		}
	}
}

// tell says which environments can't be listed, those that couldn't before aside.
func (l *lister) tell(failed, before unlisted) {
	for _, name := range slices.Sorted(maps.Keys(failed)) {
		if old := before[name]; old == nil || old.Error() != failed[name].Error() {
			fmt.Fprintln(l.ErrOut, kube.Message(failed[name]))
		}
	}
}

func identity(row view.Row) string {
	return strings.TrimPrefix(row.Scope.Environment+"/"+row.Object.Name(), "/")
}

func fingerprints(rows []view.Row) map[string]string {
	out := make(map[string]string, len(rows))
	for _, row := range rows {
		data, err := row.Object.Encode()
		if err == nil {
			out[identity(row)] = string(data)
		}
	}
	return out
}

// nameField is where every CMF has the name of a resource.
func nameField(kind *cmf.Kind) string {
	if kind.Flat {
		return "name"
	}
	return "metadata.name"
}

// unknown stands for what can't be found out, in kubectl's word.
const unknown = "<unknown>"

// withDatabases adds to rows of catalogs the names of their databases: those
// that stand in them, and those that are resources of their own (CMF 2.1 and
// newer). Where these can't be listed, the row says so.
func withDatabases(ctx context.Context, client *connect.Connection, rows []view.Row) []view.Row {
	kind := cmf.Must("database")
	scopes := make([]cmf.Scope, len(rows))
	for i, row := range rows {
		scopes[i] = cmf.Scope{Catalog: row.Object.Name()}
	}
	var lists [][]cmf.Object
	var errs []error
	var failed error
	if client.Needs(ctx, kind.Since, "databases") == nil {
		lists, errs, failed = gatherEach(ctx, client, kind, scopes, cmf.ListOptions{})
	}
	out := make([]view.Row, len(rows))
	for i, row := range rows {
		var names []any
		inline, _ := row.Object.At("spec.kafkaClusters")
		clusters, _ := inline.([]any)
		for _, item := range clusters {
			if fields, ok := item.(map[string]any); ok {
				names = append(names, cmf.Object(fields).Text("databaseName"))
			}
		}
		if i < len(lists) {
			for _, o := range lists[i] {
				if !slices.Contains(names, any(o.Name())) {
					names = append(names, o.Name())
				}
			}
		}
		if i < len(errs) && (errs[i] != nil || failed != nil) {
			// None would say that there is none.
			names = append(names, unknown)
		}
		object := row.Object.Copy()
		object[strings.ReplaceAll(cmf.DatabasesField, "~1", ".")] = names
		out[i] = view.Row{Object: object, Scope: row.Scope}
	}
	return out
}
