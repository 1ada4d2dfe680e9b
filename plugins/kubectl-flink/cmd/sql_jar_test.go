package cmd

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/progress"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/sqlshell"
)

// recorder is a backend, and a gateway's place, that note what they are given.
type recorder struct {
	sqlshell.Backend
	statements, uploads []string
}

var errRecorded = errors.New("recorded")

func (h *recorder) Run(_ context.Context, statement string) (sqlshell.Execution, error) {
	h.statements = append(h.statements, statement)
	return nil, errRecorded
}

func (h *recorder) Upload(_ context.Context, name string, in io.Reader) (string, error) {
	data, err := io.ReadAll(in)
	h.uploads = append(h.uploads, name+" "+string(data))
	return "/tmp/there/" + name, err
}

// A jar of this computer is copied once and known by the name that was given;
// URIs and files of the gateway are left as they are.
func TestJarsOfThisComputer(t *testing.T) {
	jar := filepath.Join(t.TempDir(), "it's one.jar")
	if err := os.WriteFile(jar, []byte("jar"), 0o600); err != nil {
		t.Fatal(err)
	}
	quoted := strings.ReplaceAll(jar, "'", "''")
	h := &recorder{}
	b := &jarBackend{Backend: h, gateway: h, line: progress.New(io.Discard, true)}
	for statement, want := range map[string]string{
		"ADD JAR 's3://b/a.jar'":            "",
		"ADD JAR '/opt/flink/opt/none.jar'": "",
		"REMOVE JAR '/never/added.jar'":     "",
		"SELECT 'ADD JAR'":                  "",
	} {
		if want == "" {
			want = statement
		}
		if _, err := b.Run(t.Context(), statement); !errors.Is(err, errRecorded) || h.statements[len(h.statements)-1] != want {
			t.Errorf("%s: %v, %v", statement, h.statements, err)
		}
	}
	h.statements = nil
	for _, statement := range []string{"add  jar '" + quoted + "'", "ADD JAR '" + quoted + "'", "REMOVE JAR '" + quoted + "'"} {
		if _, err := b.Run(t.Context(), statement); !errors.Is(err, errRecorded) {
			t.Error(err)
		}
	}
	if got := strings.Join(h.statements, "; "); got != "add JAR '/tmp/there/0-it_s_one.jar'; ADD JAR '/tmp/there/0-it_s_one.jar'; REMOVE JAR '/tmp/there/0-it_s_one.jar'" {
		t.Error(got)
	}
	if got := strings.Join(h.uploads, "; "); got != "0-it_s_one.jar jar" {
		t.Error(got)
	}
	// A jar that was built again is another file there.
	if _, err := b.Run(t.Context(), "ADD JAR '"+quoted+"'"); !errors.Is(err, errRecorded) || h.statements[3] != "ADD JAR '/tmp/there/1-it_s_one.jar'" {
		t.Error(h.statements, err)
	}
	for what, c := range map[string]struct {
		jar     string
		uploads bool
	}{"--start-gateway": {jar, false}, "no such file": {jar + "x", true}, "not a regular": {filepath.Dir(jar), true}} {
		if err := checkJar(c.jar, c.uploads); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
