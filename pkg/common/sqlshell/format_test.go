package sqlshell

import (
	"encoding/json"
	"flag"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"k8s.io/cli-runtime/pkg/genericiooptions"
)

var update = flag.Bool("update", false, "write the golden files again")

// everything is a result with a value of every kind.
func everything() answer {
	text := Type{Name: "VARCHAR"}
	big := Type{Name: "BIGINT"}
	return answer{
		schema: Schema{Query: true, Columns: []Column{
			{"flag", Type{Name: "BOOLEAN"}},
			{"id", big},
			{"price", Type{Name: "DECIMAL", Precision: 38, Scale: 18}},
			{"ratio", Type{Name: "DOUBLE"}},
			{"name", text},
			{"bytes", Type{Name: "BYTES"}},
			{"at", Type{Name: "TIMESTAMP_LTZ"}},
			{"tags", Type{Name: "ARRAY", Element: &text}},
			{"counts", Type{Name: "MAP", Key: &text, Element: &big}},
			{"seen", Type{Name: "MULTISET", Element: &text}},
			{"address", Type{Name: "ROW", Fields: []Column{{"street", text}, {"number", big}}}},
		}},
		batches: rows(
			plus(true, json.Number("9223372036854775807"), "12345678901234567890.123456789012345678", json.Number("1.5"), "plain", []byte{0xca, 0xfe},
				"2024-02-29 23:59:59.123456Z", []any{"a", nil}, []Pair{{"x", json.Number("1")}}, []Pair{{"y", json.Number("2")}}, []any{"Main St", json.Number("7")}),
			plus(false, json.Number("-1"), "0.1", "NaN", "quote\" comma, tab\t line\nü漢字 \x1b[31mred\x1b[0m \u009b1m", []byte{},
				"1970-01-01 00:00:00.000Z", []any{}, []Pair{}, nil, []any{nil, nil}),
			plus(nil, nil, nil, nil, "", nil, nil, nil, nil, nil, nil),
		),
	}
}

func TestFormatsAreWhatTheyWere(t *testing.T) {
	for _, format := range Formats() {
		backend := &fake{answers: map[string]answer{"SELECT": everything()}}
		out, _, err := script(t, backend, "SELECT * FROM everything", Options{Format: format})
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join("testdata", "everything."+format)
		if *update {
			if err := os.WriteFile(file, []byte(out), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if out != string(want) {
			t.Errorf("%s:\ngot:\n%s\nwant:\n%s", format, out, want)
		}
		if human := format != CSV && format != TSV; human && strings.ContainsAny(out, "\x1b\u009b") {
			t.Errorf("%s: escape sequences came through", format)
		}
	}
}

func TestJSONIsRead(t *testing.T) {
	backend := &fake{answers: map[string]answer{"SELECT": everything()}}
	out, _, err := script(t, backend, "SELECT * FROM everything", Options{Format: JSON})
	if err != nil {
		t.Fatal(err)
	}
	var read []map[string]any
	decoder := json.NewDecoder(strings.NewReader(out))
	decoder.UseNumber()
	if err := decoder.Decode(&read); err != nil {
		t.Fatal(err)
	}
	if len(read) != 3 || read[0]["price"] != json.Number("12345678901234567890.123456789012345678") || read[0]["bytes"] != "yv4=" || read[1]["ratio"] != "NaN" || read[2]["name"] != "" || read[2]["id"] != nil {
		t.Errorf("%v", read)
	}
}

func TestEmptyResults(t *testing.T) {
	for format, want := range map[string]string{JSON: "[\n]\n", NDJSON: "", CSV: "n\n", TSV: "n\n", Table: "n\n", Vertical: "", Markdown: "| n |\n| --- |\n"} {
		backend := &fake{answers: map[string]answer{"SELECT": {schema: Schema{Query: true, Columns: []Column{column("n", "VARCHAR")}}}}}
		out, _, err := script(t, backend, "SELECT n FROM nothing", Options{Format: format})
		if err != nil || out != want {
			t.Errorf("%s: %q, %v", format, out, err)
		}
	}
}

func TestLongAnswersArePrintedAsTheyAre(t *testing.T) {
	backend := &fake{answers: map[string]answer{"EXPLAIN": {schema: Schema{Columns: []Column{column("result", "VARCHAR")}}, batches: rows(plus("== AST ==\nLogicalProject\n"))}}}
	out, _, err := script(t, backend, "EXPLAIN SELECT 1", Options{})
	if err != nil || strings.TrimSpace(out) != "== AST ==\nLogicalProject" {
		t.Errorf("%q, %v", out, err)
	}
}

// The heap doesn't grow with the number of rows, in any format.
func TestMemoryIsConstant(t *testing.T) {
	const each, batches = 1000, 1000
	batch := make([]Row, each)
	for i := range batch {
		batch[i] = plus(json.Number("1234567890"), "some text of a row", nil)
	}
	for _, format := range []string{Table, NDJSON, Markdown, Changelog} {
		count := batches
		if format != NDJSON {
			count /= 10 // 100,000 rows would not fit either
		}
		var worst uint64
		backend := &fake{answers: map[string]answer{"SELECT": {
			schema: Schema{Query: true, Columns: []Column{column("id", "BIGINT"), column("text", "VARCHAR"), column("missing", "VARCHAR")}},
			more: func(n int) ([]Row, error) {
				if n == count {
					return nil, io.EOF
				}
				if n%(count/10) == count/20 {
					runtime.GC()
					var stats runtime.MemStats
					runtime.ReadMemStats(&stats)
					worst = max(worst, stats.HeapAlloc)
				}
				return batch, nil
			},
		}}}
		counter := &lineCounter{}
		err := Script(t.Context(), backend, []Source{{Name: "-e", Text: strings.NewReader("SELECT * FROM t")}},
			Options{IOStreams: genericiooptions.IOStreams{In: strings.NewReader(""), Out: counter, ErrOut: io.Discard}, Format: format})
		if err != nil {
			t.Fatal(err)
		}
		if counter.lines < each*count {
			t.Errorf("%s: %d lines", format, counter.lines)
		}
		if worst > 30<<20 {
			t.Errorf("%s: the heap had %d MiB", format, worst>>20)
		}
	}
}

type lineCounter struct{ lines int }

func (c *lineCounter) Write(p []byte) (int, error) {
	c.lines += strings.Count(string(p), "\n")
	return len(p), nil
}

func TestMarkdownShowsWhatIsThere(t *testing.T) {
	for text, want := range map[string]string{
		"user_id":          "user_id",
		"__init__":         `\_\_init\_\_`,
		"a|b":              `a\|b`,
		`a\|b`:             `a\\\|b`,
		"<b>&amp;":         "&lt;b&gt;&amp;amp;",
		"one\r\ntwo\n":     "one<br>two<br>",
		"*all* `x` [y](z)": "\\*all\\* \\`x\\` \\[y\\](z)",
	} {
		if got := inMarkdown(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
