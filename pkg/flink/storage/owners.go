package storage

import (
	"strconv"
	"strings"
)

// Owners say whose files are, as far as objects and JobManagers tell.
type Owners struct {
	// Paths are the savepoints and checkpoints that something tells of, by path,
	// Runs the jobs by the ID of their run, Clusters those by the name of the
	// cluster that high availability keeps things for.
	Paths, Runs, Clusters map[string]string
	newest                []span
}

// span are the checkpoints that a job took last: the JobManager deletes each as
// the next is complete.
type span struct {
	dir, owner string
	first      int
}

// AddNewest notes the newest checkpoint that a JobManager says it has. It is
// asked before the listing: what came since is its, too, also what it doesn't
// name yet, since it answers from a cache (web.refresh-interval, 3 s).
func (o *Owners) AddNewest(path, owner string) {
	o.AddPath(path, owner)
	n, ok := CheckpointNumber(path)
	if !ok {
		return
	}
	dir := normal(Dir(strings.TrimRight(path, "/")))
	for i := range o.newest {
		if s := &o.newest[i]; s.dir == dir {
			s.first = min(s.first, n)
			return
		}
	}
	o.newest = append(o.newest, span{dir: dir, owner: owner, first: n})
}

// CheckpointNumber is N of a directory chk-N.
func CheckpointNumber(path string) (int, bool) {
	digits, ok := strings.CutPrefix(Base(strings.TrimRight(path, "/")), "chk-")
	n, err := strconv.Atoi(digits)
	return n, ok && err == nil
}

// AddPath notes who tells of a path. The first to tell is kept.
func (o *Owners) AddPath(path, owner string) {
	if o.Paths == nil {
		o.Paths = map[string]string{}
	}
	if at := normal(strings.TrimRight(path, "/")); path != "" && o.Paths[at] == "" {
		o.Paths[at] = owner
	}
}

// Of is whose a unit is; "" where nobody tells.
func (o *Owners) Of(unit Unit) string {
	if owner := o.Paths[normal(unit.Path)]; owner != "" {
		return owner
	}
	if n, ok := CheckpointNumber(unit.Path); ok && unit.Kind == CheckpointUnit {
		for _, s := range o.newest {
			if n >= s.first && s.dir == normal(Dir(unit.Path)) {
				return s.owner
			}
		}
	}
	if unit.Kind == HAUnit {
		return o.Clusters[Base(unit.Path)]
	}
	if unit.Run == "" {
		return ""
	}
	owner := ""
	for run, job := range o.Runs {
		if !strings.HasPrefix(run, unit.Run) {
			continue
		}
		if owner != "" && owner != job {
			return "" // the first digits are those of two runs
		}
		owner = job
	}
	if owner != "" {
		owner = "run of " + owner
	}
	return owner
}
