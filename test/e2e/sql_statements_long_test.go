//go:build e2e && long

package e2e

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"text/tabwriter"

	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/sqlshell"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/sqlgateway"
)

// sqlCase is a statement of testdata/sql with its answer. A file has a statement,
// a line "--", and what is wanted, up to an empty line: the CSV itself, lines
// "~ text" for parts of it, or "! text" for a part of the error. Lines "@1 " and
// "@2 " hold for that version of Flink only.
type sqlCase struct {
	line      int
	statement string
	answer    string
	parts     []string
	fails     bool
}

func readSQLCases(text, major string) []sqlCase {
	var out []sqlCase
	var current *sqlCase
	var statement []string
	for i, line := range strings.Split(text, "\n") {
		if version, rest, found := strings.Cut(line, " "); found && len(version) == 2 && version[0] == '@' {
			if version[1:] != major {
				continue
			}
			line = rest
		}
		switch {
		case current == nil && line == "--":
			out = append(out, sqlCase{line: i + 1 - len(statement), statement: strings.Join(statement, "\n")})
			current, statement = &out[len(out)-1], nil
		case current == nil && line != "":
			statement = append(statement, line)
		case current == nil:
		case line == "":
			current = nil
		case strings.HasPrefix(line, "! "):
			current.fails, current.parts = true, append(current.parts, line[2:])
		case strings.HasPrefix(line, "~ "):
			current.parts = append(current.parts, line[2:])
		default:
			current.answer += line + "\n"
		}
	}
	return out
}

// runSQL runs one statement in a session and gives its rows as CSV.
func runSQL(ctx context.Context, session sqlshell.Backend, statement string) (string, error) {
	var out bytes.Buffer
	err := sqlshell.Script(ctx, session, []sqlshell.Source{{Name: "statement", Text: strings.NewReader(statement)}},
		sqlshell.Options{IOStreams: genericiooptions.IOStreams{In: strings.NewReader(""), Out: &out, ErrOut: io.Discard}, Format: sqlshell.CSV, Full: true, Quiet: true})
	return out.String(), err
}

// check is what is wrong with a case; "" is nothing.
func (c sqlCase) check(ctx context.Context, session sqlshell.Backend) string {
	out, err := runSQL(ctx, session, c.statement)
	said := out
	switch {
	case c.fails && err == nil:
		return "it didn't fail:\n" + out
	case !c.fails && err != nil:
		return term.Short(err.Error(), 400)
	case c.fails:
		said = err.Error()
	case len(c.parts) == 0 && out != c.answer:
		return "got:\n" + out + "want:\n" + c.answer
	}
	for _, part := range c.parts {
		if !strings.Contains(said, part) {
			return fmt.Sprintf("lacks %q:\n%s", part, term.Short(said, 400))
		}
	}
	return ""
}

// sqlByArea runs the statements of every area in one session, and prints how many
// of each passed.
func sqlByArea(t *testing.T, session sqlshell.Backend, major string) {
	files, err := filepath.Glob("testdata/sql/*.txt")
	must(t, err)
	if len(files) < 9 {
		t.Fatalf("only %q are there", files)
	}
	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 0, 3, ' ', 0)
	fmt.Fprintln(w, "AREA\tSTATEMENTS\tPASSED")
	for _, file := range files {
		text, err := os.ReadFile(file)
		must(t, err)
		cases, passed := readSQLCases(string(text), major), 0
		for _, c := range cases {
			if wrong := c.check(t.Context(), session); wrong != "" {
				t.Errorf("%s:%d: %s\n%s", file, c.line, c.statement, wrong)
				continue
			}
			passed++
		}
		fmt.Fprintf(w, "%s\t%d\t%d\n", strings.TrimSuffix(filepath.Base(file), ".txt"), len(cases), passed)
	}
	must(t, w.Flush())
	t.Logf("Flink %s:\n%s", major, table.String())
}

// sqlKind is a type and expressions of it.
type sqlKind struct {
	name   string
	values []string
}

// sqlScalars are types that Flink can cast to text, and whose text is that of the
// prompt.
var sqlScalars = []sqlKind{
	{"BOOLEAN", []string{"TRUE", "FALSE"}},
	{"TINYINT", []string{"CAST(-128 AS TINYINT)"}},
	{"SMALLINT", []string{"CAST(32767 AS SMALLINT)"}},
	{"INT", []string{"1", "-2147483648"}},
	{"BIGINT", []string{"9223372036854775807"}},
	{"FLOAT", []string{"CAST(1.5 AS FLOAT)"}},
	{"DOUBLE", []string{"CAST(2.5E10 AS DOUBLE)", "CAST('NaN' AS DOUBLE)"}},
	{"DECIMAL(38, 9)", []string{"CAST('12345678901234567890.5' AS DECIMAL(38, 9))"}},
	{"DECIMAL(5, 0)", []string{"CAST(7 AS DECIMAL(5, 0))"}},
	{"STRING", []string{"CAST('text' AS STRING)", "CAST('ü' AS STRING)"}},
	{"CHAR(4)", []string{"CAST('abcd' AS CHAR(4))"}},
	{"DATE", []string{"DATE '2024-02-29'"}},
	{"TIMESTAMP(3)", []string{"TIMESTAMP '2024-02-29 12:34:56.700'"}},
	{"TIMESTAMP(6)", []string{"CAST(TIMESTAMP '2024-02-29 12:34:00' AS TIMESTAMP(6))"}},
}

// sqlMaker makes types and expressions, the same ones at each run.
type sqlMaker struct{ *rand.Rand }

// expression is an expression and its type.
func (m sqlMaker) expression(depth int) (sql, kind string) {
	kind, value := m.kind(depth)
	if m.IntN(8) == 0 {
		return "CAST(NULL AS " + kind + ")", kind
	}
	return value(), kind
}

// kind is a type, and what makes expressions of it.
func (m sqlMaker) kind(depth int) (name string, value func() string) {
	if depth == 0 {
		scalar := sqlScalars[m.IntN(len(sqlScalars))]
		return scalar.name, func() string { return scalar.values[m.IntN(len(scalar.values))] }
	}
	element, inner := m.kind(depth - 1)
	orNull := func(kind string, value func() string) string {
		if m.IntN(4) == 0 {
			return "CAST(NULL AS " + kind + ")"
		}
		return value()
	}
	switch m.IntN(3) {
	case 0:
		kind := "ARRAY<" + element + ">"
		return kind, func() string { return "CAST(ARRAY[" + inner() + ", " + orNull(element, inner) + "] AS " + kind + ")" }
	case 1:
		kind := "MAP<STRING, " + element + ">"
		return kind, func() string { return "CAST(MAP['k', " + orNull(element, inner) + "] AS " + kind + ")" }
	}
	other, second := m.kind(0)
	kind := "ROW<a " + element + ", b " + other + ">"
	return kind, func() string {
		return "CAST(ROW(" + orNull(element, inner) + ", " + orNull(other, second) + ") AS " + kind + ")"
	}
}

// generatedSQLTypes holds each value that is printed against what Flink says when
// it casts the same value to text.
func generatedSQLTypes(t *testing.T, session sqlshell.Backend) {
	m := sqlMaker{rand.New(rand.NewPCG(3, 4))}
	cells, refused := 0, 0
	for depth := 0; depth <= 3; depth++ {
		for range 4 {
			var columns, expressions []string
			for i := range 10 {
				sql, _ := m.expression(depth)
				expressions = append(expressions, sql)
				columns = append(columns, fmt.Sprintf("%s AS v%d, CAST(%s AS STRING) AS s%d", sql, i, sql, i))
			}
			cells += compareCells(t, session, columns, expressions, &refused)
		}
	}
	t.Logf("%d cells compared, %d expressions refused by Flink", cells, refused)
	if cells < 100 {
		t.Errorf("only %d cells were compared", cells)
	}
}

// compareCells compares values and their casts; where Flink refuses the query, it
// does so one by one.
func compareCells(t *testing.T, session sqlshell.Backend, columns, expressions []string, refused *int) int {
	out, err := runSQL(t.Context(), session, "SELECT "+strings.Join(columns, ", "))
	var said *sqlshell.Error
	switch {
	case errors.As(err, &said) && len(columns) > 1:
		count := 0
		for i := range columns {
			count += compareCells(t, session, columns[i:i+1], expressions[i:i+1], refused)
		}
		return count
	case errors.As(err, &said):
		t.Logf("refused: %s: %s", expressions[0], said.Root)
		*refused++
		return 0
	case err != nil:
		t.Error(err)
		return 0
	}
	rows, err := csv.NewReader(strings.NewReader(out)).ReadAll()
	if err != nil || len(rows) != 2 || len(rows[1]) != 2*len(columns) {
		t.Errorf("%v\n%s", err, out)
		return 0
	}
	for i := range columns {
		if value, text := rows[1][2*i], rows[1][2*i+1]; value != text {
			t.Errorf("%s\nprinted %s\nFlink   %s", expressions[i], value, text)
		}
	}
	return len(columns)
}

func testSQLStatements(t *testing.T, namespace, version, flinkVersion string) {
	main.sqlSession(t, namespace, version, flinkVersion)
	pod, _, _ := heldGateway(t, namespace)
	address := forwarded(t, namespace, pod)
	client, err := sqlgateway.Connect(t.Context(), oneVersion{address, map[string]string{"1": "V3", "2": "V4"}[version[:1]]})
	must(t, err)
	session, err := sqlgateway.Open(t.Context(), client, sqlgateway.Options{Name: "statements"})
	must(t, err)
	defer session.Close(t.Context()) //nolint:errcheck // the gateway ends with the test
	t.Run("by area", func(t *testing.T) { sqlByArea(t, session, version[:1]) })
	if version[:1] != "1" { // Flink 1 refuses most casts of rows
		t.Run("generated types", func(t *testing.T) { generatedSQLTypes(t, session) })
	}
}

func TestLongSQLStatementsOnFlink1(t *testing.T) {
	testSQLStatements(t, "sql-areas-1", "1.20", "v1_20")
}

func TestLongSQLStatementsOnFlink2(t *testing.T) {
	testSQLStatements(t, "sql-areas-2", "2.3", "v2_3")
}
