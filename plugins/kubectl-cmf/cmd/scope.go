package cmd

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/completion"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmf"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/connect"
)

// environment is the one to work in: -e, the default, or the only one that
// there is.
func (c *common) environment(ctx context.Context) (string, error) {
	if c.scope.Environment != "" {
		return c.scope.Environment, nil
	}
	if name := c.finder.State.Get(c.finder.Key()).Environment; name != "" {
		return name, nil
	}
	client, err := c.client(ctx)
	if err != nil {
		return "", err
	}
	names, err := environmentNames(ctx, client)
	if err != nil {
		return "", fmt.Errorf("find out which environment to use: %w", err)
	}
	switch len(names) {
	case 1:
		return names[0], nil
	case 0:
		return "", exit.Usagef("there is no environment yet; make one with: kubectl cmf env create NAME --kubernetes-namespace NAMESPACE")
	}
	return "", exit.Usagef("which environment? Say it with -e, or once with: kubectl cmf env use NAME\nThere are: %s", strings.Join(names, ", "))
}

func environmentNames(ctx context.Context, client *connect.Connection) ([]string, error) {
	list, err := client.List(ctx, cmf.Must("env"), cmf.Scope{}, cmf.ListOptions{})
	if err != nil {
		return nil, err
	}
	var names []string
	for _, o := range list {
		names = append(names, o.Name())
	}
	slices.Sort(names)
	return names, nil
}

// place is where a resource of kind is, from flags and defaults.
func (c *common) place(ctx context.Context, kind *cmf.Kind) (cmf.Scope, error) {
	scope := c.scope
	if kind.NeedsOwner() && scope.Application != "" && scope.Statement != "" {
		return scope, exit.Usagef("--application and --statement exclude each other")
	}
	switch {
	case kind.NeedsCatalog() && scope.Catalog == "":
		return scope, exit.Usagef("which catalog? Say it with --catalog NAME")
	case kind.NeedsApplication() && scope.Application == "":
		return scope, exit.Usagef("which application? Say it with --application NAME")
	case kind.NeedsOwner() && scope.Application == "" && scope.Statement == "":
		return scope, exit.Usagef("whose %s? Say it with --application NAME or --statement NAME", kind.Name)
	}
	for what, name := range map[string]string{"environment": scope.Environment, "catalog": scope.Catalog, "application": scope.Application, "statement": scope.Statement} {
		if name == "" {
			continue
		}
		if err := cmf.CheckName(what, name); err != nil {
			return scope, exit.Usagef("--%s: %w", what, err)
		}
	}
	if kind.NeedsEnvironment() {
		var err error
		if scope.Environment, err = c.environment(ctx); err != nil {
			return scope, err
		}
	}
	return kind.Trim(scope), nil
}

// ref is the resource called name.
func (c *common) ref(ctx context.Context, kind *cmf.Kind, name string) (cmf.Ref, error) {
	if err := cmf.CheckName(kind.Name, name); err != nil {
		return cmf.Ref{}, exit.With(exit.Usage, err)
	}
	scope, err := c.place(ctx, kind)
	return cmf.Ref{Kind: kind, Scope: scope, Name: name}, err
}

// named is the resource called name, and the client to ask for it.
func (c *common) named(ctx context.Context, kind *cmf.Kind, name string) (*connect.Connection, cmf.Ref, error) {
	client, err := c.client(ctx)
	if err != nil {
		return nil, cmf.Ref{}, err
	}
	ref, err := c.ref(ctx, kind, name)
	return client, ref, err
}

// gather lists kind in every scope at the same time.
func gather(ctx context.Context, client *connect.Connection, kind *cmf.Kind, scopes []cmf.Scope, options cmf.ListOptions) ([][]cmf.Object, error) {
	out := make([][]cmf.Object, len(scopes))
	options.Budget = cmf.NewBudget()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(8)
	for i, scope := range scopes {
		group.Go(func() (err error) {
			out[i], err = client.List(ctx, kind, scope, options)
			return err
		})
	}
	return out, group.Wait()
}

// gatherEach is gather where one scope may fail without the others: errs are those of
// each scope. err is of what no scope is to blame for.
func gatherEach(ctx context.Context, client *connect.Connection, kind *cmf.Kind, scopes []cmf.Scope, options cmf.ListOptions) (lists [][]cmf.Object, errs []error, err error) {
	lists, errs = make([][]cmf.Object, len(scopes)), make([]error, len(scopes))
	options.Budget = cmf.NewBudget()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(8)
	for i, scope := range scopes {
		group.Go(func() error {
			list, err := client.List(ctx, kind, scope, options)
			if ofOneScope(err) {
				errs[i] = err
				return nil
			}
			lists[i] = list
			return err
		})
	}
	return lists, errs, group.Wait()
}

// ofOneScope reports whether err may be that of one scope alone: it is forbidden, gone,
// or CMF can't look into it now.
func ofOneScope(err error) bool {
	switch status := cmf.StatusOf(err); status {
	case http.StatusForbidden, http.StatusNotFound, http.StatusConflict, http.StatusGone:
		return true
	default:
		return status >= http.StatusInternalServerError
	}
}

// completeNames completes names of a kind.
func (c *common) completeNames(kind *cmf.Kind) completion.Func {
	return func(ctx context.Context, args []string, _ string) ([]completion.Choice, error) {
		client, err := c.client(ctx)
		if err != nil {
			return nil, err
		}
		scope, err := c.place(ctx, kind)
		if err != nil {
			return nil, err
		}
		list, err := client.List(ctx, kind, scope, cmf.ListOptions{})
		if err != nil {
			return nil, err
		}
		var out []completion.Choice
		for _, o := range list {
			if slices.Contains(args, o.Name()) {
				continue
			}
			state, _, _ := kind.State(o)
			out = append(out, completion.Choice{Value: o.Name(), Description: state})
		}
		return out, nil
	}
}

// oneName completes the first argument only.
func (c *common) oneName(kind *cmf.Kind) cobra.CompletionFunc {
	complete := completion.Values(c.completeNames(kind))
	return func(cmd *cobra.Command, args []string, prefix string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return complete(cmd, args, prefix)
	}
}

// many is what several of a kind are called: "compute pools".
func many(kind *cmf.Kind) string {
	name, _, _ := strings.Cut(kind.Short, ":")
	name, _, _ = strings.Cut(name, " (")
	return name
}

// one is one of a kind with its article: "an app".
func one(kind *cmf.Kind) string {
	if strings.ContainsRune("aeio", rune(kind.Name[0])) {
		return "an " + kind.Name
	}
	return "a " + kind.Name
}

// nameArg is a kind's name in usage lines.
func nameArg(kind *cmf.Kind) string { return strings.ToUpper(strings.ReplaceAll(kind.Name, "-", "_")) }
