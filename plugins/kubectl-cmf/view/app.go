package view

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmf"
)

// AppStatus is how an application is; text and JSON are printed from it.
type AppStatus struct {
	Name        string     `json:"name"`
	Environment string     `json:"environment"`
	Verdict     string     `json:"verdict"`
	State       string     `json:"state,omitempty"`
	Cause       string     `json:"cause,omitempty"`
	Desired     string     `json:"desired,omitempty"`
	Lifecycle   string     `json:"lifecycle,omitempty"`
	JobManager  string     `json:"jobManager,omitempty"`
	Job         string     `json:"job,omitempty"`
	JobID       string     `json:"jobId,omitempty"`
	Parallelism string     `json:"parallelism,omitempty"`
	UpgradeMode string     `json:"upgradeMode,omitempty"`
	Instance    string     `json:"instance,omitempty"`
	ManagedBy   string     `json:"managedBy,omitempty"`
	Warning     string     `json:"warning,omitempty"`
	Savepoint   *Savepoint `json:"newestSavepoint,omitempty"`
	Events      []Event    `json:"events,omitempty"`
	EventsError string     `json:"eventsError,omitempty"`
}

// Savepoint is a completed savepoint.
type Savepoint struct {
	Name    string `json:"name"`
	Path    string `json:"path"`
	Created string `json:"created"`
}

// Event is one of an application's events.
type Event struct {
	Time    string `json:"time"`
	Type    string `json:"type"`
	Message string `json:"message"`
}

// Fill takes from the application what stands in it.
func (s *AppStatus) Fill(o cmf.Object) {
	s.Desired = o.Text("spec.job.state")
	s.Lifecycle = o.Text("status.lifecycleState")
	s.JobManager = o.Text("status.jobManagerDeploymentStatus")
	s.Job = o.Text("status.jobStatus.state")
	s.JobID = o.Text("status.jobStatus.jobId")
	s.Parallelism = o.Text("spec.job.parallelism")
	s.UpgradeMode = o.Text("spec.job.upgradeMode")
	s.Instance = o.Text("status.currentDeployedInstanceName")
	s.Warning = o.Text("status.warning")
}

// Print writes s as text.
func (s *AppStatus) Print(w io.Writer, now time.Time, palette term.Palette) error {
	var out strings.Builder
	kind := cmf.Must("app")
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&out, "%-14s%s\n", name+":", term.SafeLine(value))
		}
	}
	colors := map[string]term.Color{"ready": term.Green, "pending": term.Yellow, "failed": term.Red}
	fmt.Fprintf(&out, "%s in environment %s: %s\n", term.SafeLine(s.Name), term.SafeLine(s.Environment), palette.Paint(colors[s.Verdict], s.Verdict))
	line("Cause", s.Cause)
	line("Wanted", s.Desired)
	for _, state := range []struct{ name, value string }{{"Lifecycle", s.Lifecycle}, {"JobManager", s.JobManager}, {"Job", s.Job}} {
		if state.value != "" {
			fmt.Fprintf(&out, "%-14s%s\n", state.name+":", palette.Paint(color(kind, state.value), term.SafeLine(state.value)))
		}
	}
	line("Job ID", s.JobID)
	line("Parallelism", s.Parallelism)
	line("Upgrade mode", s.UpgradeMode)
	line("Instance", s.Instance)
	line("Managed by", s.ManagedBy)
	if s.Warning != s.Cause {
		line("Warning", s.Warning)
	}
	if s.Savepoint != nil {
		line("Savepoint", fmt.Sprintf("%s (%s ago) %s", s.Savepoint.Name, Age(s.Savepoint.Created, now), s.Savepoint.Path))
	}
	if s.EventsError != "" {
		line("Events", s.EventsError)
	} else if len(s.Events) > 0 {
		out.WriteString("Newest events:\n")
		for _, e := range s.Events {
			fmt.Fprintf(&out, "  %-6s %-16s %s\n", Age(e.Time, now), term.SafeLine(e.Type), term.SafeLine(cmf.Bounded(e.Message)))
		}
	}
	_, err := io.WriteString(w, out.String())
	return err
}
