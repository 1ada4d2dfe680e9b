package storage

import (
	"slices"
	"strings"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/sorting"
)

// Run is what is known of a run of a job.
type Run struct {
	// Job is whose run it is.
	Job string
	// Own says that it is one of the job that was asked about.
	Own bool
	// Live says that a JobManager runs it at the moment.
	Live bool
	// Since is when the newest completed checkpoint of a live run was triggered:
	// what was written later may be needed by the next. Zero is before the first,
	// so that nothing of it is judged.
	Since time.Time
	// Newest is the number of that checkpoint.
	Newest int64
	// Recoverable says that high availability keeps what the run can go on from.
	Recoverable bool
	// Saving says that it takes a savepoint.
	Saving bool
	// Held is why nothing of a live run is judged, beyond that; "" for no reason.
	Held string
}

// Survey is what is known of the files in a job's directories.
type Survey struct {
	Files []SurveyFile
	Named *Named
	// Runs are the runs that objects and JobManagers tell of, by ID.
	Runs map[string]Run
	// Owners are the paths that something tells of.
	Owners *Owners
	// Problems are why what is known isn't all: then nothing may be deleted.
	Problems []string
	// Notes are what else the reader should know.
	Notes []string
}

// SurveyFile is a file in one of the job's directories.
type SurveyFile struct {
	// Dir is the directory as configured, HA that it is that of high availability.
	Dir string
	HA  bool
	Entry
}

// The words of Orphan.Verdict.
const (
	// IsOrphan is what nothing reaches.
	IsOrphan = "orphan"
	// IsUnknown is of a run that nothing known tells of, so that a job elsewhere
	// may own it.
	IsUnknown = "unknown"
	// IsYoung would be an orphan if it were older.
	IsYoung = "young"
)

// Orphan are files of a unit that no savepoint or checkpoint names.
type Orphan struct {
	Kind    string  `json:"kind"`
	Path    string  `json:"path"`
	Run     string  `json:"run,omitempty"`
	Verdict string  `json:"verdict"`
	Why     string  `json:"why"`
	Count   int     `json:"files"`
	Size    int64   `json:"size"`
	Files   []Entry `json:"-"`
	// Written is when the newest of them was.
	Written time.Time `json:"written,omitzero"`
}

// OrphanRule says what counts as an orphan.
type OrphanRule struct {
	Now time.Time
	// OlderThan is how old a file must be.
	OlderThan time.Duration
	// Runs are the IDs of runs that the user says are no job's any more.
	Runs []string
}

// clockSlack is how far the clocks of a JobManager, a store and this machine may
// be apart.
const clockSlack = 5 * time.Minute

// Orphans judges the files of a survey: in checkpoints and savepoints without
// _metadata, and among what checkpoints of a run share. A whole savepoint or
// checkpoint is never one, nor anything of high availability, of another job, or
// of a form that isn't Flink's.
func (s Survey) Orphans(rule OrphanRule) []Orphan {
	type key struct{ kind, path string }
	type unit struct {
		files []SurveyFile
		whole bool
	}
	units := map[key]*unit{}
	wholeRuns := map[string]bool{}
	for _, file := range s.Files {
		kind, path := unitOf(file.Dir, file.Path, file.HA)
		u := units[key{kind, path}]
		if u == nil {
			u = &unit{}
			units[key{kind, path}] = u
		}
		u.files = append(u.files, file)
		if Base(file.Path) == MetadataFile && normal(Dir(file.Path)) == normal(path) {
			u.whole = true
			wholeRuns[RunOf(path)] = true
		}
	}
	var out []Orphan
	for at, u := range units {
		run := RunOf(at.path)
		switch {
		case u.whole:
			continue
		case at.kind == SharedUnit || at.kind == ChangelogUnit:
			run = Base(Dir(at.path))
		case at.kind != CheckpointUnit && at.kind != SavepointUnit:
			continue
		}
		if run == "" {
			continue // not written as Flink writes it: its owner isn't known
		}
		verdict, why, before := s.verdict(at.kind, at.path, run, rule, wholeRuns[run])
		if verdict == "" {
			continue
		}
		if o, ok := s.collect(at.kind, at.path, u.files, before, rule); ok {
			o.Run = run
			if o.Verdict == "" {
				o.Verdict, o.Why = verdict, why
			}
			out = append(out, o)
		}
	}
	sorting.By(out, func(a, b Orphan) int {
		if a.Size != b.Size {
			if a.Size > b.Size {
				return -1
			}
			return 1
		}
		return strings.Compare(a.Path, b.Path)
	})
	return out
}

// verdict is what a unit of a run is that isn't whole; "" where it is in use.
// before is when its files must have been written, where that is bounded.
func (s Survey) verdict(kind, path, run string, rule OrphanRule, wholeRun bool) (verdict, why string, before time.Time) {
	if s.Owners != nil {
		for at := range s.Owners.Paths {
			if Within(at, path) || Within(path, at) {
				return "", "", before
			}
		}
	}
	said := slices.ContainsFunc(rule.Runs, func(id string) bool { return id == run || kind == SavepointUnit && strings.HasPrefix(id, run) })
	var known []Run
	for id, r := range s.Runs {
		if strings.HasPrefix(id, run) {
			known = append(known, r)
		}
	}
	own := len(known) > 0
	for _, r := range known {
		own = own && r.Own
		switch {
		case !r.Live:
			continue
		case r.Since.IsZero(), r.Held != "", kind == SavepointUnit && r.Saving:
			return "", "", before
		}
		if n, ok := CheckpointNumber(path); ok && kind == CheckpointUnit && int64(n) >= r.Newest {
			return "", "", before
		}
		if limit := r.Since.Add(-clockSlack); before.IsZero() || limit.Before(before) {
			before = limit
		}
	}
	switch {
	case len(known) > 0 && !own:
		return "", "", before // another job's, whatever the user says
	case Base(path) == taskOwned && (wholeRun || len(known) > 0 || !said):
		// State itself may name such files, as that of a write-ahead sink does.
		return IsUnknown, "state itself may name its files, which a _metadata doesn't tell", before
	case own:
		return IsOrphan, "no _metadata names it, and nothing else refers to it", before
	case said:
		return IsOrphan, "no _metadata names it; --run says that its run is over", before
	}
	return IsUnknown, "its run is of no job that is known here: a job elsewhere may own it", before
}

// taskOwned is the directory of what tasks keep themselves.
const taskOwned = "taskowned"

// collect gathers the files of a unit that nothing names.
func (s Survey) collect(kind, path string, files []SurveyFile, before time.Time, rule OrphanRule) (Orphan, bool) {
	out := Orphan{Kind: kind, Path: path}
	old := rule.Now.Add(-rule.OlderThan)
	shared := kind == SharedUnit || kind == ChangelogUnit
	var young []SurveyFile
	for _, file := range files {
		switch {
		case file.Modified.IsZero(), s.Named != nil && s.Named.Has(file.Path):
			if !shared {
				return out, false // of what belongs together all must be free
			}
			continue
		case !before.IsZero() && !file.Modified.Before(before):
			if !shared {
				return out, false
			}
			continue
		case !file.Modified.Before(old):
			young = append(young, file)
			continue
		}
		out.take(file)
	}
	if len(young) > 0 && (!shared || out.Count == 0) {
		for _, file := range young {
			out.take(file)
		}
		out.Verdict, out.Why = IsYoung, "younger than the limit"
	}
	return out, out.Count > 0
}

func (o *Orphan) take(file SurveyFile) {
	o.Count++
	o.Size += file.Size
	o.Files = append(o.Files, file.Entry)
	if file.Modified.After(o.Written) {
		o.Written = file.Modified
	}
}

// Still are the files of orphans that are orphans at a second look, too, and
// weren't written to in between.
func Still(first, second []Orphan) []Orphan {
	now := map[string]Entry{}
	for _, o := range second {
		if o.Verdict != IsOrphan {
			continue
		}
		for _, file := range o.Files {
			now[normal(file.Path)] = file
		}
	}
	var out []Orphan
	for _, o := range first {
		if o.Verdict != IsOrphan {
			continue
		}
		same := o
		same.Files, same.Count, same.Size, same.Written = nil, 0, 0, time.Time{}
		for _, file := range o.Files {
			if again, ok := now[normal(file.Path)]; ok && again.Size == file.Size && again.Modified.Equal(file.Modified) {
				same.take(SurveyFile{Entry: file})
			}
		}
		if same.Count > 0 {
			out = append(out, same)
		}
	}
	return out
}
