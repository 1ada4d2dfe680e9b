package view

import (
	"fmt"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/health"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

// ChangeText is a job's state in one line of a watch, without anything that
// changes by itself.
func ChangeText(s api.Summary, v health.Verdict, palette term.Palette) string {
	parts := []string{s.State, s.Lifecycle, s.BlueGreen}
	if s.JobManager != "" && s.JobManager != api.JobManagerReady {
		parts = append(parts, "JobManager "+s.JobManager)
	}
	if s.Lags() {
		parts = append(parts, fmt.Sprintf("generation %d of %d", s.Observed, s.Generation))
	}
	parts = append(parts, s.Error.Root())
	kept := parts[:0]
	for _, part := range parts {
		if part != "" {
			kept = append(kept, part)
		}
	}
	return palette.Paint(Color(v.Word), string(v.Word)) + "  " + term.SafeLine(strings.Join(kept, ", "))
}

// PodText is a pod's state in one line of a watch.
func PodText(p operator.Pod, gone bool) string {
	status := p.Status
	switch {
	case gone:
		status = "gone"
	case status == "Running" && !p.Ready:
		status = "Running, not ready"
	}
	text := p.Name + " " + status
	if n := p.Restarts + p.OtherRestarts; n > 0 {
		text += fmt.Sprintf(", %d restarts", n)
	}
	if p.LastEnd != "" {
		text += fmt.Sprintf(", last ended: %s (exit code %d)", p.LastEnd, p.LastExit)
	}
	if p.Message != "" && !gone {
		text += ": " + p.Message
	}
	return text
}
