package arch

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/diagnosis"
)

// `doctor rules` says which rules were tried on a cluster: those that the
// break-it suite sees first are.
func TestRulesOfTheBreakItSuiteAreSeen(t *testing.T) {
	files, err := filepath.Glob("../e2e/breakit*_test.go")
	if err != nil || len(files) < 2 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	found := 0
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range regexp.MustCompile(`\brule: +"(FLINK-[A-Z0-9-]+)"`).FindAllStringSubmatch(string(source), -1) {
			found++
			if rule, ok := diagnosis.Explain(match[1]); !ok || !rule.Seen {
				t.Errorf("%s: %s is known %t, and said to be tried on a cluster %t", filepath.Base(file), match[1], ok, rule.Seen)
			}
		}
	}
	if found < 30 {
		t.Errorf("%d faults", found)
	}
}
