// Package arch holds the architecture's arrows: who may import whom.
package arch

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"
)

const module = "github.com/kubectl-flink/kubectl-flink/"

type listed struct {
	ImportPath string
	Imports    []string
	Deps       []string
}

func packages(t *testing.T) []listed {
	t.Helper()
	command := exec.Command("go", "list", "-json=ImportPath,Imports,Deps", "./...")
	command.Dir = "../.."
	out, err := command.Output()
	if err != nil {
		t.Fatal(err)
	}
	var all []listed
	decoder := json.NewDecoder(strings.NewReader(string(out)))
	for decoder.More() {
		var p listed
		if err := decoder.Decode(&p); err != nil {
			t.Fatal(err)
		}
		p.ImportPath = strings.TrimPrefix(p.ImportPath, module)
		all = append(all, p)
	}
	if len(all) < 10 {
		t.Fatalf("only %d packages found", len(all))
	}
	return all
}

func TestArrows(t *testing.T) {
	for _, p := range packages(t) {
		for _, imported := range p.Imports {
			to, ours := strings.CutPrefix(imported, module)
			if !ours {
				continue
			}
			from := p.ImportPath
			switch {
			case strings.HasPrefix(from, "pkg/common/") && !strings.HasPrefix(to, "pkg/common/"):
				t.Errorf("%s imports %s: the common library knows no plugin", from, to)
			case strings.HasPrefix(from, "plugins/kubectl-flink") && strings.HasPrefix(to, "plugins/kubectl-cmf"),
				strings.HasPrefix(from, "plugins/kubectl-cmf") && strings.HasPrefix(to, "plugins/kubectl-flink"):
				t.Errorf("%s imports %s: the plugins don't know each other", from, to)
			case strings.HasSuffix(to, "/view") && !strings.HasSuffix(from, "/cmd"):
				t.Errorf("%s imports %s: views are reached from cmd only", from, to)
			case strings.HasSuffix(to, "/cmd") && strings.HasPrefix(from, "plugins/") && strings.Contains(strings.TrimPrefix(from, "plugins/"), "/"):
				t.Errorf("%s imports %s: nothing but main calls commands", from, to)
			}
		}
	}
}

// These packages each add megabytes or tens of milliseconds to every start.
func TestNothingHeavyIsLinked(t *testing.T) {
	heavy := []string{"k8s.io/kubectl/pkg/cmd/", "k8s.io/kubectl/pkg/util/completion", "k8s.io/kubectl/pkg/describe", "k8s.io/kubectl/pkg/util/templates"}
	for _, p := range packages(t) {
		if p.ImportPath != "plugins/kubectl-flink" && p.ImportPath != "plugins/kubectl-cmf" {
			continue
		}
		for _, dep := range p.Deps {
			for _, h := range heavy {
				if strings.HasPrefix(dep, h) {
					t.Errorf("%s links %s", p.ImportPath, dep)
				}
			}
		}
	}
}
