package view

import (
	"fmt"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/storage"
)

// StorageDir is a directory of a job.
type StorageDir struct {
	Path string `json:"path"`
	// Key is the setting that names it.
	Key string `json:"key"`
	HA  bool   `json:"-"`
	// Problem is why it wasn't read; "" where it was.
	Problem string `json:"problem,omitempty"`
}

// StorageItem is a savepoint, a checkpoint or the like, and whose it is.
type StorageItem struct {
	storage.Unit
	// Owner is "" where nobody tells.
	Owner string `json:"owner"`
}

// StoragePage is what `kubectl flink storage ls` and `du` show.
type StoragePage struct {
	Job   api.Ref
	Dirs  []StorageDir
	Items []StorageItem
	// Many says that there are more than are told apart.
	Many bool
	// Sums shows only what each kind takes.
	Sums bool
	Now  time.Time
}

// sum is what a kind takes.
type sum struct {
	Kind  string `json:"kind"`
	Items int    `json:"items"`
	Files int    `json:"files"`
	Size  int64  `json:"size"`
	// Unowned is how much of it has no owner, in bytes.
	Unowned int64 `json:"unowned"`
}

func (p StoragePage) sums() (kinds []sum, total sum) {
	total.Kind = "total"
	for _, kind := range []string{storage.SavepointUnit, storage.CheckpointUnit, storage.SharedUnit, storage.ChangelogUnit, storage.HAUnit, storage.OtherUnit} {
		of := sum{Kind: kind}
		for _, item := range p.Items {
			if item.Kind != kind {
				continue
			}
			of.Items++
			of.Files += item.Files
			of.Size += item.Size
			if item.Owner == "" {
				of.Unowned += item.Size
			}
		}
		if of.Items > 0 {
			kinds = append(kinds, of)
		}
		total.Items, total.Files, total.Size, total.Unowned = total.Items+of.Items, total.Files+of.Files, total.Size+of.Size, total.Unowned+of.Unowned
	}
	return kinds, total
}

// Result is the page in every format.
func (p StoragePage) Result() printer.Result {
	kinds, total := p.sums()
	object := map[string]any{
		"kind": "StorageListing", "job": p.Job.String(), "namespace": p.Job.Namespace, "directories": p.Dirs,
		"files": total.Files, "size": total.Size, "unowned": total.Unowned, "incomplete": p.Many,
	}
	table := &printer.Table{}
	if p.Sums {
		object["kinds"] = kinds
		table.Columns = []printer.Column{{Name: "KIND"}, {Name: "ITEMS"}, {Name: "FILES"}, {Name: "SIZE"}, {Name: "UNOWNED"}}
		for _, k := range append(kinds, total) {
			table.Rows = append(table.Rows, []printer.Cell{printer.C(k.Kind), printer.C(fmt.Sprint(k.Items)), printer.C(fmt.Sprint(k.Files)), printer.C(Bytes(k.Size)), printer.C(Bytes(k.Unowned))})
		}
	} else {
		items := p.Items
		if items == nil {
			items = []StorageItem{}
		}
		object["items"] = items
		table.Columns = []printer.Column{{Name: "KIND"}, {Name: "SIZE"}, {Name: "FILES"}, {Name: "AGE"}, {Name: "OWNER"}, {Name: "PATH"}}
		for _, item := range p.Items {
			kind, owner, old := item.Kind, item.Owner, "-"
			if item.Incomplete {
				kind += " (no _metadata)"
			}
			if owner == "" {
				owner = "-"
			}
			if !item.Written.IsZero() {
				old = age(item.Written, p.Now)
			}
			table.Rows = append(table.Rows, []printer.Cell{printer.C(kind), printer.C(Bytes(item.Size)), printer.C(fmt.Sprint(item.Files)), printer.C(old), printer.C(owner), printer.C(item.Path)})
		}
	}
	return printer.Result{Object: object, Table: table}
}
