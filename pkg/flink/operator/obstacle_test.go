package operator

import (
	"strings"
	"testing"
)

// What Flink says of a savepoint that isn't there, and of a path that nothing in
// its image can read.
const (
	noState      = "FileNotFoundException: Cannot find checkpoint or savepoint file/directory 's3a://b/nope' on file system 's3a'."
	noFileSystem = "UnsupportedFileSystemSchemeException: Could not find a file system implementation for scheme 's3a'. The scheme is directly supported by Flink through the following plugin(s): flink-s3-fs-hadoop."
)

func TestLastException(t *testing.T) {
	for name, c := range map[string]struct{ log, want string }{
		"a stack trace": {
			"2026-01-01 ERROR x - Could not start\njava.lang.RuntimeException: outer\n\tat a.b(C.java:1)\nCaused by: java.io.FileNotFoundException: /opt/x.jar (No such file)\n\t... 3 more\n",
			"FileNotFoundException: /opt/x.jar (No such file)",
		},
		"the JVM's":    {`Exception in thread "main" org.apache.flink.configuration.IllegalConfigurationException: bad` + "\n", "IllegalConfigurationException: bad"},
		"a complaint":  {"Starting\nError: Could not find or load main class x.Y\n", "Error: Could not find or load main class x.Y"},
		"nothing":      {"all is well\n", ""},
		"no exception": {"see java.io.File for more: x\n", ""},
	} {
		if got := lastWords(strings.NewReader(c.log), false); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
