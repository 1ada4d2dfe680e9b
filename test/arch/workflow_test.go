package arch

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

var (
	pinned = regexp.MustCompile(`^(?:[\w.-]+/[\w./-]+@[0-9a-f]{40}|docker://[\w./:-]+@sha256:[0-9a-f]{64})$`)
	// What others write, such as a pull request's title, becomes part of a script.
	written  = regexp.MustCompile(`\$\{\{[^}]*(?:github\.event\.|github\.head_ref|inputs\.)[^}]*\}\}`)
	unpinned = regexp.MustCompile(`go (?:install|run) \S+@(?:latest|main|master|HEAD)`)
)

// workflow is what is checked of one.
type workflow struct {
	// YAML takes the word on for true.
	On          any               `json:"true"`
	Permissions map[string]string `json:"permissions"`
	Jobs        map[string]struct {
		Permissions map[string]string `json:"permissions"`
		Container   any               `json:"container"`
		Services    any               `json:"services"`
		Uses        string            `json:"uses"`
		Steps       []struct {
			Name, Uses, Run string
			With            map[string]any
		} `json:"steps"`
	} `json:"jobs"`
}

// movable are the places in a workflow where code could run that someone else
// changes, or with more rights than it needs.
func movable(content []byte) (wrong []string, uses int, err error) {
	report := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	var w workflow
	if err := yaml.Unmarshal(content, &w); err != nil {
		return nil, 0, err
	}
	if len(w.Permissions) != 1 || w.Permissions["contents"] != "read" {
		report("a job's rights are %v unless it asks for more", w.Permissions)
	}
	if events := fmt.Sprint(w.On); strings.Contains(events, "pull_request_target") || strings.Contains(events, "workflow_run") {
		report("it runs with rights for pull requests of others: %s", events)
	}
	for name, job := range w.Jobs {
		if job.Container != nil || job.Services != nil || job.Uses != "" {
			report("job %s runs a container or another workflow", name)
		}
		for _, step := range job.Steps {
			if found := written.FindString(step.Run); found != "" {
				report("job %s has %s in a script: hand it over as a variable", name, found)
			}
			if step.Uses == "" {
				if step.Run == "" {
					report("job %s has a step that does nothing: %q", name, step.Name)
				}
				continue
			}
			uses++
			if !pinned.MatchString(step.Uses) {
				report("job %s uses %s, which isn't pinned", name, step.Uses)
			}
			// Only GitHub's own actions run beside rights: an action's commit may
			// itself run a container by a tag that can be moved.
			if rights := job.Permissions == nil || len(job.Permissions) > 0; rights && !strings.HasPrefix(step.Uses, "actions/") {
				report("job %s runs %s with the rights %v", name, step.Uses, job.Permissions)
			}
			if strings.HasPrefix(step.Uses, "actions/checkout@") && step.With["persist-credentials"] != false {
				report("job %s leaves its token to all steps", name)
			}
		}
	}
	slices.Sort(wrong)
	return wrong, uses, nil
}

// A tag can be moved to other code, which would then run with the rights to
// make a release; a commit's name can't.
func TestWorkflowsRunPinnedCode(t *testing.T) {
	files, err := filepath.Glob("../../.github/workflows/*.y*ml")
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
		if filepath.Base(file) == "Makefile" {
			continue
		}
		wrong, uses, err := movable(content)
		if err != nil {
			t.Fatalf("%s: %v", filepath.Base(file), err)
		}
		for _, w := range wrong {
			t.Errorf("%s: %s", filepath.Base(file), w)
		}
		if uses == 0 {
			t.Errorf("%s uses nothing: is it read rightly?", filepath.Base(file))
		}
	}
}

// The test above sees what it is there for.
func TestMovableCodeIsSeen(t *testing.T) {
	const commit = "0123456789012345678901234567890123456789"
	const head = "on: push\npermissions: {contents: read}\njobs:\n  a:\n"
	const checkout = "uses: actions/checkout@" + commit + ", with: {persist-credentials: false}"
	for text, want := range map[string]string{
		head + "    steps: [{" + checkout + "}]":                                                     "",
		head + "    permissions: {}\n    steps: [{uses: other/bot@" + commit + "}]":                  "",
		head + "    steps: [{uses: actions/checkout@v6}]":                                            "isn't pinned",
		head + "    steps: [{uses: actions/checkout@" + commit + "}]":                                "leaves its token",
		head + "    steps: [{uses: other/bot@" + commit + "}]":                                       "with the rights",
		head + "    permissions: {id-token: write}\n    steps: [{uses: other/bot@" + commit + "}]":   "with the rights",
		head + "    permissions: {}\n    steps: [{uses: 'docker://ghcr.io/other/bot:v1'}]":           "isn't pinned",
		head + "    container: golang:1\n    steps: [{run: make}]":                                   "runs a container",
		head + "    services: {db: {image: postgres}}\n    steps: [{run: make}]":                     "runs a container",
		head + "    uses: other/repo/.github/workflows/x.yml@main":                                   "another workflow",
		head + "    steps: [{run: 'echo ${{ github.event.pull_request.title }}'}]":                   "in a script",
		head + "    steps: [{run: 'git checkout ${{github.head_ref}}'}]":                             "in a script",
		strings.Replace(head, "push", "[pull_request_target]", 1) + "    steps: [{run: make}]":       "pull requests of others",
		strings.Replace(head, "{contents: read}", "write-all", 1) + "    steps: [{run: make}]":       "-",
		strings.Replace(head, "contents: read", "contents: write", 1) + "    steps: [{run: make}]":   "a job's rights",
		strings.Replace(head, "permissions: {contents: read}\n", "", 1) + "    steps: [{run: make}]": "a job's rights",
	} {
		wrong, _, err := movable([]byte(text))
		all := strings.Join(wrong, "; ")
		if want == "-" && err == nil || want != "-" && (err != nil || (all == "") != (want == "") || !strings.Contains(all, want)) {
			t.Errorf("%s\ngot %q, %v, want %q", text, all, err, want)
		}
	}
}

// A signature by another workflow, or of another tag, isn't taken
// for the release.
func TestTheSignaturesIdentityIsWhole(t *testing.T) {
	content, err := os.ReadFile("../../docs/install.md")
	if err != nil {
		t.Fatal(err)
	}
	text := string(content)
	if !strings.Contains(text, "--certificate-identity https://github.com/kubectl-flink/kubectl-flink/.github/workflows/release.yml@refs/tags/VERSION") ||
		!strings.Contains(text, "--certificate-oidc-issuer https://token.actions.githubusercontent.com") || strings.Contains(text, "-regexp") {
		t.Error("docs/install.md: cosign's line names the workflow, the tag and the issuer, each as it is")
	}
}
