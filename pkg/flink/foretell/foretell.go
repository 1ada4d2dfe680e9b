// Package foretell judges, before anything is stopped, whether a job will start
// from a state: what is in the state's _metadata against what is going to run.
// It is pure: facts go in, findings come out.
//
// What it can't see it calls unknown. A finding that says the job would fail is
// only made where Flink's own checks refuse such a start.
package foretell

import (
	"cmp"
	"slices"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/sorting"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/sqlplan"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/statefile"
)

// Level is how much a finding weighs.
type Level string

// The levels, worst first.
const (
	// Fails: the job would not start from the state.
	Fails Level = "fails"
	// Warning: it may not, or starts with less than one would think.
	Warning Level = "warning"
	// Unknown: it can't be seen from here.
	Unknown Level = "unknown"
	// Note is worth to know; nobody has to act.
	Note Level = "note"
)

func (l Level) rank() int { return slices.Index([]Level{Fails, Warning, Unknown, Note}, l) }

// Finding is what one rule says.
type Finding struct {
	// ID names the rule.
	ID    string `json:"id"`
	Level Level  `json:"level"`
	// Text is a sentence without its full stop. It may hold foreign text.
	Text string `json:"text"`
	// Todo is what to do; "" where there is nothing to say.
	Todo string `json:"todo,omitempty"`
	// Operators are those that it is about, largest state first, and Bytes is
	// their state together. There may be more operators than are listed.
	Operators []Operator `json:"operators,omitempty"`
	Bytes     int64      `json:"bytes,omitempty"`
}

// Operator is one of a state's operators.
type Operator struct {
	ID string `json:"id"`
	// Called is what a person knows it by.
	Called string `json:"called"`
	// Bytes is its state.
	Bytes int64 `json:"bytes"`
}

// Vertex is a vertex of a job's graph. Its ID is that of the operator at the
// head of its chain.
type Vertex struct {
	ID, Name    string
	Parallelism int
}

// State is the savepoint or checkpoint that a job starts from.
type State struct {
	statefile.Summary
	Path string
	// Proxy says that it stands for one that is still to be taken: what it says
	// of files isn't true of that one.
	Proxy bool
	// Fresh says that the one that it stands for is a savepoint.
	Fresh bool
	// Of is the job that it is of; zero where that isn't known.
	Of api.Ref
	// OwnRun says that it is of the run that the vertices are of.
	OwnRun bool
	// Missing counts files that it names and that aren't there, or not whole;
	// Example is one of them.
	Missing int
	Example string
	// Unchecked says why files weren't looked for; "" where they were.
	Unchecked string
}

// Facts are what a judgement follows from. Zero fields are unknown.
type Facts struct {
	// Before is the job as it is, After what is going to run. They are of
	// different names where a job is cloned.
	Before, After api.Job
	// Cluster is the FlinkDeployment whose pods run After; After itself unless
	// it is a session job.
	Cluster api.Job
	// Was and Config are the configurations that Before runs and After will run
	// with.
	Was, Config api.Config
	// State is nil where it isn't known, or where there is none.
	State *State
	// Stateless says that the job starts without the state.
	Stateless bool
	// Vertices are of the job as it runs; nil where they aren't known.
	Vertices []Vertex
	// Graph are all operators of what is going to run; nil where no graph was made of
	// it. Where one was asked for, GraphTrouble says why there is none.
	Graph        []Node
	GraphTrouble string
	TroubleKind  Trouble
	// Plans is what becomes of the state by Flink's plans of the SQL script that runs
	// and of the one to come; nil where they aren't known.
	Plans *sqlplan.Comparison
}

// rules are all of them. Each is a function of the facts alone.
var rules = []func(*Facts) []Finding{
	stateless, format, maxParallelism, maxParallelismSet, missing, backend, unaligned,
	compiled, plans, versions, places, claim, otherJob, java, manifest, defaults,
}

// Judge is all that the facts say, worst first.
func Judge(f Facts) []Finding {
	out := []Finding{}
	for _, rule := range rules {
		out = append(out, rule(&f)...)
	}
	sorting.By(out, func(a, b Finding) int { return cmp.Compare(a.Level.rank(), b.Level.rank()) })
	return out
}

// WouldFail reports whether one of the findings says so.
func WouldFail(found []Finding) bool {
	return slices.ContainsFunc(found, func(f Finding) bool { return f.Level == Fails })
}

// mostListed is how many operators a finding lists.
const mostListed = 20

// about fills in which operators a finding is about.
func (f Finding) about(operators []statefile.OperatorSummary, names map[string]string) Finding {
	sorted := slices.Clone(operators)
	sorting.By(sorted, func(a, b statefile.OperatorSummary) int { return cmp.Compare(b.Size, a.Size) })
	for n, o := range sorted {
		f.Bytes += max(o.Size, 0)
		if n < mostListed {
			f.Operators = append(f.Operators, Operator{ID: o.ID, Called: called(o, names), Bytes: o.Size})
		}
	}
	return f
}

func called(o statefile.OperatorSummary, names map[string]string) string {
	if o.Name == "" && o.UID == "" && names[o.ID] != "" {
		return names[o.ID]
	}
	return o.Called()
}

// names are the running job's, by ID.
func (f *Facts) names() map[string]string {
	out := map[string]string{}
	for _, v := range f.Vertices {
		out[v.ID] = v.Name
	}
	return out
}

// stateful are the operators of the state that have some.
func (f *Facts) stateful() []statefile.OperatorSummary {
	if f.State == nil || f.Stateless {
		return nil
	}
	var out []statefile.OperatorSummary
	for _, o := range f.State.Operators {
		if o.HasState() {
			out = append(out, o)
		}
	}
	return out
}

// version is the Flink version that is going to run, as in v1_20.
func (f *Facts) version() string {
	if f.Cluster.Object != nil {
		return f.Cluster.FlinkVersion()
	}
	if f.After.Object != nil {
		return f.After.FlinkVersion()
	}
	return ""
}

// versionBefore is that of the job as it is. A session job's is its cluster's,
// which an upgrade of the job doesn't change.
func (f *Facts) versionBefore() string {
	switch {
	case f.Before.Object == nil:
		return ""
	case f.Before.Kind.Name == api.SessionJob.Name:
		return f.version()
	}
	return f.Before.FlinkVersion()
}

// sameProgram reports whether what is going to run is, as far as the spec
// tells, the program that ran.
func (f *Facts) sameProgram() bool {
	if f.Before.Object == nil || f.After.Object == nil {
		return false
	}
	was, is := f.Before.Spec(), f.After.Spec()
	if api.Text(was, "image") != api.Text(is, "image") || api.Text(was, "flinkVersion") != api.Text(is, "flinkVersion") {
		return false
	}
	for _, field := range []string{"jarURI", "entryClass"} {
		if api.Text(was, "job", field) != api.Text(is, "job", field) {
			return false
		}
	}
	return api.ScriptConfigMap(was) == api.ScriptConfigMap(is) && slices.Equal(texts(was, "job", "args"), texts(is, "job", "args"))
}

func texts(spec map[string]any, path ...string) []string {
	section := api.Section(spec, path[:len(path)-1]...)
	list, _ := section[path[len(path)-1]].([]any)
	out := make([]string, 0, len(list))
	for _, item := range list {
		text, _ := item.(string)
		out = append(out, text)
	}
	return out
}

// listed names operators in a sentence, with their sizes.
func listed(operators []Operator, total int) string {
	const most = 3
	var parts []string
	for _, o := range operators[:min(most, len(operators))] {
		parts = append(parts, o.Called+" ("+api.Bytes(o.Bytes)+")")
	}
	text := strings.Join(parts, ", ")
	if total > len(parts) {
		text += ", …"
	}
	return text
}
