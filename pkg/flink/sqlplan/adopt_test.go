package sqlplan

import (
	"fmt"
	"strings"
	"testing"
)

// What does the same gets its id back, however Flink numbers it now, and what is
// new an id that nothing had.
func TestAdopt(t *testing.T) {
	old := plan(t, counting(11, "COUNT(*)")...)
	second := append(counting(1, "COUNT(*)"), step{id: 5, kind: "exchange_1", does: "Exchange(2)", inputs: []int{1}},
		step{id: 6, kind: "rank_1", does: "Top 3", state: counts, inputs: []int{5}}, step{id: 7, kind: "sink_1", does: "Sink(top)", inputs: []int{6}})
	for name, c := range map[string]struct {
		next      []step
		ids, fate string
	}{
		"the same":        {counting(1, "COUNT(*)"), "[11 12 13 14]", "kept group-aggregate, kept sink, kept table-source-scan"},
		"another branch":  {second, "[11 12 15 13 16 14 17]", "kept group-aggregate, kept sink, kept table-source-scan, new rank, new sink"},
		"another count":   {counting(13, "SUM(a)"), "[11 12 15 14]", "gone group-aggregate, kept sink fed, kept table-source-scan, new group-aggregate"},
		"a filter before": {filtered("a > 1"), "[11 15 12 13 14]", "kept group-aggregate fed, kept sink fed, kept table-source-scan"},
	} {
		text, err := Adopt(old, write(c.next...))
		if err != nil {
			t.Fatal(name, err)
		}
		next, err := Read(text)
		if err != nil {
			t.Fatal(name, err)
		}
		var ids []int
		for _, n := range next.Nodes {
			ids = append(ids, n.ID)
		}
		if got := fmt.Sprint(ids); got != c.ids {
			t.Errorf("%s: %s, want %s", name, got, c.ids)
		}
		if got := fatesOf(Compare(old, next, ByPlan)); got != c.fate {
			t.Errorf("%s: %s", name, got)
		}
		if !strings.Contains(string(text), `"damBehavior":"PIPELINED"`) || !strings.Contains(string(text), `"flinkVersion":"2.3"`) {
			t.Errorf("%s: %s", name, text)
		}
	}
	if _, err := Adopt(old, []byte("{}")); err == nil {
		t.Error("no plan")
	}
	// Without ids of before, a job finds nothing.
	if c := Compare(old, old, Unrelated); !c.Loses() || strings.Contains(fatesOf(c), "kept") || !strings.Contains(c.Text(), "an INSERT know no operator") {
		t.Error(c.Text())
	}
	// A source is what it reads, whatever columns.
	a, b := Node{Type: "stream-exec-table-source-scan_1", Description: "TableSourceScan(table=[[c, d, t]], fields=[a])"}, Node{Type: "stream-exec-table-source-scan_2", Description: "TableSourceScan(table=[[c, d, t]], fields=[a, b])"}
	if own(a) != own(b) {
		t.Error(own(a), own(b))
	}
}
