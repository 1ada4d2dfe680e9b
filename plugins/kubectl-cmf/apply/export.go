package apply

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/sorting"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmf"
)

// Exporter reads what is on a CMF as what files would say of it.
type Exporter struct {
	Client *cmf.Client
	// Environment is the one to read, with what is in it; "" is all of them,
	// and what is in none.
	Environment string
	// Parallel bounds requests at a time.
	Parallel int
}

// Exportable reports whether a file can make an object of the kind again.
// Savepoints are taken, not described; artifacts come with contents.
func Exportable(kind *cmf.Kind) bool {
	return kind.Create && !kind.Files && !kind.NeedsOwner() && !kind.NeedsApplication()
}

// Items are the objects, in the order in which they depend on each other; those
// of a kind in the order in which the server has them.
func (e Exporter) Items(ctx context.Context) ([]Item, error) {
	server, err := e.Client.Server(ctx)
	if err != nil {
		return nil, err
	}
	budget := cmf.NewBudget()
	environments, err := e.environments(ctx, budget)
	if err != nil {
		return nil, err
	}
	var catalogs []Item
	if e.Environment == "" {
		if catalogs, err = e.list(ctx, cmf.Must("catalog"), cmf.Scope{}, budget); err != nil {
			return nil, err
		}
	}
	out := append(slices.Clone(environments), catalogs...)
	var mu sync.Mutex
	var work []func() error
	for _, kind := range cmf.Kinds {
		if !Exportable(kind) || kind.Flat || kind == cmf.Must("catalog") || server.Version.Before(kind.Since) {
			continue
		}
		for _, scope := range e.scopes(kind, environments, catalogs) {
			work = append(work, func() error {
				items, err := e.list(ctx, kind, scope, budget)
				mu.Lock()
				defer mu.Unlock()
				out = append(out, items...)
				return err
			})
		}
	}
	if err := each(work, e.Parallel); err != nil {
		return nil, err
	}
	sorting.By(out, func(a, b Item) int {
		if a.Ref.Kind.Rank != b.Ref.Kind.Rank {
			return a.Ref.Kind.Rank - b.Ref.Kind.Rank
		}
		return strings.Compare(a.Ref.Kind.Name+" "+a.Ref.Scope.Environment+" "+a.Ref.Scope.Catalog, b.Ref.Kind.Name+" "+b.Ref.Scope.Environment+" "+b.Ref.Scope.Catalog)
	})
	return out, nil
}

func (e Exporter) environments(ctx context.Context, budget *cmf.Budget) ([]Item, error) {
	kind := cmf.Must("env")
	if e.Environment == "" {
		return e.list(ctx, kind, cmf.Scope{}, budget)
	}
	ref := cmf.Ref{Kind: kind, Name: e.Environment}
	object, err := e.Client.Get(ctx, ref)
	return []Item{{Ref: ref, Object: object}}, err
}

// scopes are the places in which objects of kind are.
func (e Exporter) scopes(kind *cmf.Kind, environments, catalogs []Item) []cmf.Scope {
	var out []cmf.Scope
	switch {
	case kind.NeedsEnvironment():
		for _, item := range environments {
			out = append(out, cmf.Scope{Environment: item.Ref.Name})
		}
	case kind.NeedsCatalog():
		for _, item := range catalogs {
			out = append(out, cmf.Scope{Catalog: item.Ref.Name})
		}
	case e.Environment == "":
		out = append(out, cmf.Scope{})
	}
	return out
}

func (e Exporter) list(ctx context.Context, kind *cmf.Kind, scope cmf.Scope, budget *cmf.Budget) ([]Item, error) {
	found, err := e.Client.List(ctx, kind, scope, cmf.ListOptions{Budget: budget})
	if err != nil {
		return nil, err
	}
	var out []Item
	for _, object := range found {
		if object.Text("status.phase") == cmf.PhaseDeleting {
			continue // as good as gone
		}
		ref := cmf.Ref{Kind: kind, Scope: scope, Name: object.Name()}
		// The name becomes that of a file, and leads on to what is inside.
		if err := cmf.CheckName(kind.Name, ref.Name); err != nil {
			return nil, fmt.Errorf("list %ss: %w", kind.Name, err)
		}
		out = append(out, Item{Ref: ref, Object: object})
	}
	// Lists have an order, but not all the same one; that of creation is stable.
	sorting.By(out, func(a, b Item) int {
		const created = "metadata.creationTimestamp|created_time"
		if c := strings.Compare(a.Object.Text(created), b.Object.Text(created)); c != 0 {
			return c
		}
		return strings.Compare(a.Ref.Name, b.Ref.Name)
	})
	return out, nil
}

// placeAnnotations say where an object lives.
var placeAnnotations = []string{EnvironmentAnnotation, CatalogAnnotation, ApplicationAnnotation, StatementAnnotation}

// AsFile is what a file says of an object that is there: nothing that the
// server sets, placeholders for secrets, and, where placed is set, where it
// lives.
func AsFile(item Item, placed bool) cmf.Object {
	kind := item.Ref.Kind
	out := Clean(kind, item.Object)
	for _, path := range kind.WriteOnly {
		// What a server shows there are not the values.
		out.Remove(path)
	}
	out = cmf.Placeholders(kind, out)
	if kind.Flat {
		out.Remove("metadata.name")
		if len(out.Map("metadata")) == 0 {
			delete(out, "metadata")
		}
	} else {
		out["apiVersion"], out["kind"] = cmf.Group+"/v1", kind.Kind
		place(out, item.Ref.Scope, placed)
	}
	if spec, ok := out["spec"].(map[string]any); ok && len(spec) == 0 {
		delete(out, "spec")
	}
	clean, _ := withoutFieldsOfNull(map[string]any(out)).(map[string]any)
	return clean
}

// place writes where an object lives, instead of what was copied along from
// elsewhere.
func place(out cmf.Object, scope cmf.Scope, placed bool) {
	annotations := map[string]any{}
	for key, value := range out.Map("metadata.annotations") {
		if !slices.Contains(placeAnnotations, key) {
			annotations[key] = value
		}
	}
	if placed && scope.Environment != "" {
		annotations[EnvironmentAnnotation] = scope.Environment
	}
	if scope.Catalog != "" {
		annotations[CatalogAnnotation] = scope.Catalog
	}
	out.Remove("metadata.annotations")
	if len(annotations) > 0 {
		out.Set("metadata.annotations", annotations)
	}
}

// withoutFieldsOfNull takes null fields away, which say nothing; empty objects
// may say something, as emptyDir does.
func withoutFieldsOfNull(value any) any {
	switch v := value.(type) {
	case map[string]any:
		for key, item := range v {
			if item == nil {
				delete(v, key)
				continue
			}
			v[key] = withoutFieldsOfNull(item)
		}
	case []any:
		for i := range v {
			v[i] = withoutFieldsOfNull(v[i])
		}
	}
	return value
}
