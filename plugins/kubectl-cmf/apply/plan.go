package apply

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/sorting"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmf"
)

// Action is what has to happen with one object.
type Action string

// The actions, in kubectl's words for the outcome.
const (
	Create    Action = "created"
	Configure Action = "configured"
	Unchanged Action = "unchanged"
	Replace   Action = "replaced"
	Delete    Action = "deleted"
	Prune     Action = "pruned"
)

// Step is one object of a plan.
type Step struct {
	Item
	Action Action
	// Live is what is there now, nil for nothing; Merged what will be sent.
	Live, Merged cmf.Object
	// Changes are the paths that differ.
	Changes []string
	// Warning is said before the step is taken.
	Warning string

	// Asked says that a deletion was asked for, which may still go on.
	Asked bool

	// needed says that a later step needs what this one makes.
	needed bool
	// leaving says that one of that name is being deleted, and gone before this one
	// is created.
	leaving bool
}

// Outcome is what was done, in kubectl's word for it, or only asked for.
func (s Step) Outcome() string {
	if s.Asked {
		return "deletion requested"
	}
	return string(s.Action)
}

// Options change how files are applied.
type Options struct {
	// Force replaces what can't be changed, and overrides the guard on what
	// Confluent for Kubernetes manages.
	Force bool
	// MustNotExist makes an object that is there an error (create),
	// MustExist one that isn't (update).
	MustNotExist, MustExist bool
	// LoseState allows changes that lose the state of a running job, Clear those
	// with which a file empties what is there.
	LoseState, Clear bool
	// Exact says that what the object doesn't have goes, which else stays: labels,
	// annotations, and fields of an environment.
	Exact bool
	// Inventory is written to each object.
	Inventory string
	// Parallel bounds requests at a time.
	Parallel int
}

// listFrom is the number of objects in one collection from which on it is
// listed instead of asked for one by one.
const listFrom = 8

// Planner compares items with a CMF.
type Planner struct {
	Client *cmf.Client
	Options
}

// Plan says what has to happen, in the order of dependencies. It collects
// everything that stands against it and changes nothing.
func (p Planner) Plan(ctx context.Context, items []Item) ([]Step, error) {
	server, err := p.server(ctx, items)
	if err != nil {
		return nil, err
	}
	steps := make([]Step, len(items))
	for i, item := range items {
		item.Object = item.Object.Copy()
		item.Ref.Kind.TextsOnly(item.Object)
		if err := Translate(item.Ref.Kind, item.Object, server.Version); err != nil {
			return nil, fmt.Errorf("%s: %w", item.Location, err)
		}
		if err := item.mark(p.Inventory, server.Version); err != nil {
			return nil, fmt.Errorf("%s: %w", item.Location, err)
		}
		steps[i] = Step{Item: item}
	}
	if err := p.look(ctx, steps); err != nil {
		return nil, err
	}
	if !p.MustExist {
		if err := p.places(ctx, steps); err != nil {
			return nil, err
		}
	}
	var problems []error
	for i := range steps {
		if err := p.decide(ctx, &steps[i], server.Version); err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", steps[i].Location, err))
		}
	}
	sorting.By(steps, func(a, b Step) int { return a.Ref.Kind.Rank - b.Ref.Kind.Rank })
	return steps, errors.Join(problems...)
}

// Again decides on a step once more, by what is there now.
func (p Planner) Again(ctx context.Context, step Step) (Step, error) {
	server, err := p.Client.Server(ctx)
	if err != nil {
		return step, err
	}
	live, err := p.Client.Get(ctx, step.Ref)
	if err != nil {
		return step, err
	}
	now := Step{Item: step.Item, Live: live}
	return now, p.decide(ctx, &now, server.Version)
}

// server asks for the version where some kind's rules depend on it, and finds
// kinds that this CMF doesn't have.
func (p Planner) server(ctx context.Context, items []Item) (cmf.Server, error) {
	server, err := p.Client.Server(ctx)
	if err != nil {
		return server, err
	}
	var problems []error
	for _, item := range items {
		if kind := item.Ref.Kind; server.Version.Before(kind.Since) {
			problems = append(problems, fmt.Errorf("%s: %w", item.Location,
				&cmf.UnsupportedError{What: "kind " + kind.Kind, Since: kind.Since, Server: server.Version}))
		}
	}
	return server, errors.Join(problems...)
}

// mark writes the name of an inventory, if any, to an object. A CMF of version v
// that takes no annotations of its kind gets none: what doesn't matter to CMF is
// left out, all else is an error.
func (i *Item) mark(inventory string, v cmf.Version) error {
	if since := i.Ref.Kind.MetadataSince; since != nil && v.Before(*since) {
		for _, field := range []string{"labels", "annotations"} {
			for key := range i.Object.Map("metadata." + field) {
				if key != InventoryAnnotation && !slices.Contains(placeAnnotations, key) {
					return &cmf.UnsupportedError{What: fmt.Sprintf("metadata.%s of %s", field, i.Ref.Where()), Since: *since, Server: v}
				}
			}
		}
		delete(i.Object, "metadata")
		return nil
	}
	if i.Ref.Kind.Flat && (inventory != "" || len(i.Object.Map("metadata")) > 0) {
		// Metadata must have the name, too.
		i.Object.Set("metadata.name", i.Ref.Name)
	}
	if inventory == "" {
		return nil
	}
	annotations := map[string]any{}
	maps.Copy(annotations, i.Object.Map("metadata.annotations"))
	annotations[InventoryAnnotation] = inventory
	i.Object.Set("metadata.annotations", annotations)
	return nil
}

// look fetches what is there.
func (p Planner) look(ctx context.Context, steps []Step) error {
	type collection struct {
		kind  *cmf.Kind
		scope cmf.Scope
	}
	groups := map[collection][]int{}
	for i, s := range steps {
		key := collection{s.Ref.Kind, s.Ref.Scope}
		groups[key] = append(groups[key], i)
	}
	var work []func() error
	for key, members := range groups {
		if len(members) < listFrom {
			for _, i := range members {
				work = append(work, func() (err error) {
					steps[i].Live, err = p.Client.Get(ctx, steps[i].Ref)
					return ignoreMissing(err)
				})
			}
			continue
		}
		work = append(work, func() error {
			found, err := p.Client.List(ctx, key.kind, key.scope, cmf.ListOptions{})
			if err != nil {
				return ignoreMissing(err)
			}
			byName := make(map[string]cmf.Object, len(found))
			for _, object := range found {
				byName[object.Name()] = object
			}
			for _, i := range members {
				steps[i].Live = byName[steps[i].Ref.Name]
			}
			return nil
		})
	}
	return each(work, p.Parallel)
}

// places finds out that what new objects are to live in is neither there nor among
// the objects: CMF says so when some are created already.
func (p Planner) places(ctx context.Context, steps []Step) error {
	env, catalog := cmf.Must("env"), cmf.Must("catalog")
	sure := map[string]bool{}
	for _, s := range steps {
		if s.Live != nil {
			sure[env.Name+" "+s.Ref.Scope.Environment], sure[catalog.Name+" "+s.Ref.Scope.Catalog] = true, true
		}
		sure[s.Ref.Kind.Name+" "+s.Ref.Name] = true
	}
	var work []func() error
	for _, s := range steps {
		for kind, name := range map[*cmf.Kind]string{env: s.Ref.Scope.Environment, catalog: s.Ref.Scope.Catalog} {
			if name == "" || sure[kind.Name+" "+name] {
				continue
			}
			sure[kind.Name+" "+name] = true
			work = append(work, func() error {
				// Who may not look at it may be allowed to use it.
				if _, err := p.Client.Get(ctx, cmf.Ref{Kind: kind, Name: name}); cmf.IsNotFound(err) {
					return fmt.Errorf("%s: %s can't be created: %w", s.Location, s.Ref.Where(), err)
				}
				return nil
			})
		}
	}
	return each(work, p.Parallel)
}

func ignoreMissing(err error) error {
	if cmf.IsNotFound(err) {
		return nil
	}
	return err
}

// each runs work, at most limit at a time, and joins the errors.
func each(work []func() error, limit int) error {
	if limit < 1 {
		limit = 8
	}
	errs := make([]error, len(work))
	slots := make(chan struct{}, limit)
	var group sync.WaitGroup
	for i, do := range work {
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			errs[i] = do()
		})
	}
	group.Wait()
	// The same cause, such as no connection, is said once.
	seen := map[string]bool{}
	errs = slices.DeleteFunc(errs, func(err error) bool {
		if err == nil || seen[err.Error()] {
			return true
		}
		seen[err.Error()] = true
		return false
	})
	return errors.Join(errs...)
}

// decide chooses the action for one step.
func (p Planner) decide(ctx context.Context, s *Step, v cmf.Version) error {
	kind := s.Ref.Kind
	if err := fill(kind, s.Object, s.Live); err != nil {
		return fmt.Errorf("%s: %w", s.Ref.Where(), err)
	}
	if s.Live.Text("status.phase|status.lifecycleState") == cmf.PhaseDeleting {
		if p.MustExist {
			return fmt.Errorf("%s is being deleted", s.Ref.Where())
		}
		s.Live, s.leaving = nil, true
		s.Warning = fmt.Sprintf("%s is being deleted; it is created again once it is gone", s.Ref.Where())
	}
	if s.Live == nil {
		s.Action, s.Merged = Create, Clean(kind, s.Object)
		switch {
		case p.MustExist:
			return fmt.Errorf("%s does not exist", s.Ref.Where())
		case kind.Files:
			return fmt.Errorf("an artifact comes with a file: kubectl cmf artifact create %s --file FILE", s.Ref.Name)
		case !kind.Create:
			return fmt.Errorf("%s does not exist, and a %s can't be created through CMF", s.Ref.Where(), kind.Name)
		}
		return Complete(kind, s.Merged)
	}
	if p.MustNotExist {
		return fmt.Errorf("%s already exists", s.Ref.Where())
	}
	s.Merged = Merge(kind, s.Object, s.Live)
	if p.Exact && len(kind.Only) == 0 {
		s.Merged = exactly(kind, s.Object, s.Live)
	}
	s.Changes = Changes(kind, s.Merged, s.Live, v)
	writes := slices.ContainsFunc(kind.WriteOnly, func(path string) bool { _, ok := s.Object.At(path); return ok })
	if len(s.Changes) == 0 && !writes {
		s.Action = Unchanged
		if HasFailed(s.Ref, s.Live) != nil && kind.Remake && p.Force && kind.Delete && kind.Create {
			s.Action, s.Merged = Replace, Clean(kind, s.Object)
			s.Warning = fmt.Sprintf("%s has failed; it is deleted and created again", s.Ref.Where())
			return errors.Join(p.keepsDeleted(ctx, s, "it has failed"), Complete(kind, s.Merged))
		}
		return nil
	}
	if cleared := clears(kind, s.Object, s.Live); len(cleared) > 0 && !p.Clear {
		return fmt.Errorf("%s would be emptied in %s, since the file has nothing there; leave the field out to keep what is there, or use --clear", strings.Join(cleared, ", "), s.Ref.Where())
	}
	s.Action = Configure
	if owner := ManagedBy(s.Live); owner != "" {
		s.Warning = fmt.Sprintf("%s is managed by Confluent for Kubernetes (%s), which will revert this", s.Ref.Where(), owner)
		if !p.Force {
			return fmt.Errorf("%s; change it there, or use --force", s.Warning)
		}
	}
	if err := p.keepsState(ctx, s); err != nil {
		return err
	}
	reason := p.cannotChange(kind, s, v)
	if reason == "" {
		return nil
	}
	s.Action = Replace
	if !kind.Delete || !kind.Create {
		return fmt.Errorf("%s: %s", s.Ref.Where(), reason)
	}
	if !p.Force {
		return fmt.Errorf("%s: %s; --force deletes it and creates it again", s.Ref.Where(), reason)
	}
	if err := p.keepsDeleted(ctx, s, reason); err != nil {
		return err
	}
	s.Merged = Clean(kind, s.Object)
	s.Warning = fmt.Sprintf("%s: %s; it is deleted and created again, and what runs in it stops", s.Ref.Where(), reason)
	return Complete(kind, s.Merged)
}

// exactly is Merge for an object that is all that there is to be.
func exactly(kind *cmf.Kind, desired, live cmf.Object) cmf.Object {
	whole := *kind
	whole.KeepAbsent = false
	out := Merge(&whole, desired, live)
	for _, field := range []string{"metadata.labels", "metadata.annotations"} {
		if _, has := out.At(field); has {
			kept := map[string]any{}
			maps.Copy(kept, desired.Map(field))
			out.Set(field, kept)
			if kind.Flat {
				out.Set("metadata.name", desired.Name())
			}
		}
	}
	return out
}

// clears are the top-level fields of a flat resource that a file states as
// nothing and that have something in live.
func clears(kind *cmf.Kind, desired, live cmf.Object) []string {
	if !kind.Flat {
		return nil
	}
	var out []string
	for _, field := range slices.Sorted(maps.Keys(desired)) {
		if isEmpty(desired[field]) && !isEmpty(live[field]) && !slices.Contains(kind.Server, field) && field != "metadata" && field != "status" {
			out = append(out, field)
		}
	}
	return out
}

func isEmpty(value any) bool {
	switch v := value.(type) {
	case nil:
		return true
	case map[string]any:
		for _, item := range v {
			if !isEmpty(item) {
				return false
			}
		}
		return true
	case []any:
		return len(v) == 0
	case string:
		return v == ""
	}
	return false
}

// cannotChange says why an update is impossible, "" where it isn't.
func (p Planner) cannotChange(kind *cmf.Kind, s *Step, v cmf.Version) string {
	for _, field := range kind.Immutable {
		for _, changed := range s.Changes {
			if changed == field || strings.HasPrefix(changed, field+".") {
				return fmt.Sprintf("%s can't be changed", changed)
			}
		}
	}
	if !kind.Updatable(v) {
		if kind.UpdateSince != nil {
			return fmt.Sprintf("%s would change, but CMF %s can't update a %s (%s can)", strings.Join(s.Changes, ", "), v, kind.Name, *kind.UpdateSince)
		}
		return fmt.Sprintf("%s would change, but CMF can't update a %s", strings.Join(s.Changes, ", "), kind.Name)
	}
	return ""
}

// managedAnnotation is what Confluent for Kubernetes leaves on what belongs to
// one of its custom resources.
const managedAnnotation = "cmf.platform.confluent.io/managed-by"

// ManagedBy names the custom resource that an object belongs to, "" for none.
func ManagedBy(o cmf.Object) string {
	for key, value := range o.Strings("metadata.annotations") {
		if key == managedAnnotation && value != "" {
			return value
		}
	}
	return ""
}
