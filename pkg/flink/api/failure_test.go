package api

import (
	"testing"
)

func TestRootOfAnOperatorsError(t *testing.T) {
	for name, tc := range map[string]struct{ raw, want string }{
		"nothing":    {"", ""},
		"plain text": {"Job Not Found", "Job Not Found"},
		"wrapped message": {
			`{"type":"org.apache.flink.kubernetes.operator.exception.ReconciliationException","message":"java.util.concurrent.CompletionException: java.util.concurrent.CompletionException: org.apache.flink.runtime.checkpoint.CheckpointException: IO-problem detected.","additionalMetadata":{},"throwableList":[]}`,
			"CheckpointException: IO-problem detected.",
		},
		"innermost throwable with its type": {
			`{"type":"a.B","message":"outer","throwableList":[{"type":"java.io.IOException","message":"Mkdirs failed"}]}`,
			"IOException: Mkdirs failed",
		},
		"empty throwable": {
			`{"type":"a.B","message":"outer","throwableList":[{"type":"java.io.IOException","message":""}]}`,
			"outer",
		},
		"type alone":         {`{"type":"org.apache.flink.util.FlinkException","message":""}`, "FlinkException"},
		"JSON of other sort": {`{"a":1}`, `{"a":1}`},
		"cut in a key":       {`{"type":"a.B","mess`, "B"},
		"cut in a message":   {`{"type":"a.B","message":"no right for \"x\" in names`, `no right for "x" in names…`},
		"cut in an escape":   {`{"type":"a.B","message":"line\u00`, "line…"},
		"cut in a type": {
			`{"type":"a.B","message":"outer","additionalMetadata":{"reason":"R"},"throwableList":[{"type":"java.io.IOException","message":"inner"},{"type":"java.net.Unk`,
			"IOException: inner",
		},
		"cut in what is said above": {
			`{"type":"a.B","message":"c.DException: it is suspending.","throwableList":[{"type":"c.DException","message":"it is susp`,
			"DException: it is suspending.",
		},
		"cut after a comma":                  {`{"type":"a.B","message":"outer",`, "outer"},
		"JSON that is cut and of other sort": {`{"a":"type`, `{"a":"type`},
		"a trace cut in a name": {
			`{"type":"a.B","message":"x.MainException: no table\n\tat c.D(E.java:1)\nCaused by: org.apa","throwableList":[]}`,
			"MainException: no table",
		},
		"a trace cut after a name": {
			`{"type":"a.B","message":"x.MainException: no table\n\tat c.D(E.java:1)\nCaused by: java.io.EOFException","throwableList":[]}`,
			"EOFException",
		},
		"a trace with more causes than the list": {
			`{"type":"a.B","message":"outer","stackTrace":"a.B: outer\n\tat c.D(E.java:1)\nCaused by: x.MidException: mid\n\tat c.D(E.java:1)\nCaused by: x.LastException: two\nlines\n\tat c.D(E.java:1)\nCaused by: java.io.IO","throwableList":[{"type":"x.MidException","message":"mid"}]}`,
			"LastException: two lines",
		},
	} {
		t.Run(name, func(t *testing.T) {
			if got := DecodeFailure(tc.raw).Root(); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

// Causes may be listed below causes.
func TestCausesBelowCauses(t *testing.T) {
	f := DecodeFailure(`{"type":"a.B","message":"x","throwableList":[{"type":"c.D","message":"y","throwableList":[{"type":"e.F","message":"z"}]},{"type":"g.H","message":"w"}]}`)
	if got, want := f.Chain(), "a.B: x\nc.D: y\ne.F: z\ng.H: w"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestRootCauseOfAStackTrace(t *testing.T) {
	const trace = "java.util.concurrent.CompletionException: org.apache.flink.runtime.checkpoint.CheckpointException: IO-problem detected.\n" +
		"\tat a.b.C(D.java:1)\nCaused by: java.io.IOException: Failed to create savepoint directory at file:/proc/nope\n\tat x.Y(Z.java:2)\n\t... 3 more"
	if got, want := RootCause(trace), "IOException: Failed to create savepoint directory at file:/proc/nope"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for in, want := range map[string]string{
		"java.lang.NullPointerException":    "NullPointerException",
		"job 1: failed: because":            "job 1: failed: because",
		"s3://bucket/x: no such key":        "s3://bucket/x: no such key",
		"a.b.C$D: text: more":               "D: text: more",
		"Error at file:/x: java.io.X: deep": "Error at file:/x: java.io.X: deep",
		"Savepoint Error -> java.util.concurrent.CompletionException: a.b.C: no -> a.b.C: FailoverRegion is restarting.": "C: FailoverRegion is restarting.",
		"the parallelism goes 1 -> 2: not a type": "the parallelism goes 1 -> 2: not a type",
	} {
		if got := RootCause(in); got != want {
			t.Errorf("RootCause(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzDecodeFailure(f *testing.F) {
	f.Add(`{"type":"a.B","message":"x: Caused by: y","throwableList":[{}]}`)
	f.Add("Caused by: ")
	f.Fuzz(func(_ *testing.T, raw string) { _ = DecodeFailure(raw).Root() })
}
