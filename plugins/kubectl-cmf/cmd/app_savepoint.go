package cmd

import (
	"context"
	"fmt"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/completion"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmf"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/connect"
)

// findSavepoint finds one by name or UID among the application's and the
// detached ones.
func findSavepoint(ctx context.Context, client *connect.Connection, app cmf.Ref, wanted string) (uid, name string, err error) {
	scope := app.Scope
	scope.Application = app.Name
	for _, place := range []struct {
		kind  *cmf.Kind
		scope cmf.Scope
	}{{cmf.Must("savepoint"), scope}, {cmf.Must("detached-savepoint"), cmf.Scope{}}} {
		list, err := client.List(ctx, place.kind, place.scope, cmf.ListOptions{})
		if err != nil {
			return "", "", err
		}
		for _, o := range list {
			if o.Name() != wanted && o.Text("metadata.uid") != wanted {
				continue
			}
			if state, verdict, why := place.kind.State(o); verdict != cmf.Ready {
				return "", "", fmt.Errorf("savepoint %s is %s and can't be started from%s", o.Name(), state, because(why))
			}
			return o.Text("metadata.uid"), fmt.Sprintf("%s (%s)", o.Name(), o.Text("status.path|spec.path")), nil
		}
	}
	return "", "", fmt.Errorf("there is no savepoint %q of %s, nor a detached one of that name", wanted, app.Where())
}

// completeStart completes savepoints to start the application from.
func (c *common) completeStart(ctx context.Context, args []string, _ string) ([]completion.Choice, error) {
	if len(args) == 0 {
		return nil, nil
	}
	client, app, err := c.named(ctx, cmf.Must("app"), args[0])
	if err != nil {
		return nil, err
	}
	scope := app.Scope
	scope.Application = app.Name
	return savepointChoices(ctx, client, scope), nil
}

// savepointChoices are the savepoints of scope, and the detached ones.
func savepointChoices(ctx context.Context, client *connect.Connection, scope cmf.Scope) []completion.Choice {
	var out []completion.Choice
	for kind, where := range map[*cmf.Kind]cmf.Scope{cmf.Must("savepoint"): scope, cmf.Must("detached-savepoint"): {}} {
		list, err := client.List(ctx, kind, where, cmf.ListOptions{})
		if err != nil {
			continue
		}
		for _, o := range list {
			out = append(out, completion.Choice{Value: o.Name(), Description: o.Text("status.path|spec.path")})
		}
	}
	return out
}
