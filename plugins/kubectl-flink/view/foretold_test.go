package view

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/change"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/foretell"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/statefile"
)

// A start that would fail is refused, what is worth to know is noted, and what
// can't be seen blocks nothing.
func TestForeseen(t *testing.T) {
	fails := foretell.Finding{ID: "X", Level: foretell.Fails, Text: "it\x1b[31m fails", Todo: "do that"}
	warns := foretell.Finding{ID: "Y", Level: foretell.Warning, Text: "look out"}
	unknown := foretell.Finding{ID: "Z", Level: foretell.Unknown, Text: "who knows"}
	one := Foreseen{
		Job:      api.Ref{Kind: api.Deployment, Namespace: "n", Name: "a"},
		Prospect: change.Prospect{Kind: "checkpoint", Path: "s3://b/chk-1", Proxy: true},
	}
	for name, c := range map[string]struct {
		change           func(*Foreseen)
		refused, noted   string
		verdict, printed string
	}{
		"nothing":          {func(*Foreseen) {}, "", "", "ok", "flinkdeployment/a: nothing seen speaks against the start\n  State     checkpoint s3://b/chk-1 (its newest, which stands for the one that will be used)\n"},
		"it fails":         {func(f *Foreseen) { f.Findings = []foretell.Finding{fails, warns, unknown} }, "flinkdeployment/a was not changed: it would not start from checkpoint s3://b/chk-1", "look out", "fails", "would fail\n"},
		"it isn't created": {func(f *Foreseen) { f.Done, f.Findings = "created", []foretell.Finding{fails} }, "flinkdeployment/a was not created: it would not start from", "", "fails", "would fail\n"},
		"its main method fails": {func(f *Foreseen) {
			f.Unmade, f.Findings = true, []foretell.Finding{{ID: "MAIN", Level: foretell.Warning, Text: "main fails", Todo: "do that\nUse --no-check"}}
		}, "flinkdeployment/a was not changed: main fails", "", "unseen", "not checked: the new program's graph couldn't be made"},
		"no graph could be made": {func(f *Foreseen) {
			f.Unmade, f.Findings = true, []foretell.Finding{{ID: "GRAPH", Level: foretell.Unknown, Text: "no graph"}}
		}, "", "check: no graph", "unseen", "no graph"},
		"it can't be seen": {func(f *Foreseen) { f.Unseen = "no rights" }, "", "the state wasn't checked: no rights", "unseen", "not checked: no rights\n"},
		"only some":        {func(f *Foreseen) { f.Findings = []foretell.Finding{unknown} }, "", "", "ok", "some of it can't be seen\n"},
		"with its state": {func(f *Foreseen) {
			f.State = &foretell.State{Path: "s3://b/chk-2", Summary: statefile.Summary{Size: 2048, Operators: []statefile.OperatorSummary{
				{Operator: statefile.Operator{Parallelism: 2, MaxParallelism: 8}, Kinds: map[statefile.Kind]statefile.Amount{statefile.ManagedKeyed: {Handles: 1, Size: 2048}}},
			}}}
		}, "", "", "ok", "checkpoint s3://b/chk-2 (its newest, which stands for the one that will be used), 2.0 KiB in 1 operator, max parallelism 8\n"},
	} {
		f := one
		c.change(&f)
		noted := ""
		err := f.Act(func(format string, args ...any) { noted += fmt.Sprintf(format, args...) + "\n" })
		if (err != nil) != (c.refused != "") || err != nil && (!strings.Contains(err.Error(), c.refused) || !strings.Contains(err.Error(), "do that\nUse --no-check")) {
			t.Errorf("%s: %v", name, err)
		}
		if c.noted == "" && noted != "" || !strings.Contains(noted, c.noted) {
			t.Errorf("%s: noted %q", name, noted)
		}
		var out bytes.Buffer
		result := Foretold([]Foreseen{f}, term.Palette{}, false)
		if err := result.Text(&out); err != nil || !strings.Contains(out.String(), c.printed) || strings.Contains(out.String(), "\x1b") {
			t.Errorf("%s: %v\n%s", name, err, out.String())
		}
		if object, ok := result.Object.(foretoldObject); !ok || object.Verdict != c.verdict {
			t.Errorf("%s: %+v", name, result.Object)
		}
	}
}
