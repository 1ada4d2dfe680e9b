package health

import (
	"strings"
	"testing"
)

func TestAdvice(t *testing.T) {
	for cause, want := range map[string]string{
		"IOException: Mkdirs failed to create file:/no/write":                                         "can't write to the savepoint directory",
		"Secondary resource basic (FlinkDeployment) for savepoint s is not running":                   "The job stopped running",
		"NotFoundException: There is no savepoint operation with triggerId=x":                         "no longer knows this operation",
		"ReconciliationException: NotFoundException: Operation not found under key: x":                "no longer knows this operation",
		"java.lang.UnsupportedOperationException: canonical":                                          "--format native",
		"FileNotFoundException: /flink-data/x (No such file or directory)":                            "",
		"ClassNotFoundException: com.example.State":                                                   "",
		"the operator is not running: deployment flink/flink-kubernetes-operator has 0 of 0 replicas": "",
	} {
		got := Advice(cause)
		if want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%q: advice %q, want %q", cause, got, want)
		}
	}
}

func TestSaysLooksForTheBeginOfAWord(t *testing.T) {
	for text, want := range map[string]bool{
		"": false, "NotFoundException": true, "FileNotFoundException": false, "a.NotFoundException: x": true, "_NotFoundException": false,
		"FileNotFoundException, NotFoundException": true, "§NotFoundException": true, "NotFound": false,
	} {
		if got := says(text, "NotFoundException"); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}
