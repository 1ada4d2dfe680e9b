package sqlplan

import (
	"slices"
	"strings"
	"testing"
)

const counts = `{"index":0,"ttl":"0 ms","name":"groupAggregateState"}`

// counting is a job that counts rows, with what comes before, from id first on.
func counting(first int, does string) []step {
	return []step{
		{id: first, kind: "table-source-scan_1", does: "Scan(clicks)"},
		{id: first + 1, kind: "exchange_1", does: "Exchange", inputs: []int{first}},
		{id: first + 2, kind: "group-aggregate_1", does: does, state: counts, inputs: []int{first + 1}},
		{id: first + 3, kind: "sink_1", does: "Sink(counts)", inputs: []int{first + 2}},
	}
}

// filtered is the same with a filter before the count.
func filtered(where string) []step {
	steps := counting(1, "COUNT(*)")
	steps[1].inputs = []int{9}
	return append(steps, step{id: 9, kind: "calc_1", does: where, inputs: []int{1}})
}

func fatesOf(c Comparison) string {
	var out []string
	for _, o := range c.Outcomes {
		n := o.Old
		if n == nil {
			n = o.Now
		}
		text := string(o.Fate) + " " + n.Kind()
		if o.Fed {
			text += " fed"
		}
		out = append(out, text)
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

func TestCompare(t *testing.T) {
	before := counting(1, "COUNT(*)")
	second := append(counting(1, "COUNT(*)"), step{id: 5, kind: "exchange_1", does: "Exchange", inputs: []int{1}},
		step{id: 6, kind: "rank_1", does: "Top 3", state: counts, inputs: []int{5}}, step{id: 7, kind: "sink_1", does: "Sink(top)", inputs: []int{6}})
	ranked := counting(1, "COUNT(*)")
	ranked[2] = step{id: 3, kind: "rank_1", does: "Top 3", state: counts, inputs: []int{2}}
	longer := counting(1, "COUNT(*)")
	longer[2].state = strings.Replace(counts, "0 ms", "4 d", 1)
	for name, c := range map[string]struct {
		old, next     []step
		byPlan, place string
		loses, alters bool // by place
	}{
		"nothing":   {before, before, "kept group-aggregate, kept sink, kept table-source-scan", "kept group-aggregate, kept sink, kept table-source-scan", false, false},
		"other ids": {before, counting(7, "COUNT(*)"), "moved group-aggregate, moved sink, moved table-source-scan", "kept group-aggregate, kept sink, kept table-source-scan", false, false},
		"another count": {
			before, counting(1, "SUM(a)"),
			"changed group-aggregate, kept sink fed, kept table-source-scan", "changed group-aggregate, kept sink fed, kept table-source-scan", false, true,
		},
		"a filter comes": {
			before, filtered("a > 1"),
			"kept group-aggregate fed, kept sink fed, kept table-source-scan",
			"moved group-aggregate fed, moved sink fed, moved table-source-scan", true, false,
		},
		"another filter": {
			filtered("a > 1"), filtered("a > 2"),
			"kept group-aggregate fed, kept sink fed, kept table-source-scan", "kept group-aggregate fed, kept sink fed, kept table-source-scan", false, false,
		},
		"another kind": {
			before, ranked,
			"gone group-aggregate, kept sink fed, kept table-source-scan, new rank", "gone group-aggregate, kept sink fed, kept table-source-scan, new rank", true, false,
		},
		"a second branch goes": {
			second, before,
			"gone rank, gone sink, kept group-aggregate, kept sink, kept table-source-scan", "gone rank, gone sink, kept group-aggregate, kept table-source-scan, moved sink", true, false,
		},
		"a time to live": {before, longer, "kept group-aggregate, kept sink, kept table-source-scan", "kept group-aggregate, kept sink, kept table-source-scan", false, false},
	} {
		old, next := plan(t, c.old...), plan(t, c.next...)
		if got := fatesOf(Compare(old, next, ByPlan)); got != c.byPlan {
			t.Errorf("%s, by plan:\n%s\nwant\n%s", name, got, c.byPlan)
		}
		by := Compare(old, next, ByPlace)
		if got := fatesOf(by); got != c.place || by.Loses() != c.loses || by.Alters() != c.alters {
			t.Errorf("%s, by place:\n%s\nwant\n%s\n%s", name, got, c.place, by.Text())
		}
	}
}

// What is said names what went, what has come in its place, and times to live.
func TestText(t *testing.T) {
	before := counting(1, "GroupAggregate(where=[key = 'password=hunter2'])")
	after := counting(1, "GroupAggregate(select=[SUM(a)])")
	after[2].state = strings.Replace(counts, "0 ms", "4 d", 1)
	text := Compare(plan(t, before...), plan(t, after...), ByPlace).Text()
	for _, want := range []string{"State, by Flink 2.3's plans", "changed  GroupAggregate(select=[SUM(a)])", "takes the state of: GroupAggregate(", "groupAggregateState lives 4 d, was for ever", "may fail to read it"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if strings.Contains(text, "hunter2") {
		t.Error(text)
	}
	after[2] = step{id: 3, kind: "rank_1", does: "Rank(top 3)", state: counts, inputs: []int{2}}
	text = Compare(plan(t, before...), plan(t, after...), ByPlan).Text()
	for _, want := range []string{"gone     GroupAggregate(", "in its place: Rank(top 3)", "new      Rank(top 3)", "by the ids of its nodes"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	steps := counting(1, strings.Repeat("x", 1000))
	for id := 10; id < 100; id++ {
		steps = append(steps, step{id: id, kind: "sink_1", does: "Sink", inputs: []int{3}})
	}
	text = Compare(plan(t, steps...), plan(t, steps...), ByPlace).Text()
	if lines := strings.Count(text, "\n"); lines > mostLines+5 || !strings.Contains(text, "operators more") || strings.Contains(text, strings.Repeat("x", mostWide+1)) {
		t.Errorf("%d lines:\n%s", lines, text)
	}
}
