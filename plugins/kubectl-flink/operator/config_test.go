package operator

import (
	"bufio"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestFlattenMakesOneKeyOfEachPath(t *testing.T) {
	got := Flatten(map[string]any{
		"state": map[string]any{"savepoints.dir": "s3://a", "backend": map[string]any{"type": "rocksdb"}},
		"list":  []any{"a", int64(2)},
		"whole": float64(3),
		"part":  1.5,
		"on":    true,
		"none":  nil,
	})
	want := Config{
		"state.savepoints.dir": "s3://a", "state.backend.type": "rocksdb",
		"list": "a;2", "whole": "3", "part": "1.5", "on": "true",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestParseConfigReadsBothFiles(t *testing.T) {
	modern := ParseConfig("config.yaml", "execution:\n  checkpointing:\n    savepoint-dir: 's3://b/sp'\n")
	if dir, key := modern.Get(savepointDirKeys...); dir != "s3://b/sp" || key != "execution.checkpointing.savepoint-dir" {
		t.Errorf("%q %q", dir, key)
	}
	older := ParseConfig("flink-conf.yaml", "# a comment\nstate.savepoints.dir: file:///s\nenv.java.opts.all: --add-opens=a/b=ALL: x\n\n")
	if dir, key := older.Get(savepointDirKeys...); dir != "file:///s" || key != "state.savepoints.dir" {
		t.Errorf("%q %q", dir, key)
	}
	if got := older["env.java.opts.all"]; got != "--add-opens=a/b=ALL: x" {
		t.Errorf("%q", got)
	}
}

func TestLastCheckpointFailureInALog(t *testing.T) {
	const log = `2026-11-23 03:20:20,000 INFO  o.a.f.r.checkpoint.CheckpointCoordinator [] - Completed checkpoint 1 for job abc.
2026-11-23 03:20:21,000 WARN  o.a.f.r.checkpoint.CheckpointFailureManager [] - Failed to trigger or complete checkpoint 2 for job abc.
org.apache.flink.runtime.checkpoint.CheckpointException: IO-problem detected.
	at a.b.C(D.java:1)
Caused by: java.io.IOException: Failed to create savepoint directory at file:/proc/nope
	at a.b.C(D.java:1)
2026-11-23 03:20:22,000 ERROR o.a.f.runtime.rpc.pekko.FencedPekkoRpcActor [] - Caught exception.
java.lang.IllegalStateException: unrelated
2026-11-23 03:20:23,000 WARN  o.a.f.r.checkpoint.CheckpointFailureManager [] - Failed to trigger or complete checkpoint 3 for job other.
java.io.IOException: of another job
`
	got := lastCheckpointFailure(bufio.NewScanner(strings.NewReader(log)), "abc")
	if want := "IOException: Failed to create savepoint directory at file:/proc/nope"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Seen on Flink 2.3 with a canonical savepoint of asynchronous state.
func TestLastCheckpointFailureThatStoppedTheJob(t *testing.T) {
	for _, said := range []string{"Checkpoint Coordinator is suspending.", "FailoverRegion is restarting."} {
		log := `2026-11-23 03:20:21,000 INFO  o.a.f.r.executiongraph.ExecutionGraph [] - Flat Map -> Sink (1/2) (abc) switched from RUNNING to FAILED on tm-1.
java.lang.Exception: Could not perform checkpoint 11 for operator Flat Map -> Sink (1/2)#0.
	at a.b.C(D.java:1)
Caused by: java.lang.UnsupportedOperationException: Not supported yet.
	at a.b.C(D.java:1)
2026-11-23 03:20:21,100 WARN  o.a.f.r.checkpoint.CheckpointFailureManager [] - Failed to trigger or complete checkpoint 11 for job abc.
org.apache.flink.runtime.checkpoint.CheckpointException: ` + said + `
	at a.b.C(D.java:1)
`
		got := lastCheckpointFailure(bufio.NewScanner(strings.NewReader(log)), "abc")
		if want := "UnsupportedOperationException: Not supported yet."; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestFlinkDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"5 min": 5 * time.Minute, "30s": 30 * time.Second, "1 h": time.Hour, "2 d": 48 * time.Hour, "1500": 1500 * time.Millisecond, "20 ms": 20 * time.Millisecond,
		"": -1, "soon": -1, "5 fortnights": -1,
	} {
		got, ok := flinkDuration(text)
		if !ok {
			got = -1
		}
		if got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}
