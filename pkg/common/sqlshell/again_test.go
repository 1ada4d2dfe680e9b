package sqlshell

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// results are statements with rows for commands that look at them again.
func results() *fake {
	people := Schema{Query: true, Columns: []Column{column("id", "INT"), column("name", "STRING")}}
	return &fake{answers: map[string]answer{
		"SELECT 1": {schema: people, batches: rows(plus("1", "a, b"), plus("2", nil))},
		"SELECT counts": {schema: people, batches: rows(plus("1", "x"),
			Row{Change: UpdateBefore, Fields: []any{"1", "x"}}, Row{Change: UpdateAfter, Fields: []any{"2", "x"}})},
		"SELECT many": {schema: people, more: many(mostKept + 1)},
		"CALL many":   {schema: Schema{Columns: people.Columns}, more: many(mostKept + 1)},
		"SELECT fails": {
			schema: people, batches: rows(plus("1", "first")),
			fail: &Error{Root: "a task failed"},
		},
		"INSERT": {schema: Schema{Job: true}, job: "5f0c"},
	}}
}

func many(most int) func(n int) ([]Row, error) {
	return func(n int) ([]Row, error) {
		if n*1000 >= most {
			return nil, io.EOF
		}
		var out []Row
		for i := n * 1000; i < min((n+1)*1000, most); i++ {
			out = append(out, plus(fmt.Sprint(i), "x"))
		}
		return out, nil
	}
}

func TestLastResultAgain(t *testing.T) {
	for name, c := range map[string]struct{ sql, out, note string }{
		"in another format": {"SELECT 1;\n\\g json", "id\tname\n1\ta, b\n2\t\\N\n[\n  {\"id\":1,\"name\":\"a, b\"},\n  {\"id\":2,\"name\":null}\n]\n", "SELECT 1: as it was at"},
		"in the same":       {"SELECT 1;\n\\g", "id\tname\n1\ta, b\n2\t\\N\nid\tname\n1\ta, b\n2\t\\N\n", "SELECT 1: as it was at"},
		"with its changes":  {"SELECT counts;\n\\g ndjson\n\\g csv", "id\tname\n2\tx\n" + `{"id":1,"name":"x"}` + "\n" + `{"op":"-U","id":1,"name":"x"}` + "\n" + `{"op":"+U","id":2,"name":"x"}` + "\nid,name\n2,x\n", "SELECT counts"},
		"behind an INSERT":  {"SELECT 1;\nINSERT INTO t SELECT 1;\n\\g csv", "id\tname\n1\ta, b\n2\t\\N\njob id\n5f0c\nid,name\n1,\"a, b\"\n2,\n", "SELECT 1"},
	} {
		t.Run(name, func(t *testing.T) {
			backend := results()
			out, errOut, err := script(t, backend, c.sql, Options{Format: TSV})
			if err != nil || out != c.out || !strings.Contains(errOut, c.note) {
				t.Errorf("%v\ngot  %q\nwant %q\n%s", err, out, c.out, errOut)
			}
			if n := strings.Count(strings.Join(backend.ran, ";"), "SELECT"); n > 2 {
				t.Errorf("it ran again: %q", backend.ran)
			}
		})
	}
}

func TestLargeResultsRunAgainWhereTheyOnlyAsk(t *testing.T) {
	backend := results()
	out, errOut, err := script(t, backend, "SELECT many;\n\\g csv", Options{Format: TSV, Quiet: false})
	if err != nil || len(backend.ran) != 2 || strings.Count(out, "\n") != 2*(mostKept+2) || !strings.Contains(errOut, "gave more rows than the 10,000 that are kept: it runs again") {
		t.Errorf("%v, ran %q, %d lines\n%s", err, backend.ran, strings.Count(out, "\n"), errOut)
	}
	backend = results()
	_, _, err = script(t, backend, "CALL many;\n\\g csv", Options{Format: TSV})
	if err == nil || len(backend.ran) != 1 || !strings.Contains(err.Error(), "jobs.sql:2:1: \\g csv: CALL many gave more rows") || !strings.Contains(err.Error(), "isn't run again") {
		t.Errorf("%v, ran %q", err, backend.ran)
	}
}

func TestLastResultInAFile(t *testing.T) {
	dir := t.TempDir()
	file, there := filepath.Join(dir, "out.json"), filepath.Join(dir, "there.csv")
	if err := os.WriteFile(there, []byte("kept"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, errOut, err := script(t, results(), "SELECT 1;\n\\g ndjson "+file, Options{Format: CSV})
	content, read := os.ReadFile(file)
	if want := "{\"id\":1,\"name\":\"a, b\"}\n{\"id\":2,\"name\":null}\n"; err != nil || read != nil || string(content) != want || !strings.Contains(errOut, "out.json is written") {
		t.Errorf("%v %v %q %s", err, read, content, errOut)
	}
	_, _, err = script(t, results(), "SELECT 1;\n\\g csv "+there, Options{Format: CSV})
	content, _ = os.ReadFile(there)
	if err == nil || !strings.Contains(err.Error(), "exists already; nothing was overwritten") || string(content) != "kept" {
		t.Errorf("%v %q", err, content)
	}
	if left, _ := os.ReadDir(dir); len(left) != 2 {
		t.Errorf("left: %v", left)
	}
}

func TestFilesAreWrittenAsAWhole(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "f")
	broken := errors.New("broken")
	half := func(out io.Writer) error {
		_, _ = io.WriteString(out, "half")
		return broken
	}
	whole := func(out io.Writer) error {
		_, err := io.WriteString(out, "whole")
		return err
	}
	late := func(io.Writer) error {
		return os.WriteFile(file, []byte("another's"), 0o600)
	}
	if err := writeFile(file, false, half); !errors.Is(err, broken) {
		t.Error(err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
	if err := writeFile(file, false, late); err == nil || !strings.Contains(err.Error(), "exists already") {
		t.Error(err)
	}
	if err := writeFile(file, true, half); !errors.Is(err, broken) {
		t.Error(err)
	}
	if content, _ := os.ReadFile(file); string(content) != "another's" {
		t.Errorf("%q", content)
	}
	if err := writeFile(file, true, whole); err != nil {
		t.Error(err)
	}
	if content, _ := os.ReadFile(file); string(content) != "whole" {
		t.Errorf("%q", content)
	}
	if err := writeFile(dir, true, whole); err == nil || !strings.Contains(err.Error(), "no regular file") {
		t.Error(err)
	}
}

func TestCommandsInFiles(t *testing.T) {
	dir := t.TempDir()
	inner := filepath.Join(dir, "inner.sql")
	endless := filepath.Join(dir, "endless.sql")
	for file, text := range map[string]string{inner: "SELECT 1;\n\\format csv\n\n  \\nope\n", endless: "\\i " + endless + "\n"} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct{ sql, out, err string }{
		"a format":           {"\\format csv\nSELECT 1;", "id,name\n1,\"a, b\"\n2,\n", ""},
		"leaving":            {"\\q\nSELECT 1;", "", ""},
		"no result yet":      {"\n\n\\g json", "", "jobs.sql:3:1: \\g json: there was no result yet"},
		"an unknown command": {"SELECT 1;\n\\wrong", "", "jobs.sql:2:1: \\wrong: there is no such command in files"},
		"one of the prompt":  {"\\watch 1", "", "jobs.sql:1:1: \\watch 1: this command is for the prompt"},
		"a bad format":       {"SET a = b;\n\\format xml", "", "jobs.sql:2:1: \\format xml: unknown format \"xml\""},
		"a file's error":     {"\\i " + inner, "id\tname\n1\ta, b\n2\t\\N\n", inner + ":4:3: \\nope: there is no such command in files"},
		"a file of itself":   {"\\i " + endless, "", "more than 16 deep"},
		"a statement of one": {"\\c nowhere", "", "jobs.sql:1:1: \\c nowhere: no such database"},
	} {
		t.Run(name, func(t *testing.T) {
			backend := results()
			backend.answers["USE nowhere"] = answer{refuse: &Error{Root: "no such database"}}
			out, _, err := script(t, backend, c.sql, Options{Format: TSV})
			switch {
			case c.err == "" && err != nil, c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)):
				t.Errorf("%v, want %q", err, c.err)
			case c.out != "" && out != c.out:
				t.Errorf("got %q, want %q", out, c.out)
			}
		})
	}
}

func TestScriptGoesOnBehindACommandThatFails(t *testing.T) {
	out, errOut, err := script(t, results(), "\\g json\nSELECT 1;", Options{Format: CSV, GoOn: true})
	if err == nil || err.Error() != "1 statement failed" || !strings.Contains(out, "a, b") || !strings.Contains(errOut, "jobs.sql:1:1: \\g json: there was no result yet") {
		t.Errorf("%v %q %q", err, out, errOut)
	}
}
