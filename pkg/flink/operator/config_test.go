package operator

import (
	"bufio"
	"regexp"
	"strings"
	"testing"
)

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
	record := regexp.MustCompile(`(?m)^(\d{4}-\d\d-\d\d) ([\d:,]+) (\w+) +(\S+) \[\] - (.*)$`)
	for name, layout := range map[string]string{
		"Flink's own":      "$0",
		"brackets":         "[${1}T$2][$3][$4] $5",
		"the time alone":   "$2 [flink-pekko.actor.default-dispatcher-17] $3 $4 - $5",
		"the level first":  "$3 $1 $2 $4: $5",
		"a date of others": "25/Nov/2026:$2 $3 $4 $5",
	} {
		in := record.ReplaceAllString(log, layout)
		got := lastCheckpointFailure(bufio.NewScanner(strings.NewReader(in)), "abc")
		if want := "IOException: Failed to create savepoint directory at file:/proc/nope"; got != want {
			t.Errorf("%s: got %q, want %q in\n%s", name, got, want, in)
		}
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
