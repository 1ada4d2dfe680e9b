package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/sorting"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

// FoundState is a savepoint or checkpoint whose files are in a job's
// directories, whether an object reports it or not.
type FoundState struct {
	Path string
	// At is when it was written.
	At time.Time
	// Run is the ID of the run that it is of, or how that begins; "" where its
	// path doesn't say.
	Run string
}

// StateFinder looks at the files in the directories of jobs.
type StateFinder interface {
	// Find gives what is in a directory, newest first.
	Find(ctx context.Context, job api.Job, dir string) ([]FoundState, error)
	// Whole says why a job can't be restored from it; nil where all of its files
	// are there.
	Whole(ctx context.Context, job api.Job, path string) error
}

// errNothingSaved says that no object and no JobManager reports any state.
var errNothingSaved = errors.New("nothing is known to be saved")

// mostTried is how many states are read until one is whole.
const mostTried = 10

// stateDirs are the directories in which a job leaves state, and whether its own
// spec names them.
func stateDirs(config api.Config, spec map[string]any) (dirs []string, own map[string]bool) {
	own = map[string]bool{}
	named := api.Flatten(api.Section(spec, "flinkConfiguration"))
	for _, keys := range [][]string{api.CheckpointDirKeys, api.SavepointDirKeys} {
		dir, _ := config.Get(keys...)
		if api.NormalPath(dir) == "" || slices.ContainsFunc(dirs, func(other string) bool { return api.SamePath(other, dir) }) {
			continue
		}
		value, _ := named.Get(keys...)
		dirs = append(dirs, dir)
		own[dir] = value != ""
	}
	return dirs, own
}

// findLimit bounds how long the directories are looked at where something is
// known already.
const findLimit = 30 * time.Second

// findState is the newest whole state in a job's directories that is newer than what
// is known; known where there is none. It is taken for the job's where its path
// names the job's run, or no other job keeps its state there.
func findState(ctx context.Context, c *operator.Client, job api.Job, known Source, finder StateFinder, others bool, reporter operator.Reporter) (Source, error) {
	whole := ctx
	if known.Path != "" {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, findLimit, errors.New("it takes too long"))
		defer cancel()
	}
	config, err := configOf(ctx, c, job)
	if err != nil {
		return known, err
	}
	dirs, own := stateDirs(config, job.Spec())
	var states []FoundState
	in := map[string]string{}
	var looked []string
	for _, dir := range dirs {
		reporter.Waitingf("%s: looking for savepoints and checkpoints in %s", job.Ref(), dir)
		some, err := finder.Find(ctx, job, dir)
		if whole.Err() != nil {
			return known, context.Cause(whole)
		}
		if err != nil {
			looked = append(looked, fmt.Sprintf("%s, which can't be read in full: %s", dir, api.FirstLine(err.Error())))
		} else {
			looked = append(looked, fmt.Sprintf("%s (%d)", dir, len(some)))
		}
		for _, s := range some {
			in[s.Path] = dir
		}
		states = append(states, some...)
	}
	if len(looked) > 0 {
		reporter.Notef("%s: looked for savepoints and checkpoints in %s", job.Ref(), strings.Join(looked, ", "))
	}
	sorting.By(states, func(a, b FoundState) int { return b.At.Compare(a.At) })
	shared := map[string]string{}
	var foreign []FoundState
	tried := 0
	for _, s := range states {
		if known.Path != "" && (api.SamePath(s.Path, known.Path) || !s.At.After(known.At)) {
			break // what follows is older
		}
		if tried >= mostTried {
			reporter.Notef("%s: of %d savepoints and checkpoints only the %d newest were read", job.Ref(), len(states), tried)
			break
		}
		source := Source{Kind: api.KindOfPath(s.Path), Path: s.Path, At: s.At}
		mine := s.Run != "" && job.JobID() != "" && strings.HasPrefix(job.JobID(), s.Run)
		if mine && job.IsRunning() && source.Kind == api.RetainedCheckpoint {
			continue // Flink deletes it while the job goes on
		}
		dir := in[s.Path]
		if !mine && !others {
			by, asked := shared[dir]
			if !asked {
				by = sharedBy(ctx, c, job, dir, own[dir])
				shared[dir] = by
			}
			if by != "" {
				foreign = append(foreign, s)
				continue
			}
		}
		tried++
		if err := finder.Whole(ctx, job, s.Path); err != nil {
			if whole.Err() != nil {
				return known, context.Cause(whole)
			}
			reporter.Notef("%s: %s %s is passed over: %s", job.Ref(), source.Kind, s.Path, api.FirstLine(err.Error()))
			continue
		}
		switch {
		case mine:
			reporter.Notef("%s: no object refers to %s, but its files are there and it is of the job's last run", job.Ref(), source)
		case others:
			reporter.Notef("%s: no object refers to %s, but its files are there; whose it is isn't known", job.Ref(), source)
		default:
			reporter.Notef("%s: no object refers to %s, but its files are there, and no other job here keeps its state in %s", job.Ref(), source, dir)
		}
		if mine {
			source.Of = job.Ref()
		}
		return source, nil
	}
	var hint string
	if len(foreign) > 0 {
		first := foreign[0]
		hint = fmt.Sprintf("%s has %d more, which may be another job's (%s); the newest is %s, %s old: name the one that is meant with --from PATH",
			in[first.Path], len(foreign), shared[in[first.Path]], first.Path, api.Ago(max(time.Since(first.At), 0)))
	}
	if known.Path != "" {
		if hint != "" {
			reporter.Notef("%s: %s", job.Ref(), hint)
		}
		return known, nil
	}
	text := ""
	if len(looked) > 0 {
		text = "\nIts directories were looked at, too: " + strings.Join(looked, ", ")
	}
	if hint != "" {
		text += "\n" + hint
	}
	return known, fmt.Errorf("%w of %s: no completed savepoint, and no checkpoint that its JobManager reports%s\nGive the path of a savepoint or checkpoint with --from", errNothingSaved, job.Ref(), text)
}

// sharedBy says who else may keep state in a directory; "" where nobody does as
// far as can be seen.
func sharedBy(ctx context.Context, c *operator.Client, job api.Job, dir string, own bool) string {
	if !own {
		return "the directory is everybody's: it isn't the job's spec that names it"
	}
	jobs, err := c.Jobs(ctx, "", metav1.ListOptions{})
	if err != nil {
		if jobs, err = c.Jobs(ctx, job.Object.GetNamespace(), metav1.ListOptions{}); err != nil {
			return "who else uses the directory can't be seen"
		}
	}
	within := func(a, b string) bool {
		a, b = strings.TrimRight(api.NormalPath(a), "/")+"/", strings.TrimRight(api.NormalPath(b), "/")+"/"
		return strings.HasPrefix(a, b) || strings.HasPrefix(b, a)
	}
	for _, other := range jobs {
		if other.Ref() == job.Ref() {
			continue
		}
		config := api.Flatten(api.Section(other.Spec(), "flinkConfiguration"))
		for _, keys := range [][]string{api.CheckpointDirKeys, api.SavepointDirKeys} {
			if theirs, _ := config.Get(keys...); api.NormalPath(theirs) != "" && within(theirs, dir) {
				return fmt.Sprintf("%s in namespace %s keeps its state there, too", other.Ref(), other.Ref().Namespace)
			}
		}
	}
	return ""
}
