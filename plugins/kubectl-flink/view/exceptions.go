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
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-flink/operator"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-flink/rest"
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
}

// Faults is what `kubectl flink exceptions` knows.
type Faults struct {
	APIVersion string  `json:"apiVersion"`
	Kind       string  `json:"kind"`
	Job        string  `json:"job"`
	JobID      string  `json:"jobID"`
	Items      []Fault `json:"items"`
	Truncated  bool    `json:"truncated,omitempty"`
}

// ExceptionPage prints failures for people.
type ExceptionPage struct {
	Palette term.Palette
	Width   int
	Full    bool
	Now     time.Time
}

// Result is the failures in every format.
func (p ExceptionPage) Result(ref operator.Ref, job string, history []rest.Exception, truncated bool) printer.Result {
	faults := Faults{APIVersion: "kubectl-flink/v1", Kind: "JobExceptions", Job: ref.String(), JobID: job, Truncated: truncated, Items: []Fault{}}
	for _, e := range history {
		faults.Items = append(faults.Items, faultOf(e))
	}
	return printer.Result{Object: faults, Text: func(w io.Writer) error {
		_, err := io.WriteString(w, p.text(faults))
		return err
	}}
}

func faultOf(e rest.Exception) Fault {
	f := Fault{
		Root: operator.RootCause(e.Stacktrace), Chain: operator.CauseChain(e.Stacktrace), Task: e.Task,
		Endpoint: or(e.Endpoint, e.Location), TaskManager: e.TaskManager, Labels: e.Labels, Stacktrace: e.Stacktrace,
	}
	if e.Time > 0 {
		f.Time = moment(e.Time.Time())
	}
	if f.Root == "" {
		f.Root = e.Name
	}
	for _, other := range e.Concurrent {
		f.Concurrent = append(f.Concurrent, faultOf(other))
	}
	return f
}

func (p ExceptionPage) text(f Faults) string {
	var out strings.Builder
	if len(f.Items) == 0 {
		return term.SafeLine(f.Job) + ": the JobManager knows of no failures of job " + term.SafeLine(f.JobID) + "\n"
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
	return out.String()
}

func (p ExceptionPage) fault(out *strings.Builder, f Fault, indent string) {
	when := ""
	if f.Time != nil {
		when = operator.Ago(max(p.Now.Sub(*f.Time), 0)) + " ago  "
	}
	fmt.Fprintf(out, "%s%s%s\n", indent, p.Palette.Paint(term.Dim, when), p.Palette.Paint(term.Red, term.SafeLine(f.Root)))
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
		fmt.Fprintf(out, "%s  %s\n", indent, term.Cut(term.SafeLine(strings.Join(place, ", ")), p.Width-2))
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
			fmt.Fprintf(out, "%s  %s\n", indent, p.Palette.Paint(term.Dim, term.Cut("in "+term.SafeLine(link), p.Width-2)))
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
