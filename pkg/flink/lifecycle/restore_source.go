package lifecycle

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/change"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/savepoint"
)

// Source is the state that a job is restored from.
type Source struct {
	// Snapshot is the FlinkStateSnapshot's name; "" where there is none.
	Snapshot string
	// Kind is savepoint or checkpoint.
	Kind string
	Path string
	// At is when it was taken; zero where unknown.
	At time.Time
	// Of is the job that it is of; the zero Ref where unknown.
	Of api.Ref
}

// String is what a person knows it by.
func (s Source) String() string {
	text := s.Kind + " " + s.Path
	var more []string
	if s.Snapshot != "" {
		more = append(more, api.StateSnap.Singular+"/"+s.Snapshot)
	}
	if !s.At.IsZero() {
		more = append(more, "taken "+api.Ago(time.Since(s.At))+" ago")
	}
	if len(more) > 0 {
		text += " (" + strings.Join(more, ", ") + ")"
	}
	return text
}

func sourceOf(s api.Saved) Source {
	source := Source{Snapshot: s.Name(), Kind: s.Noun(), Path: s.Path, Of: s.Job, At: s.At()}
	if s.Registered() {
		source.At = time.Time{}
	}
	return source
}

// isPath reports whether what a user typed is a path and not a name.
func isPath(from string) bool {
	return strings.HasPrefix(from, "/") || strings.Contains(from, ":") // no object has a colon in its name
}

// source finds the state that is meant, and refuses what certainly isn't there
// any more, or is another job's.
func findSource(ctx context.Context, c *operator.Client, job api.Job, request RestoreRequest, reporter operator.Reporter) (Source, error) {
	ref := job.Ref()
	inventory, err := savepoint.InventoryOf(ctx, c, ref.Namespace, "")
	if err != nil {
		return Source{}, fmt.Errorf("look for what is saved of %s: %w", ref, err)
	}
	cluster, err := c.RunsIn(ctx, job)
	if err != nil {
		return Source{}, err
	}
	askPods(ctx, c, job, cluster, inventory)
	// What the JobManager tells is newer and surer than what objects tell.
	flink, known, _ := c.State(ctx, job)
	var source Source
	switch from := request.From; {
	case from == "latest":
		source, err = latest(job, inventory, flink, reporter)
		if request.Finder != nil && (err == nil || errors.Is(err, errNothingSaved)) {
			source, err = findState(ctx, c, job, source, request.Finder, request.OtherJob, reporter)
		}
		if err != nil {
			return Source{}, err
		}
	case from == "":
		if source, err = pickSource(ctx, job, inventory, request.Pick); err != nil {
			return Source{}, err
		}
	case isPath(from):
		source = Source{Kind: "savepoint", Path: cleanPath(from)}
		if api.IsCheckpointPath(source.Path) {
			source.Kind = "checkpoint"
		}
		for _, s := range inventory.Saved {
			if api.SamePath(s.Path, source.Path) && s.State == api.SnapshotCompleted {
				path := source.Path
				source = sourceOf(s)
				source.Path = path
			}
		}
	default:
		if source, err = namedSource(ctx, c, ref, from); err != nil {
			return Source{}, err
		}
	}
	if err := checkOwner(job, source, request.OtherJob); err != nil {
		return Source{}, err
	}
	if place := c.StatePlace(ctx, cluster, source.Path); !place.Lasts() && !request.Force {
		return Source{}, fmt.Errorf("%s %s\nNothing was changed. Choose another with --from (kubectl flink snapshot list --job %s -n %s), or use --force if every pod of the job does have these files, as in its image", source, place.Why, ref, ref.Namespace)
	}
	ofRun := known && source.Kind == "checkpoint" && job.JobID() != "" && strings.Contains(source.Path, job.JobID())
	if ofRun && !HasEnded(flink.State) && !request.Force && job.Kind.Name != api.BlueGreen.Name {
		if why := goesWhenCanceled(ctx, c, job, change.ConfigFor(ctx, c, job, cluster)); why != "" {
			return Source{}, fmt.Errorf("%s would go when the job is canceled, which comes first: %s\nNothing was changed. Choose a savepoint, or use --force if its files are kept in another way", source.Path, why)
		}
	}
	if ofRun && job.IsRunning() {
		if flink.Latest == nil || !api.SamePath(flink.Latest.Path, source.Path) {
			return Source{}, fmt.Errorf("%s is an older checkpoint of the run that goes on: Flink deletes those when it has a newer one\nRestore from a savepoint (kubectl flink snapshot list --job %s -n %s), or take one", source.Path, ref, ref.Namespace)
		}
		reporter.Notef("%s is the newest checkpoint of the running job: Flink deletes it as soon as there is a newer one", source.Path)
	}
	return source, nil
}

// askPods looks at the pods of a job whose pod templates say that some of its
// state goes with them: they may have been given more volumes.
func askPods(ctx context.Context, c *operator.Client, job, cluster api.Job, inventory savepoint.Inventory) {
	for i := range inventory.Saved {
		if s := &inventory.Saved[i]; s.Passing != "" && isOwn(job, s.Job) {
			s.Passing = c.StatePlace(ctx, cluster, s.Path).Why
		}
	}
}

// namedSource is a FlinkStateSnapshot that is fit to be restored from.
func namedSource(ctx context.Context, c *operator.Client, job api.Ref, from string) (Source, error) {
	at, err := operator.ParseRef(from, job.Namespace, api.StateSnap)
	if err != nil {
		return Source{}, exit.Usagef("--from: %q is neither latest, nor a path (s3://…, /…), nor the name of a FlinkStateSnapshot", from)
	}
	s, err := savepoint.GetSnapshot(ctx, c, at)
	switch {
	case err != nil:
		return Source{}, fmt.Errorf("--from: %w", err)
	case s.State() != api.SnapshotCompleted:
		message := fmt.Sprintf("--from: %s is not COMPLETED: %s", s.Ref(), api.OrUnknown(s.State()))
		if root := s.Failure().Root(); root != "" {
			message += ": " + root
		}
		return Source{}, errors.New(message)
	case api.NormalPath(s.Path()) == "":
		return Source{}, fmt.Errorf("--from: %s has no path that could be restored from (%q)", s.Ref(), s.Path())
	case !s.Object.GetDeletionTimestamp().IsZero() && s.Disposes():
		return Source{}, fmt.Errorf("--from: %s is being deleted, and its data with it", s.Ref())
	}
	return sourceOf(api.SavedFrom(s)), nil
}

func isOwn(job api.Job, of api.Ref) bool { return IsOf(job.Ref(), of) }

// IsOf reports whether state of one job, of, belongs to another: a blue/green
// deployment's is its children's.
func IsOf(ref, of api.Ref) bool {
	if ref.Kind.Name == api.BlueGreen.Name && of.Kind.Name == api.Deployment.Name {
		return of.Name == ref.Name+"-blue" || of.Name == ref.Name+"-green"
	}
	return of == ref
}

// checkOwner refuses another job's state unless the user knows that it is.
func checkOwner(job api.Job, source Source, allowed bool) error {
	if source.Of.Name == "" || allowed || isOwn(job, source.Of) {
		return nil
	}
	return fmt.Errorf("%s is of another job, %s, and not of %s\nSay --other-job to restore from it all the same", source, source.Of, job.Ref())
}

// fit are the states of the job that can be offered, newest first. Those that
// somebody registered are of unknown age and come last.
func fit(job api.Job, inventory savepoint.Inventory) (out, registered []api.Saved) {
	for _, s := range inventory.Saved {
		switch {
		case s.State != api.SnapshotCompleted, api.NormalPath(s.Path) == "", s.Snapshot.Going() && s.Snapshot.Disposes(), !isOwn(job, s.Job):
		case s.Registered():
			registered = append(registered, s)
		default:
			out = append(out, s)
		}
	}
	return out, registered
}

// latest is the newest state of the job that still exists, as far as that is
// known. Checkpoints count only where the JobManager reports them, for Flink
// deletes old ones by itself, and only where the job doesn't go on meanwhile.
func latest(job api.Job, inventory savepoint.Inventory, flink api.FlinkState, reporter operator.Reporter) (Source, error) {
	ref := job.Ref()
	own, registered := fit(job, inventory)
	var best Source
	consider := func(s Source) {
		if best.Path == "" || s.At.After(best.At) {
			best = s
		}
	}
	for _, s := range own {
		switch {
		case s.Passing != "":
			reporter.Notef("%s: %s %s is passed over: it %s", ref, s.Noun(), cmp.Or(s.Name(), s.Path), s.Passing)
		case api.SamePath(s.Path, job.RetainedState().Path):
			return sourceOf(s), nil // it has stopped with that: nothing came after
		case s.Savepoint || api.SamePath(s.Path, job.UpgradePath()):
			consider(sourceOf(s))
		}
	}
	if flink.Latest != nil && api.NormalPath(flink.Latest.Path) != "" {
		kind := "checkpoint"
		if flink.Latest.Savepoint {
			kind = "savepoint"
		}
		newest := Source{Kind: kind, Path: flink.Latest.Path, At: flink.Latest.At, Of: ref}
		switch place := inventory.Place(ref, newest.Path); {
		case !place.Lasts():
			reporter.Notef("%s: %s %s is passed over: it %s", ref, kind, newest.Path, place.Why)
		case flink.Latest.Savepoint || !job.IsRunning():
			consider(newest)
		default:
			reporter.Notef("%s runs: its checkpoints are left out, because Flink deletes them while it goes on", ref)
		}
	}
	for _, s := range registered {
		if best.Path == "" && s.Passing == "" {
			best = sourceOf(s)
		}
	}
	if best.Path == "" {
		return best, fmt.Errorf("%w of %s: no completed savepoint, and no checkpoint that its JobManager reports\nGive the path of a savepoint or checkpoint with --from; they are below the job's checkpoint and savepoint directories", errNothingSaved, ref)
	}
	return best, nil
}

// offered is how many states a person is asked to choose from: they are to fit
// on a screen.
const offered = 15

// choiceOf is a state in one short line: its path is long and tells a person
// the least.
func choiceOf(s api.Saved, now time.Time) string {
	source := sourceOf(s)
	age := "age unknown"
	if !source.At.IsZero() {
		age = api.Ago(max(now.Sub(source.At), 0)) + " ago"
	}
	kind := source.Kind
	switch s.Trigger {
	case "UPGRADE":
		kind += " of a change"
	case "PERIODIC":
		kind = "periodic " + kind
	}
	return fmt.Sprintf("%-11s  %s  %s", age, kind, cmp.Or(source.Snapshot, source.Path))
}

// pickSource asks a person.
func pickSource(ctx context.Context, job api.Job, inventory savepoint.Inventory, pick operator.Picker) (Source, error) {
	own, registered := fit(job, inventory)
	var sources []Source
	var choices []string
	for _, s := range append(own, registered...) {
		if s.Passing == "" && (s.Savepoint || !job.IsRunning()) {
			sources = append(sources, sourceOf(s))
			choices = append(choices, choiceOf(s, time.Now()))
		}
	}
	prompt := "Restore from which?"
	if more := len(sources) - offered; more > 0 {
		choices = choices[:offered]
		prompt = fmt.Sprintf("(%d older ones: kubectl flink snapshot list --job %s -n %s)\n%s", more, job.Ref(), job.Ref().Namespace, prompt)
	}
	switch {
	case pick == nil:
		return Source{}, exit.Usagef("say what to restore from with --from: latest, the name of a FlinkStateSnapshot, or a path\nSee what is saved: kubectl flink snapshot list --job %s -n %s", job.Ref(), job.Ref().Namespace)
	case len(sources) == 0:
		return Source{}, fmt.Errorf("nothing is known to be saved of %s; give a path with --from", job.Ref())
	}
	chosen, err := pick(ctx, prompt, choices)
	if err != nil {
		return Source{}, err
	}
	return sources[chosen], nil
}
