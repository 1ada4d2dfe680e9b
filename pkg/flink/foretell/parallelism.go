package foretell

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/statefile"
)

// overrides are the parallelisms that the configuration gives to vertices.
func (f *Facts) overrides() map[string]int {
	out := map[string]int{}
	for pair := range strings.SplitSeq(f.Config["pipeline.jobvertex-parallelism-overrides"], ",") {
		id, number, _ := strings.Cut(strings.TrimSpace(pair), ":")
		if n, err := strconv.Atoi(strings.TrimSpace(number)); err == nil {
			out[id] = n
		}
	}
	return out
}

// Parallelism is the job's that is going to run; 0 where it isn't known.
func (f *Facts) Parallelism() int {
	if f.After.Object == nil {
		return 0
	}
	if _, has := api.Number(f.After.Spec(), "taskManager", "replicas"); has {
		return 0 // the operator computes it from those
	}
	if n := f.After.Parallelism(); n > 0 {
		return n
	}
	n, _ := strconv.Atoi(f.Config["parallelism.default"])
	return n
}

// follows reports whether an operator has the parallelism of its job, and not
// one of its own that its code gives it.
func (f *Facts) follows(o statefile.OperatorSummary) bool {
	before := 0
	if f.Before.Object != nil {
		before = f.Before.Parallelism()
	}
	if f.State.OwnRun && before > 0 {
		for _, v := range f.Vertices {
			if v.ID == o.ID {
				return v.Parallelism == before
			}
		}
		return o.Parallelism == before
	}
	most := 0
	for _, other := range f.State.Operators {
		most = max(most, other.Parallelism)
	}
	return o.Parallelism == most
}

// maxParallelism is Flink's check that state is divided into at least as many
// key groups as there will be subtasks.
func maxParallelism(f *Facts) []Finding {
	job, overrides := f.Parallelism(), f.overrides()
	reactive := strings.EqualFold(f.Config["scheduler-mode"], "reactive")
	adaptive := strings.EqualFold(f.Config["jobmanager.scheduler"], "adaptive")
	var sure, maybe []statefile.OperatorSummary
	lowest := 0
	wanted := 0
	for _, o := range f.stateful() {
		want, known := overrides[o.ID]
		if f.Graph != nil && !known {
			node := f.node(o)
			if node == nil || node.Parallelism == 0 {
				continue
			}
			want, known = node.Parallelism, true
		}
		if !known {
			want = job
		}
		switch {
		case o.MaxParallelism <= 0 || want <= o.MaxParallelism || o.Single():
			continue
		case known || f.follows(o):
			if sure = append(sure, o); lowest == 0 || o.MaxParallelism < lowest {
				lowest = o.MaxParallelism
			}
			wanted = max(wanted, want)
		default:
			maybe = append(maybe, o)
		}
	}
	var out []Finding
	if len(sure) > 0 {
		found := Finding{ID: "MAX-PARALLELISM", Level: Fails}.about(sure, f.names())
		found.Text = fmt.Sprintf("the state of %s is divided into at most %d parts (its max parallelism), and the parallelism is to be %d", listed(found.Operators, len(sure)), lowest, wanted)
		found.Todo = fmt.Sprintf("use a parallelism of %d or less; a higher max parallelism needs new state (--lose-state) or the State Processor API", lowest)
		if adaptive || reactive {
			found.Level = Warning
			found.Text += "; the adaptive scheduler uses less where there are fewer slots"
		}
		out = append(out, found)
	}
	if len(maybe) > 0 {
		found := Finding{ID: "MAX-PARALLELISM", Level: Unknown}.about(maybe, f.names())
		found.Text = fmt.Sprintf("%s had a parallelism other than the job's: if its code lets it have the job's %d, that is more than its max parallelism allows", listed(found.Operators, len(maybe)), job)
		out = append(out, found)
	}
	return out
}

// derivedMax is the max parallelism that Flink gives an operator whose own isn't
// set.
func derivedMax(parallelism int) int {
	want := parallelism + parallelism/2
	power := 1
	for power < want && power < 1<<15 {
		power *= 2
	}
	return max(128, power)
}

// maxParallelismSet is Flink's check that a max parallelism that is set is the
// one that the state has.
func maxParallelismSet(f *Facts) []Finding {
	if f.Graph != nil && f.State != nil && !f.Stateless {
		return f.maxParallelismInGraph()
	}
	set, err := strconv.Atoi(f.Config["pipeline.max-parallelism"])
	if err != nil || set <= 0 || f.State == nil || f.Stateless {
		return nil
	}
	was, _ := strconv.Atoi(f.Was["pipeline.max-parallelism"])
	var sure, maybe []statefile.OperatorSummary
	other := 0
	for _, o := range f.State.Operators {
		switch {
		case o.MaxParallelism == set || o.MaxParallelism <= 0 || o.Single():
			continue
		case o.MaxParallelism == was || was <= 0 && o.MaxParallelism == derivedMax(o.Parallelism):
			sure = append(sure, o)
			other = o.MaxParallelism
		default:
			maybe = append(maybe, o) // its code may set its own
		}
	}
	var out []Finding
	if len(sure) > 0 {
		found := Finding{ID: "MAX-PARALLELISM-SET", Level: Fails}.about(sure, f.names())
		found.Text = fmt.Sprintf("pipeline.max-parallelism is to be %d, and the state has %d (%s): Flink refuses to change it", set, other, listed(found.Operators, len(sure)))
		found.Todo = fmt.Sprintf("set it to %d, or leave it out", other)
		out = append(out, found)
	}
	if len(maybe) > 0 {
		found := Finding{ID: "MAX-PARALLELISM-SET", Level: Unknown}.about(maybe, f.names())
		found.Text = fmt.Sprintf("pipeline.max-parallelism is to be %d, and %s has another: Flink refuses that unless its code sets it", set, listed(found.Operators, len(maybe)))
		out = append(out, found)
	}
	return out
}

// maxParallelismInGraph is Flink's check that a max parallelism that is set is the
// one that the state has, by the graph of what is going to run.
func (f *Facts) maxParallelismInGraph() []Finding {
	var wrong []statefile.OperatorSummary
	set, has := 0, 0
	for _, o := range f.State.Operators {
		node := f.node(o)
		if node == nil || node.MaxParallelism <= 0 || o.MaxParallelism <= 0 || node.MaxParallelism == o.MaxParallelism || o.Single() {
			continue
		}
		if len(wrong) == 0 {
			set, has = node.MaxParallelism, o.MaxParallelism
		}
		wrong = append(wrong, o)
	}
	if len(wrong) == 0 {
		return nil
	}
	found := Finding{ID: "MAX-PARALLELISM-SET", Level: Fails}.about(wrong, f.names())
	found.Text = fmt.Sprintf("a max parallelism of %d is set, and the state has %d (%s): Flink refuses to change it", set, has, listed(found.Operators, len(wrong)))
	found.Todo = fmt.Sprintf("set it to %d (in the program, or pipeline.max-parallelism), or leave it out", has)
	return []Finding{found}
}
