package sqlshell

import (
	"errors"
	"io"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
)

func split(t testing.TB, sql string) []Statement {
	t.Helper()
	splitter := NewSplitter("f.sql", strings.NewReader(sql))
	var all []Statement
	for {
		statement, err := splitter.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatalf("%q: %v", sql, err)
		}
		all = append(all, statement)
	}
}

func texts(statements []Statement) []string {
	var all []string
	for _, s := range statements {
		all = append(all, s.Text)
	}
	return all
}

func TestSplit(t *testing.T) {
	for sql, want := range map[string][]string{
		"":                                       nil,
		" ;; -- nothing;\n/* ; */ ;":             nil,
		"SELECT 1":                               {"SELECT 1"},
		"SELECT 1; SELECT 2;":                    {"SELECT 1", "SELECT 2"},
		"SELECT ';', 'it''s;', `a;``b`, \"x;\"":  {"SELECT ';', 'it''s;', `a;``b`, \"x;\""},
		"SELECT 1 -- it's; one\n, 2;":            {"SELECT 1 -- it's; one\n, 2"},
		"SELECT 1 // it's; one\n, 2;":            {"SELECT 1 // it's; one\n, 2"},
		"SET a = s3://b/c;\nSELECT 1 // ;\n, 2;": {"SET a = s3://b/c", "SELECT 1 // ;\n, 2"},
		"/* SET */ set a=file:///b//c;SELECT b://;\n c;":                  {"set a=file:///b//c", "SELECT b://;\n c"},
		"SET a = b // ;\n; SELECT 1":                                      {"SET a = b", "SELECT 1"},
		"-- a\rSELECT 1 -- it's; b\r\n;":                                  {"SELECT 1"},
		"SELECT /* a;'b */ 1; -- end":                                     {"SELECT /* a;'b */ 1"},
		"SELECT * FROM t /*+ OPTIONS('path'='s3://a/*/b;c') */; SELECT 2": {"SELECT * FROM t /*+ OPTIONS('path'='s3://a/*/b;c') */", "SELECT 2"},
		"SELECT E'it\\'s;' ; SELECT 2":                                    {"SELECT E'it\\'s;'", "SELECT 2"},
		"SELECT 3/*;*/-1;":                                                {"SELECT 3/*;*/-1"},
		"BEGIN STATEMENT SET; INSERT INTO a SELECT 1; INSERT INTO b SELECT CASE WHEN x THEN 1 END; END; SELECT 1;": {
			"EXECUTE STATEMENT SET BEGIN INSERT INTO a SELECT 1; INSERT INTO b SELECT CASE WHEN x THEN 1 END; END", "SELECT 1",
		},
		"EXECUTE STATEMENT SET BEGIN INSERT INTO a SELECT 1; END; SELECT 1;":     {"EXECUTE STATEMENT SET BEGIN INSERT INTO a SELECT 1; END", "SELECT 1"},
		"explain statement set\nbegin\ninsert into a select 1;\nend;\nselect 1;": {"explain statement set\nbegin\ninsert into a select 1;\nend", "select 1"},
		"COMPILE PLAN '/p.json' FOR STATEMENT SET BEGIN INSERT INTO a SELECT 1; END; EXECUTE PLAN '/p.json';": {
			"COMPILE PLAN '/p.json' FOR STATEMENT SET BEGIN INSERT INTO a SELECT 1; END", "EXECUTE PLAN '/p.json'",
		},
		"\uFEFFSELECT 1;":             {"SELECT 1"},
		"SELECT '\uFFFD', 'Müller';":  {"SELECT '\uFFFD', 'Müller'"},
		"\\timing on\nSELECT 1;\\x":   {"\\timing on", "SELECT 1", "\\x"},
		"CREATE TABLE `end` (a INT);": {"CREATE TABLE `end` (a INT)"},
	} {
		if got := texts(split(t, sql)); !reflect.DeepEqual(got, want) {
			t.Errorf("%q:\ngot  %q\nwant %q", sql, got, want)
		}
	}
}

func TestPlacesOfAStatementSetInTheOldForm(t *testing.T) {
	for sql, place := range map[string][2]int{
		"BEGIN STATEMENT SET; INSERT INTO x SELECT wrong; END;":         {1, 43},
		"\n\n  BEGIN STATEMENT SET; INSERT INTO x SELECT wrong; END;":   {3, 45},
		"BEGIN\n STATEMENT SET ; INSERT INTO x SELECT wrong; END;":      {2, 39},
		"BEGIN STATEMENT SET;\nINSERT INTO x\n  SELECT wrong;\nEND;":    {3, 10},
		"SELECT 1; EXECUTE STATEMENT SET BEGIN INSERT 'x', wrong; END;": {1, 51},
	} {
		all := split(t, sql)
		s := all[len(all)-1]
		before, _, _ := strings.Cut(s.Text, "wrong")
		line := strings.Count(before, "\n") + 1
		column := len(before) - strings.LastIndexByte(before, '\n')
		if l, c := s.place(line, column); l != place[0] || c != place[1] {
			t.Errorf("%q: %d:%d, want %v", sql, l, c, place)
		}
		text, upTo, ok := s.excerpt(line, column)
		if !ok || !strings.HasPrefix(text[len(upTo):], "wrong") {
			t.Errorf("%q: excerpt %q after %q", sql, text, upTo)
		}
	}
}

func TestColumnsCountAsFlinkCounts(t *testing.T) {
	s := split(t, "SELECT '😀ü', wrong")[0]
	// The emoji is two UTF-16 units.
	text, before, ok := s.excerpt(1, 15)
	if !ok || text[len(before):] != "wrong" {
		t.Errorf("%q after %q", text, before)
	}
}

// pieces that hide semicolons, and some that don't.
var pieces = []string{"SELECT", " ", "\n", "1", "'a;b'", "'it''s'", "`n;``m`", "-- c;'\n", "/* c;` */", "/*+ H('*/;') */", "+", "(", ")", "ü", "😀", "CASE", "END", "BEGIN", "x", ".", ",", "\"d;\"", "//;'\n"}

func randomStatement(random *rand.Rand) string {
	var out strings.Builder
	out.WriteString("S ")
	for range random.IntN(12) {
		out.WriteString(pieces[random.IntN(len(pieces))])
		out.WriteByte(' ')
	}
	return out.String() + "z"
}

func TestJoinedStatementsAreSplitAgain(t *testing.T) {
	for seed := range uint64(3000) {
		random := rand.New(rand.NewPCG(seed, 1))
		var want []string
		var text strings.Builder
		for range random.IntN(5) {
			statement := randomStatement(random)
			want = append(want, statement)
			text.WriteString(pieces[1+random.IntN(2)] + statement + [...]string{";", " ;\n", "; -- end\n", ";;"}[random.IntN(4)])
		}
		statements := split(t, text.String())
		if got := texts(statements); !reflect.DeepEqual(got, want) {
			t.Fatalf("%q:\ngot  %q\nwant %q", text.String(), got, want)
		}
		// Each statement stands where it says.
		lines := strings.SplitAfter(text.String(), "\n")
		for _, s := range statements {
			rest := strings.Join(lines[s.Line-1:], "")
			_, at, ok := Statement{raw: rest}.excerpt(1, s.Column)
			if !ok || !strings.HasPrefix(rest[len(at):], s.raw) {
				t.Fatalf("%q: %q is not at %d:%d", text.String(), s.raw, s.Line, s.Column)
			}
		}
		// It makes no difference in what portions the text comes.
		var slow []string
		splitter := NewSplitter("", iotest.OneByteReader(strings.NewReader(text.String())))
		for s, err := splitter.Next(); err == nil; s, err = splitter.Next() {
			slow = append(slow, s.Text)
		}
		if !reflect.DeepEqual(slow, want) {
			t.Fatalf("byte by byte: %q", slow)
		}
	}
}

// A statement that is typed into a pipe runs at its semicolon, not at the next
// line.
func TestSplitterReadsNoFurtherThanTheSemicolon(t *testing.T) {
	reader, writer := io.Pipe()
	defer writer.Close()
	go func() { _, _ = writer.Write([]byte("SELECT 1;")) }()
	s, err := NewSplitter("-", reader).Next()
	if err != nil || s.Text != "SELECT 1" {
		t.Errorf("%q, %v", s.Text, err)
	}
}

func TestEnterRunsCompleteText(t *testing.T) {
	for text, want := range map[string]bool{
		"": true, "SELECT 1": false, "SELECT 1;": true, "SELECT ';": false, "SELECT 1; SELECT": false, "SELECT 1; -- done": true,
		"BEGIN STATEMENT SET;": false, "BEGIN STATEMENT SET; INSERT 1; END;": true, "/* ;": false, `\d orders`: true, "quit": true, "help": true, "SELECT '\xfc": true,
	} {
		if got := accepts(text); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func FuzzSplitter(f *testing.F) {
	for _, seed := range []string{"SELECT 1;", "SELECT ';'", "/*+ '*/' */;", "BEGIN STATEMENT SET; INSERT 1; END;", "E'\\'';", "\\x\n;", "`", "\xff;'"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, sql string) {
		var back strings.Builder
		for _, token := range tokens(sql) {
			back.WriteString(token.text)
		}
		if back.String() != strings.ToValidUTF8(sql, "\uFFFD") && back.String() != string([]rune(sql)) {
			t.Fatalf("tokens of %q make %q", sql, back.String())
		}
		splitter := NewSplitter("", strings.NewReader(sql))
		for range len(sql) + 2 {
			s, err := splitter.Next()
			if err != nil {
				var open *openError
				if !errors.Is(err, io.EOF) && !errors.As(err, &open) {
					t.Fatalf("%q: %v", sql, err)
				}
				return
			}
			if s.Text == "" || s.Line < 1 || s.Column < 1 {
				t.Fatalf("%q: %+v", sql, s)
			}
			s.Kind()
			redact(s.Text)
			highlight(s.Text, term.Palette{On: true})
		}
		t.Fatalf("%q has no end", sql)
	})
}
