//go:build api

package api

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/lifecycle"
)

// manifestsFrom names directories or files with a user's own manifests, which
// have to work too: KUBECTL_FLINK_MANIFESTS=path:path make test-api.
const manifestsFrom = "KUBECTL_FLINK_MANIFESTS"

// Every manifest of examples/, and of whoever has their own, is taken by
// submit, and by upgrade once it is there.
func TestManifestsAreTaken(t *testing.T) {
	sources := []string{filepath.Join("..", "..", "examples")}
	if own := os.Getenv(manifestsFrom); own != "" {
		sources = append(sources, filepath.SplitList(own)...)
	} else {
		t.Logf("only examples/ is read; other manifests are named by %s", manifestsFrom)
	}
	for _, source := range sources {
		files, err := filepath.Glob(filepath.Join(source, "*.yaml"))
		must(t, err)
		if len(files) == 0 {
			files = []string{source}
		}
		ns, seen := current.namespace(t), 0
		// Session clusters first: session jobs are refused without theirs.
		for _, sessionJobs := range []bool{false, true} {
			for _, file := range files {
				jobs, err := lifecycle.ReadManifests(t.Context(), nil, []string{file})
				if err != nil {
					if !strings.Contains(err.Error(), "is none of Flink's jobs") {
						t.Errorf("%s: %v", file, err)
					}
					continue
				}
				for _, job := range jobs {
					if (job.Kind.Name == api.SessionJob.Name) == sessionJobs {
						seen++
						taken(t, ns, file, job)
					}
				}
			}
		}
		t.Logf("%s: %d manifests", source, seen)
		if seen == 0 {
			t.Errorf("%s has no manifest of a job", source)
		}
	}
}

func taken(t *testing.T, ns, file string, job api.Job) {
	t.Helper()
	if own := job.Object.GetNamespace(); own != "" {
		ns = current.namedNamespace(t, own)
	}
	ref := api.Ref{Kind: job.Kind, Namespace: ns, Name: job.Object.GetName()}
	for _, how := range []string{"client", "server"} {
		r := current.flink(t, t.Context(), "submit", "-f", file, "-n", ns, "--dry-run="+how)
		if r.code != exit.OK || !strings.Contains(r.out, ref.Printed()+" created ("+how+" dry run)") {
			t.Errorf("%s: %s", file, r)
		}
	}
	spec, _ := job.Object.Object["spec"].(map[string]any)
	object := current.create(t, job.Kind, ns, ref.Name, spec, nil)
	current.setStatus(t, job.Kind, object, carriedOut(object, "STABLE", "RUNNING", nil))
	r := current.flink(t, t.Context(), "upgrade", ref.String(), "-f", file, "-n", ns, "--dry-run=server", "--reconnect-timeout", "0s")
	if r.code != exit.OK || !strings.Contains(r.out, "unchanged") {
		t.Errorf("%s: %s", file, r)
	}
}
