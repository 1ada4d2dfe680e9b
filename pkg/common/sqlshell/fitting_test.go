package sqlshell

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
)

func TestRowsThatDontFitAreExpanded(t *testing.T) {
	columns := []Column{column("id", "INT"), column("name", "STRING")}
	for name, c := range map[string]struct {
		rows     []Row
		vertical bool
	}{
		"none":                 {nil, false},
		"that fit":             {[]Row{plus("1", "short")}, false},
		"exactly":              {[]Row{plus("1", strings.Repeat("x", 80-2-2-3))}, false},
		"one too wide":         {[]Row{plus("1", "short"), plus("2", strings.Repeat("x", 80-2-2-3+1))}, true},
		"wide characters":      {[]Row{plus("1", strings.Repeat("界", 40))}, true},
		"more than held back":  {append(make([]Row, 0), manyRows(firstRows+5)...), false},
		"a late one":           {append(manyRows(firstRows), plus("9", strings.Repeat("x", 100))), false},
		"a NULL and no values": {[]Row{plus(nil, nil)}, false},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			table := newRowWriter(Table, &out, 80, term.Palette{}).(*tableWriter)
			table.lines = true
			w := &fittingWriter{table: table, vertical: newRowWriter(Vertical, &out, 0, term.Palette{}), width: 80}
			if err := w.begin(columns); err != nil {
				t.Fatal(err)
			}
			for _, row := range c.rows {
				if err := w.row(row); err != nil {
					t.Fatal(err)
				}
			}
			if err := w.end(); err != nil {
				t.Fatal(err)
			}
			if got := strings.Contains(out.String(), "-[ row 1 ]-"); got != c.vertical {
				t.Errorf("a line for each field: %v\n%s", got, out.String())
			}
			if n := strings.Count(out.String(), "\n"); !c.vertical && n != len(c.rows)+2 || c.vertical && n != 3*len(c.rows) {
				t.Errorf("%d lines of %d rows", n, len(c.rows))
			}
		})
	}
}

func manyRows(n int) []Row {
	var out []Row
	for i := range n {
		out = append(out, plus(fmt.Sprint(i), "x"))
	}
	return out
}

func TestTallTexts(t *testing.T) {
	for text, want := range map[string]bool{
		"": false, strings.Repeat("x\n", 22): false, strings.Repeat("x\n", 23): true,
		strings.Repeat("x", 80*22) + "\n": false, strings.Repeat("x", 80*22+1) + "\n": true,
	} {
		if got := tall(text, 80, 24); got != want {
			t.Errorf("%d bytes, %d lines: %v", len(text), strings.Count(text, "\n"), got)
		}
	}
}

func TestPagesThatAreTooLongAreReleased(t *testing.T) {
	var out bytes.Buffer
	p := &pages{out: &out}
	part := bytes.Repeat([]byte("x"), 1<<20)
	for range 7 {
		_, _ = p.Write(part)
	}
	if out.Len() != 0 {
		t.Error("printed before its time")
	}
	for range 2 {
		_, _ = p.Write(part)
	}
	if out.Len() != 9<<20 || !p.released {
		t.Errorf("%d bytes are printed", out.Len())
	}
}

func TestPagerIsRunWithoutAShell(t *testing.T) {
	t.Setenv("PAGER", "less -S; touch x")
	if got := fmt.Sprint(pagerCommand()); got != "[less -S; touch x]" {
		t.Error(got)
	}
	for _, none := range []string{"", " ", "cat"} {
		t.Setenv("PAGER", none)
		if got := pagerCommand(); len(got) != 0 {
			t.Errorf("%q: %q", none, got)
		}
	}
}
