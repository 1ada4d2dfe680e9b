package view

import (
	"strings"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/diagnosis"
)

// Explanation is a finding as it stands below an error: why, what shows it, and
// what to do. said is the error's own text: what stands in it already isn't
// quoted again. It may hold foreign text.
func Explanation(f diagnosis.Finding, said string) string {
	lines := []string{"Why: " + f.Means + " (" + f.Rule + ")"}
	said += "\n" + f.Means
	for _, e := range shown(f.Evidence, said) {
		lines = append(lines, "  "+e.Source+": "+e.Text)
	}
	for i, c := range f.Cures {
		lead := "To do: "
		if i > 0 {
			lead = "       "
		}
		lines = append(lines, lead+c.Text)
		if c.Command != "" {
			lines = append(lines, "         "+c.Command)
		}
	}
	return strings.Join(lines, "\n")
}

// mostShown bounds the evidence beside a finding where there is no page for it.
const mostShown = 3

// shown is the evidence that says more than what was said already.
func shown(evidence []diagnosis.Evidence, said string) []diagnosis.Evidence {
	var out []diagnosis.Evidence
	for _, e := range evidence {
		_, message, _ := strings.Cut(e.Text, ": ") // behind the exception's name
		if e.Source == "" || strings.Contains(said, e.Text) || message != "" && strings.Contains(said, message) || len(out) == mostShown {
			continue
		}
		out, said = append(out, e), said+"\n"+e.Text
	}
	return out
}
