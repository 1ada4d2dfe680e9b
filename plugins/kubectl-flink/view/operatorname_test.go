package view

import (
	"testing"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
)

func TestOperatorNamesAreShortened(t *testing.T) {
	for _, tc := range []struct {
		name  string
		width int
		want  string
	}{
		{"Source: Events", 20, "Source: Events"},
		{"Flat Map -> Sink: Print to Std. Out", 0, "Flat Map -> Sink: Print to Std. Out"},
		{"Source: orders[1] -> Calc(select=[a, b, c], where=[(a > 3)]) -> Sink: out[3]", 50, "Source: orders[1] -> Calc -> Sink: out[3]"},
		{"Source: orders -> Map -> Filter -> Timestamps/Watermarks -> Sink: done", 40, "Source: orders ->3-> Sink: done"},
		{"Source: a source with a very long name -> Map -> Sink: out", 30, "Source: a sou… ->1-> Sink: out"},
		{"Source: a source with a very long name -> Sink: another that is long", 30, "Source: a so… -> Sink: anothe…"},
		{"Source: x -> (Map -> Sink: a, Filter -> Sink: b)", 30, "Source: x -> (Map -> Sink: a,…"},
		{"A window over something that has no end", 12, "A window ov…"},
		{"Evil\x1b[31m\nname", 20, "Evil name"},
		{"Aggregate -> Map -> Sink", 6, "Aggre…"},
		{"東京東京東京東京 -> Map -> 大阪大阪大阪大阪", 22, "東京東… ->1-> 大阪大…"},
		{"unbalanced ) -> ( Map -> Sink", 18, "unbala… -> ( Map …"},
	} {
		got := OperatorName(tc.name, tc.width)
		if got != tc.want {
			t.Errorf("OperatorName(%q, %d) = %q, want %q", tc.name, tc.width, got, tc.want)
		}
		if tc.width > 0 && term.DisplayWidth(got) > tc.width {
			t.Errorf("%q is wider than %d", got, tc.width)
		}
	}
}
