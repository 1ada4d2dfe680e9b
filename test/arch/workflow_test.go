package arch

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

var (
	pinned   = regexp.MustCompile(`^[\w.-]+/[\w./-]+@[0-9a-f]{40}$`)
	unpinned = regexp.MustCompile(`go (?:install|run) \S+@(?:latest|main|master|HEAD)`)
)

// A tag can be moved to other code, which would then run with the rights to
// make a release; a commit's name can't.
func TestWorkflowsRunPinnedCode(t *testing.T) {
	files, err := filepath.Glob("../../.github/workflows/*.yml")
	if err != nil || len(files) < 2 {
		t.Fatalf("workflows %q, %v", files, err)
	}
	for _, file := range append(files, "../../Makefile") {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if found := unpinned.Find(content); found != nil {
			t.Errorf("%s runs %q, whatever that is tomorrow", filepath.Base(file), found)
		}
		if filepath.Ext(file) != ".yml" {
			continue
		}
		var workflow struct {
			Permissions map[string]string `json:"permissions"`
			Jobs        map[string]struct {
				Permissions map[string]string `json:"permissions"`
				Steps       []struct {
					Name, Uses, Run string
				} `json:"steps"`
			} `json:"jobs"`
		}
		if err := yaml.Unmarshal(content, &workflow); err != nil {
			t.Fatalf("%s: %v", filepath.Base(file), err)
		}
		if len(workflow.Permissions) != 1 || workflow.Permissions["contents"] != "read" {
			t.Errorf("%s: a job's rights are %v unless it asks for more", filepath.Base(file), workflow.Permissions)
		}
		uses := 0
		for name, job := range workflow.Jobs {
			for _, step := range job.Steps {
				if step.Uses == "" && step.Run == "" {
					t.Errorf("%s: job %s has a step that does nothing: %q", filepath.Base(file), name, step.Name)
				}
				if step.Uses == "" {
					continue
				}
				uses++
				// Its action runs a container by a tag that can be moved.
				if strings.HasPrefix(step.Uses, "rajatjindal/krew-release-bot@") && (job.Permissions == nil || len(job.Permissions) > 0) {
					t.Errorf("%s: job %s runs a container that can change, with the rights %v", filepath.Base(file), name, job.Permissions)
				}
				if !pinned.MatchString(step.Uses) {
					t.Errorf("%s: job %s uses %s, which isn't pinned to a commit", filepath.Base(file), name, step.Uses)
				}
			}
		}
		if uses == 0 {
			t.Errorf("%s uses nothing: is it read rightly?", filepath.Base(file))
		}
	}
}
