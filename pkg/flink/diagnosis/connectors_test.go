package diagnosis

import (
	"strings"
	"testing"
)

// A connector that is missing is named by the jar that has it, in a version
// that fits the Flink that runs.
func TestJarOfAConnector(t *testing.T) {
	for _, c := range []struct{ name, flink, want string }{
		{"upsert-kafka", "v2_3", "flink-sql-connector-kafka, in a version that ends with -2.3"},
		{"kafka", "", "as in 4.0.1-2.0"},
		{"debezium-json", "v1_20", "flink-json, version 1.20.x"},
		{"jdbc", "v2_0", "JDBC driver"},
		{"of-nobody", "v2_3", ""},
	} {
		if got := bringJar(c.name, c.flink); !strings.Contains(got, c.want) || c.want == "" && got != "" {
			t.Errorf("%s %s: %q", c.name, c.flink, got)
		}
	}
	seen := map[string]bool{}
	for _, jar := range connectorJars {
		for _, name := range jar.names {
			if seen[name] || name != strings.ToLower(name) {
				t.Error(name)
			}
			seen[name] = true
		}
	}
}
