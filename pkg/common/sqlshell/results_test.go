package sqlshell

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
)

// What a missing value, the text NULL, an empty text and other texts look like
// in each format, alone and inside of others: no two are alike.
func TestMissingValuesAreToldFromTexts(t *testing.T) {
	text := Type{Name: "STRING"}
	array := Type{Name: "ARRAY", Element: &text}
	values := []any{nil, "NULL", "'NULL'", "", "null", `\N`, "''", `""`}
	for _, format := range Formats() {
		for _, kind := range []Type{text, array, {Name: "ROW", Fields: []Column{{"f", text}}}, {Name: "MAP", Key: &text, Element: &text}} {
			seen := map[string]any{}
			for _, value := range values {
				field := value
				switch kind.Name {
				case "ARRAY", "ROW":
					field = []any{value}
				case "MAP":
					field = []Pair{{"k", value}}
				}
				backend := &fake{answers: map[string]answer{"SELECT": {schema: Schema{Query: true, Columns: []Column{{"c", kind}}}, batches: rows(plus(field))}}}
				out, _, err := script(t, backend, "SELECT c", Options{Format: format})
				if err != nil {
					t.Fatal(err)
				}
				// An empty last cell of a table has nothing behind it.
				out = strings.TrimRight(out, " ")
				if other, ok := seen[out]; ok {
					t.Errorf("%s, %s: %#v and %#v both look like\n%s", format, kind.Name, other, value, out)
				}
				seen[out] = value
			}
		}
	}
}

// Inside of others, what separates texts isn't taken for a part of them.
func TestNestedTextsAreToldApart(t *testing.T) {
	text := Type{Name: "STRING"}
	array := Type{Name: "ARRAY", Element: &text}
	seen := map[string]bool{}
	for _, value := range [][]any{{}, {""}, {"a", "b"}, {"a, b"}, {nil}, {"a]"}, {"a", "]"}, {"it's"}, {"'it''s'"}, {" a"}, {"a"}} {
		got := textOf(value, array)
		if seen[got] {
			t.Errorf("%q stands for two values", got)
		}
		seen[got] = true
	}
	if got := textOf([]any{"plain text", nil, "NULL", "x=1"}, array); got != "[plain text, NULL, 'NULL', 'x=1']" {
		t.Error(got)
	}
}

func TestManyColumnsOfOneName(t *testing.T) {
	columns := make([]Column, 20_000)
	for i := range columns {
		columns[i].Name = []string{"a", "a_2"}[i%2]
	}
	seen := map[string]bool{}
	started := time.Now()
	for _, c := range distinct(columns) {
		seen[c.Name] = true
	}
	if took := time.Since(started); len(seen) != len(columns) || took > 5*time.Second {
		t.Errorf("%d names in %s", len(seen), took)
	}
}

// keysOf are the keys of a JSON object, each as often as it stands there.
func keysOf(t *testing.T, object string) []string {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(object))
	var keys []string
	depth, key := 0, true
	for {
		token, err := decoder.Token()
		if err != nil {
			return keys
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			depth++
			key = true
			continue
		case json.Delim('}'), json.Delim(']'):
			depth--
			key = true
			continue
		}
		if name, ok := token.(string); ok && depth == 1 && key {
			keys = append(keys, name)
		}
		key = !key
	}
}

func TestJSONKeysAreDistinct(t *testing.T) {
	for _, names := range [][]string{
		{"op"}, {"op", "_op"}, {"_op", "op", "__op"}, {"kind", "data", "fields"}, {"a", "a"}, {"a", "a", "a_2"}, {"a_2", "a", "a"}, {"op", "op"}, {"", ""}, {"EXPR$0"},
	} {
		var columns []Column
		var fields []any
		for _, name := range names {
			columns, fields = append(columns, column(name, "STRING")), append(fields, "x")
		}
		for _, format := range []string{NDJSON, JSON} {
			backend := &fake{answers: map[string]answer{"SELECT": {schema: Schema{Query: true, Columns: columns}, batches: rows(
				plus(fields...), Row{Change: UpdateBefore, Fields: fields}, Row{Change: UpdateAfter, Fields: fields})}}}
			out, _, err := script(t, backend, "SELECT 1", Options{Format: format})
			if err != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(out) {
				line = strings.Trim(strings.TrimSpace(line), ",")
				if !strings.HasPrefix(line, "{") {
					continue
				}
				keys := keysOf(t, line)
				slices.Sort(keys)
				if got := len(slices.Compact(slices.Clone(keys))); got != len(keys) || got < len(names) || !json.Valid([]byte(line)) {
					t.Errorf("%q as %s: %s", names, format, line)
				}
			}
		}
	}
	backend := &fake{answers: map[string]answer{"SELECT": {
		schema:  Schema{Query: true, Columns: []Column{column("op", "STRING")}},
		batches: rows(plus("a"), Row{Change: Delete, Fields: []any{"a"}}),
	}}}
	out, _, _ := script(t, backend, "SELECT op", Options{Format: NDJSON})
	if want := "{\"op\":\"a\"}\n{\"_op\":\"-D\",\"op\":\"a\"}\n"; out != want {
		t.Errorf("got %s", out)
	}
}

// A limit takes the first rows of what the query leads to.
func TestLimitOfRowsThatChange(t *testing.T) {
	count := func(wait bool) *fake {
		return &fake{answers: map[string]answer{"SELECT": {schema: Schema{Query: true, Columns: []Column{column("c", "BIGINT")}}, batches: rows(
			plus("1"), Row{Change: UpdateBefore, Fields: []any{"1"}}, Row{Change: UpdateAfter, Fields: []any{"2"}},
			Row{Change: UpdateBefore, Fields: []any{"2"}}, Row{Change: UpdateAfter, Fields: []any{"3"}}, plus("9")), wait: wait}}}
	}
	for format, want := range map[string]string{
		JSON: "[\n  {\"c\":3}\n]\n", CSV: "c\n3\n", TSV: "c\n3\n", Markdown: "| c |\n| ---: |\n| 3 |\n", Table: "c\n3\n", Vertical: "-[ row 1 ]-\nc | 3\n",
	} {
		out, errOut, err := script(t, count(false), "SELECT COUNT(*) AS c FROM t", Options{Format: format, Limit: 1})
		if err != nil || strings.ReplaceAll(out, " \n", "\n") != want || !strings.Contains(errOut, "--limit 1 takes the rows that are there at its end") {
			t.Errorf("%s: %q, %v\n%s", format, out, err, errOut)
		}
	}
	out, _, err := script(t, count(true), "SELECT COUNT(*) AS c FROM t", Options{Format: NDJSON, Limit: 1})
	if err == nil || !strings.Contains(err.Error(), "-o json") || out != "" {
		t.Errorf("ndjson: %q, %v", out, err)
	}
	out, _, err = script(t, count(true), "SELECT COUNT(*) AS c FROM t", Options{Format: Changelog, Limit: 2})
	if err != nil || out != "op   c\n+I   1\n-U   1\n" {
		t.Errorf("changelog: %q, %v", out, err)
	}
	// A query that has no end is bounded by the time that it may take.
	out, _, err = script(t, count(true), "SELECT COUNT(*) AS c FROM t", Options{Format: CSV, Limit: 1, Timeout: 50_000_000})
	if exit.Code(err) != exit.TimedOut || strings.Contains(out, "1\n") {
		t.Errorf("%q, %v", out, err)
	}
}

func TestWrongTextAfterWorkIsNoUsageError(t *testing.T) {
	const late = "INSERT INTO bh SELECT 1;\nSELECT 'unclosed;\n"
	// Of a file that can be read twice nothing runs.
	err := Check([]Source{{Name: "-e", Text: strings.NewReader("SELECT 1")}, {Name: "late.sql", Text: strings.NewReader(late)}})
	if exit.Code(err) != exit.Usage || !strings.Contains(err.Error(), "late.sql:2:8") {
		t.Error(err)
	}
	for text, wrong := range map[string]bool{
		"SELECT 1; SELECT 2": false, "QUIT; SELECT 'x": false, `\timing`: false, `\watch 2`: true, `\no`: true, "SELECT `a": true, "BEGIN STATEMENT SET; INSERT 1;": true, "": false,
	} {
		source := strings.NewReader("head " + text)
		_, _ = source.Seek(5, 0)
		err := Check([]Source{{Name: "f", Text: source}})
		if (exit.Code(err) == exit.Usage) != wrong || !wrong && (err != nil || source.Len() != len(text)) {
			t.Errorf("%q: %v, %d bytes left", text, err, source.Len())
		}
	}
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	_ = write.Close()
	if err := Check([]Source{{Name: "-", Text: read}}); err != nil {
		t.Errorf("a pipe: %v", err)
	}
	// What comes through a pipe runs until then.
	for _, ran := range []bool{false, true} {
		backend := &fake{answers: map[string]answer{"INSERT": {schema: Schema{Job: true}, job: "abc"}}}
		_, _, err := script(t, backend, late, Options{})
		if exit.Code(err) != exit.Failed || len(backend.ran) != 1 {
			t.Errorf("%v, ran %q", err, backend.ran)
		}
		_, _, err = script(t, backend, "SELECT 'unclosed", Options{Ran: ran})
		if (exit.Code(err) == exit.Failed) != ran {
			t.Errorf("ran before %v: %v", ran, err)
		}
	}
}

func TestWordsOfTheClientInAFile(t *testing.T) {
	backend := &fake{}
	out, _, err := script(t, backend, "HELP;\nclear;\nSHOW DATABASES;\nEXIT;\nSHOW TABLES;", Options{})
	if err != nil || !strings.Contains(out, "BEGIN STATEMENT SET") || !slices.Equal(backend.ran, []string{"SHOW DATABASES"}) {
		t.Errorf("%q, %v, ran %q", out, err, backend.ran)
	}
	out, errOut, err := script(t, backend, "HELP;", Options{Format: JSON})
	if err != nil || out != "" || !strings.Contains(errOut, "HELP;") {
		t.Errorf("%q, %q, %v", out, errOut, err)
	}
}

func TestStatementSets(t *testing.T) {
	for sql, want := range map[string][]string{
		"BEGIN STATEMENT SET;\nINSERT 1;\nINSERT 2;\nEND;":                          {"EXECUTE\nSTATEMENT SET BEGIN\nINSERT 1;\nINSERT 2;\nEND"},
		"BEGIN STATEMENT SET;\nCREATE TABLE b AS SELECT 1 AS a;\nINSERT 2;\nend;":   {"BEGIN STATEMENT SET", "CREATE TABLE b AS SELECT 1 AS a", "INSERT 2", "end"},
		"BEGIN STATEMENT SET;\nEND;":                                                nil,
		"BEGIN STATEMENT SET;; -- one\nINSERT 1;; ;\nEND;":                          {"BEGIN STATEMENT SET", "INSERT 1", "END"},
		"begin /* a */ statement -- b\nset; INSERT 1; /* ; END; */ END":             {"EXECUTE\nSTATEMENT SET BEGIN INSERT 1; /* ; END; */ END"},
		"BEGIN STATEMENT SET; INSERT CASE WHEN a THEN 1 END; INSERT 'END;'; END;":   {"EXECUTE STATEMENT SET BEGIN INSERT CASE WHEN a THEN 1 END; INSERT 'END;'; END"},
		"BEGIN STATEMENT SET;\nINSERT 1;\n\\timing;\nEND;":                          {"EXECUTE\nSTATEMENT SET BEGIN\nINSERT 1;\n\\timing;\nEND"},
		"begin statement set; -- nothing\nEND ;":                                    nil,
		"EXECUTE STATEMENT SET BEGIN INSERT 1; END;":                                {"EXECUTE STATEMENT SET BEGIN INSERT 1; END"},
		"BEGIN STATEMENT SET; CREATE TABLE b WITH ('a'='END; x') AS SELECT 1; END;": {"BEGIN STATEMENT SET", "CREATE TABLE b WITH ('a'='END; x') AS SELECT 1", "END"},
	} {
		backend := &fake{answers: map[string]answer{"END": {schema: Schema{Job: true}, job: "abc"}, "end": {schema: Schema{Job: true}, job: "abc"}, "EXECUTE": {schema: Schema{Job: true}, job: "abc"}}}
		out, errOut, err := script(t, backend, sql, Options{Format: CSV})
		ran := strings.Join(backend.ran, "|")
		if ran = strings.ReplaceAll(ran, "EXECUTE STATEMENT SET BEGIN\n", "EXECUTE\nSTATEMENT SET BEGIN\n"); err != nil || ran != strings.Join(want, "|") {
			t.Errorf("%q ran %q: %v", sql, backend.ran, err)
		}
		if want == nil && !strings.Contains(errOut, "empty") || want != nil && out != "job id\nabc\n" {
			t.Errorf("%q: %q, %q", sql, out, errOut)
		}
	}
	// An error names its place in the file.
	backend := &fake{answers: map[string]answer{"CREATE": {refuse: &Error{Root: "no", Line: 2, Column: 3}}}}
	_, _, err := script(t, backend, "SET 'a'='b';\nBEGIN STATEMENT SET; CREATE TABLE b\n  AS SELECT 1;\nEND;", Options{})
	if err == nil || !strings.HasPrefix(err.Error(), "jobs.sql:3:3: no\n    AS SELECT 1") || slices.Contains(backend.ran, "END") {
		t.Errorf("%v, ran %q", err, backend.ran)
	}
	// In the first line, columns count from the line's begin.
	backend.answers["CREATE"] = answer{refuse: &Error{Root: "no", Line: 1, Column: 14}}
	_, _, err = script(t, backend, "BEGIN STATEMENT SET; CREATE TABLE b AS SELECT 1;\nEND;", Options{})
	if err == nil || !strings.HasPrefix(err.Error(), "jobs.sql:1:35: no\n") {
		t.Errorf("%v", err)
	}
}

// What names the lines of an answer is never cut: it is typed into the next
// statement.
func TestIdentifiersAreNotCut(t *testing.T) {
	var out strings.Builder
	id := "b12c22973442f9d700c0ffee00c0ffee"
	columns := []Column{column("job id", "STRING"), column("job name", "STRING"), column("status", "STRING"), column("start time", "TIMESTAMP_LTZ")}
	long := []any{id, "insert-into_default_catalog.default_database.bh", "RUNNING", "2024-02-29 12:34:56.120Z"}
	for _, op := range []bool{false, true} {
		for _, query := range []bool{false, true} {
			out.Reset()
			writer := newRowWriter(Table, &out, 80, term.Palette{}).(*tableWriter)
			writer.op = op
			writer.keep(Schema{Query: query})
			if err := writer.begin(columns); err != nil {
				t.Fatal(err)
			}
			_ = writer.row(plus(long...))
			_ = writer.end()
			if strings.Contains(out.String(), id) == query || !strings.Contains(out.String(), "…") {
				t.Errorf("op %v, query %v:\n%s", op, query, out.String())
			}
		}
	}
}

func TestHistorySurvivesALongEntry(t *testing.T) {
	file := filepath.Join(t.TempDir(), "history")
	h, err := openHistory(file)
	if err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("x", 2<<20)
	for _, entry := range []string{"SELECT 1", long, "SELECT 2"} {
		if _, err := h.Write(entry); err != nil {
			t.Fatal(err)
		}
	}
	if h.Len() != 3 {
		t.Error("the long entry isn't there in this session")
	}
	// One that an older release wrote, and what isn't ours.
	out, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = out.WriteString("\"" + long + "\"\nnot json\n\"SELECT 3\"\n\"SELECT 4\"")
	_ = out.Close()
	h, err = openHistory(file)
	if err != nil || !slices.Equal(h.entries, []string{"SELECT 1", "SELECT 2", "SELECT 3", "SELECT 4"}) {
		t.Errorf("%d entries, %v", h.Len(), err)
	}
	if _, err := h.Write("SELECT 5"); err != nil || h.file == "" {
		t.Errorf("no history is kept any more: %v", err)
	}
}

// A query whose output has no reader any more ends, also where it has no rows.
func TestAQueryEndsWithItsReader(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Log("only a write tells it there")
		return
	}
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer write.Close()
	_ = read.Close()
	backend := &fake{answers: map[string]answer{"SELECT": {schema: Schema{Query: true, Columns: []Column{column("n", "BIGINT")}}, wait: true}}}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	err = Script(ctx, backend, []Source{{Name: "-e", Text: strings.NewReader("SELECT n FROM forever")}},
		Options{IOStreams: genericiooptions.IOStreams{In: strings.NewReader(""), Out: write, ErrOut: io.Discard}, Format: CSV})
	if exit.Code(err) != exit.BrokenPipe || len(backend.canceled) != 1 {
		t.Errorf("%v, canceled %q", err, backend.canceled)
	}
}

func TestQuitEndsItsFile(t *testing.T) {
	backend := &fake{}
	var out, errOut bytes.Buffer
	sources := []Source{
		{Name: "a", Text: strings.NewReader("SHOW A; -- last\nquit /* here */;\nSHOW B;")},
		{Name: "b", Text: strings.NewReader("SHOW C;\n\\q\nSHOW D")},
		{Name: "c", Text: strings.NewReader("SHOW E")},
	}
	if err := Check(sources); err != nil {
		t.Fatal(err)
	}
	err := Script(t.Context(), backend, sources, Options{IOStreams: genericiooptions.IOStreams{Out: &out, ErrOut: &errOut}})
	if err != nil || !slices.Equal(backend.ran, []string{"SHOW A", "SHOW C", "SHOW E"}) {
		t.Errorf("ran %q, %v", backend.ran, err)
	}
	// What is wrong behind it in a later file is found before anything runs.
	err = Check([]Source{{Name: "a", Text: strings.NewReader("QUIT; SELECT 'x")}, {Name: "b", Text: strings.NewReader("SELECT 'x")}})
	if exit.Code(err) != exit.Usage || !strings.HasPrefix(err.Error(), "b:1:8: ") {
		t.Errorf("%v", err)
	}
}
