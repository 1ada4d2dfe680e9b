//go:build release

package release

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/completion"
)

// apiServer answers as an API server with two jobs and a session job does. It
// counts requests, and answers none while it is stalled.
type apiServer struct {
	*httptest.Server
	requests atomic.Int64
	stalled  atomic.Bool
	stop     chan struct{}
}

func newAPIServer(t *testing.T) *apiServer {
	t.Helper()
	s := &apiServer{stop: make(chan struct{})}
	job := func(kind, name, spec, state string) string {
		return fmt.Sprintf(`{"apiVersion":"flink.apache.org/v1beta1","kind":%q,"metadata":{"name":%q,"namespace":"default"},"spec":{"job":{}%s},"status":{"lifecycleState":"STABLE","jobManagerDeploymentStatus":"READY","jobStatus":{"state":%q}}}`, kind, name, spec, state)
	}
	lists := map[string]string{
		"flinkdeployments":          job("FlinkDeployment", "basic-example", "", "RUNNING") + "," + job("FlinkDeployment", "broken-example", "", "FAILED"),
		"flinksessionjobs":          job("FlinkSessionJob", "word-count", `,"deploymentName":"session-example"`, "RUNNING"),
		"flinkbluegreendeployments": "",
	}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.requests.Add(1)
		if s.stalled.Load() {
			select {
			case <-s.stop:
			case <-r.Context().Done():
			}
			return
		}
		w.Header().Set("Content-Type", "application/json")
		if r.URL.Path == "/apis/flink.apache.org/v1beta1" {
			var resources []string
			for plural := range lists {
				resources = append(resources, fmt.Sprintf(`{"name":%q,"namespaced":true,"kind":"x","verbs":["list"]}`, plural))
			}
			fmt.Fprintf(w, `{"kind":"APIResourceList","apiVersion":"v1","groupVersion":"flink.apache.org/v1beta1","resources":[%s]}`, strings.Join(resources, ","))
			return
		}
		items, ok := lists[filepath.Base(r.URL.Path)]
		if !ok {
			http.NotFound(w, r)
			return
		}
		fmt.Fprintf(w, `{"apiVersion":"flink.apache.org/v1beta1","kind":"List","metadata":{"resourceVersion":"1"},"items":[%s]}`, items)
	}))
	t.Cleanup(func() {
		close(s.stop)
		s.CloseClientConnections()
		s.Close()
	})
	return s
}

// shells is a place to run shells in: the plugin and kubectl on PATH, a home
// of its own, and a kubeconfig for the server.
type shells struct {
	env    []string
	home   string
	server *apiServer
}

func newShells(t *testing.T) *shells {
	t.Helper()
	cluster(t, "shells")
	kubectl := cluster(t, "assets")
	home := t.TempDir()
	bin := filepath.Join(home, "bin")
	if err := os.Mkdir(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	// As `make build` does it, whose objects are there already.
	command(t, root(t), []string{"CGO_ENABLED=0"}, "go", "build", "-trimpath", "-o", bin+"/", "./plugins/kubectl-flink")
	server := newAPIServer(t)
	config := filepath.Join(home, "config")
	content := fmt.Sprintf("apiVersion: v1\nkind: Config\ncurrent-context: dev\nclusters: [{name: dev, cluster: {server: %q}}]\ncontexts: [{name: dev, context: {cluster: dev, user: me}}, {name: production, context: {cluster: dev, user: me}}]\nusers: [{name: me, user: {token: t}}]\n", server.URL)
	if err := os.WriteFile(config, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	s := &shells{server: server, home: home, env: []string{
		"HOME=" + home, "PATH=" + bin + ":" + kubectl + ":/usr/bin:/bin", "KUBECONFIG=" + config, "TERM=xterm", "LC_ALL=C.UTF-8",
		"XDG_CACHE_HOME=" + filepath.Join(home, "cache"), "XDG_CONFIG_HOME=" + filepath.Join(home, "etc"), "XDG_DATA_HOME=" + filepath.Join(home, "data"),
	}}
	s.run(t, bin+"/kubectl-flink", "completion", "install")
	return s
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func (s *shells) run(t *testing.T, program string, args ...string) string {
	t.Helper()
	out, err := s.try(t, time.Minute, program, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func (s *shells) try(t *testing.T, limit time.Duration, program string, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	if ours := filepath.Join(s.home, "bin", program); !filepath.IsAbs(program) && exists(ours) {
		program = ours
	}
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env, cmd.Dir = s.env, s.home
	var errOut strings.Builder
	cmd.Stderr = &errOut
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s%s", program, strings.Join(args, " "), err, out, errOut.String())
	}
	return string(out), nil
}

// bash completes words as its readline does when Tab lists the choices.
const bash = `source /usr/share/bash-completion/bash_completion
source <($1 completion bash)
line=$2 program=$1 COLUMNS=80
read -ra COMP_WORDS <<<"$line"
[ "${line: -1}" = " " ] && COMP_WORDS+=("")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMP_LINE=$line COMP_POINT=${#line} COMP_TYPE=63 COMP_KEY=9
__start_$program 2>/dev/null
printf '%s\n' "${COMPREPLY[@]}"`

// zsh types the line and Tab into an interactive zsh and prints what it shows,
// up to the last of the expected choices.
const zsh = `zmodload zsh/zpty
zpty -b z env PS1= zsh -f -i
zpty -w z "stty -echo; COLUMNS=80; PROMPT=; autoload -Uz compinit; compinit -u -d $HOME/zdump; source <($1 completion zsh); print REA''DY"
zpty -r -m z out '*READY*' || exit 1
zpty -w -n z "$2"$'\t'
zpty -r -m z out "*$3*" || exit 1
print -r -- "$out"
zpty -d z`

func TestShellsComplete(t *testing.T) {
	s := newShells(t)
	for _, program := range []string{"kubectl-flink", "kubectl"} {
		call := map[string]string{"kubectl-flink": "kubectl-flink", "kubectl": "kubectl flink"}[program]
		// Choices in the order that the shells sort them, the last one last.
		for _, tc := range []struct {
			line string
			want []string
		}{
			{"status ", []string{"basic-example", "broken-example", "sessionjob/word-count"}},
			{"status b", []string{"basic-example", "broken-example"}},
			{"exc", []string{"exceptions"}},
			{"status basic-example --context ", []string{"dev", "production"}},
			{"completion ", []string{"bash", "fish", "install", "powershell", "zsh"}},
		} {
			line := call + " " + tc.line
			t.Run(line, func(t *testing.T) {
				wants := tc.want
				if tc.line == "status " {
					wants = append(wants, "RUNNING")
				}
				for shell, ask := range map[string]func() string{
					"bash": func() string { return s.run(t, "bash", "--norc", "-c", bash, "bash", program, line) },
					"fish": func() string {
						return s.run(t, "fish", "-N", "-c", program+" completion fish | source; complete -C '"+line+"'")
					},
					"zsh": func() string {
						// It waits for the last choice, in vain where there was no answer in time.
						out, _ := s.try(t, 20*time.Second, "zsh", "-f", "-c", zsh, "zsh", program, line, tc.want[len(tc.want)-1])
						return out
					},
				} {
					// Completion gives up after a second, which a busy machine may need.
					out := eventually(t, ask, wants...)
					if strings.HasPrefix(tc.line, "status b") && strings.Contains(out, "word-count") {
						t.Errorf("%s offers what doesn't begin with b:\n%s", shell, out)
					}
				}
			})
		}
	}
}

// Asked again within a moment, completion doesn't ask the API server again. A
// user waits no longer than 400 ms for the first answer, and 150 ms for the
// second; on a busy machine the fastest of some tries has to show it.
func TestCompletionAnswersFromItsCache(t *testing.T) {
	s := newShells(t)
	ask := func() (time.Duration, bool) {
		began := time.Now()
		out := s.run(t, "kubectl_complete-flink", "status", "")
		return time.Since(began), strings.Contains(out, "basic-example\tRUNNING")
	}
	cold, warm := time.Hour, time.Hour
	for range 30 {
		if err := os.RemoveAll(filepath.Join(s.home, "cache")); err != nil {
			t.Fatal(err)
		}
		if took, answered := ask(); answered {
			cold = min(cold, took)
		} else {
			continue // Completion gave up after a second.
		}
		before := s.server.requests.Load()
		began := time.Now()
		took, answered := ask()
		asked := s.server.requests.Load() - before
		if time.Since(began) > completion.Lifetime/2 {
			continue // The answer may have been too old.
		}
		if asked != 0 || !answered {
			t.Errorf("the second completion sent %d requests; answered: %t", asked, answered)
		}
		if warm = min(warm, took); cold <= 200*time.Millisecond && warm <= 75*time.Millisecond {
			break
		}
	}
	t.Logf("completion: %d ms, from the cache %d ms", cold.Milliseconds(), warm.Milliseconds())
	if cold > 400*time.Millisecond || warm > 150*time.Millisecond {
		t.Errorf("completion took %s, from the cache %s", cold, warm)
	}
}

// Without an answer, completion ends by itself and says nothing.
func TestCompletionIsBoundedAndSilent(t *testing.T) {
	s := newShells(t)
	s.server.stalled.Store(true)
	check := func(what string) {
		began := time.Now()
		cmd := exec.Command(filepath.Join(s.home, "bin", "kubectl_complete-flink"), "status", "")
		cmd.Env = s.env
		var out, errOut strings.Builder
		cmd.Stdout, cmd.Stderr = &out, &errOut
		if err := cmd.Run(); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		// Its limit is one second; the rest is a busy machine's.
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("%s: it took %s", what, took)
		}
		if out.String() != ":4\n" || strings.Contains(errOut.String(), "rror") && !strings.Contains(errOut.String(), "NoFileComp") {
			t.Errorf("%s: it printed %q and %q", what, out.String(), errOut.String())
		}
	}
	check("an API server that doesn't answer")
	s.server.CloseClientConnections()
	s.server.Listener.Close()
	check("no API server")
	s.env = append(s.env, "KUBECONFIG="+filepath.Join(s.home, "none"))
	check("no kubeconfig")
}

// What stands on the command line is never run by a completion. With cobra's
// own script, fish runs it.
func TestCompletionRunsNothing(t *testing.T) {
	s := newShells(t)
	const script = `complete -C "kubectl-flink status '\$(touch $HOME/run)' "`
	complete := func(source string) bool {
		s.run(t, "fish", "-N", "-c", source+"; "+script)
		return exists(filepath.Join(s.home, "run"))
	}
	if complete("kubectl-flink completion fish | source") {
		t.Error("fish ran a word of the command line")
	}
	// The attack itself works.
	if !complete("kubectl-flink completion fish | string replace -a 'set -l quoted (string escape -- $args)' 'set -l quoted $args' | source") {
		t.Error("the attack didn't work against a script without quotes")
	}
}
