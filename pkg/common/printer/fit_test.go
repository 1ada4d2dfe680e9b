package printer

import (
	"strings"
	"testing"
)

func TestTablesFitTheTerminal(t *testing.T) {
	table := func(width int) string {
		var out strings.Builder
		table := Table{Width: width, Columns: []Column{
			{Name: "NAME"}, {Name: "PARALLELISM", Short: "PAR", Give: 2}, {Name: "MODE", Give: 1}, {Name: "AGE"}, {Name: "IMAGE", Wide: true},
		}, Rows: [][]Cell{{C("basic-example"), C("2"), C("savepoint"), C("3d"), C("flink")}}}
		if err := table.Print(&out, false, false); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	full := "NAME            PARALLELISM   MODE        AGE\nbasic-example   2             savepoint   3d\n"
	for width, want := range map[int]string{
		0: full, 80: full,
		40: "NAME           PAR  MODE       AGE\nbasic-example  2    savepoint  3d\n",
		30: "NAME           PAR  AGE\nbasic-example  2    3d\n",
		20: "NAME           AGE\nbasic-example  3d\n",
		5:  "NAME           AGE\nbasic-example  3d\n",
	} {
		if got := table(width); got != want {
			t.Errorf("%d columns:\n%swant\n%s", width, got, want)
		}
	}
}

func TestTheLinesOfAWatchKeepTheirColumns(t *testing.T) {
	var out strings.Builder
	var layout Layout
	for i, mode := range []string{"savepoint", "x", "something longer"} {
		table := Table{Width: 20, Layout: &layout, Columns: []Column{{Name: "NAME"}, {Name: "MODE"}, {Name: "AGE", Give: 1}}, Rows: [][]Cell{{C("basic"), C(mode), C("3 days")}}}
		if err := table.Print(&out, false, i > 0); err != nil {
			t.Fatal(err)
		}
	}
	if want := "NAME   MODE\nbasic  savepoint\nbasic  x\nbasic  something longer\n"; out.String() != want {
		t.Errorf("got\n%s", out.String())
	}
}
