package sqlgateway

import (
	"context"
	"net/http"
	"regexp"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/httpapi"
)

// changelogMode is how a plan says of an operator which changes it gives.
var changelogMode = regexp.MustCompile(`changelogMode=\[([A-Z,]*)\]`)

// AppendOnly asks the planner which changes the query gives: results don't say
// it. In batch mode there are none.
func (e *execution) AppendOnly(ctx context.Context) bool {
	s := e.session
	var answer struct {
		Properties map[string]string `json:"properties"`
	}
	if s.call(ctx, http.MethodGet, httpapi.Path("sessions", e.handle), nil, &answer) == nil && strings.EqualFold(answer.Properties["execution.runtime-mode"], "batch") {
		return true
	}
	query := e.statement
	if word := "EXECUTE"; strings.HasPrefix(strings.ToUpper(query), word) {
		query = strings.TrimSpace(query[len(word):]) // EXPLAIN takes no EXECUTE SELECT …
	}
	plan, err := s.first(ctx, "EXPLAIN CHANGELOG_MODE "+query)
	return err == nil && onlyInserts(strings.Join(plan, "\n"))
}

// onlyInserts reports whether the outermost operator of a plan gives nothing but
// new rows.
func onlyInserts(plan string) bool {
	_, physical, ok := strings.Cut(plan, "== Optimized Physical Plan")
	if !ok {
		return false
	}
	_, physical, _ = strings.Cut(physical, "\n")
	physical, _, _ = strings.Cut(physical, "\n\n")
	// What it reads from is drawn below it.
	for _, input := range []string{"\n+- ", "\n:- "} {
		physical, _, _ = strings.Cut(physical, input)
	}
	modes := changelogMode.FindAllStringSubmatch(physical, -1)
	return len(modes) > 0 && modes[len(modes)-1][1] == "I"
}
