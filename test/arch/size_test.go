package arch

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Budgets in bytes of the binaries as `make build` and the releases make them,
// on the platform of the tests.
var budgets = map[string]int64{
	"kubectl-flink": 45_000_000,
	"kubectl-cmf":   40_000_000,
}

func TestBinariesKeepTheirSize(t *testing.T) {
	dir := t.TempDir()
	for name, budget := range budgets {
		file := filepath.Join(dir, name)
		build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", file, "./plugins/"+name)
		build.Dir = "../.."
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %.1f MB of %.0f MB", name, float64(info.Size())/1e6, float64(budget)/1e6)
		if info.Size() > budget {
			t.Errorf("%s has %d bytes, more than its budget of %d", name, info.Size(), budget)
		}
	}
}
