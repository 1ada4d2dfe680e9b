package diagnosis

import (
	"regexp"
	"strings"
	"testing"
)

var losesState = regexp.MustCompile(`stateless|--lose-state|finalizers":|allow-non-restored|kubectl delete|flink delete|flink restore|"interval":null`)

// check holds a finding against what all have to be.
func check(t *testing.T, f Finding) {
	t.Helper()
	if f.Means == "" || strings.Contains(f.Means, "%!") || strings.Contains(f.Means, "\n") || f.Subject == "" || len(f.Evidence) == 0 {
		t.Errorf("incomplete: %+v", f)
	}
	for _, e := range f.Evidence {
		if e.Source == "" {
			t.Errorf("evidence without a source: %+v", f)
		}
	}
	for _, c := range f.Cures {
		if c.Text == "" || strings.Contains(c.Command, "%!") || c.Safe && c.Command == "" {
			t.Errorf("incomplete cure: %+v", c)
		}
		if c.Safe && losesState.MatchString(c.Command) {
			t.Errorf("called safe and may lose state: %s", c.Command)
		}
	}
}
