package apply

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmf"
)

// Risk is what deleting a resource would lose.
type Risk struct {
	Ref cmf.Ref
	// Why says in words what is lost.
	Why string
	// Savepoint says that a savepoint taken first would keep it.
	Savepoint bool
}

// Risks are what deleting items would lose; items that are deleted with an
// environment count.
func Risks(ctx context.Context, client *cmf.Client, items []Item) ([]Risk, error) {
	var out []Risk
	for _, item := range items {
		if risk := riskOf(item.Ref, item.Object); risk != nil {
			out = append(out, *risk)
		}
		if !item.Ref.Kind.Flat {
			continue
		}
		inside, err := within(ctx, client, item.Ref.Name)
		if err != nil {
			return nil, err
		}
		for _, other := range inside {
			known := slices.ContainsFunc(items, func(i Item) bool { return key(i.Ref) == key(other.Ref) && i.Ref.Kind == other.Ref.Kind })
			if risk := riskOf(other.Ref, other.Object); risk != nil && !known {
				risk.Savepoint = false
				out = append(out, *risk)
			}
		}
	}
	return out, nil
}

// within is what an environment holds that has state.
func within(ctx context.Context, client *cmf.Client, environment string) ([]Item, error) {
	var out []Item
	scope := cmf.Scope{Environment: environment}
	for _, kind := range cmf.Kinds {
		if !kind.NeedsEnvironment() || kind.NeedsOwner() || kind.NeedsApplication() || kind.Keeps == nil {
			continue
		}
		found, err := client.List(ctx, kind, scope, cmf.ListOptions{})
		if ignoreMissing(err) != nil {
			return nil, err
		}
		for _, o := range found {
			out = append(out, Item{Ref: cmf.Ref{Kind: kind, Scope: scope, Name: o.Name()}, Object: o})
		}
	}
	return out, nil
}

func riskOf(ref cmf.Ref, o cmf.Object) *Risk {
	keeps := ref.Kind.Keeps
	if keeps == nil {
		return nil
	}
	state, _, _ := ref.Kind.State(o)
	if slices.Contains(keeps.NothingIn, state) {
		return nil
	}
	if keeps.Path != "" {
		// What can't be told apart keeps state.
		value := strings.ToUpper(strings.TrimLeft(o.Text(keeps.Path), "(; \t\r\n\f\v\u00a0\ufeff"))
		if value != "" && !slices.ContainsFunc(keeps.Prefixes, func(p string) bool { return strings.HasPrefix(value, p) }) {
			return nil
		}
	}
	why := keeps.What
	if state != "" {
		why = fmt.Sprintf("it is %s; %s", state, why)
	}
	return &Risk{Ref: ref, Why: why, Savepoint: keeps.Savepoint}
}
