package savepoint

import (
	"strings"
	"testing"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/flinktest"
)

func TestWhichFlinkTakesWhichCheckpoints(t *testing.T) {
	for _, test := range []struct {
		version string
		kind    CheckpointType
		want    string
	}{
		{"v1_16", Full, "came with Flink 1.17"},
		{"v1_17", Full, ""},
		{"v1_18", Incremental, ""},
		{"v1_19", Incremental, "--type configured"},
		{"v2_0", Incremental, "--type configured"},
		{"v2_0", Configured, ""},
		{"", Incremental, ""},
	} {
		job := flinktest.JobWith(nil)
		job.Object.Object["spec"] = map[string]any{"flinkVersion": test.version}
		err := CheckCheckpoint(job.Ref(), job, test.kind)
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%s %s: %v, want %q", test.version, test.kind, err, test.want)
		}
	}
}

func TestCheckpointRequests(t *testing.T) {
	for _, test := range []struct {
		request Request
		code    int
	}{
		{Request{Checkpoint: Full}, exit.OK},
		{Request{Checkpoint: "big"}, exit.Usage},
		{Request{Checkpoint: Configured, Method: Resource}, exit.Usage},
		{Request{Checkpoint: Configured, Method: Nonce}, exit.Usage},
		{Request{Checkpoint: Incremental, Method: Nonce}, exit.OK},
		{Request{Checkpoint: Configured, Method: REST}, exit.OK},
	} {
		if code := exit.Code(test.request.Validate()); code != test.code {
			t.Errorf("%+v: exit code %d, want %d", test.request, code, test.code)
		}
	}
}

// The type of a checkpoint by nonce stands in the configuration; it is written
// only where it isn't right already.
func TestNoncePatchOfACheckpoint(t *testing.T) {
	for _, test := range []struct {
		configured string
		kind       CheckpointType
		changes    bool
	}{{"", Full, false}, {"", Incremental, true}, {"incremental", Incremental, false}, {"INCREMENTAL", Full, true}} {
		job := flinktest.JobWith(nil)
		job.Object.Object["spec"] = map[string]any{"flinkConfiguration": map[string]any{checkpointTypeKey: test.configured}}
		p := &plan{target: job, format: strings.ToUpper(string(test.kind)), request: Request{Checkpoint: test.kind}}
		patch := p.noncePatch(7)
		if nonce := api.Section(patch, "job")["checkpointTriggerNonce"]; nonce != int64(7) {
			t.Errorf("%v", patch)
		}
		if _, changes := patch["flinkConfiguration"]; changes != test.changes {
			t.Errorf("%+v: %v", test, patch)
		}
	}
}
