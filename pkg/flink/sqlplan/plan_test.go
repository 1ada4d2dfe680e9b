package sqlplan

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// step is a node of a plan for tests.
type step struct {
	id     int
	kind   string
	does   string
	state  string // JSON
	inputs []int
}

func write(steps ...step) []byte {
	var nodes, edges []string
	for _, s := range steps {
		state := ""
		if s.state != "" {
			state = `"state":[` + s.state + `],`
		}
		nodes = append(nodes, fmt.Sprintf(`{"id":%d,"type":"stream-exec-%s",%s"inputProperties":[{"requiredDistribution":{"type":"UNKNOWN"},"damBehavior":"PIPELINED","priority":0}],"outputType":"ROW<a INT>","description":%q}`, s.id, s.kind, state, s.does))
		for _, input := range s.inputs {
			edges = append(edges, fmt.Sprintf(`{"source":%d,"target":%d,"shuffle":{"type":"FORWARD"},"shuffleMode":"PIPELINED"}`, input, s.id))
		}
	}
	return []byte(`{"flinkVersion":"2.3","nodes":[` + strings.Join(nodes, ",") + `],"edges":[` + strings.Join(edges, ",") + `]}`)
}

func plan(t *testing.T, steps ...step) Plan {
	t.Helper()
	p, err := Read(write(steps...))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// A plan of Flink 1.20 as it writes one, and one of 2.3, which leaves out empty
// fields and numbers on.
func TestReadWhatFlinkWrites(t *testing.T) {
	const old = `{
  "flinkVersion" : "1.20",
  "nodes" : [ {
    "id" : 1,
    "type" : "stream-exec-table-source-scan_1",
    "scanTableSource" : { "table" : {
      "identifier" : "` + "`default_catalog`.`default_database`.`clicks`" + `",
      "resolvedTable" : { "schema" : { "columns" : [ { "name" : "page", "dataType" : "INT" } ], "watermarkSpecs" : [ ] }, "partitionKeys" : [ ] }
    } },
    "outputType" : "ROW<` + "`page`" + ` INT>",
    "description" : "TableSourceScan(table=[[default_catalog, default_database, clicks]], fields=[page])",
    "inputProperties" : [ ]
  }, {
    "id" : 2,
    "type" : "stream-exec-exchange_1",
    "inputProperties" : [ { "requiredDistribution" : { "type" : "HASH", "keys" : [ 0 ] }, "damBehavior" : "PIPELINED", "priority" : 0 } ],
    "outputType" : "ROW<` + "`page`" + ` INT>",
    "description" : "Exchange(distribution=[hash[page]])"
  }, {
    "id" : 3,
    "type" : "stream-exec-group-aggregate_1",
    "configuration" : { "table.exec.mini-batch.enabled" : "false", "table.exec.mini-batch.size" : "-1" },
    "grouping" : [ 0 ],
    "aggCalls" : [ { "name" : "n", "syntax" : "FUNCTION_STAR", "internalName" : "$COUNT$1", "argList" : [ ], "filterArg" : -1, "distinct" : false, "type" : "BIGINT NOT NULL" } ],
    "aggCallNeedRetractions" : [ false ],
    "generateUpdateBefore" : true,
    "needRetraction" : false,
    "state" : [ { "index" : 0, "ttl" : "0 ms", "name" : "groupAggregateState" } ],
    "inputProperties" : [ { "requiredDistribution" : { "type" : "UNKNOWN" }, "damBehavior" : "PIPELINED", "priority" : 0 } ],
    "outputType" : "ROW<` + "`page` INT, `n`" + ` BIGINT NOT NULL>",
    "description" : "GroupAggregate(groupBy=[page], select=[page, COUNT(*) AS n])"
  }, {
    "id" : 4,
    "type" : "stream-exec-sink_1",
    "configuration" : { "table.exec.sink.not-null-enforcer" : "ERROR" },
    "dynamicTableSink" : { "table" : { "identifier" : "` + "`default_catalog`.`default_database`.`counts`" + `" } },
    "inputChangelogMode" : [ "INSERT", "UPDATE_BEFORE", "UPDATE_AFTER" ],
    "inputProperties" : [ { "requiredDistribution" : { "type" : "UNKNOWN" }, "damBehavior" : "PIPELINED", "priority" : 0 } ],
    "outputType" : "ROW<` + "`page` INT, `n`" + ` BIGINT NOT NULL>",
    "description" : "Sink(table=[default_catalog.default_database.counts], fields=[page, n])"
  } ],
  "edges" : [
    { "source" : 1, "target" : 2, "shuffle" : { "type" : "FORWARD" }, "shuffleMode" : "PIPELINED" },
    { "source" : 2, "target" : 3, "shuffle" : { "type" : "FORWARD" }, "shuffleMode" : "PIPELINED" },
    { "source" : 3, "target" : 4, "shuffle" : { "type" : "FORWARD" }, "shuffleMode" : "PIPELINED" } ]
}`
	p, err := Read([]byte(old))
	if err != nil || p.FlinkVersion != "1.20" || len(p.Nodes) != 4 {
		t.Fatal(p, err)
	}
	aggregate := p.Nodes[2]
	if aggregate.Kind() != "group-aggregate" || !aggregate.Keeps() || aggregate.Perhaps() || fmt.Sprint(aggregate.State, aggregate.Inputs) != "[{0 0 ms groupAggregateState}] [2]" {
		t.Error(aggregate)
	}
	if p.Nodes[1].Keeps() || !p.Nodes[0].Keeps() || !p.Nodes[3].Keeps() || !p.Nodes[3].Perhaps() {
		t.Error("what keeps state")
	}
	newer := strings.NewReplacer(`"1.20"`, `"2.3"`, `source-scan_1`, `source-scan_2`, `, "watermarkSpecs" : [ ]`, "", `, "partitionKeys" : [ ]`, "", `exec-sink_1`, `exec-sink_2`,
		`"id" : 1,`, `"id" : 11,`, `"id" : 2,`, `"id" : 12,`, `"id" : 3,`, `"id" : 13,`, `"id" : 4,`, `"id" : 14,`,
		`"source" : `, `"source" : 1`, `"target" : `, `"target" : 1`).Replace(old)
	q, err := Read([]byte(newer))
	if err != nil || q.FlinkVersion != "2.3" || q.Nodes[2].ID != 13 {
		t.Fatal(q, err)
	}
	if c := Compare(p, q, ByPlace); c.Loses() || c.Alters() || !c.Renumbered || len(c.Outcomes) != 3 {
		t.Error(c.Text())
	}
	// Under other ids, a compiled plan's operators find nothing.
	if c := Compare(p, q, ByPlan); !c.Loses() || !c.Renumbered || c.Outcomes[0].Fate != Moved {
		t.Error(c.Text())
	}
}

func TestReadRefuses(t *testing.T) {
	scan, sink := step{id: 1, kind: "table-source-scan_1", does: "Scan"}, step{id: 2, kind: "sink_1", does: "Sink", inputs: []int{1}}
	many := make([]step, mostNodes+1)
	for i := range many {
		many[i] = step{id: i, kind: "calc_1"}
	}
	for name, c := range map[string]struct {
		text []byte
		want string
	}{
		"nothing":       {nil, "compiled plan"},
		"no object":     {[]byte(`[1]`), "compiled plan"},
		"no nodes":      {[]byte(`{"flinkVersion":"2.3"}`), "without nodes"},
		"two of one id": {write(scan, scan), "id 1"},
		"a type":        {write(step{id: 1, kind: "x; rm", does: "Scan"}), "no type"},
		"an edge":       {write(scan, step{id: 2, kind: "sink_1", inputs: []int{7}}), "from 7 to 2"},
		"a circle":      {write(step{id: 1, kind: "calc_1", inputs: []int{2}}, step{id: 2, kind: "calc_1", inputs: []int{1}}), "circle"},
		"itself":        {write(step{id: 1, kind: "calc_1", inputs: []int{1}}), "circle"},
		"too many":      {write(many...), "more than"},
		"too large":     {[]byte(strings.Repeat(" ", Largest+1)), "larger"},
		"deep":          {[]byte(`{"nodes":` + strings.Repeat("[", 100_000)), "compiled plan"},
		"ids":           {[]byte(`{"nodes":[{"id":99999999999999999999}]}`), "compiled plan"},
		"a version":     {[]byte(`{"flinkVersion":"` + strings.Repeat("2", 1000) + `","nodes":[{"id":1,"type":"stream-exec-calc_1"}]}`), "no version"},
	} {
		if _, err := Read(c.text); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Read([]byte(strings.ReplaceAll(string(write(scan, sink)), "stream-exec", "batch-exec"))); !errors.Is(err, ErrBatch) {
		t.Error(err)
	}
}

// Unions of unions multiply their inputs; it must not take for ever.
func TestManyUnions(t *testing.T) {
	steps := []step{{id: 1, kind: "values_1"}}
	for id := 2; id < 200; id++ {
		steps = append(steps, step{id: id, kind: "union_1", inputs: []int{id - 1, id - 1, id - 1}})
	}
	steps = append(steps, step{id: 200, kind: "sink_1", inputs: []int{199}})
	p := plan(t, steps...)
	if c := Compare(p, p, ByPlace); c.Loses() {
		t.Error(c.Text())
	}
}
