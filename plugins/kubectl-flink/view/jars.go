package view

import (
	"fmt"
	"io"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/rest"
)

// JarPage is the outcome for a jar that was to be uploaded.
type JarPage struct {
	// URI is its jarURI in an object store; else Session is the cluster that has
	// it, by ID.
	URI         string
	Session, ID string
	// Size is in bytes.
	Size   int64
	SHA256 string
	// Unchanged says that it was there already.
	Unchanged bool
	// DryRun says that it was only looked at.
	DryRun bool
}

// Result is the page in every format.
func (p JarPage) Result() printer.Result {
	object := map[string]any{"kind": "Jar", "size": p.Size, "dryRun": p.DryRun}
	what := p.URI
	if p.Session != "" {
		what = p.ID
		object["session"], object["id"] = p.Session, p.ID
	} else {
		object["jarURI"], object["sha256"], object["unchanged"] = p.URI, p.SHA256, p.Unchanged
	}
	return printer.Result{Object: object, Text: func(w io.Writer) error {
		line := what
		if p.DryRun {
			to := p.URI
			if p.Session != "" {
				to = p.Session
			}
			line = fmt.Sprintf("This would upload %s to %s", Bytes(p.Size), to)
		}
		_, err := fmt.Fprintln(w, term.SafeLine(line))
		return err
	}}
}

// StoredJar is a jar in an object store.
type StoredJar struct {
	URI      string    `json:"jarURI"`
	Size     int64     `json:"size"`
	Modified time.Time `json:"modified"`
	// UsedBy are the jobs that run it, as far as they are known.
	UsedBy []string `json:"usedBy"`
}

// StoredJars are the jars of a directory in an object store.
func StoredJars(jars []StoredJar, now time.Time) printer.Result {
	table := &printer.Table{Columns: []printer.Column{{Name: "JAR URI"}, {Name: "SIZE"}, {Name: "AGE"}, {Name: "USED BY"}}}
	for _, jar := range jars {
		by := "-"
		for i, user := range jar.UsedBy {
			if i == 0 {
				by = user
				continue
			}
			by += ", " + user
		}
		table.Rows = append(table.Rows, []printer.Cell{printer.C(jar.URI), printer.C(Bytes(jar.Size)), printer.C(Age(jar.Modified, now)), printer.C(by)})
	}
	return printer.Result{Object: printer.List(jars), Table: table}
}

// sessionJar is a jar in a session cluster.
type sessionJar struct {
	ID       string     `json:"id"`
	Name     string     `json:"name"`
	Uploaded *time.Time `json:"uploaded,omitempty"`
	Class    string     `json:"entryClass,omitempty"`
}

// SessionJars are the jars that a session cluster has.
func SessionJars(jars []rest.Jar, now time.Time) printer.Result {
	table := &printer.Table{Columns: []printer.Column{{Name: "ID"}, {Name: "NAME"}, {Name: "AGE"}, {Name: "ENTRY CLASS"}}}
	objects := make([]sessionJar, 0, len(jars))
	for _, jar := range jars {
		one := sessionJar{ID: jar.ID, Name: jar.Name, Uploaded: moment(jar.Uploaded.Time())}
		if len(jar.Entries) > 0 {
			one.Class = jar.Entries[0].Name
		}
		objects = append(objects, one)
		class := one.Class
		if class == "" {
			class = "-"
		}
		table.Rows = append(table.Rows, []printer.Cell{printer.C(one.ID), printer.C(one.Name), printer.C(Age(jar.Uploaded.Time(), now)), printer.C(class)})
	}
	return printer.Result{Object: printer.List(objects), Table: table}
}
