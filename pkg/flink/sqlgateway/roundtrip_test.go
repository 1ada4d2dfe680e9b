package sqlgateway

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/sqlshell"
)

// made is a type with values, as a gateway writes both.
type made struct {
	// name is ROW, ARRAY, MAP, MULTISET or another; kind is the type in JSON.
	name, kind string
	// samples are a scalar's values: as JSON, and as text.
	samples [][2]string
	element *made
	fields  []*made
}

// node is a value: null, a text, or others; those of a MAP are key and value in
// turn.
type node struct {
	null bool
	wire string
	text string
	kids []node
}

// madeScalars are types without others in them.
var madeScalars = []*made{
	{kind: `{"type":"BOOLEAN"}`, samples: [][2]string{{`true`, "TRUE"}, {`false`, "FALSE"}}},
	{kind: `{"type":"TINYINT"}`, samples: [][2]string{{`-128`, "-128"}, {`0`, "0"}}},
	{kind: `{"type":"BIGINT"}`, samples: [][2]string{{`9223372036854775807`, "9223372036854775807"}}},
	{kind: `{"type":"DOUBLE"}`, samples: [][2]string{{`2.5E300`, "2.5E300"}, {`"NaN"`, "NaN"}, {`"-Infinity"`, "-Infinity"}}},
	{kind: `{"type":"DECIMAL","precision":38,"scale":9}`, samples: [][2]string{{`12345678901234567890.123456789`, "12345678901234567890.123456789"}, {`-1E-9`, "-0.000000001"}}},
	madeText,
	{kind: `{"type":"CHAR","length":4}`, samples: [][2]string{{`"NULL"`, "NULL"}, {`"abcd"`, "abcd"}}},
	{name: "BYTES", kind: `{"type":"VARBINARY","length":2147483647}`, samples: [][2]string{{`"AP8="`, "x'00FF'"}, {`""`, "x''"}}},
	{kind: `{"type":"DATE"}`, samples: [][2]string{{`"2024-02-29"`, "2024-02-29"}}},
	{kind: `{"type":"TIME_WITHOUT_TIME_ZONE","precision":0}`, samples: [][2]string{{`"12:34"`, "12:34:00"}}},
	{kind: `{"type":"TIMESTAMP_WITHOUT_TIME_ZONE","precision":3}`, samples: [][2]string{{`"2024-02-29T12:34:56.7"`, "2024-02-29 12:34:56.700"}}},
	{kind: `{"type":"TIMESTAMP_WITH_LOCAL_TIME_ZONE","precision":3}`, samples: [][2]string{{`"2024-02-29T23:34:56Z"`, "2024-03-01 01:34:56.000+02:00"}}},
	{kind: `{"type":"INTERVAL_YEAR_MONTH","precision":2,"resolution":"YEAR_TO_MONTH"}`, samples: [][2]string{{`-14`, "-1-02"}}},
	{kind: `{"type":"INTERVAL_DAY_TIME","precision":2,"fractionalPrecision":3}`, samples: [][2]string{{`273906789`, "+3 04:05:06.789"}}},
	{kind: `{"type":"RAW","class":"java.util.BitSet"}`, samples: [][2]string{{`"[B@1f, x"`, "[B@1f, x"}, {`"NULL"`, "NULL"}}},
}

var madeText = &made{kind: `{"type":"VARCHAR","length":2147483647}`, samples: func() (out [][2]string) {
	for _, text := range []string{"plain", "NULL", "'NULL'", "''NULL''", "null", "", "a, b", "k=v", "[1]", "(x)", "{}", "it's", "'", "ü\"\\", "\\N", "two\nlines", "a\tb", " in spaces ", "x'00'", "TRUE", "🐿"} {
		quoted, _ := json.Marshal(text)
		out = append(out, [2]string{string(quoted), text})
	}
	return out
}()}

// generator makes types and values, the same ones at each run.
type generator struct{ *rand.Rand }

func (g generator) kind(depth int) *made {
	if depth == 0 {
		return madeScalars[g.IntN(len(madeScalars))]
	}
	switch g.IntN(4) {
	case 0:
		element := g.kind(depth - 1)
		return &made{name: "ARRAY", kind: `{"type":"ARRAY","elementType":` + element.kind + `}`, element: element}
	case 1:
		element := g.kind(depth - 1)
		return &made{name: "MAP", kind: `{"type":"MAP","keyType":` + madeText.kind + `,"valueType":` + element.kind + `}`, element: element}
	case 2:
		return &made{name: "MULTISET", kind: `{"type":"MULTISET","elementType":` + madeText.kind + `}`, element: &made{kind: `{"type":"INTEGER"}`, samples: [][2]string{{"1", "1"}, {"7", "7"}}}}
	}
	row := &made{name: "ROW"}
	var fields []string
	for i := range 1 + g.IntN(3) {
		field := g.kind(depth - 1)
		row.fields = append(row.fields, field)
		fields = append(fields, fmt.Sprintf(`{"name":"f%d","fieldType":%s}`, i, field.kind))
	}
	row.kind = `{"type":"ROW","fields":[` + strings.Join(fields, ",") + `]}`
	return row
}

func (g generator) value(t *made) node {
	if g.IntN(5) == 0 {
		return node{null: true, wire: "null"}
	}
	n := node{kids: []node{}}
	var wires []string
	switch t.name {
	case "ARRAY":
		for range g.IntN(4) {
			n.kids = append(n.kids, g.value(t.element))
		}
	case "ROW":
		for _, field := range t.fields {
			n.kids = append(n.kids, g.value(field))
		}
	case "MAP", "MULTISET":
		for _, at := range g.Perm(len(madeText.samples))[:g.IntN(4)] {
			value := g.value(t.element)
			if t.name == "MULTISET" {
				value = node{wire: "7", text: "7"}
			}
			n.kids = append(n.kids, node{wire: madeText.samples[at][0], text: madeText.samples[at][1]}, value)
		}
	default:
		sample := t.samples[g.IntN(len(t.samples))]
		return node{wire: sample[0], text: sample[1]}
	}
	for i := 0; i < len(n.kids); i++ {
		switch t.name {
		case "ARRAY":
			wires = append(wires, n.kids[i].wire)
		case "ROW":
			wires = append(wires, fmt.Sprintf(`"f%d":%s`, i, n.kids[i].wire))
		default:
			wires = append(wires, n.kids[i].wire+":"+n.kids[i+1].wire)
			i++
		}
	}
	n.wire = "{" + strings.Join(wires, ",") + "}"
	if t.name == "ARRAY" {
		n.wire = "[" + strings.Join(wires, ",") + "]"
	}
	return n
}

// String is a value so that different ones differ, without the order of a map.
func (n node) String() string {
	if n.null {
		return "∅"
	}
	if n.kids == nil {
		return strconv.Quote(n.text)
	}
	var parts []string
	for _, kid := range n.kids {
		parts = append(parts, kid.String())
	}
	return "<" + strings.Join(parts, " ") + ">"
}

// sorted has the entries of maps in order.
func (n node) sorted(t *made) node {
	out := node{null: n.null, text: n.text}
	if n.kids == nil {
		return out
	}
	out.kids = []node{}
	for i, kid := range n.kids {
		switch {
		case t.name == "ROW":
			kid = kid.sorted(t.fields[i])
		case t.name == "ARRAY", i%2 == 1:
			kid = kid.sorted(t.element)
		}
		out.kids = append(out.kids, kid)
	}
	if t.name == "MAP" || t.name == "MULTISET" {
		pairs := slices.SortedFunc(slices.Chunk(out.kids, 2), func(a, b []node) int { return strings.Compare(a[0].text, b[0].text) })
		out.kids = slices.Concat(pairs...)
		if out.kids == nil {
			out.kids = []node{}
		}
	}
	return out
}

// fromJSON reads a value of JSON output.
func fromJSON(t *made, value any) node {
	n := node{kids: []node{}}
	switch v := value.(type) {
	case nil:
		return node{null: true}
	case []any:
		for _, item := range v {
			n.kids = append(n.kids, fromJSON(t.element, item))
		}
		return n
	case map[string]any:
		if t.name == "ROW" {
			for i, field := range t.fields {
				n.kids = append(n.kids, fromJSON(field, v[fmt.Sprintf("f%d", i)]))
			}
			return n
		}
		for key, item := range v {
			n.kids = append(n.kids, node{text: key}, fromJSON(t.element, item))
		}
		return n
	case bool:
		return node{text: strings.ToUpper(strconv.FormatBool(v))}
	case string:
		if t.name == "BYTES" {
			data, err := base64.StdEncoding.DecodeString(v)
			if err != nil {
				return node{text: err.Error()}
			}
			v = fmt.Sprintf("x'%X'", data)
		}
		return node{text: v}
	}
	return node{text: fmt.Sprint(value)}
}

// reader reads values from text.
type reader struct{ rest string }

func (r *reader) take(token string) bool {
	rest, ok := strings.CutPrefix(r.rest, token)
	if ok {
		r.rest = rest
	}
	return ok
}

// value reads a value of a type inside of another one, or a nested one.
func (r *reader) value(t *made) node {
	signs := map[string]string{"ARRAY": "[]", "ROW": "()", "MAP": "{}", "MULTISET": "{}"}[t.name]
	if signs != "" && r.take(signs[:1]) {
		n := node{kids: []node{}}
		for i := 0; !r.take(signs[1:]) && r.rest != ""; i++ {
			if i > 0 && !r.take(", ") {
				return node{text: "no comma before " + r.rest}
			}
			switch t.name {
			case "ROW":
				n.kids = append(n.kids, r.value(t.fields[i]))
			case "ARRAY":
				n.kids = append(n.kids, r.value(t.element))
			default:
				key := r.value(madeText)
				if !r.take("=") {
					return node{text: "no = before " + r.rest}
				}
				n.kids = append(n.kids, key, r.value(t.element))
			}
		}
		return n
	}
	if r.take("'") {
		var text strings.Builder
		for closed := false; r.rest != "" && !closed; {
			switch {
			case r.take("''"):
				text.WriteByte('\'')
			case r.take("'"):
				closed = true
			default:
				text.WriteByte(r.rest[0])
				r.rest = r.rest[1:]
			}
		}
		return node{text: text.String()}
	}
	end := strings.IndexAny(r.rest, ",])}=")
	if end < 0 {
		end = len(r.rest)
	}
	text := r.rest[:end]
	r.rest = r.rest[end:]
	return node{text: text, null: text == "NULL"}
}

// fromText reads a value of its own.
func fromText(t *made, text string) node {
	if t.name == "" || t.name == "BYTES" {
		return node{text: text}
	}
	r := &reader{text}
	n := r.value(t)
	if r.rest != "" {
		return node{text: "left: " + r.rest}
	}
	return n
}

// fromCell reads a value for people: NULL and a text that reads so differ.
func fromCell(t *made, text string) node {
	if text == "NULL" {
		return node{null: true}
	}
	if scalar := t.name == "" || t.name == "BYTES"; scalar && strings.Trim(text, "'") == "NULL" {
		return (&reader{text}).value(madeText)
	}
	return fromText(t, text)
}

// separated reads CSV of one column, and says what is in quotes.
func separated(out string) (values []string, quoted []bool) {
	for out != "" {
		value, inQuotes := strings.Builder{}, false
		if strings.HasPrefix(out, `"`) {
			inQuotes = true
			for out = out[1:]; ; {
				at := strings.IndexByte(out, '"')
				if at < 0 {
					return append(values, "not closed: "+out), append(quoted, true)
				}
				value.WriteString(out[:at])
				if out = out[at+1:]; !strings.HasPrefix(out, `"`) {
					break
				}
				value.WriteByte('"')
				out = out[1:]
			}
		}
		line, rest, _ := strings.Cut(out, "\n")
		value.WriteString(line)
		values, quoted, out = append(values, value.String()), append(quoted, inQuotes), rest
	}
	return values, quoted
}

// readers read the values of one column v from what each format prints.
var readers = map[string]func(t *testing.T, kind *made, out string) []node{
	sqlshell.JSON: func(t *testing.T, kind *made, out string) (nodes []node) {
		var rows []map[string]any
		decoder := json.NewDecoder(strings.NewReader(out))
		decoder.UseNumber()
		if err := decoder.Decode(&rows); err != nil {
			t.Error(err)
		}
		for _, row := range rows {
			nodes = append(nodes, fromJSON(kind, row["v"]))
		}
		return nodes
	},
	sqlshell.NDJSON: func(t *testing.T, kind *made, out string) (nodes []node) {
		for line := range strings.Lines(out) {
			var row map[string]any
			decoder := json.NewDecoder(strings.NewReader(line))
			decoder.UseNumber()
			if err := decoder.Decode(&row); err != nil {
				t.Error(err)
			}
			nodes = append(nodes, fromJSON(kind, row["v"]))
		}
		return nodes
	},
	sqlshell.CSV: func(_ *testing.T, kind *made, out string) (nodes []node) {
		values, quoted := separated(out)
		for i := 1; i < len(values); i++ {
			if values[i] == "" && !quoted[i] {
				nodes = append(nodes, node{null: true})
				continue
			}
			nodes = append(nodes, fromText(kind, values[i]))
		}
		return nodes
	},
	sqlshell.TSV: func(_ *testing.T, kind *made, out string) (nodes []node) {
		for i, line := range strings.Split(strings.TrimSuffix(out, "\n"), "\n") {
			switch {
			case i == 0:
			case line == `\N`:
				nodes = append(nodes, node{null: true})
			default:
				nodes = append(nodes, fromText(kind, strings.NewReplacer(`\\`, `\`, `\t`, "\t", `\n`, "\n", `\r`, "\r").Replace(line)))
			}
		}
		return nodes
	},
	sqlshell.Markdown: func(_ *testing.T, kind *made, out string) (nodes []node) {
		plain := strings.NewReplacer(`\\`, `\`, `\|`, "|", `\*`, "*", `\_`, "_", "\\`", "`", `\[`, "[", `\]`, "]", `\~`, "~",
			"&amp;", "&", "&lt;", "<", "&gt;", ">", "<br>", "\n")
		for _, line := range strings.Split(strings.TrimSuffix(out, "\n"), "\n")[2:] {
			line = strings.TrimSuffix(strings.TrimPrefix(line, "| "), " |")
			nodes = append(nodes, fromCell(kind, plain.Replace(line)))
		}
		return nodes
	},
	sqlshell.Vertical: func(_ *testing.T, kind *made, out string) (nodes []node) {
		for i, part := range strings.Split(out, "-[ row ") {
			if i == 0 {
				continue
			}
			_, value, _ := strings.Cut(strings.TrimSuffix(part, "\n"), "\nv | ")
			nodes = append(nodes, fromCell(kind, strings.ReplaceAll(value, "\n  | ", "\n")))
		}
		return nodes
	},
	sqlshell.Table: func(_ *testing.T, kind *made, out string) (nodes []node) {
		for _, line := range strings.Split(strings.TrimSuffix(out, "\n"), "\n")[1:] {
			nodes = append(nodes, fromCell(kind, aligned(kind, line)))
		}
		return nodes
	},
	sqlshell.Changelog: func(_ *testing.T, kind *made, out string) (nodes []node) {
		for _, line := range strings.Split(strings.TrimSuffix(out, "\n"), "\n")[1:] {
			nodes = append(nodes, fromCell(kind, aligned(kind, strings.TrimPrefix(line, "+I   "))))
		}
		return nodes
	},
	sqlshell.Tableau: func(_ *testing.T, kind *made, out string) (nodes []node) {
		for line := range strings.Lines(out) {
			if value, found := strings.CutPrefix(line, "│ +I │ "); found {
				nodes = append(nodes, fromCell(kind, strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "│"))))
			}
		}
		return nodes
	},
}

// aligned is a cell without the spaces before a number.
func aligned(kind *made, line string) string {
	if kind == madeText || kind.name != "" {
		return line
	}
	return strings.TrimSpace(line)
}

// inTable is how a value is seen on one line of a table.
func (n node) inTable(format string, top bool) node {
	switch format {
	case sqlshell.Markdown:
		n.text = strings.ReplaceAll(n.text, "\t", " ")
	case sqlshell.Table, sqlshell.Changelog, sqlshell.Tableau:
		n.text = strings.NewReplacer("\n", "↵", "\t", " ").Replace(n.text)
	default:
		return n
	}
	if top && format == sqlshell.Tableau {
		n.text = strings.TrimSpace(n.text)
	}
	kids := n.kids
	n.kids = nil
	for _, kid := range kids {
		n.kids = append(n.kids, kid.inTable(format, false))
	}
	if kids != nil && n.kids == nil {
		n.kids = []node{}
	}
	return n
}

// Every type, at every depth and in every format, can be read back from what is
// printed, and is what the gateway sent.
func TestValuesRoundTrip(t *testing.T) {
	g := generator{rand.New(rand.NewPCG(1, 2))}
	kinds := slices.Clone(madeScalars)
	for depth := 1; depth <= 3; depth++ {
		for range 12 {
			kinds = append(kinds, g.kind(depth))
		}
	}
	values, nulls := 0, 0
	for _, kind := range kinds {
		wants := []node{{null: true, wire: "null"}}
		for _, sample := range kind.samples {
			wants = append(wants, node{wire: sample[0], text: sample[1]})
		}
		for range 8 {
			wants = append(wants, g.value(kind))
		}
		var data []string
		for _, want := range wants {
			data = append(data, rowOf(want.wire))
			nulls += strings.Count(want.String(), "∅")
		}
		for _, format := range sqlshell.Formats() {
			f := newFake(t)
			f.router = nil // the requests are checked by others
			f.pages = []func(http.ResponseWriter, *http.Request){fakePage(0, `{"name":"v","logicalType":`+kind.kind+`}`, strings.Join(data, ","))}
			var out bytes.Buffer
			err := sqlshell.Script(t.Context(), f.session(Options{}), []sqlshell.Source{{Name: "q", Text: strings.NewReader("SELECT v FROM t")}},
				sqlshell.Options{IOStreams: genericiooptions.IOStreams{In: strings.NewReader(""), Out: &out, ErrOut: &bytes.Buffer{}}, Format: format, Quiet: true})
			if err != nil {
				t.Fatalf("%s %s: %v", format, kind.kind, err)
			}
			got := readers[format](t, kind, out.String())
			if len(got) != len(wants) {
				t.Errorf("%s %s: %d values, want %d:\n%s", format, kind.kind, len(got), len(wants), out.String())
				continue
			}
			for i, want := range wants {
				values++
				if got, want := got[i].sorted(kind).String(), want.inTable(format, true).sorted(kind).String(); got != want {
					t.Errorf("%s %s\nsent %s\ngot  %s\nwant %s", format, kind.kind, wants[i].wire, got, want)
				}
			}
		}
	}
	t.Logf("%d types, %d values, %d of what was sent was NULL", len(kinds), values, nulls)
	if values < 3000 || nulls < 100 {
		t.Error("too few to say anything")
	}
}
