package diagnosis

import (
	"slices"
	"strings"
	"testing"
)

// pythonLog is what PythonDriver logs of a program that fails: each line as it was
// printed, and as a record.
var pythonLog = []string{
	"2026-11-25 01:00:00,100 INFO  org.apache.flink.client.python.PythonDriver [] - --------------------------- Python Process Started --------------------------",
	"Traceback (most recent call last):",
	"2026-11-25 01:00:01,100 INFO  org.apache.flink.client.python.PythonDriver [] - Traceback (most recent call last):",
	`  File "/opt/flink/usrlib/orders.py", line 3, in <module>`,
	`2026-11-25 01:00:01,100 INFO  org.apache.flink.client.python.PythonDriver [] -   File "/opt/flink/usrlib/orders.py", line 3, in <module>`,
	"    import orders_lib",
	"2026-11-25 01:00:01,100 INFO  org.apache.flink.client.python.PythonDriver [] -     import orders_lib",
	"ModuleNotFoundError: No module named 'orders_lib'",
	"2026-11-25 01:00:01,100 INFO  org.apache.flink.client.python.PythonDriver [] - ModuleNotFoundError: No module named 'orders_lib'",
	"2026-11-25 01:00:01,200 INFO  org.apache.flink.client.python.PythonDriver [] - --------------------------- Python Process Exited ---------------------------",
	"2026-11-25 01:00:01,300 ERROR org.apache.flink.client.python.PythonDriver [] - Run python process failed",
	"java.lang.RuntimeException: Python process exits with code: 1",
	"\tat org.apache.flink.client.python.PythonDriver.main(PythonDriver.java:134) ~[flink-python-1.20.0.jar:1.20.0]",
}

// Python's own error is the cause, wherever it stands.
func TestPythonPrograms(t *testing.T) {
	harness := func(trace string) change {
		return task("java.lang.RuntimeException: Error received from SDK harness for instruction 3: " + trace)
	}
	for name, c := range map[string]struct {
		facts change
		// says are in the first finding or its cures, never isn't.
		says  []string
		never string
	}{
		"a module that isn't there": {
			all(mainFails("java.lang.RuntimeException: Python process exits with code: 1"), logged(pythonLog...)),
			[]string{"ModuleNotFoundError: No module named 'orders_lib'", "python.requirements"},
			"exits with code",
		},
		"in the log of a JobManager that ended": {
			jmFails(append(slices.Clip(pythonLog), "\tat org.apache.flink.client.program.PackagedProgram.callMainMethod(PackagedProgram.java:373)")...),
			[]string{"ModuleNotFoundError: No module named 'orders_lib'", "python.requirements"},
			"exits with code",
		},
		"a program that isn't there": {
			all(mainFails("java.lang.RuntimeException: Python process exits with code: 2"), logged("python: can't open file '/opt/flink/usrlib/nope.py': [Errno 2] No such file or directory")),
			[]string{"can't open file '/opt/flink/usrlib/nope.py'", "spec.job.args"},
			"python.requirements",
		},
		"a log that is gone": {
			mainFails("java.lang.RuntimeException: Python process exits with code: 1"),
			[]string{"Python process exits with code: 1", "kubectl flink logs orders --jm -n prod"},
			"python.requirements",
		},
		"a function": {
			harness("Traceback (most recent call last):\n  File \"/usr/lib/x.py\", line 1, in f\n    return a / 0\nZeroDivisionError: division by zero"),
			[]string{"the Python program failed: ZeroDivisionError: division by zero"},
			"python.requirements",
		},
		"a table that isn't there": {
			all(mainFails("java.lang.RuntimeException: Python process exits with code: 1"), logged("Traceback (most recent call last):", "  File \"/x.py\", line 1, in <module>", "pyflink.util.exceptions.TableException: org.apache.flink.table.api.ValidationException: SQL validation failed. Object 'orders' not found", "\tat org.apache.flink.X.y(X.java:1)")),
			[]string{"Object 'orders' not found", "correct the statement"},
			"python.requirements",
		},
		"a connector that isn't there": {
			all(mainFails("java.lang.RuntimeException: Python process exits with code: 1"), logged("Traceback (most recent call last):", "2026-11-25 01:00:01,100 INFO  org.apache.flink.client.python.PythonDriver [] - Traceback (most recent call last):", "py4j.protocol.Py4JJavaError: An error occurred while calling o12.executeSql.", "2026-11-25 01:00:01,100 INFO  org.apache.flink.client.python.PythonDriver [] - py4j.protocol.Py4JJavaError: An error occurred while calling o12.executeSql.",
				": org.apache.flink.table.api.ValidationException: Unable to create a source", "2026-11-25 01:00:01,100 INFO  org.apache.flink.client.python.PythonDriver [] - : org.apache.flink.table.api.ValidationException: Unable to create a source", "\tat a.b(C.java:1)", "Caused by: org.apache.flink.table.api.ValidationException: Could not find any factory for identifier 'kafka' that implements 'DynamicTableFactory' in the classpath.")),
			[]string{"FLINK-JOB-CONNECTOR", "kafka"},
			"Py4J",
		},
		"no PyFlink in a TaskManager": {
			task("java.io.IOException: Failed to execute the command: python3 -c import pyflink\noutput: Traceback (most recent call last):\n  File \"<string>\", line 1, in <module>\nModuleNotFoundError: No module named 'pyflink'"),
			[]string{"FLINK-JOB-PYTHON", "in the image"},
			"memory",
		},
		"errors within errors": {
			all(mainFails("java.lang.RuntimeException: Python process exits with code: 1"), logged("Traceback (most recent call last):", "KeyError: 'a'", "", "During handling of the above exception, another exception occurred:", "", "Traceback (most recent call last):", "  File \"/x.py\", line 1, in <module>", "ValueError: no a")),
			[]string{"ValueError: no a"},
			"KeyError",
		},
	} {
		t.Run(name, func(t *testing.T) {
			found := Job(with(c.facts))
			if len(found) == 0 {
				t.Fatal("nothing found")
			}
			text := found[0].Rule + " " + found[0].Means
			for _, cure := range found[0].Cures {
				text += "\n" + cure.Text + ": " + cure.Command
			}
			for _, want := range c.says {
				if !strings.Contains(text, want) {
					t.Errorf("%s\nlacks %q", text, want)
				}
			}
			if strings.Contains(text, c.never) {
				t.Errorf("%s\nhas %q", text, c.never)
			}
		})
	}
}

// An exception may have any name, and be a class within a class.
func TestExceptionsOfAnyNameAreFoundInLogs(t *testing.T) {
	for line, want := range map[string]string{
		"com.acme.Job$BadOrderException: order 7":               "com.acme.Job$BadOrderException",
		"com.acme.BadOrder: order 7":                            "com.acme.BadOrder",
		`Exception in thread "main" com.acme.Rejected: order 7`: "com.acme.Rejected",
		"scala.MatchError: 7 (of class java.lang.Integer)":      "scala.MatchError",
		"BrokenException: order 7":                              "BrokenException",
	} {
		e, ok := exceptionIn([]string{"2026-11-25 01:00:00,100 ERROR x [] - failed", line, "\tat com.acme.Job.main(Job.java:1)", "2026-11-25 01:00:00,200 INFO x [] - Shutting down"})
		if !ok || e.Chain[0].Type != want {
			t.Errorf("%q: %t %+v", line, ok, e.Chain)
		}
	}
	if e, ok := exceptionIn([]string{"Starting: all", "Listening on 8081", "Done"}); ok {
		t.Errorf("an exception in none: %+v", e)
	}
}
