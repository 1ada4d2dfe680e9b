package diagnosis

import (
	"strings"
	"testing"
)

// A suppressed exception, and its own causes, aren't what went wrong; a line of a
// message that looks like an exception's begins no new trace.
func TestWhereAStackTraceBegins(t *testing.T) {
	for name, c := range map[string]struct {
		log  string
		want []string // types, outermost first
	}{
		"suppressed": {
			log: `2026-11-25 01:00:00,100 ERROR x [] - Could not start
org.apache.flink.util.FlinkException: no HA services
	at a.B.c(B.java:1)
Caused by: io.fabric8.KubernetesClientException: configmaps is forbidden
	at a.B.c(B.java:1)
	Suppressed: java.lang.Throwable: waiting here
		at a.B.c(B.java:1)
	Caused by: java.io.IOException: of the suppressed
		at a.B.c(B.java:1)`,
			want: []string{"FlinkException", "KubernetesClientException"},
		},
		"suppressed, in the middle": {
			log: `java.lang.RuntimeException: outer
	at a.B.c(B.java:1)
	Suppressed: java.io.IOException: close
		at a.B.c(B.java:1)
	Caused by: java.io.IOException: of the suppressed
		... 3 more
Caused by: java.lang.IllegalStateException: inner
	at a.B.c(B.java:1)`,
			want: []string{"RuntimeException", "IllegalStateException"},
		},
		"a message of several lines": {
			log: `org.apache.flink.table.api.ValidationException: Unable to create a source
Reason: Required options are missing
	at a.B.c(B.java:1)`,
			want: []string{"ValidationException"},
		},
		"of any name, after another": {
			log: `java.lang.RuntimeException: first
	at a.B.c(B.java:1)
2026-11-25 01:00:00,100 ERROR x [] - failed
com.acme.OutOfStock: 3 left
	at a.B.c(B.java:1)`,
			want: []string{"OutOfStock"},
		},
		"without indentation": {
			log: `java.lang.RuntimeException: outer
at a.B.c(B.java:1)
Suppressed: java.io.IOException: close
at a.B.c(B.java:1)
Caused by: java.lang.IllegalStateException: inner
at a.B.c(B.java:1)`,
			want: []string{"RuntimeException", "IllegalStateException"},
		},
	} {
		e, ok := exceptionIn(strings.Split(c.log, "\n"))
		var got []string
		for _, cause := range e.Chain {
			got = append(got, cause.Type[strings.LastIndex(cause.Type, ".")+1:])
		}
		if !ok || strings.Join(got, " ") != strings.Join(c.want, " ") {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
