package api

import (
	"testing"
)

func TestTheLineAboveThatNamesTheThing(t *testing.T) {
	for _, c := range []struct {
		chain []string
		want  string
	}{
		{[]string{"Exception: Exception while creating StreamOperatorStateContext.", "FlinkException: Could not restore keyed state backend", "IOException: Local DB files directory '/proc/none' cannot be created."}, "IOException: Local DB files directory '/proc/none' cannot be created."},
		{[]string{"CompletionException: x", "TimeoutException: Failed to ask kafka-1:9092", "ConnectException: Connection refused"}, "ConnectException: Connection refused (in TimeoutException: Failed to ask kafka-1:9092)"},
		{[]string{"FlinkException: Could not restore state for StreamFlatMap_20ba6b65f97481d5570070de90e4e791", "NullPointerException"}, "NullPointerException (in FlinkException: Could not restore state for StreamFlatMap_20ba6b65f97481d5570070de90e4e791)"},
		{[]string{"RuntimeException: it failed", "NullPointerException"}, "NullPointerException"},
		{[]string{"JobException: Recovery is suppressed by NoRestartBackoffTimeStrategy", "IllegalStateException: boom"}, "IllegalStateException: boom"},
		{nil, ""},
	} {
		if got := Telling(c.chain); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}
