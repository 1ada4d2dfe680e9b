//go:build hostile && unix

package hostile

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// most is how much memory a command may take whatever is answered, in bytes.
const most = 256 << 20

var built = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "hostile")
	if err != nil {
		return "", err
	}
	file := filepath.Join(dir, "kubectl-flink")
	build := exec.Command("go", "build", "-trimpath", "-o", file, "../../plugins/kubectl-flink")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return file, nil
})

// measured names the file that a process of the test's own writes the peak of
// its child to. A child that is started from a large process counts that one's
// memory as its own.
const measured = "HOSTILE_MEASURED"

func TestMain(m *testing.M) {
	if file := os.Getenv(measured); file != "" {
		os.Exit(measure(file, os.Args[1:]))
	}
	code := m.Run()
	if file, err := built(); err == nil {
		_ = os.RemoveAll(filepath.Dir(file))
	}
	os.Exit(code)
}

// measure runs a command and writes its peak into file.
func measure(file string, args []string) int {
	command := exec.Command(args[0], args[1:]...)
	command.Stdin, command.Stdout, command.Stderr = nil, os.Stdout, os.Stderr
	_ = command.Run()
	if command.ProcessState == nil || os.WriteFile(file, fmt.Append(nil, peak(command.ProcessState)), 0o600) != nil {
		return 99
	}
	return command.ProcessState.ExitCode()
}

// ended is what became of a process.
type ended struct {
	out, err string
	code     int
	// took is time on processors, which other work on the machine doesn't stretch.
	took time.Duration
	peak int64
}

// process runs the built plugin against server. stdout keeps the beginning of
// what it prints.
func process(t *testing.T, server *Server, namespace string, args ...string) ended {
	t.Helper()
	file, err := built()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	config, err := server.Kubeconfig(dir, namespace)
	if err != nil {
		t.Fatal(err)
	}
	var out, errOut beginning
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	size := filepath.Join(dir, "peak")
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, self, append([]string{file}, args...)...)
	command.Env = []string{measured + "=" + size, "HOME=" + dir, "KUBECONFIG=" + config, "PATH=" + os.Getenv("PATH")}
	command.Stdout, command.Stderr = &out, &errOut
	err = command.Run()
	if command.ProcessState == nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(size)
	if err != nil {
		t.Fatal(err)
	}
	most, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	if ctx.Err() != nil {
		t.Fatalf("it doesn't end: %v\n%.600s\n%.2000s", args, out.String(), errOut.String())
	}
	took := command.ProcessState.UserTime() + command.ProcessState.SystemTime()
	return ended{out.String(), errOut.String(), command.ProcessState.ExitCode(), took, most}
}

// peak is the most memory that a process had, in bytes.
func peak(state *os.ProcessState) int64 {
	size := state.SysUsage().(*syscall.Rusage).Maxrss
	if runtime.GOOS == "darwin" {
		return size
	}
	return size << 10
}

// beginning keeps the first 64 KiB and counts the rest.
type beginning struct {
	bytes.Buffer
	all int64
}

func (b *beginning) Write(p []byte) (int, error) {
	b.all += int64(len(p))
	if room := 64<<10 - b.Len(); room > 0 {
		b.Buffer.Write(p[:min(len(p), room)])
	}
	return len(p), nil
}

const namespace = "see-rec"

func recording(t *testing.T, name string) Recording {
	t.Helper()
	out, err := Load("../../plugins/kubectl-flink/cmd/testdata/recorded/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	return out
}

const deployments = "/apis/flink.apache.org/v1beta1/namespaces/" + namespace + "/flinkdeployments"

// answering is the cluster with a handler for some of its paths.
func answering(recording Recording, handle http.HandlerFunc, where func(*http.Request) bool) *Server {
	return NewCluster(recording, Attack{Where: where, Flood: func(w http.ResponseWriter, r *http.Request) int64 {
		handle(w, r)
		return 0
	}})
}

// deployment is the recorded FlinkDeployment.
func deployment(t *testing.T, recording Recording) map[string]any {
	t.Helper()
	var list struct{ Items []map[string]any }
	if err := json.Unmarshal(recording.Answers[deployments], &list); err != nil || len(list.Items) == 0 {
		t.Fatal(err)
	}
	return list.Items[0]
}

// thousands is a list of so many deployments, in pages as asked for.
func thousands(t *testing.T, recording Recording, count int) func(http.ResponseWriter, *http.Request) {
	t.Helper()
	object := deployment(t, recording)
	object["metadata"].(map[string]any)["name"] = "NAME"
	text, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	before, after, _ := strings.Cut(string(text), "NAME")
	return func(w http.ResponseWriter, r *http.Request) {
		limit, _ := strconv.Atoi(r.URL.Query().Get("limit"))
		from, _ := strconv.Atoi(r.URL.Query().Get("continue"))
		if limit == 0 {
			limit = count
		}
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `{"apiVersion":"flink.apache.org/v1beta1","kind":"FlinkDeploymentList","items":[`)
		for i := from; i < min(from+limit, count); i++ {
			if i > from {
				io.WriteString(w, ",")
			}
			io.WriteString(w, before+fmt.Sprintf("job-%05d", i)+after)
		}
		token := ""
		if from+limit < count {
			token = fmt.Sprint(from + limit)
		}
		fmt.Fprintf(w, `],"metadata":{"resourceVersion":"1","continue":%q}}`, token)
	}
}

// at selects a path, watches or not.
func at(path string, watch bool) func(*http.Request) bool {
	return func(r *http.Request) bool {
		return strings.HasSuffix(r.URL.Path, path) && r.URL.Query().Has("watch") == watch
	}
}

func TestMemoryOnAnyAnswer(t *testing.T) {
	honest := recording(t, "restarting")
	failing := func(size int) func(http.ResponseWriter, *http.Request) {
		object := deployment(t, recording(t, "restarting"))
		object["status"].(map[string]any)["error"] = "java.lang.RuntimeException: " + strings.Repeat("state of x: y z ", size/16)
		text, err := json.Marshal(object)
		if err != nil {
			t.Fatal(err)
		}
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write(text)
		}
	}
	oneObject := func(r *http.Request) bool { return r.URL.Path == deployments+"/basic-example" }
	for _, tc := range []struct {
		name   string
		server *Server
		args   string
		code   int
		// says is on standard output or error.
		says string
		// within bounds the time on processors.
		within time.Duration
	}{
		{"a list of 5,000", answering(honest, thousands(t, honest, 5000), at("/flinkdeployments", false)), "list", 0, "job-00001", 10 * time.Second},
		{"a list of 5,000 as JSON", answering(honest, thousands(t, honest, 5000), at("/flinkdeployments", false)), "list -o json", 0, `"job-00001"`, 20 * time.Second},
		{"a list without end", NewCluster(honest, Attack{Endless: true}), "list", 1, "the list has more than", 60 * time.Second},
		{"a list without end, as JSON", NewCluster(honest, Attack{Endless: true}), "list -o json", 1, "the list has more than", 60 * time.Second},
		{"pages of many objects without end", answering(honest, endlessPages(t, honest), at("/flinkdeployments", false)), "list -o yaml", 1, "the list has more than", 60 * time.Second},
		{"an answer without end", NewCluster(honest, Endless("", Anywhere)), "list", 1, "more than 16 MiB", 20 * time.Second},
		{"a bomb of gzip", NewCluster(honest, Bomb("", Anywhere)), "status basic-example", 1, "more than 16 MiB", 20 * time.Second},
		{"a bomb of gzip where all is listed", NewCluster(honest, Bomb("", func(r *http.Request) bool {
			return AtAPIServer(r) && !oneObject(r) && r.URL.Path != "/apis/flink.apache.org/v1beta1"
		})), "status basic-example", 0, "Unknown", 60 * time.Second},
		{"a JobManager without end", NewCluster(honest, Endless("", AtJobManager)), "status basic-example --via apiserver", 0, "larger than 16 MiB", 20 * time.Second},
		{"a bomb of gzip wherever doctor looks", NewCluster(honest, Bomb("", func(r *http.Request) bool {
			return !oneObject(r) && r.URL.Path != "/apis/flink.apache.org/v1beta1"
		})), "doctor basic-example --via apiserver", 1, "Not read", 60 * time.Second},
		{"answers without end wherever doctor looks", NewCluster(honest, Endless("", func(r *http.Request) bool {
			return !oneObject(r) && r.URL.Path != "/apis/flink.apache.org/v1beta1"
		})), "doctor basic-example --via apiserver", 1, "Not read", 60 * time.Second},
		{"a JobManager's error of 100 MB", NewCluster(honest, Failures("", AtJobManager)), "exceptions basic-example --via apiserver", 1, "the JobManager answered 500", 20 * time.Second},
		{"an API server's error of 100 MB", NewCluster(honest, Failures("", Anywhere)), "list", 1, "Error from server", 20 * time.Second},
		{"an error of 1 MiB in the status", answering(honest, failing(1<<20), oneObject), "status basic-example", 0, "MiB, cut)", 4 * time.Second},
		{"an event of 500 MB", answering(honest, endlessEvent, at("/flinkdeployments", true)), "list -w", 1, "in one event", 20 * time.Second},
		{"a line of 1 GB", answering(honest, line(1<<30), isLog), "logs basic-example", 0, "xxxx", 60 * time.Second},
		{"logs of 60 MB, in a report", answering(honest, chatty(60<<20), isLog), "report basic-example --via apiserver --overwrite --file " + filepath.Join(t.TempDir(), "report.zip"), 0, "report.zip", 60 * time.Second},
		{"logs of 60 MB, in a large report", answering(honest, chatty(60<<20), isLog), "report basic-example --via apiserver --max-size 2Gi --overwrite --file " + filepath.Join(t.TempDir(), "report.zip"), 0, "report.zip", 60 * time.Second},
		{"logs of 60 MB where doctor looks", answering(honest, chatty(60<<20), isLog), "doctor basic-example --via apiserver", 3, "FLINK-", 60 * time.Second},
		{"a page of SQL without end", NewCluster(honest, Endless("", func(r *http.Request) bool { return strings.Contains(r.URL.Path, "/result/") })), "sql --gateway service/gateway:8083 --via apiserver -e SELECT", 1, "larger than 48 MiB", 30 * time.Second},
		{"a JobManager that sends 600 MB into a pipe", NewCluster(honest, Endless("", AtJobManager)), "rest basic-example /jobs --via apiserver", 0, "xxxx", 60 * time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			defer tc.server.Close()
			got := process(t, tc.server, namespace, strings.Fields(tc.args)...)
			t.Logf("kubectl flink %s: exit %d in %v, %d MiB of memory, %d MiB sent", tc.args, got.code, got.took.Round(10*time.Millisecond), got.peak>>20, tc.server.Sent.Load()>>20)
			if got.peak > most {
				t.Errorf("%d MiB of memory", got.peak>>20)
			}
			if got.code != tc.code || !strings.Contains(got.out+got.err, tc.says) {
				t.Errorf("exit %d, want %d and %q:\n%.600s\n%.2000s", got.code, tc.code, tc.says, got.out, got.err)
			}
			if got.took > tc.within {
				t.Errorf("it took %v", got.took)
			}
		})
	}
}

func endlessPages(t *testing.T, recording Recording) func(http.ResponseWriter, *http.Request) {
	return thousands(t, recording, 100_000_000)
}

func endlessEvent(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	io.WriteString(w, `{"type":"ADDED","object":{"metadata":{"name":"`)
	repeat(w, block, 500)
}

// chatty is a log of so many bytes, in lines as Flink writes them.
func chatty(size int) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) {
		for written, i := 0, 0; written < size; i++ {
			n, err := fmt.Fprintf(w, "2026-11-30T01:02:03.%09dZ 2026-11-30 01:02:03,%03d INFO  org.apache.flink.runtime.checkpoint.CheckpointCoordinator [] - Completed checkpoint %d for job 00000000000000000000000000000000 (url=jdbc:postgresql://db/x?user=me&password=hunter%d, %d bytes)\n", i, i%1000, i, i, i)
			if err != nil {
				return
			}
			written += n
		}
	}
}

func line(size int) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) {
		repeat(w, block, size>>20)
	}
}
