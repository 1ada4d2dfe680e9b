//go:build unix

package sqlshell

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestResultAgainAtThePrompt(t *testing.T) {
	terminal, command, _ := startPrompt(t)
	file := filepath.Join(t.TempDir(), "out.csv")
	terminal.Press("SELECT 1;\r")
	terminal.Sees("(2 rows)")
	prompted(terminal)
	terminal.Press("\\g json\r")
	terminal.Sees("SELECT 1: as it was at", `{"EXPR$0":1,"name":null}`)
	prompted(terminal)
	terminal.Press("\\g csv " + file + "\r")
	terminal.Sees("is written")
	prompted(terminal)
	for _, answer := range []string{"no", "yes"} {
		terminal.Press("clear\r")
		terminal.Until("an empty screen", func(text string) bool { return strings.TrimSpace(text) == "session-example>" })
		terminal.Press("\\g tsv " + file + "\r")
		terminal.Sees("Overwrite it? Type yes:")
		terminal.Press(answer + "\r")
		terminal.Sees(map[string]string{"no": "error: ", "yes": "is written"}[answer])
		prompted(terminal)
		content, err := os.ReadFile(file)
		want := "EXPR$0,name\n1,\n22,two \x1b[31mred\n"
		if answer == "yes" {
			want = "EXPR$0\tname\n1\t\\N\n22\ttwo \x1b[31mred\n"
		}
		if err != nil || string(content) != want {
			t.Errorf("%s: %v %q", answer, err, content)
		}
	}
	terminal.Press("\x04")
	terminal.Sees(`ran ["SELECT 1"]`)
	if err := command.Wait(); err != nil {
		t.Error(err)
	}
}

func TestQueryIsWatched(t *testing.T) {
	terminal, _, _ := startPrompt(t)
	terminal.Press("\\watch\r")
	terminal.Sees("there was no query yet")
	prompted(terminal)
	terminal.Press("INSERT INTO t SELECT 1;\r")
	terminal.Sees("Job 5f0c started")
	prompted(terminal)
	terminal.Press("\\watch\r")
	terminal.Sees("the last statement may change something: INSERT")
	prompted(terminal)
	terminal.Press("SHOW TABLES;\r")
	prompted(terminal)
	terminal.Press("\\watch 0.1\r")
	terminal.Until("three results", func(text string) bool { return strings.Count(text, "(every 100ms, Ctrl-C ends)") >= 3 })
	terminal.Press("\x03")
	terminal.Sees("canceled")
	prompted(terminal)
	terminal.Press("SELECT never;\r")
	terminal.Sees("SELECT never 0s")
	terminal.Press("\x03")
	prompted(terminal)
	terminal.Press("\\watch\r")
	terminal.Sees("SELECT never didn't end by itself")
	prompted(terminal)
}

func TestWideRowsAreExpandedWhereAsked(t *testing.T) {
	terminal, _, _ := startPrompt(t)
	terminal.Press("\\x auto\r")
	terminal.Sees("Expanded display is auto")
	prompted(terminal)
	terminal.Press("SELECT 1;\r")
	terminal.Sees("EXPR$0 │ name", "(2 rows)")
	prompted(terminal)
	terminal.Press("SELECT wide;\r")
	terminal.Sees("-[ row 1 ]-", "text | wide wide", "(1 row)")
	prompted(terminal)
	terminal.Press("\\x wrong\r")
	terminal.Sees("on, off or auto")
	prompted(terminal)
	// What names a line is whole on a terminal of 80 columns.
	terminal.Press("\\x off\r")
	prompted(terminal)
	terminal.Press("SHOW JOBS;\r")
	terminal.Sees("0123456789abcdef0123456789abcdef │ insert-into", "│ RUNNING │")
}

func TestTallResultsGoToThePager(t *testing.T) {
	dir := t.TempDir()
	paged, pager := filepath.Join(dir, "paged"), filepath.Join(dir, "pager")
	if err := os.WriteFile(pager, []byte("#!/bin/sh\n[ \"$1\" = '-a;b' ] && cat >"+paged+" && echo PAGED\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SQLSHELL_PAGER", pager+" -a;b")
	terminal, _, _ := startPrompt(t)
	terminal.Press("SELECT 1;\r")
	terminal.Sees("(2 rows)")
	prompted(terminal)
	if strings.Contains(terminal.Text(), "PAGED") {
		t.Error(terminal.Text())
	}
	terminal.Press("SELECT tall;\r")
	terminal.Sees("PAGED", "(51 rows)")
	prompted(terminal)
	content, err := os.ReadFile(paged)
	if err != nil || strings.Count(string(content), "\n") != 53 || !strings.Contains(string(content), "red") ||
		strings.Contains(string(content), "\x1b]") || strings.Contains(string(content), "\x1b[31mred") {
		t.Errorf("%v %q", err, content)
	}
	terminal.Press("\\pset pager off\r")
	terminal.Sees("Pager is off")
	prompted(terminal)
	terminal.Press("clear\r")
	prompted(terminal)
	terminal.Press("SELECT tall;\r")
	terminal.Sees("48 │ x", "(51 rows)")
	prompted(terminal)
	if strings.Contains(terminal.Text(), "PAGED") {
		t.Error(terminal.Text())
	}
}

func TestAnotherSessionIsBegunAndFilled(t *testing.T) {
	terminal, command, _ := startPrompt(t)
	for _, sql := range []string{"SET 'a' = 'b';", "CREATE TABLE t (a INT);", "INSERT INTO t SELECT 1;"} {
		terminal.Press(sql + "\r")
		terminal.Sees(sql + "\n")
		prompted(terminal)
	}
	for i, answers := range [][]string{{"no"}, {"yes", "no"}, {"yes", "yes"}} {
		terminal.Press("clear\r")
		terminal.Until("an empty screen", func(text string) bool { return strings.TrimSpace(text) == "session-example>" })
		terminal.Press("END SESSION;\r")
		terminal.Sees("error: the session has ended", "Begin a new session now? Type yes:")
		terminal.Press(answers[0] + "\r")
		if len(answers) > 1 {
			terminal.Sees("A new session has begun", "The session before had defined and set:\n  SET 'a' = 'b'\n  CREATE TABLE t (a INT)\n", "Run this again here? Type yes:")
			terminal.Press(answers[1] + "\r")
			if answers[1] == "yes" {
				terminal.Sees("Ran 2 of 2 statements")
			}
		}
		prompted(terminal)
		if i == 1 {
			for _, sql := range []string{"SET 'a' = 'b';", "CREATE TABLE t (a INT);"} {
				terminal.Press(sql + "\r")
				terminal.Sees(sql + "\nOK")
				prompted(terminal)
			}
		}
	}
	terminal.Press("\x04")
	terminal.Until("what ran", func(text string) bool {
		text = strings.ReplaceAll(text, "\n", "")
		// Asked for once, and never the INSERT again.
		ran, _, found := strings.Cut(text, "canceled [")
		return found && strings.HasSuffix(ran, `"END SESSION" "SET 'a' = 'b'" "CREATE TABLE t (a INT)"]`) && strings.Count(text, "INSERT INTO t") == 1
	})
	if err := command.Wait(); err != nil {
		t.Error(err)
	}
}
