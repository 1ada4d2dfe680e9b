//go:build e2e

package e2e

import (
	"encoding/json"
	"encoding/xml"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// What JVMs of a running job do, asked of Flink 1.20's own REST API.
func TestInsideARunningJob(t *testing.T) {
	t.Parallel()
	main.basic(t)
	flink := func(args ...string) result {
		t.Helper()
		return main.run(t, append([]string{"flink", "-n", "default"}, args...)...)
	}

	var dumps struct {
		Items []struct {
			Process string
			Threads int
			States  map[string]int
		}
	}
	r := flink("threads", "basic-example", "--all", "-o", "json").wants(t, 0)
	must(t, json.Unmarshal([]byte(r.out), &dumps))
	if len(dumps.Items) < 2 {
		t.Errorf("not the threads of a JobManager and a TaskManager:\n%.2000s", r.out)
	}
	for _, jvm := range dumps.Items {
		sum := 0
		for _, n := range jvm.States {
			sum += n
		}
		if jvm.Threads < 20 || sum != jvm.Threads {
			t.Errorf("%s: %d threads, %d by state", jvm.Process, jvm.Threads, sum)
		}
	}
	// Both tasks are there by name.
	if text := flink("threads", "basic-example").wants(t, 0).out; !strings.Contains(text, "Source: Events Generator Source") || !strings.Contains(text, "MailboxProcessor") {
		t.Errorf("no threads of tasks:\n%s", text)
	}

	// The example's Flink takes no samples itself: they are taken from here.
	file := filepath.Join(t.TempDir(), "flame.svg")
	flink("flame", "basic-example", "--mode", "full", "--duration", "3s", "--file", file).wants(t, 0, "rest.flamegraph.enabled")
	svg, err := os.Open(file)
	must(t, err)
	defer svg.Close()
	decoder, elements := xml.NewDecoder(svg), 0
	for {
		token, err := decoder.Token()
		if err == io.EOF {
			break
		}
		must(t, err)
		if _, ok := token.(xml.StartElement); ok {
			elements++
		}
	}
	if elements < 20 {
		t.Errorf("a picture of %d elements", elements)
	}
	folded := flink("flame", "basic-example", "--mode", "full", "--duration", "2s", "-o", "folded").wants(t, 0).out
	if !regexp.MustCompile(`(?m)^.*StreamTask.*;.* \d+$`).MatchString(folded) {
		t.Errorf("no stack of a task:\n%.2000s", folded)
	}

	if table := flink("metrics", "basic-example", "--job", "numRestarts").wants(t, 0).out; !strings.Contains(table, "numRestarts") {
		t.Error(table)
	}
	if csv := flink("metrics", "basic-example", "--tm", "1", "Status.JVM.Memory.Heap.Used", "--duration", "3s", "-o", "csv").wants(t, 0).out; strings.Count(csv, "\n") < 3 {
		t.Errorf("a series of too few rows:\n%s", csv)
	}
	flink("metrics", "basic-example", "no.such.metric").wants(t, 1)
	flink("accumulators", "basic-example").wants(t, 0, "has no accumulators")
	flink("rescales", "basic-example").wants(t, 1, "it came with Flink 2.3")
	flink("applications", "basic-example").wants(t, 1, "they came with Flink 2.3")
	// Off by default; the setting is named.
	flink("profile", "basic-example", "--duration", "1s", "--no-browser", "--file", filepath.Join(t.TempDir(), "p.html")).wants(t, 1, "rest.profiling.enabled")
}
