package view

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/rest"
)

// Fault is one failure of a job.
type Fault struct {
	Time *time.Time `json:"time,omitempty"`
	// Root is the innermost cause in one line, Chain the exceptions from the
	// outermost to it.
	Root        string            `json:"root"`
	Chain       []string          `json:"chain,omitempty"`
	Task        string            `json:"task,omitempty"`
	Endpoint    string            `json:"endpoint,omitempty"`
	TaskManager string            `json:"taskManager,omitempty"`
	Labels      map[string]string `json:"failureLabels,omitempty"`
	Stacktrace  string            `json:"stacktrace,omitempty"`
	Concurrent  []Fault           `json:"concurrent,omitempty"`
	// Ended is how the TaskManager's pod came to its end, where it did.
	Ended *operator.Ended `json:"ended,omitempty"`
}

// Faults is what `kubectl flink exceptions` knows.
type Faults struct {
	APIVersion string  `json:"apiVersion"`
	Kind       string  `json:"kind"`
	Job        string  `json:"job"`
	JobID      string  `json:"jobID"`
	Items      []Fault `json:"items"`
	Truncated  bool    `json:"truncated,omitempty"`
	// Ended are pods that ended in the last hour without an exception among
	// Items that reports them.
	Ended []operator.Ended `json:"ended,omitempty"`
	// Next is what to do.
	Next []string `json:"next,omitempty"`
}

// ExceptionPage prints failures for people.
type ExceptionPage struct {
	Palette term.Palette
	// Width is the number of columns of the terminal; 0 where there is none, and
	// then nothing is cut or broken.
	Width int
	Full  bool
	Now   time.Time
}

// Result is the failures in every format; next is what to do about them.
func (p ExceptionPage) Result(ref api.Ref, job string, history []rest.Exception, truncated bool, ends []operator.Ended, next []string) printer.Result {
	faults := Faults{APIVersion: "kubectl-flink/v1", Kind: "JobExceptions", Job: ref.String(), JobID: job, Truncated: truncated, Items: []Fault{}, Next: next}
	for _, e := range history {
		faults.Items = append(faults.Items, faultOf(e, ends))
	}
	faults.matched(ends)
	return printer.Result{Object: faults, Text: func(w io.Writer) error {
		_, err := io.WriteString(w, p.text(faults))
		return err
	}}
}

// near is how far an exception and the end of its TaskManager's pod may be
// apart: heartbeat.timeout (50 s) and then some.
const near = 2 * time.Minute

// endOf is how the TaskManager of an exception ended: as the exception says
// itself, or as its pod or the JobManager's log does.
func endOf(e rest.Exception, ends []operator.Ended) *operator.Ended {
	for _, end := range ends {
		if end.Name == e.TaskManager && end.At.Sub(e.Time.Time()).Abs() < near {
			return &end
		}
	}
	if end, ok := operator.EndOf(e.Stacktrace); ok {
		end.Name, end.At = e.TaskManager, e.Time.Time().UTC()
		return &end
	}
	return nil
}

// matched finds the ends that no exception reports.
func (f *Faults) matched(ends []operator.Ended) {
	shown := map[string]bool{}
	var visit func(faults []Fault)
	visit = func(faults []Fault) {
		for _, fault := range faults {
			if fault.Ended != nil {
				shown[fault.Ended.Name] = true
			}
			visit(fault.Concurrent)
		}
	}
	visit(f.Items)
	for _, end := range ends {
		if !shown[end.Name] {
			f.Ended = append(f.Ended, end)
		}
	}
}

func faultOf(e rest.Exception, ends []operator.Ended) Fault {
	f := Fault{
		Root: api.RootCause(e.Stacktrace), Chain: api.CauseChain(e.Stacktrace), Task: e.Task,
		Endpoint: or(e.Endpoint, e.Location), TaskManager: e.TaskManager, Labels: e.Labels, Stacktrace: e.Stacktrace,
	}
	f.Ended = endOf(e, ends)
	if e.Time > 0 {
		f.Time = moment(e.Time.Time())
	}
	if f.Root == "" {
		f.Root = e.Name
	}
	for _, other := range e.Concurrent {
		f.Concurrent = append(f.Concurrent, faultOf(other, ends))
	}
	return f
}

func (p ExceptionPage) text(f Faults) string {
	var out strings.Builder
	if len(f.Items) == 0 {
		out.WriteString(term.SafeLine(f.Job) + ": the JobManager knows of no failures of job " + term.SafeLine(f.JobID) + "\n")
	}
	for i, fault := range f.Items {
		if i > 0 {
			out.WriteByte('\n')
		}
		p.fault(&out, fault, "")
	}
	if f.Truncated {
		out.WriteString("\nThere were more; see --limit and web.exception-history-size\n")
	}
	p.ended(&out, f)
	for n, next := range f.Next {
		lead := "Next: "
		if n == 0 {
			out.WriteByte('\n')
		} else {
			lead = "      "
		}
		for _, line := range wrapped(term.SafeLine(next), room(p.Width, len(lead))) {
			out.WriteString(lead + line + "\n")
			lead = "      "
		}
	}
	return out.String()
}

// ended reports pods that ended without an exception.
func (p ExceptionPage) ended(out *strings.Builder, f Faults) {
	const most = 5
	for i, end := range f.Ended {
		if i == 0 {
			out.WriteString("\nPods that ended\n")
		}
		if i == most && !p.Full {
			fmt.Fprintf(out, "  and %d more in the last hour\n", len(f.Ended)-most)
			break
		}
		p.writeText(out, "  ", api.Ago(max(p.Now.Sub(end.At), 0))+" ago  "+end.Name+" "+end.How())
	}
}

// writeText writes foreign text, indented.
func (p ExceptionPage) writeText(out *strings.Builder, indent, text string) {
	for i, line := range wrapped(term.SafeLine(text), atLeast(room(p.Width, len(indent)+2), 40)) {
		out.WriteString(indent + strings.Repeat(" ", 2*min(i, 1)) + line + "\n")
	}
}

func (p ExceptionPage) fault(out *strings.Builder, f Fault, indent string) {
	when := ""
	if f.Time != nil {
		when = api.Ago(max(p.Now.Sub(*f.Time), 0)) + " ago  "
	}
	root := f.Root
	if _, says := operator.EndOf(f.Root); says && f.Ended != nil {
		root = strings.TrimSpace(f.Ended.Name + " " + f.Ended.How())
	}
	fmt.Fprintf(out, "%s%s%s\n", indent, p.Palette.Paint(term.Dim, when), p.Palette.Paint(term.Red, term.SafeLine(root)))
	if f.Ended != nil && root == f.Root {
		p.writeText(out, indent+"  ", "its pod "+f.Ended.Name+" "+f.Ended.How())
	}
	place := []string{}
	if f.Task != "" {
		place = append(place, "task "+f.Task)
	}
	if at := or(f.TaskManager, f.Endpoint); at != "" {
		place = append(place, "on "+at)
	}
	for _, key := range slices.Sorted(maps.Keys(f.Labels)) {
		place = append(place, key+"="+f.Labels[key])
	}
	if len(place) > 0 {
		p.writeText(out, indent+"  ", strings.Join(place, ", "))
	}
	if p.Full {
		for line := range strings.SplitSeq(strings.TrimRight(f.Stacktrace, "\n"), "\n") {
			fmt.Fprintf(out, "%s  %s\n", indent, term.Safe(line))
		}
	} else {
		for i, link := range f.Chain {
			if i == len(f.Chain)-1 {
				break // the root, which is above
			}
			fmt.Fprintf(out, "%s  %s\n", indent, p.Palette.Paint(term.Dim, cutTo("in "+term.SafeLine(link), room(p.Width, 2))))
		}
	}
	for i, other := range f.Concurrent {
		if i == 3 && !p.Full {
			fmt.Fprintf(out, "%s  and %d more tasks\n", indent, len(f.Concurrent)-i)
			return
		}
		fmt.Fprintf(out, "%s  at the same time:\n", indent)
		p.fault(out, other, indent+"    ")
	}
}
