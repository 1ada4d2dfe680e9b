package storage

import (
	"slices"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/sorting"
)

// Doomed is a savepoint or checkpoint that is to be deleted.
type Doomed struct {
	Unit
	// Entries are its files, its _metadata first: what is left where that is gone
	// looks like no savepoint.
	Entries []Entry
	// Refers is what refers to it; empty where nothing known does.
	Refers []string
	// Unknown says that its run is of no job that is known here.
	Unknown bool
	// Own says that its run is one of the job's.
	Own bool
}

// Saveds are the savepoints and checkpoints of a survey, newest first, with what
// refers to each.
func (s Survey) Saveds() []Doomed {
	var units Units
	files := map[string][]Entry{}
	for _, file := range s.Files {
		kind, path := unitOf(file.Dir, file.Path, file.HA)
		if kind != CheckpointUnit && kind != SavepointUnit {
			continue
		}
		units.Add(file.Dir, file.Entry, false)
		files[normal(path)] = append(files[normal(path)], file.Entry)
	}
	var out []Doomed
	for _, unit := range units.List() {
		d := Doomed{Unit: unit, Entries: files[normal(unit.Path)]}
		sorting.By(d.Entries, func(a, b Entry) int {
			if x, y := Base(a.Path) == MetadataFile, Base(b.Path) == MetadataFile; x != y {
				if x {
					return -1
				}
				return 1
			}
			return strings.Compare(a.Path, b.Path)
		})
		s.refer(&d)
		out = append(out, d)
	}
	return out
}

// refer finds out what refers to a savepoint or checkpoint.
func (s Survey) refer(d *Doomed) {
	if s.Owners != nil {
		for at, owner := range s.Owners.Paths {
			if Within(d.Path, at) {
				d.Refers = append(d.Refers, owner)
			}
		}
		slices.Sort(d.Refers)
		d.Refers = slices.Compact(d.Refers)
	}
	known, own := 0, 0
	for id, run := range s.Runs {
		if d.Run == "" || !strings.HasPrefix(id, d.Run) {
			continue
		}
		if known++; run.Own {
			own++
		}
		switch {
		case d.Kind != CheckpointUnit:
		case run.Live:
			d.Refers = append(d.Refers, "the running "+run.Job+", which deletes its checkpoints itself")
		case run.Recoverable:
			d.Refers = append(d.Refers, "the high-availability data of "+run.Job)
		}
		if d.Kind == SavepointUnit && run.Live && run.Saving && d.Incomplete {
			d.Refers = append(d.Refers, run.Job+", which takes a savepoint")
		}
	}
	// The first digits of a savepoint may be those of two runs.
	d.Own, d.Unknown = own > 0 && own == known, known == 0
	if s.Named != nil {
		seen := map[string]bool{}
		for _, file := range d.Entries {
			if other := s.Named.Others(file.Path, d.Path); other != "" && !seen[other] && len(seen) < 3 {
				seen[other] = true
				d.Refers = append(d.Refers, other+", which needs its files")
			}
		}
	}
}
