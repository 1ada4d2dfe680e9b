package storage

import (
	"strings"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/sorting"
)

// Unit is a savepoint, a checkpoint, or what several of them share: files that
// belong together.
type Unit struct {
	// Kind is one of the words below.
	Kind string `json:"kind"`
	Path string `json:"path"`
	// Run is as in Saved.
	Run   string `json:"run,omitempty"`
	Files int    `json:"files"`
	// Size is in bytes.
	Size int64 `json:"size"`
	// Written is when its newest file was; zero where the store doesn't tell.
	Written time.Time `json:"written,omitzero"`
	// Incomplete says that a savepoint or checkpoint has no _metadata: it is
	// being written, or what is left of one.
	Incomplete bool `json:"incomplete,omitempty"`
}

// The kinds of units.
const (
	SavepointUnit  = "savepoint"
	CheckpointUnit = "checkpoint"
	// SharedUnit are files that several checkpoints of a run need.
	SharedUnit = "shared"
	// ChangelogUnit are the changes that a run with the changelog backend wrote.
	ChangelogUnit = "changelog"
	// HAUnit is what high availability keeps of a cluster.
	HAUnit = "ha"
	// OtherUnit is what Flink doesn't name so.
	OtherUnit = "other"
)

// maxUnits bounds how many units are told apart.
const maxUnits = 50_000

// Units groups files as they are listed.
type Units struct {
	all  map[string]*Unit
	meta map[string]bool
	// Many says that there are more units than are told apart.
	Many bool
}

// Add takes in a file that was found below a directory; ha says that it is that
// of high availability.
func (u *Units) Add(dir string, entry Entry, ha bool) {
	if u.all == nil {
		u.all, u.meta = map[string]*Unit{}, map[string]bool{}
	}
	kind, path := unitOf(dir, entry.Path, ha)
	unit := u.all[path]
	if unit == nil {
		if len(u.all) >= maxUnits {
			u.Many = true
			return
		}
		unit = &Unit{Kind: kind, Path: path, Run: RunOf(path)}
		if kind == SharedUnit || kind == ChangelogUnit {
			unit.Run = Base(Dir(path))
		}
		u.all[path] = unit
	}
	unit.Files++
	unit.Size += entry.Size
	if entry.Modified.After(unit.Written) {
		unit.Written = entry.Modified
	}
	if Base(entry.Path) == MetadataFile && normal(Dir(entry.Path)) == normal(path) {
		u.meta[path] = true
	}
}

// Within reports whether a file or directory is in a directory, or is it,
// however both are written.
func Within(dir, file string) bool {
	if dir == "" || file == "" {
		return false
	}
	return strings.HasPrefix(strings.TrimRight(normal(file), "/")+"/", strings.TrimRight(normal(dir), "/")+"/")
}

// unitOf is the unit that a file belongs to.
func unitOf(dir, file string, ha bool) (kind, path string) {
	dir = strings.TrimRight(dir, "/")
	below := strings.Split(strings.Trim(strings.TrimPrefix(normal(file), normal(dir)), "/"), "/")
	// at is the directory of the first n parts, written as the directory is.
	at := func(n int) string { return strings.TrimRight(dir+"/"+strings.Join(below[:n], "/"), "/") }
	if ha {
		switch {
		case len(below) > 2 && below[0] == "job-result-store": // a directory for each cluster in it
			return HAUnit, at(2)
		case len(below) > 1:
			return HAUnit, at(1)
		}
		return HAUnit, dir
	}
	for n := 1; n < len(below); n++ {
		switch name := below[n-1]; {
		case savepointDir.MatchString(name):
			return SavepointUnit, at(n)
		case strings.HasPrefix(name, "chk-"):
			return CheckpointUnit, at(n)
		case n > 1 && runDir.MatchString(below[n-2]) && (name == "shared" || name == "taskowned"):
			return SharedUnit, at(n)
		case n > 1 && runDir.MatchString(below[n-2]) && name == "dstl":
			return ChangelogUnit, at(n)
		}
	}
	if len(below) > 1 {
		return OtherUnit, at(1)
	}
	return OtherUnit, dir
}

// List are the units, newest first.
func (u *Units) List() []Unit {
	out := make([]Unit, 0, len(u.all))
	for path, unit := range u.all {
		one := *unit
		one.Incomplete = (one.Kind == SavepointUnit || one.Kind == CheckpointUnit) && !u.meta[path]
		out = append(out, one)
	}
	sorting.By(out, func(a, b Unit) int {
		if c := b.Written.Compare(a.Written); c != 0 {
			return c
		}
		return strings.Compare(a.Path, b.Path)
	})
	return out
}
