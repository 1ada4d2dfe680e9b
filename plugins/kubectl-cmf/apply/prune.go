package apply

import (
	"context"
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/labels"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/sorting"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmf"
)

// Pruner finds what the files no longer have.
type Pruner struct {
	Client *cmf.Client
	// Selector selects by labels, Inventory by the set's name; one is given.
	Selector  labels.Selector
	Inventory string
	Parallel  int
}

// Prunable reports whether objects of the kind are ever pruned. Environments
// are not: with one goes everything in it. What Flink made isn't either.
func Prunable(kind *cmf.Kind) bool {
	return kind.Create && kind.Delete && !kind.Flat && !kind.NeedsOwner() && !kind.Files
}

// Find lists what belongs to the selection and isn't among items: all
// prunable kinds, in the environments and catalogs that items are in and in
// those given.
func (p Pruner) Find(ctx context.Context, items []Item, environments []string) ([]Item, error) {
	server, err := p.Client.Server(ctx)
	if err != nil {
		return nil, err
	}
	have := map[string]bool{}
	for _, item := range items {
		have[key(item.Ref)] = true
	}
	out, err := p.find(ctx, server, have, p.scopes(items, environments))
	if err != nil {
		return nil, err
	}
	// CMF deletes no catalog with databases in it, and no file leads to those of
	// one that goes.
	var catalogs []Item
	for _, item := range out {
		if item.Ref.Kind == cmf.Must("catalog") {
			catalogs = append(catalogs, item)
		}
	}
	of := p.scopes(catalogs, nil)
	inside, err := p.find(ctx, server, have, func(kind *cmf.Kind) []cmf.Scope {
		if !kind.NeedsCatalog() {
			return nil
		}
		return of(kind)
	})
	if err != nil {
		return nil, err
	}
	out = append(out, inside...)
	sorting.By(out, func(a, b Item) int {
		if a.Ref.Kind.Rank != b.Ref.Kind.Rank {
			return b.Ref.Kind.Rank - a.Ref.Kind.Rank
		}
		if a.Ref.String() < b.Ref.String() {
			return -1
		}
		return 1
	})
	return out, nil
}

// find lists what belongs to the selection in the scopes of each kind.
func (p Pruner) find(ctx context.Context, server cmf.Server, have map[string]bool, scopes func(*cmf.Kind) []cmf.Scope) ([]Item, error) {
	var mu sync.Mutex
	var out []Item
	var work []func() error
	for _, kind := range cmf.Kinds {
		if !Prunable(kind) || server.Version.Before(kind.Since) {
			continue
		}
		for _, scope := range scopes(kind) {
			work = append(work, func() error {
				found, err := p.Client.List(ctx, kind, scope, cmf.ListOptions{Selector: p.Selector})
				if err != nil {
					return ignoreMissing(err)
				}
				for _, object := range found {
					ref := cmf.Ref{Kind: kind, Scope: scope, Name: object.Name()}
					if have[key(ref)] || p.Inventory != "" && object.Strings("metadata.annotations")[InventoryAnnotation] != p.Inventory {
						continue
					}
					mu.Lock()
					out = append(out, Item{Ref: ref, Object: object})
					mu.Unlock()
				}
				return nil
			})
		}
	}
	return out, each(work, p.Parallel)
}

func key(ref cmf.Ref) string {
	return ref.String() + " " + ref.Scope.Environment + " " + ref.Scope.Catalog
}

// scopes are the places to look in for a kind.
func (p Pruner) scopes(items []Item, environments []string) func(*cmf.Kind) []cmf.Scope {
	var catalogs []string
	for _, item := range items {
		if name := item.Ref.Scope.Environment; name != "" {
			environments = append(environments, name)
		}
		if item.Ref.Kind.Flat {
			environments = append(environments, item.Ref.Name)
		}
		if name := item.Ref.Scope.Catalog; name != "" {
			catalogs = append(catalogs, name)
		}
		if item.Ref.Kind == cmf.Must("catalog") {
			catalogs = append(catalogs, item.Ref.Name)
		}
	}
	slices.Sort(environments)
	slices.Sort(catalogs)
	environments, catalogs = slices.Compact(environments), slices.Compact(catalogs)
	return func(kind *cmf.Kind) []cmf.Scope {
		var out []cmf.Scope
		switch {
		case kind.NeedsEnvironment():
			for _, name := range environments {
				out = append(out, cmf.Scope{Environment: name})
			}
		case kind.NeedsCatalog():
			for _, name := range catalogs {
				out = append(out, cmf.Scope{Catalog: name})
			}
		default:
			out = append(out, cmf.Scope{})
		}
		return out
	}
}
