package view

import (
	"bytes"
	"strings"
	"testing"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/logs"
)

func printed(p LogPrinter, records ...logs.Record) string {
	var out bytes.Buffer
	p.Out = &out
	for _, r := range records {
		_ = p.Print(r)
	}
	return out.String()
}

func TestLogPrefixesAndFolding(t *testing.T) {
	job := LogPrinter{Clusters: []string{"basic"}}
	got := printed(job,
		logs.Record{Pod: "basic-7f9-abcde", Role: "jobmanager", Lines: []string{"INFO a"}},
		logs.Record{Pod: "basic-taskmanager-1-2", Role: "taskmanager", Level: "ERROR", Lines: []string{"ERROR b", "x.Y: z", "\tat a.B.c(D.java:1)", "Caused by: q"}})
	want := "jm-abcde INFO a\ntm-1-2   ERROR b\ntm-1-2   x.Y: z\ntm-1-2   Caused by: q\ntm-1-2       … 1 lines of stack trace (--full)\n"
	if got != want {
		t.Errorf("%s", got)
	}
	both := LogPrinter{Clusters: []string{"two-blue", "two-green"}}
	if got := printed(both, logs.Record{Pod: "two-green-taskmanager-1-1", Role: "taskmanager", Lines: []string{"x"}}); got != "green/tm-1-1 x\n" {
		t.Error(got)
	}
}

func TestHostileLogLines(t *testing.T) {
	hostile := logs.Record{Pod: "p\x1b]0;t\a", Role: "taskmanager", Level: "WARN", Lines: []string{"WARN \x1b[2J\x1b]8;;http://x\a\u202ered\r\nforged", "\x9b31m"}}
	for _, json := range []bool{false, true} {
		got := printed(LogPrinter{JSON: json}, hostile)
		if strings.ContainsAny(got, "\x1b\a\r\u202e") {
			t.Errorf("%q", got)
		}
		if lines := strings.Count(got, "\n"); !json && lines != 2 {
			t.Errorf("%d lines: %q", lines, got)
		}
	}
	if got := printed(LogPrinter{Palette: term.Palette{On: true}, Bare: true}, hostile); !strings.HasPrefix(got, "\x1b[33mWARN\x1b[0m ") {
		t.Errorf("%q", got)
	}
}
