package view

import (
	"fmt"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/storage"
)

// OrphansPage is what `kubectl flink storage orphans` shows.
type OrphansPage struct {
	Job   api.Ref
	Items []storage.Orphan
	// Problems are why nothing may be deleted.
	Problems []string
	// Deleted are the files that were deleted; Asked says that they were to be.
	Asked   bool
	Deleted deletedFiles
	Now     time.Time
}

// deletedFiles counts files.
type deletedFiles struct {
	Files int   `json:"files"`
	Size  int64 `json:"size"`
}

// CountDeleted notes a file that is gone.
func (p *OrphansPage) CountDeleted(size int64) {
	p.Deleted.Files++
	p.Deleted.Size += size
}

// Age is how long ago something was, as in columns; "-" where that isn't known.
func Age(at, now time.Time) string {
	if at.IsZero() {
		return "-"
	}
	return age(at, now)
}

// Of counts the files with a verdict.
func (p OrphansPage) Of(verdict string) (units, files int, size int64) {
	for _, o := range p.Items {
		if o.Verdict == verdict {
			units, files, size = units+1, files+o.Count, size+o.Size
		}
	}
	return units, files, size
}

// Result is the page in every format.
func (p OrphansPage) Result() printer.Result {
	items := []storage.Orphan{}
	table := &printer.Table{Columns: []printer.Column{{Name: "VERDICT"}, {Name: "KIND"}, {Name: "SIZE"}, {Name: "FILES"}, {Name: "AGE"}, {Name: "PATH"}}}
	for _, o := range p.Items {
		if o.Verdict == storage.IsYoung {
			continue
		}
		items = append(items, o)
		table.Rows = append(table.Rows, []printer.Cell{
			printer.C(o.Verdict), printer.C(o.Kind), printer.C(Bytes(o.Size)), printer.C(fmt.Sprint(o.Count)), printer.C(Age(o.Written, p.Now)), printer.C(o.Path),
		})
	}
	problems := p.Problems
	if problems == nil {
		problems = []string{}
	}
	_, files, size := p.Of(storage.IsOrphan)
	_, _, unknown := p.Of(storage.IsUnknown)
	object := map[string]any{
		"kind": "StorageOrphans", "job": p.Job.String(), "namespace": p.Job.Namespace, "items": items,
		"files": files, "size": size, "unknownSize": unknown, "problems": problems,
	}
	if p.Asked {
		object["deleted"] = p.Deleted
	}
	return printer.Result{Object: object, Table: table}
}
