package view

import (
	"fmt"
	"strings"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

// Scaler is the autoscaler's part of a status page.
type Scaler struct {
	Enabled bool `json:"enabled"`
	// Decisions are newest first.
	Decisions []Scaled       `json:"decisions,omitempty"`
	Overrides map[string]int `json:"parallelismOverrides,omitempty"`
}

// Scaled is one decision about one vertex. Load is 1 for all of its time.
type Scaled struct {
	Time     *time.Time `json:"time,omitempty"`
	VertexID string     `json:"vertexID"`
	From     int        `json:"from"`
	To       int        `json:"to"`
	Load     float64    `json:"load,omitempty"`
}

// scaler takes what the autoscaler remembers.
func (s *Status) scaler(a operator.Autoscaler) {
	if len(a.Decisions)+len(a.Overrides) == 0 {
		return
	}
	if s.Autoscaler == nil {
		s.Autoscaler = &Scaler{}
	}
	s.Autoscaler.Overrides = a.Overrides
	for _, d := range a.Decisions {
		s.Autoscaler.Decisions = append(s.Autoscaler.Decisions, Scaled{Time: moment(d.At), VertexID: d.VertexID, From: d.From, To: d.To, Load: d.Load})
	}
}

// shownDecisions is how many vertices' last scalings a compact page has.
const shownDecisions = 3

func (p *page) scaler(a *Scaler) {
	if a == nil {
		return
	}
	state := "disabled"
	if a.Enabled {
		state = "enabled"
	}
	if len(a.Decisions) == 0 {
		p.item("Autoscaler", "%s, nothing decided yet", state)
		return
	}
	label := "Autoscaler"
	for i, d := range a.Decisions {
		if i == shownDecisions && !p.Verbose {
			p.item("", "%d more: --verbose", len(a.Decisions)-i)
			break
		}
		load := ""
		if d.Load > 0 {
			load = fmt.Sprintf(", load %.0f%%", d.Load*100)
		}
		prefix := strings.Repeat(" ", len(state)+2)
		if i == 0 {
			prefix = state + "; "
		}
		p.item(label, "%s%s vertex %.8s parallelism %d → %d%s", strings.TrimLeft(prefix, " "), p.ago(d.Time), d.VertexID, d.From, d.To, load)
		label = ""
	}
}

// resources sums up what pods ask for and use.
func (p *page) resources(pods []PodPart) {
	var parts []string
	for _, role := range []struct{ name, label string }{{"jobmanager", "JobManager"}, {"taskmanager", "TaskManager"}} {
		n, asked, limit := 0, "", ""
		for _, pod := range pods {
			if pod.Role == role.name {
				n++
				asked, limit = pod.Requests, pod.Limits
			}
		}
		switch {
		case n == 0 || asked == "":
		case limit == asked:
			parts = append(parts, fmt.Sprintf("%d %s %s", n, role.label, asked))
		default:
			parts = append(parts, fmt.Sprintf("%d %s %s (limit %s)", n, role.label, asked, or(limit, "none")))
		}
	}
	used, measured := operator.Usage{}, false
	for _, pod := range pods {
		if pod.Usage != nil {
			measured = true
			used.CPU += pod.Usage.CPU
			used.Memory += pod.Usage.Memory
		}
	}
	if measured {
		parts = append(parts, fmt.Sprintf("used %s, %s", CPU(used.CPU), Memory(used.Memory)))
	}
	p.long("Resources", strings.Join(parts, "; "))
}
