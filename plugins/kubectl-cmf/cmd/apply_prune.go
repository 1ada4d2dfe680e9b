package cmd

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/labels"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/apply"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmf"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/connect"
)

func (a *applier) toPrune(ctx context.Context, client *connect.Connection, items []apply.Item) ([]apply.Step, error) {
	if !a.prune {
		return nil, nil
	}
	pruner := apply.Pruner{Client: client.Client, Inventory: a.inventory, Parallel: a.parallel}
	if a.selector != "" {
		selector, err := labels.Parse(a.selector)
		if err != nil {
			return nil, exit.Usagef("--selector: %w", err)
		}
		if selector.Empty() {
			return nil, exit.Usagef("--selector: an empty one would select everything")
		}
		pruner.Selector = selector
	}
	var environments []string
	if a.scope.Environment != "" {
		environments = []string{a.scope.Environment}
	}
	found, err := pruner.Find(ctx, items, environments)
	if err != nil {
		return nil, err
	}
	for _, item := range found {
		if owner := apply.ManagedBy(item.Object); owner != "" && !a.force {
			return nil, fmt.Errorf("prune %s: it is managed by Confluent for Kubernetes (%s); delete it there, or use --force", item.Ref.Where(), owner)
		}
	}
	return apply.DeletePlan(found, apply.Prune), nil
}

func (a *applier) confirmPrune(ctx context.Context, steps []apply.Step) error {
	what := "No file has these any more; they will be deleted:"
	for _, s := range steps {
		what += fmt.Sprintf("\n  %s%s", s.Ref, inPlace(s.Ref))
		if lost := s.Loses(); lost != "" {
			what += " (" + lost + ")"
		}
	}
	if a.yes {
		fmt.Fprintln(a.ErrOut, term.Safe(what))
	}
	return a.confirm(ctx, a.yes, what)
}

func inPlace(ref cmf.Ref) string {
	switch {
	case ref.Scope.Environment != "":
		return " in environment " + ref.Scope.Environment
	case ref.Scope.Catalog != "":
		return " in catalog " + ref.Scope.Catalog
	}
	return ""
}
