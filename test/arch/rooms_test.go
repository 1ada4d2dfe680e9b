package arch

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// rooms are the packages of pkg/flink with those of them that each may import:
// the arrows of ARCHITECTURE.md.
var rooms = map[string][]string{
	"api":        {},
	"httpapi":    {},
	"rest":       {"api", "httpapi"},
	"logs":       {},
	"jvm":        {},
	"statefile":  {},
	"probe":      {},
	"diagnosis":  {"api"},
	"foretell":   {"api", "statefile", "diagnosis", "sqlplan"},
	"timeline":   {"api", "diagnosis"},
	"backup":     {"api", "operator", "savepoint", "lifecycle"},
	"bundle":     {"api", "operator", "rest", "diagnosis", "reach"},
	"operator":   {"api", "logs"},
	"conf":       {"api", "operator"},
	"savepoint":  {"api", "operator"},
	"change":     {"api", "operator"},
	"flinktest":  {"api", "operator"},
	"lifecycle":  {"api", "operator", "conf", "change", "savepoint", "diagnosis"},
	"health":     {"api", "operator", "conf", "change", "savepoint", "lifecycle"},
	"sqlgateway": {"api", "operator", "rest", "httpapi"},
	"sqljob":     {"api", "operator"},
	"sqlplan":    {},
	"storage":    {"api", "operator", "statefile"},
	"jar":        {"api"},
	"reach":      {"api", "operator", "savepoint", "change", "lifecycle", "rest", "sqlgateway", "storage", "diagnosis", "foretell", "probe", "logs", "jvm"},
}

// Each room of pkg/flink imports only what its row names, so that what a
// package may know is decided there and not by the next import.
func TestRooms(t *testing.T) {
	const prefix = "pkg/flink/"
	seen := map[string]bool{}
	var lines []string
	for _, p := range packages(t) {
		room, ok := strings.CutPrefix(p.ImportPath, prefix)
		if !ok {
			continue
		}
		top, _, _ := strings.Cut(room, "/")
		allowed, known := rooms[top]
		if !known {
			t.Errorf("%s isn't on the map: name it in rooms, and in ARCHITECTURE.md", p.ImportPath)
		}
		seen[top] = true
		var imports []string
		for _, imported := range p.Imports {
			to, ours := strings.CutPrefix(imported, module)
			if !ours || strings.HasPrefix(to, "pkg/common/") {
				continue
			}
			other, inFlink := strings.CutPrefix(to, prefix)
			if !inFlink {
				t.Errorf("%s imports %s: pkg/flink knows no plugin", p.ImportPath, to)
				continue
			}
			other, _, _ = strings.Cut(other, "/")
			imports = append(imports, other)
			if other != top && !slices.Contains(allowed, other) {
				t.Errorf("%s imports %s: the map has no such arrow", p.ImportPath, to)
			}
		}
		lines = append(lines, fmt.Sprintf("%s -> {%s}", room, strings.Join(imports, ", ")))
	}
	if len(seen) < 8 {
		t.Errorf("only %d rooms were found: %v", len(seen), seen)
	}
	t.Logf("the rooms of pkg/flink:\n%s", strings.Join(lines, "\n"))
}
