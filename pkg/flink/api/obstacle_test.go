package api

import (
	"testing"
)

// ownSQL is a session job's status.error after its main method threw Flink's
// exception of the same simple name as the operator's.
const ownSQL = `{"type":"org.apache.flink.kubernetes.operator.exception.ReconciliationException","message":"java.util.concurrent.ExecutionException: org.apache.flink.runtime.rest.util.RestClientException: [Internal server error., <Exception on server side:\norg.apache.flink.client.program.ProgramInvocationException: The main method caused an error: SQL validation failed. Column 'user_idd' not found in any table\n\tat org.apache.flink.client.program.PackagedProgram.callMainMethod(PackagedProgram.java:373)\nCaused by: org.apache.flink.table.api.ValidationException: SQL validation failed. Column 'user_idd' not found in any table\n\tat org.apache.flink.table.planner.calcite.FlinkPlannerImpl.validate(FlinkPlannerImpl.scala:200)\n]","additionalMetadata":{},"throwableList":[]}`

func TestOnlyTheOperatorsOwnValidatorRejects(t *testing.T) {
	for raw, want := range map[string]bool{
		`{"type":"org.apache.flink.kubernetes.operator.exception.ValidationException","message":"no dir"}`:                                                                                                     true,
		`{"type":"org.apache.flink.kubernetes.operator.exception.ReconciliationException","throwableList":[{"type":"org.apache.flink.kubernetes.operator.exception.ValidationException","message":"no dir"}]}`: true,
		`{"type":"org.apache.flink.kubernetes.operator.exception.ReconciliationException","message":"the ValidationException of my job"}`:                                                                      false,
		ownSQL: false,
		`{"type":"com.example.orders.ValidationException","message":"bad order"}`: false,
		"ValidationException: plain text of a job":                                false,
	} {
		if got := DecodeFailure(raw).Rejects(); got != want {
			t.Errorf("%s: %v", raw, got)
		}
	}
}

func TestRootCauseOnTheServer(t *testing.T) {
	text := "ExecutionException: RestClientException: [Internal server error., <Exception on server side:\n" +
		"java.util.concurrent.CompletionException: org.apache.flink.client.program.ProgramInvocationException: The class 'x' was not found in the jar file.\n\tat a.b.C(D.java:1)"
	if got := RootCause(text); got != "ProgramInvocationException: The class 'x' was not found in the jar file." {
		t.Error(got)
	}
}
