package logs

import (
	"encoding/json"
	"io"
	"strings"
	"testing"
)

const (
	aTrace  = "org.apache.flink.util.FlinkException: Could not start\n\tat a.B.c(B.java:1)\nCaused by: java.io.FileNotFoundException: /opt/x (No such file or directory)\n\tat d.E.f(E.java:2)\n\t... 3 more"
	aRecord = "ERROR o.a.f.Entry [] - Could not start cluster entrypoint."
)

func object(t *testing.T, fields map[string]any) string {
	t.Helper()
	line, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	return string(line)
}

// A record in JSON becomes what Flink's own layout would write, whatever the
// names that its layout has for things.
func TestPlain(t *testing.T) {
	const message = "Could not start cluster entrypoint."
	frame := func(class, method, file string, line int) map[string]any {
		return map[string]any{"class": class, "method": method, "file": file, "line": line}
	}
	nested := map[string]any{
		"name": "org.apache.flink.util.FlinkException", "message": "Could not start", "extendedStackTrace": []any{frame("a.B", "c", "B.java", 1)},
		"cause": map[string]any{"name": "java.io.FileNotFoundException", "message": "/opt/x (No such file or directory)", "extendedStackTrace": []any{frame("d.E", "f", "E.java", 2)}},
	}
	for name, fields := range map[string]map[string]any{
		"ECS":                      {"@timestamp": "2026-11-25T01:00:00.100Z", "log.level": "ERROR", "log.logger": "o.a.f.Entry", "message": message, "error.type": "x", "error.stack_trace": aTrace},
		"ECS, nested":              {"@timestamp": "2026-11-25T01:00:00.100Z", "log": map[string]any{"level": "ERROR", "logger": "o.a.f.Entry"}, "message": message, "error": map[string]any{"type": "x", "stack_trace": aTrace}},
		"ECS, an array of lines":   {"@timestamp": "2026-11-25T01:00:00.100Z", "log.level": "ERROR", "log.logger": "o.a.f.Entry", "message": message, "error.stack_trace": lines(aTrace)},
		"Logstash":                 {"@timestamp": "2026-11-25T01:00:00.100Z", "@version": "1", "level": "ERROR", "logger_name": "o.a.f.Entry", "message": message, "stack_trace": aTrace},
		"log4j's template":         {"instant": map[string]any{"epochSecond": 1795568400, "nanoOfSecond": 100000000}, "level": "ERROR", "loggerName": "o.a.f.Entry", "message": message, "thrown": map[string]any{"name": "x.Y", "message": "m", "extendedStackTrace": aTrace}},
		"log4j's objects":          {"timeMillis": 1795568400100, "level": "ERROR", "loggerName": "o.a.f.Entry", "message": message, "thrown": nested},
		"Logstash of log4j 1":      {"@timestamp": "2026-11-25T01:00:00.100Z", "level": "ERROR", "logger_name": "o.a.f.Entry", "message": message, "exception": map[string]any{"exception_class": "org.apache.flink.util.FlinkException", "exception_message": "Could not start", "stacktrace": aTrace}},
		"Google's, in one message": {"time": "2026-11-25T01:00:00.100Z", "severity": "ERROR", "logger": "o.a.f.Entry", "message": message + "\n" + aTrace},
		"OpenTelemetry":            {"timestamp": "2026-11-25T01:00:00.100Z", "severityText": "ERROR", "logger": "o.a.f.Entry", "body": message, "attributes": map[string]any{"exception.stacktrace": aTrace}},
		"GELF":                     {"version": "1.1", "timestamp": 1795568400.1, "level": 3, "_logger": "o.a.f.Entry", "short_message": message, "full_message": aTrace},
	} {
		t.Run(name, func(t *testing.T) {
			got := strings.Join(Plain(object(t, fields)), "\n")
			head, rest, _ := strings.Cut(got, "\n")
			if !strings.HasPrefix(head, "2026-11-25 01:00:00,") || !strings.HasSuffix(head, aRecord) {
				t.Errorf("the record is %q", head)
			}
			for _, want := range []string{"\n\tat a.B.c(B.java:1)", "\nCaused by: java.io.FileNotFoundException: /opt/x (No such file or directory)", "\n\tat d.E.f(E.java:2)"} {
				if !strings.Contains("\n"+rest, want) && !(strings.HasPrefix(want, "\n\tat a") && name == "log4j's template") {
					t.Errorf("%q lacks %q", rest, want)
				}
			}
			stamped := Plain("2026-11-25T01:00:01.123456789Z " + object(t, fields))
			for _, line := range stamped {
				if !strings.HasPrefix(line, "2026-11-25T01:00:01.123456789Z ") {
					t.Errorf("without the kubelet's time: %q", line)
				}
			}
		})
	}
}

func lines(text string) (out []any) {
	for line := range strings.SplitSeq(text, "\n") {
		out = append(out, line)
	}
	return out
}

// What isn't a record in JSON stays as it is.
func TestPlainLeavesOtherLines(t *testing.T) {
	for line, want := range map[string]string{
		"":                               "",
		"{":                              "{",
		`{"a": 1}`:                       `{"a": 1}`,
		`{"level":"INFO"`:                `{"level":"INFO"`,
		`{"level":"INFO","n":1}`:         `{"level":"INFO","n":1}`,
		`{key=value, level=INFO}`:        `{key=value, level=INFO}`,
		"2026-11-25 01:00:00 INFO x":     "2026-11-25 01:00:00 INFO x",
		"\x1b[31mERROR\x1b[0m text\r":    "ERROR text",
		"2026-11-25T01:00:00Z no object": "2026-11-25T01:00:00Z no object",
	} {
		if got := strings.Join(Plain(line), "\n"); got != want {
			t.Errorf("%q became %q", line, got)
		}
	}
}

// Causes within causes, and lines, have bounds.
func TestPlainIsBounded(t *testing.T) {
	thrown := map[string]any{"name": "a.BException", "message": strings.Repeat("\n", 10_000)}
	for range 1000 {
		thrown = map[string]any{"name": "a.BException", "message": "m", "cause": thrown}
	}
	got := Plain(object(t, map[string]any{"level": "ERROR", "message": "x", "thrown": thrown}))
	if len(got) > mostTraceLines || len(got) < 2 {
		t.Errorf("%d lines", len(got))
	}
}

func TestPlainReader(t *testing.T) {
	in := "one\n" + object(t, map[string]any{"@timestamp": "2026-11-25T01:00:00.100Z", "level": "ERROR", "logger": "L", "message": "two", "stack_trace": aTrace}) + "\nthree"
	got, err := io.ReadAll(NewPlain(strings.NewReader(in)))
	if want := "one\n2026-11-25 01:00:00,100 ERROR L [] - two\n" + aTrace + "\nthree\n"; err != nil || string(got) != want {
		t.Errorf("%v %q, want %q", err, got, want)
	}
	if _, err := io.ReadAll(NewPlain(strings.NewReader(strings.Repeat("x", mostLine+1)))); err == nil {
		t.Error("a line without end is read")
	}
}

// A trace that a layout put into one line is read as the lines that it was.
func TestPlainUnfoldsTraces(t *testing.T) {
	const head, after = "2026-06-01 12:00:00,000 ERROR a.B - Could not start", "a.b.CException: Failed\n\tat a.b(C.java:1)\nCaused by: java.io.IOException: no file\n\tat d.E$F.<init>(E.java:2)\n\t... 3 more"
	for name, line := range map[string]string{
		"bars":             head + " | a.b.CException: Failed |     at a.b(C.java:1) | Caused by: java.io.IOException: no file |   at d.E$F.<init>(E.java:2) |  ... 3 more",
		"bars and bars":    head + "|a.b.CException: Failed|\tat a.b(C.java:1)|Caused by: java.io.IOException: no file|\tat d.E$F.<init>(E.java:2)|\t... 3 more",
		"escapes":          head + `\na.b.CException: Failed\n\tat a.b(C.java:1)\nCaused by: java.io.IOException: no file\n\tat d.E$F.<init>(E.java:2)\n\t... 3 more`,
		"escapes, Windows": head + `\r\na.b.CException: Failed\r\n\tat a.b(C.java:1)\r\nCaused by: java.io.IOException: no file\r\n\tat d.E$F.<init>(E.java:2)\r\n\t... 3 more`,
		"rsyslog":          head + "#012a.b.CException: Failed#012\tat a.b(C.java:1)#012Caused by: java.io.IOException: no file#012\tat d.E$F.<init>(E.java:2)#012\t... 3 more",
	} {
		if got, want := strings.Join(Plain(line), "\n"), head+"\n"+after; got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	for name, line := range map[string]string{
		"a frame":                     "\tat a.b(C.java:1)",
		"a frame without white space": "at a.b(C.java:1)",
		"a frame of logback":          "\tat a.b(C.java:1) ~[flink-dist-1.20.jar:1.20]",
		"words":                       head + ": look at flink.conf (it is there)",
		"an exception and a place":    head + " a.b.CException at a.b(C.java:1)",
	} {
		if got := Plain(line); len(got) != 1 || got[0] != line {
			t.Errorf("%s: %q", name, got)
		}
	}
	if got, want := strings.Join(Plain("Caused by: <#2b3c4d5e> java.io.IOException: no file"), "\n"), "Caused by: java.io.IOException: no file"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
