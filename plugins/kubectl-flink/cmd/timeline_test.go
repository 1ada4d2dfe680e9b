package cmd

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/timeline"
)

// The story of a recorded job has what its events, pods, JobManager and object
// say; wrong flags are found before anybody is asked.
func TestTimelineOfARecording(t *testing.T) {
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	p := recording(t, "restarting")
	args := []string{"timeline", p.target(t), "--via", "apiserver", "--timeout", "3s", "--since", "0"}
	text, code := play(t, p, append(args, "--utc")...)
	for _, want := range []string{"spec        created", "the job is R", "exception", "TaskManager", "was submitted", "Submit: Starting deployment"} {
		if code != 0 || !strings.Contains(text, want) {
			t.Errorf("exit code %d, %q is missing in\n%s", code, want, text)
		}
	}
	text, code = play(t, p, append(args, "-o", "json")...)
	var story timeline.Timeline
	if err := json.Unmarshal([]byte(text), &story); err != nil || code != 0 || len(story.Items) < 5 || story.Kind != "Timeline" {
		t.Errorf("exit code %d, %v:\n%s", code, err, text)
	}
	if text, code := play(t, p, append(args, "-o", "svg")...); code != 0 || !strings.HasPrefix(text, "<?xml") {
		t.Errorf("exit code %d:\n%s", code, text)
	}
	for _, wrong := range [][]string{{"--since", "-1s"}, {"-f", "-o", "svg"}, {"-f", "--interval", "1ms"}, {"--timeout", "0"}, {"-o", "name"}} {
		if text, code := play(t, p, append([]string{"timeline", "basic-example"}, wrong...)...); code != exit.Usage {
			t.Errorf("%v: exit code %d: %s", wrong, code, text)
		}
	}
	if text, code := play(t, p, "timeline", "nobody"); code != 1 || !strings.Contains(text, "has: basic-example") {
		t.Errorf("exit code %d: %s", code, text)
	}
}
