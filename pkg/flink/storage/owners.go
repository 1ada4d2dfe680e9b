package storage

import "strings"

// Owners say whose files are, as far as objects and JobManagers tell.
type Owners struct {
	// Paths are the savepoints and checkpoints that something tells of, by path,
	// Runs the jobs by the ID of their run, Clusters those by the name of the
	// cluster that high availability keeps things for.
	Paths, Runs, Clusters map[string]string
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
