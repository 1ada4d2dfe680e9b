package probe

import (
	"encoding/base64"
	"io"
	"strings"
	"testing"
)

func graphLine(parts ...string) string {
	text := graphMark
	for _, part := range parts {
		text += "\t" + base64.StdEncoding.EncodeToString([]byte(part))
	}
	return text + "\n"
}

func TestReadGraph(t *testing.T) {
	id := strings.Repeat("a", 32)
	operators := "INFO the job prints\n" + graphLine("operator", id, "", "Map", "map", "Source -> Map", "4", "-1") + graphLine("operator", id, id, "", "", "Sink", "1", "128")
	got := ReadGraph(strings.NewReader(operators + graphLine("end")))
	if !got.Whole || len(got.Operators) != 2 || got.Operators[0] != (Operator{ID: id, Name: "Map", UID: "map", Vertex: "Source -> Map", Parallelism: 4, MaxParallelism: -1}) || got.Operators[1].UserID != id {
		t.Errorf("%+v", got)
	}
	for name, text := range map[string]string{
		"ended early":     operators,
		"no operators":    graphLine("end"),
		"no number":       graphLine("operator", id, "", "Map", "map", "v", "many", "-1") + graphLine("end"),
		"not base64":      graphMark + "\t!\n",
		"another's mark":  strings.ReplaceAll(operators+graphLine("end"), graphMark, mark),
		"the job says so": operators + "end\n",
	} {
		if got := ReadGraph(strings.NewReader(text)); got.Whole {
			t.Errorf("%s: %+v", name, got)
		}
	}
	got = ReadGraph(strings.NewReader(operators + graphLine("failed", "run the main method", "java.lang.X: y") + graphLine("end")))
	if got.Whole || got.Step != "run the main method" || got.Trace != "java.lang.X: y" || got.TimedOut {
		t.Errorf("%+v", got)
	}
	if got = ReadGraph(strings.NewReader(graphLine("timeout", "run the main method", ""))); !got.TimedOut {
		t.Errorf("%+v", got)
	}
}

// Arguments go by standard input, whatever is in them.
func TestGraphInput(t *testing.T) {
	data, _ := io.ReadAll(GraphInput(map[string]string{"a": "b", "bad": "x\ny"}, Program{Jar: "local:///job.jar", Files: map[string]string{"/etc/sql/a": "SELECT"}, Args: []string{"--password", "hush\n\nhush", ""}}))
	lines := strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
	want := []string{"a=b", "", "bG9jYWw6Ly8vam9iLmphcg==", "", "MQ==", "MQ==", "L2V0Yy9zcWwvYQ==", "U0VMRUNU", "LS1wYXNzd29yZA==", "aHVzaAoKaHVzaA==", ""}
	if strings.Join(lines, "|") != strings.Join(want, "|") {
		t.Errorf("%q", lines)
	}
	if strings.Contains(strings.Join(GraphCommand(map[string]string{"env.java.opts.all": "-Dx=hush"}), " "), "hush") {
		t.Error("the list of processes shows a secret")
	}
}
