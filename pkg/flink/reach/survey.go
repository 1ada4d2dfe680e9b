package reach

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/secret"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/rest"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/storage"
)

// StateDir is a directory in which a job keeps state.
type StateDir struct {
	Path string
	// Key is the setting that names it.
	Key string
	HA  bool
}

// changelogDirKeys name the directory of the changelog backend.
var changelogDirKeys = []string{"state.changelog.dstl.dfs.base-path", "dstl.dfs.base-path"}

// StateDirs are the directories that a configuration names, each once; one in
// another is left out.
func StateDirs(config api.Config) []StateDir {
	var out []StateDir
	for _, keys := range [][]string{api.CheckpointDirKeys, api.SavepointDirKeys, changelogDirKeys, {"high-availability.storageDir"}} {
		dir, key := config.Get(keys...)
		within := false
		for _, other := range out {
			within = within || storage.Within(other.Path, dir)
		}
		if dir != "" && !within {
			out = append(out, StateDir{Path: strings.TrimRight(dir, "/"), Key: key, HA: strings.HasPrefix(key, "high-availability")})
		}
	}
	return out
}

// LiveRun is a job that a JobManager has and that hasn't ended.
type LiveRun struct {
	ID          string
	Checkpoints rest.Checkpoints
}

// LiveRuns asks the JobManager of a cluster for its jobs and their checkpoints.
func (m *JobManagers) LiveRuns(ctx context.Context, cluster api.Ref) (out []LiveRun, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, operator.AskLimit, errors.New("it doesn't answer"))
	defer cancel()
	err = m.ask(ctx, cluster, func(jobManager *rest.Client, _ Place) error {
		jobs, err := jobManager.Jobs(ctx)
		if err != nil {
			return err
		}
		for _, job := range jobs {
			if rest.Ended(job.State) {
				continue
			}
			run := LiveRun{ID: job.ID}
			if run.Checkpoints, err = jobManager.Checkpoints(ctx, job.ID); err != nil && !rest.NotFound(err) {
				return fmt.Errorf("ask for the checkpoints of job %s: %w", job.ID, err)
			}
			out = append(out, run)
		}
		return nil
	})
	return out, err
}

// Surveyor finds out what refers to the files in a job's directories.
type Surveyor struct {
	Client *operator.Client
	// Store opens the store that a path of a job is in.
	Store func(ctx context.Context, job api.Job, path string) (storage.Store, error)
	// Runs asks the JobManager of a FlinkDeployment.
	Runs func(ctx context.Context, cluster api.Ref) ([]LiveRun, error)
	// Spare are directories whose _metadata needn't be readable: they are what is
	// to be deleted.
	Spare func(dir string) bool
	// Patience is how long JobManagers that don't answer are asked again.
	Patience time.Duration
	// Progress is called with what is being done.
	Progress func(format string, args ...any)
}

// looks is how often directories are listed again because checkpoints went while
// they were read.
const looks = 5

// Survey looks at all that is known of the files in a job's directories. What
// couldn't be found out is in Problems. Its error is only the end of ctx.
func (s Surveyor) Survey(ctx context.Context, job api.Job, dirs []StateDir) (storage.Survey, error) {
	v := &surveying{Surveyor: s, job: job, dirs: dirs, read: map[string]bool{}}
	v.out = storage.Survey{Named: &storage.Named{}, Runs: map[string]storage.Run{}, Owners: &storage.Owners{}}
	v.say("asking who uses the files")
	v.objects(ctx)
	// JobManagers are asked before the directories are listed: what they call
	// their newest checkpoint then must be found there, or a newer one.
	for range looks {
		if !v.list(ctx) || !v.readAll(ctx) {
			break
		}
	}
	v.complete(ctx)
	if ctx.Err() != nil {
		return v.out, context.Cause(ctx)
	}
	return v.out, nil
}

type surveying struct {
	Surveyor
	job  api.Job
	dirs []StateDir
	out  storage.Survey

	// read are the _metadata that were read, as path, size and time.
	read map[string]bool
	// highest are the highest numbers of checkpoints that were read, by run.
	highest map[string]int64
	// gone are those that went before they could be read, at the last look.
	gone []string
	// mustRead are newest checkpoints of runs of other jobs that own files here.
	mustRead map[string]string
}

func (v *surveying) say(format string, args ...any) {
	if v.Progress != nil {
		v.Progress(format, args...)
	}
}

func (v *surveying) problem(format string, args ...any) {
	v.out.Problems = append(v.out.Problems, secret.Text(fmt.Sprintf(format, args...)))
}

// within reports whether a path is in one of the directories.
func (v *surveying) within(path string) bool {
	for _, dir := range v.dirs {
		if storage.Within(dir.Path, path) || storage.Within(path, dir.Path) {
			return true
		}
	}
	return false
}

// list lists the directories; false says that one couldn't be.
func (v *surveying) list(ctx context.Context) bool {
	v.out.Files = nil
	seen := map[string]bool{}
	whole := true
	for _, dir := range v.dirs {
		if dir.HA {
			continue // what is there isn't judged
		}
		v.say("listing %s", dir.Path)
		store, err := v.Store(ctx, v.job, dir.Path)
		if err == nil {
			err = store.List(ctx, dir.Path, func(entry storage.Entry) error {
				if !seen[entry.Path] {
					seen[entry.Path] = true // one directory may be in another
					v.out.Files = append(v.out.Files, storage.SurveyFile{Dir: dir.Path, Entry: entry})
				}
				return nil
			})
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			whole = false
			if ctx.Err() == nil {
				v.problem("%s couldn't be listed: %s", dir.Path, api.FirstLine(err.Error()))
			}
		}
	}
	return whole
}

// readAll reads every _metadata that wasn't read before. again says that some
// went meanwhile, so that the directories are to be listed again.
func (v *surveying) readAll(ctx context.Context) (again bool) {
	v.gone = nil
	if v.highest == nil {
		v.highest = map[string]int64{}
	}
	for _, file := range v.out.Files {
		if storage.Base(file.Path) != storage.MetadataFile {
			continue
		}
		key := fmt.Sprint(file.Path, " ", file.Size, " ", file.Modified.UnixNano())
		if v.read[key] {
			continue
		}
		if ctx.Err() != nil {
			return false
		}
		dir := storage.Dir(file.Path)
		v.say("reading what savepoints and checkpoints need")
		store, err := v.Store(ctx, v.job, file.Dir)
		if err == nil {
			err = v.out.Named.AddMetadata(ctx, store, dir)
		}
		switch {
		case err == nil:
			v.read[key] = true
			v.note(dir)
		case errors.Is(err, fs.ErrNotExist):
			if !v.readNewer(ctx, store, dir) {
				v.gone = append(v.gone, dir)
			}
		case ctx.Err() == nil && v.Spare != nil && v.Spare(dir):
			v.read[key] = true
		case ctx.Err() == nil:
			v.read[key] = true
			v.problem("%s couldn't be read: what it needs isn't known: %s", file.Path, api.FirstLine(err.Error()))
		}
	}
	return len(v.gone) > 0
}

// readNewer reads a newer checkpoint of the run of one that went: what went needs
// nothing any more, and the newer one needs what is still needed. Only the run's
// directory is listed, and its newest checkpoint read at once, so that a job that
// takes a checkpoint every second is caught in a store that takes longer to list.
func (v *surveying) readNewer(ctx context.Context, store storage.Store, gone string) bool {
	n, ok := storage.CheckpointNumber(gone)
	if !ok || storage.RunOf(gone) == "" {
		return false
	}
	for range looks {
		newest, newestDir := n, ""
		err := store.List(ctx, storage.Dir(gone), func(entry storage.Entry) error {
			dir := storage.Dir(entry.Path)
			if storage.Base(entry.Path) != storage.MetadataFile || storage.RunOf(dir) != storage.RunOf(gone) {
				return nil
			}
			if number, ok := storage.CheckpointNumber(dir); ok && number > newest {
				newest, newestDir = number, dir
			}
			return nil
		})
		if err != nil || newestDir == "" {
			return false
		}
		if v.out.Named.AddMetadata(ctx, store, newestDir) == nil {
			v.note(newestDir)
			return true
		}
	}
	return false
}

func (v *surveying) note(dir string) {
	if n, ok := storage.CheckpointNumber(dir); ok {
		run := storage.RunOf(dir)
		v.highest[run] = max(v.highest[run], int64(n))
	}
}

// complete says what is missing for a judgement.
func (v *surveying) complete(ctx context.Context) {
	for id, run := range v.out.Runs {
		if !run.Live || !run.Own || run.Since.IsZero() {
			continue
		}
		if v.highest[id] < run.Newest {
			v.problem("checkpoint %d of %s, which its JobManager calls the newest, wasn't found in its directories, nor a newer one", run.Newest, run.Job)
		}
	}
	for _, dir := range v.gone {
		id := storage.RunOf(dir)
		if run := v.out.Runs[id]; run.Live && v.highest[id] >= run.Newest {
			continue // a newer one was read, and needs what this one needed, or doesn't
		}
		v.problem("%s went while it was read, time and again: its job takes checkpoints too fast to be looked at", dir)
	}
	for path, job := range v.mustRead {
		if v.highest[storage.RunOf(path)] > 0 {
			continue
		}
		store, err := v.Store(ctx, v.job, path)
		if err == nil {
			err = v.out.Named.AddMetadata(ctx, store, path)
		}
		if err != nil && ctx.Err() == nil {
			v.problem("%s of %s, which owns files here, couldn't be read: %s", path, job, api.FirstLine(err.Error()))
		}
	}
}

// SurveyPatience is time enough for a JobManager to start or to be replaced.
const SurveyPatience = time.Minute

// SurveyLimit bounds a survey: directories can be large.
const SurveyLimit = 30 * time.Minute
