package sqlgateway

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// trace is a gateway's answer around the causes, as Flink 1.20.5 sends it.
func trace(causes ...string) []string {
	var out strings.Builder
	out.WriteString("<Exception on server side:\norg.apache.flink.table.gateway.api.utils.SqlGatewayException: org.apache.flink.table.gateway.api.utils.SqlGatewayException: Failed to fetchResults.\n" +
		"\tat org.apache.flink.table.gateway.rest.handler.statement.FetchResultsHandler.handleRequest(FetchResultsHandler.java:91)\n" +
		"Caused by: org.apache.flink.table.gateway.service.utils.SqlExecutionException: Failed to execute the operation f8b32042-09e8-4e66-a809-2d9ad7e90ca9.\n" +
		"\tat java.base/java.lang.Thread.run(Thread.java:840)\n\t... 1 more\n")
	for _, c := range causes {
		out.WriteString("Caused by: " + c + "\n\tat org.apache.flink.X.y(X.java:1)\n\t... 7 more\n")
	}
	out.WriteString("\nEnd of exception on server side>")
	return []string{out.String()}
}

func TestReduce(t *testing.T) {
	type reduced struct {
		Root         string
		Line, Column int
	}
	for _, c := range []struct {
		causes []string
		want   reduced
	}{
		{
			[]string{
				"org.apache.flink.table.api.ValidationException: SQL validation failed. From line 1, column 15 to line 1, column 18: Object 'nope' not found",
				"org.apache.calcite.runtime.CalciteContextException: From line 1, column 15 to line 1, column 18: Object 'nope' not found",
				"org.apache.calcite.sql.validate.SqlValidatorException: Object 'nope' not found",
			},
			reduced{"Object 'nope' not found", 1, 15},
		},
		{
			[]string{"org.apache.calcite.runtime.CalciteContextException: At line 2, column 2: Column 'c' not found in any table"},
			reduced{"Column 'c' not found in any table", 2, 2},
		},
		{
			[]string{
				"org.apache.flink.table.api.SqlParserException: SQL parse failed. Encountered \"+ FROM\" at line 1, column 10.\nWas expecting one of:\n    <EOF> \n    \"AS\" ...\n    \"+\" \"NOT\" ...\n    ",
				"org.apache.flink.sql.parser.impl.ParseException: Encountered \"+ FROM\" at line 1, column 10.\nWas expecting one of:\n    <EOF> \n    \"AS\" ...\n    \"+\" \"NOT\" ...\n    ",
			},
			reduced{"Encountered \"+ FROM\"\nExpected one of: <EOF>, \"AS\"", 1, 10},
		},
		{
			[]string{"org.apache.flink.table.api.SqlParserException: SQL parse failed. Non-query expression encountered in illegal context"},
			reduced{"Non-query expression encountered in illegal context", 0, 0},
		},
		{
			[]string{
				"org.apache.flink.table.gateway.service.utils.SqlExecutionException: Could not stop job aaa  for operation bc30.",
				"java.lang.IllegalArgumentException: Cannot parse JobID from \"aaa\".", "java.lang.IllegalArgumentException: Argument bytes must by an array of 16 bytes",
			},
			reduced{"Cannot parse JobID from \"aaa\": Argument bytes must by an array of 16 bytes", 0, 0},
		},
		{
			[]string{"org.apache.flink.table.api.ValidationException: Could not find any factory for identifier 'kafkaa' in the classpath.\n\nAvailable factory identifiers are:\n\nblackhole\ndatagen"},
			reduced{"Could not find any factory for identifier 'kafkaa' in the classpath.\n\nAvailable factory identifiers are:\n\nblackhole\ndatagen", 0, 0},
		},
		{
			[]string{
				"org.apache.flink.table.api.TableException: Failed to execute sql", "org.apache.flink.util.FlinkException: Failed to execute job 'SELECT 1'.",
				"org.apache.flink.runtime.client.JobSubmissionException: Failed to submit JobGraph.",
				"org.apache.flink.util.concurrent.FutureUtils$RetryException: Could not complete the operation. Number of retries has been exhausted.",
				"java.util.concurrent.CompletionException: org.apache.flink.shaded.netty4.io.netty.channel.AbstractChannel$AnnotatedConnectException: Connection refused: session-example-rest.ns/10.0.0.1:8081",
				"org.apache.flink.shaded.netty4.io.netty.channel.AbstractChannel$AnnotatedConnectException: Connection refused: session-example-rest.ns/10.0.0.1:8081",
				"java.net.ConnectException: Connection refused",
			},
			reduced{"the SQL gateway can't reach the JobManager to submit the job: Connection refused: session-example-rest.ns/10.0.0.1:8081", 0, 0},
		},
		{
			[]string{
				"org.apache.flink.util.FlinkRuntimeException: org.apache.flink.api.common.InvalidProgramException: Table program cannot be compiled. This is a bug. Please file an issue.",
				"org.codehaus.commons.compiler.CompileException: Line 5, Column 10: Cannot determine simple type name \"com\"",
			},
			reduced{"Table program cannot be compiled. This is a bug. Please file an issue: Line 5, Column 10: Cannot determine simple type name \"com\"", 0, 0},
		},
		{
			[]string{"org.apache.calcite.runtime.CalciteContextException: from line 3, column 1 to line 3, column 4: Line 5, Column 10"},
			reduced{"Line 5, Column 10", 3, 1},
		},
		{[]string{"java.lang.ArithmeticException: Division by zero"}, reduced{"Division by zero", 0, 0}},
		{[]string{"java.lang.NullPointerException"}, reduced{"NullPointerException", 0, 0}},
	} {
		messages := trace(c.causes...)
		e := reduce(messages)
		if diff := cmp.Diff(c.want, reduced{e.Root, e.Line, e.Column}); diff != "" {
			t.Error(diff)
		}
		if e.Full != messages[0] {
			t.Error("the whole is not kept")
		}
	}
	if e := reduce(nil); e.Root != "" {
		t.Error(e.Root)
	}
}
