package view

import (
	"fmt"
	"io"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/backup"
)

// BackedUp is the result of `kubectl flink backup` into a directory.
func BackedUp(index backup.Index, dir string, now time.Time) printer.Result {
	return printer.Result{Object: index, Text: func(w io.Writer) error {
		whole := 0
		for _, e := range index.Jobs {
			if e.Whole() {
				whole++
			}
			if _, err := fmt.Fprintln(w, term.SafeLine(backupLine(e, now))); err != nil {
				return err
			}
		}
		_, err := fmt.Fprintln(w, term.SafeLine(fmt.Sprintf("%s: %d of %d whole", dir, whole, len(index.Jobs))))
		return err
	}}
}

func backupLine(e backup.Entry, now time.Time) string {
	line := e.Ref().Printed() + " (namespace " + e.Namespace + ") "
	switch {
	case e.Manifest == "":
		line += "not backed up"
	default:
		line += "backed up: " + e.Condition
	}
	if s := e.State; s != nil {
		line += ", " + stateOf(*s, now)
	}
	if !e.Whole() {
		line += "; not whole"
	}
	return line
}

// stateOf is the state of a backup in a line.
func stateOf(s backup.State, now time.Time) string {
	text := s.Kind + " " + s.Path
	if s.CheckpointID > 0 {
		text += fmt.Sprintf(", number %d", s.CheckpointID)
	}
	if s.Size > 0 {
		text += ", " + Bytes(s.Size)
	}
	if !s.Taken.IsZero() {
		text += ", taken " + api.Ago(max(now.Sub(s.Taken), 0)) + " ago"
	}
	if s.Passing {
		text += ", likely gone by now"
	}
	return text
}
