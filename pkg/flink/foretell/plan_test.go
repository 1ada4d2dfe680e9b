package foretell

import (
	"fmt"
	"strings"
	"testing"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/flinktest"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/sqlplan"
)

// What the plans say is refused where state is lost, unless that is wished for,
// and left to the graph where there is one.
func TestPlans(t *testing.T) {
	plan := func(does string, more string) sqlplan.Plan {
		p, err := sqlplan.Read([]byte(`{"flinkVersion":"2.3","nodes":[
			{"id":1,"type":"stream-exec-table-source-scan_2","description":"Scan","outputType":"R"}` + more + `,
			{"id":3,"type":"stream-exec-group-aggregate_1","description":"` + does + `","outputType":"R","state":[{"index":0,"ttl":"0 ms","name":"s"}]}],
			"edges":[{"source":1,"target":3}]}`))
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	const join = `,{"id":2,"type":"stream-exec-join_1","description":"Join(a=b)","outputType":"R","state":[{"index":0,"ttl":"0 ms","name":"left"}]}`
	before := plan("COUNT", join)
	for name, c := range map[string]struct {
		next    sqlplan.Plan
		change  func(*Facts)
		want    string
		refuses bool
	}{
		"the same":    {before, nil, "", false},
		"a join goes": {plan("COUNT", ""), nil, "fails PLAN", true},
		"it may": {plan("COUNT", ""), func(f *Facts) {
			f.After = flinktest.JobOf(t, api.Deployment, `{"metadata":{"name":"a"},"spec":{"job":{"allowNonRestoredState":true}}}`)
		}, "warning PLAN", false},
		"a graph":           {plan("COUNT", ""), func(f *Facts) { f.Graph = []Node{{}} }, "", false},
		"without its state": {plan("COUNT", ""), func(f *Facts) { f.Stateless = true }, "", false},
		"another count":     {plan("SUM", join), nil, "warning PLAN-CHANGED", false},
	} {
		compared := sqlplan.Compare(before, c.next, sqlplan.ByPlan)
		facts := Facts{Plans: &compared}
		if c.change != nil {
			c.change(&facts)
		}
		var got []string
		found := plans(&facts)
		for _, f := range found {
			got = append(got, fmt.Sprint(f.Level, " ", f.ID))
		}
		if strings.Join(got, ", ") != c.want || WouldFail(found) != c.refuses {
			t.Errorf("%s: %+v", name, found)
		}
		if c.refuses && !strings.Contains(found[0].Text, "Join(a=b)") {
			t.Error(found)
		}
	}
}
