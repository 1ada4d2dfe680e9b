//go:build hostile && unix

package hostile

import (
	"archive/zip"
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	cmfcmd "github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmd"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmf"
	flink "github.com/kubectl-flink/kubectl-flink/plugins/kubectl-flink/cmd"
)

// tested is one plugin.
type tested struct {
	name string
	root func(genericiooptions.IOStreams) *cobra.Command
	// manifests are files with an object, by the name of its kind.
	manifests map[string]string
	// server is the one that its commands speak to.
	server func(t *testing.T, attack Attack) *Server
	// connect are the arguments that lead there.
	connect func(server *Server, kubeconfig string) []string
	// skip are commands that ask no server.
	skip []string
	// verbs are those for which default arguments won't do.
	verbs map[string]verb
}

// verb is how a command is run.
type verb struct {
	// wide says that the command asks for more than a dozen things.
	wide bool
	args []string
	// waits says that it goes on until it is ended.
	waits bool
	// data says that it passes on what servers have, as it is, into a pipe; on a
	// terminal it is made harmless all the same.
	data bool
}

const example = "basic-example"

func plugins(t *testing.T, dir string) []tested {
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	job := file("job.yaml", `{apiVersion: flink.apache.org/v1beta1, kind: FlinkDeployment, metadata: {name: fresh}, spec: {image: "flink:1.20", flinkVersion: v1_20, serviceAccount: flink, jobManager: {resource: {cpu: 0.1, memory: 1024m}}, taskManager: {resource: {cpu: 0.1, memory: 1024m}}, job: {jarURI: "local:///a.jar", parallelism: 1, upgradeMode: stateless}}}`)
	saved := filepath.Join(dir, "backup")
	manifest := filepath.Join("ns", "flinkdeployment", "fresh")
	if err := os.MkdirAll(filepath.Join(saved, manifest), 0o700); err != nil {
		t.Fatal(err)
	}
	file(filepath.Join("backup", manifest, "manifest.yaml"), `{apiVersion: flink.apache.org/v1beta1, kind: FlinkDeployment, metadata: {name: fresh, namespace: ns}, spec: {image: "flink:1.20", flinkVersion: v1_20, serviceAccount: flink, job: {jarURI: "local:///a.jar", parallelism: 1, upgradeMode: stateless}}}`)
	file(filepath.Join("backup", "backup.json"), `{"apiVersion": "kubectl-flink/v1", "kind": "Backup", "version": 1, "namespaces": ["ns"], "jobs": [{"kind": "FlinkDeployment", "namespace": "ns", "name": "fresh", "manifest": "ns/flinkdeployment/fresh/manifest.yaml", "condition": "running", "state": {"kind": "savepoint", "path": "s3://flink/savepoint-1"}}]}`)
	version, err := cmf.ParseVersion("2.4.0")
	if err != nil {
		t.Fatal(err)
	}
	manifests := map[string]string{}
	for _, kind := range cmf.Kinds {
		manifests[kind.Name] = file(kind.Name+".yaml", cmf.Template(kind, version))
	}
	jar := file("job.jar", "PK\x05\x06"+strings.Repeat("\x00", 18))
	program := file("program.jar", program(t))
	manifests["kubernetes-cluster"] = file("cluster.yaml", "{apiVersion: cmf.confluent.io/v1, kind: KubernetesCluster, metadata: {name: basic-example}}")
	honest := recording(t, "restarting")
	return []tested{
		{
			name: "flink", root: flink.NewRoot,
			server:  func(_ *testing.T, attack Attack) *Server { return NewCluster(honest, attack) },
			connect: func(_ *Server, kubeconfig string) []string { return []string{"--kubeconfig", kubeconfig} },
			skip:    []string{"completion", "completion bash", "completion fish", "completion install", "completion powershell", "completion uninstall", "completion zsh", "doctor explain", "doctor rules", "help", "options"},
			verbs: map[string]verb{
				"backup":            {args: []string{example, "-o", "manifests"}, data: true},
				"cancel":            {args: []string{example, "--job-id", "ebd8fd3ef03d2081e54b6c6153110bcd"}},
				"clone":             {args: []string{example, "copy", "--from", "none"}},
				"port-forward":      {args: []string{"deployment/" + example, ":8081"}, waits: true},
				"recover":           {wide: true, args: []string{"-f", saved}},
				"rest":              {args: []string{example, "/jobs/overview"}, data: true},
				"restore":           {args: []string{example, "--from", "file:/savepoints/a"}},
				"scale":             {args: []string{example, "--parallelism", "2"}},
				"snapshot adopt":    {args: []string{"file:/savepoints/a", "--job", example}},
				"snapshot delete":   {args: []string{example}},
				"snapshot describe": {args: []string{example}},
				"snapshot inspect":  {args: []string{"flinkdep/" + example}},
				"snapshot list":     {args: []string{}},
				"snapshot prune":    {args: []string{"--keep", "1"}},
				"jar upload":        {args: []string{program, "s3://flink/jars/", "--job", example, "--yes"}},
				"jar list":          {args: []string{"s3://flink/jars", "--job", example}},
				"jar delete":        {args: []string{"s3://flink/jars/a.jar", "--job", example, "--yes"}},
				"storage ls":        {args: []string{example}},
				"storage du":        {args: []string{example}},
				"storage check":     {args: []string{example}},
				"storage orphans":   {args: []string{example, "--delete", "--yes"}},
				"storage rm":        {args: []string{"file:/savepoints/savepoint-012345-9f", "--job", example, "--yes"}},
				"snapshot wait":     {args: []string{example}},
				"sql":               {args: []string{"--gateway", "service/gateway:8083", "-e", "SELECT 1"}, data: true},
				"sql-client":        {args: []string{example}},
				"submit":            {args: []string{"-f", job}},
				"metrics":           {args: []string{example}},
				"profile":           {args: []string{example, "--jm", "--mode", "itimer", "--duration", "1s", "--file", os.DevNull, "--no-browser"}},
				"threads":           {args: []string{example, "--all"}},
				"heap":              {args: []string{example, "--image", "jdk:17", "--yes"}},
				"top":               {args: []string{}, waits: true}, // a screen, on a terminal
				"ui":                {args: []string{example, "--print-url", "--port", "0"}, waits: true},
				"upgrade":           {args: []string{example, "--image", "flink:2"}},
				"logs":              {args: []string{example}, data: true},
				"doctor":            {wide: true, args: []string{"--fix", "--dry-run=server"}},
				"timeline":          {wide: true, args: []string{example}},
				"report":            {wide: true, args: []string{example, "--overwrite", "--max-size", "2Mi", "--file", filepath.Join(dir, "report.zip")}},
				"lint":              {args: []string{"-f", job, "--server"}},
				"list":              {args: []string{}},
				"version":           {args: []string{}},
			},
		},
		{
			name: "cmf", root: cmfcmd.NewRoot, manifests: manifests,
			server: func(_ *testing.T, attack Attack) *Server { return NewCMF(attack) },
			connect: func(server *Server, kubeconfig string) []string {
				return []string{"--cmf-url", server.URL, "--kubeconfig", kubeconfig, "-e", "env"}
			},
			skip: []string{"completion", "completion bash", "completion fish", "completion install", "completion powershell", "completion uninstall", "completion zsh", "help", "options", "env use", "plugin", "plugin install"},
			verbs: map[string]verb{
				"apply":             {args: []string{"-f", manifests["env"]}},
				"delete":            {args: []string{"-f", manifests["env"]}},
				"diff":              {args: []string{"-f", manifests["env"]}},
				"export":            {args: []string{"-o", filepath.Join(dir, "export")}},
				"sql":               {args: []string{"--pool", example, "--execute", "SELECT 1"}, data: true},
				"doctor":            {wide: true, args: []string{}},
				"rest":              {args: []string{"/v1/environments/env/applications"}, data: true},
				"ui":                {args: []string{"app/" + example, "--print-url", "--port", "0"}, waits: true},
				"console":           {args: []string{"--print-url", "--port", "0"}, waits: true},
				"app import":        {args: []string{example, "--name", "copy"}},
				"app eject":         {args: []string{example, "--name", "copy"}},
				"savepoint prune":   {args: []string{"--application", example, "--all"}},
				"statement rescale": {args: []string{example, "--parallelism", "2"}},
				"statement results": {args: []string{example}, data: true},
				"artifact create":   {args: []string{example, "--file", jar}},
				"artifact update":   {args: []string{example, "--file", jar}},
				"artifact download": {args: []string{example, "--to", os.DevNull}, data: true},
				"savepoint detach":  {args: []string{example, "--application", example}},
			},
		},
	}
}

// worksAlone are commands that do something by themselves and have commands
// below them.
var worksAlone = []string{"doctor"}

// commands are all commands that can be run, by their path without the root.
func commands(root *cobra.Command) map[string]*cobra.Command {
	out := map[string]*cobra.Command{}
	var walk func(*cobra.Command, string)
	walk = func(cmd *cobra.Command, path string) {
		for _, child := range cmd.Commands() {
			name := strings.TrimSpace(path + " " + child.Name())
			if child.Runnable() && (!child.HasSubCommands() || slices.Contains(worksAlone, name)) {
				out[name] = child
			}
			walk(child, name)
		}
	}
	walk(root, "")
	return out
}

// of is how to run a command: its entry, or what its usage line asks for.
func (p tested) of(path string, cmd *cobra.Command) verb {
	v, ok := p.verbs[path]
	kind, _, _ := strings.Cut(path, " ")
	switch {
	case ok:
	case slices.Contains([]string{"apply", "create", "diff", "update"}, cmd.Name()) && p.manifests[kind] != "":
		v.args = []string{"-f", p.manifests[kind]}
	default:
		// The first thing that the usage line asks for is a name.
		_, usage, _ := strings.Cut(cmd.Use, " ")
		if word, _, _ := strings.Cut(usage, " "); word != "" && word == strings.ToUpper(word) && !strings.HasPrefix(word, "-") {
			v.args = []string{example}
		}
	}
	args := append(strings.Fields(path), v.args...)
	for flag, value := range map[string]string{"catalog": example, "application": example} {
		if cmd.Flag(flag) != nil && !slices.Contains(v.args, "--"+flag) && !slices.Contains(v.args, "-f") {
			args = append(args, "--"+flag+"="+value)
		}
	}
	for flag, value := range map[string]string{"timeout": "1s", "reconnect-timeout": "1s", "live-timeout": "1s", "via": "apiserver"} {
		if cmd.Flag(flag) != nil {
			args = append(args, "--"+flag+"="+value)
		}
	}
	for _, flag := range []string{"yes", "stateless-ok"} {
		if cmd.Flag(flag) != nil {
			args = append(args, "--"+flag)
		}
	}
	v.args = args
	return v
}

// offline are commands that have nothing to ask.
var offline = map[string]bool{"flink lint": true, "cmf secret edit": true, "cmf artifact download": true, "cmf server list": true, "cmf server forget": true}

// patience is how long a command may take that has an end: far longer than any
// takes, also where all that run beside it share two busy processors.
const patience = 3 * time.Minute

// seen is what became of one run.
type seen struct {
	code   int
	output string
	late   bool
}

// run runs a command in this process, on a terminal or into pipes.
func (p tested) run(t *testing.T, v verb, server *Server, kubeconfig string, terminal bool) seen {
	t.Helper()
	limit := patience
	if v.waits {
		limit = 3 * time.Second
	}
	ctx, cancel := context.WithTimeoutCause(t.Context(), limit, exit.With(exit.Interrupted, context.Canceled))
	defer cancel()
	var out collected
	streams := genericiooptions.IOStreams{In: strings.NewReader(""), Out: &out, ErrOut: &out}
	finish := func() {}
	if terminal {
		master, file, err := pty.Open()
		if err != nil {
			t.Fatal(err)
		}
		_ = pty.Setsize(file, &pty.Winsize{Rows: 50, Cols: 500})
		// As plugin.Main makes them.
		streams.Out, streams.ErrOut = term.Guard(file), term.Guard(file)
		read := make(chan struct{})
		go func() {
			defer close(read)
			_, _ = io.Copy(&out, master)
		}()
		finish = func() {
			_ = file.Close()
			<-read
			_ = master.Close()
		}
	}
	done := make(chan int, 1)
	args := append(slices.Clone(v.args), p.connect(server, kubeconfig)...)
	go func() { done <- plugin.Execute(ctx, p.root(streams), streams, args) }()
	select {
	case code := <-done:
		finish()
		return seen{code, out.text(), !v.waits && ctx.Err() != nil}
	case <-time.After(limit + 10*time.Second):
		return seen{-1, out.text(), true}
	}
}

// collected may be written by several goroutines; it keeps 4 MiB.
type collected struct {
	mu sync.Mutex
	bytes.Buffer
}

func (c *collected) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.Len() < 4<<20 {
		c.Buffer.Write(p)
	}
	return len(p), nil
}

func (c *collected) text() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.String()
}

// taken is how much a client may take of answers without an end: as many
// answers as a command asks for at once, each of which has a bound.
const taken = 320 << 20

// mayTake is what a verb may take of answers without an end. doctor asks for
// some twenty things, a few at once, each with the same bound; what of that is in
// memory together, TestMemoryOnAnyAnswer measures.
func (v verb) mayTake() int64 {
	if v.wide {
		return 4 * taken
	}
	return taken
}

// verdict runs one command under one attack; "" is well.
func (p tested) verdict(t *testing.T, v verb, attack Attack, server *Server, kubeconfig string) string {
	for _, terminal := range []bool{true, false} {
		text := attack.Spoil != nil
		if terminal && !text || !terminal && text && (v.data || attack.Name == "paths" || attack.Name == "segments") {
			continue // into a pipe what is data goes as it is
		}
		if attack.Name == "secrets" && v.data {
			continue
		}
		if v.data && attack.Flood != nil {
			v.waits = true // it passes on what comes for as long as it comes
		}
		got := p.run(t, v, server, kubeconfig, terminal)
		switch bad := Verdict(attack, got.output); {
		case got.late:
			return "doesn't end"
		case bad != "":
			return bad
		case server.Strayed() != "":
			return "asked for " + server.Strayed()
		case attack.Flood != nil && !v.data && server.Taken.Load() > v.mayTake():
			return fmt.Sprintf("took %d MiB", server.Taken.Load()>>20)
		case len(got.output) >= 1<<20 && !v.data:
			return fmt.Sprintf("wrote %d MiB", len(got.output)>>20)
		}
	}
	return ""
}

// attacks are those that every verb is put to.
func attacks() []Attack {
	return []Attack{
		Escapes(), Secrets(), Paths(), Segments(),
		Endless("endless", Anywhere), Endless("endless-jobmanager", AtJobManager), Swelling("bombs", Anywhere),
		Failures("failures", Anywhere),
		{Name: "lists", Endless: true},
	}
}

// cells are the verdicts by verb and attack.
type cells struct {
	mu sync.Mutex
	of map[string]map[string]string
}

func (c *cells) set(verb, attack, verdict string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.of[verb] == nil {
		c.of[verb] = map[string]string{}
	}
	c.of[verb][attack] = cmp.Or(verdict, "held")
}

// TestVerbsAgainstHostileServers runs every command of both plugins against
// servers that attack it.
func TestVerbsAgainstHostileServers(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("HOME", dir)
	t.Setenv("KUBECTL_CMF_STATE", filepath.Join(dir, "state.json"))
	t.Setenv("EDITOR", "true")
	t.Setenv("KUBE_EDITOR", "true")
	for _, name := range []string{"CONFLUENT_CMF_URL", "COLUMNS", "BROWSER"} {
		t.Setenv(name, "")
	}
	table := &cells{of: map[string]map[string]string{}}
	all := plugins(t, dir)
	var names []string
	t.Run("verbs", func(t *testing.T) {
		for _, p := range all {
			found := commands(p.root(genericiooptions.IOStreams{In: strings.NewReader(""), Out: io.Discard, ErrOut: io.Discard}))
			for path := range p.verbs {
				if found[path] == nil {
					t.Errorf("%s has no command %q", p.name, path)
				}
			}
			for path, cmd := range found {
				if slices.Contains(p.skip, path) {
					continue
				}
				names = append(names, p.name+" "+path)
				v := p.of(path, cmd)
				t.Run("runs/"+p.name+" "+path, func(t *testing.T) {
					t.Parallel()
					server, kubeconfig := p.start(t, Attack{})
					if got := p.run(t, v, server, kubeconfig, false); got.code == exit.Usage || got.late {
						t.Errorf("give it arguments in the table: %q exits with %d:\n%.2000s", v.args, got.code, got.output)
					} else if len(server.Asked()) == 0 && !offline[p.name+" "+path] {
						t.Errorf("%q asks the server nothing:\n%.2000s", v.args, got.output)
					}
				})
				for _, attack := range attacks() {
					if p.name == "cmf" && (attack.Name == "endless-jobmanager" || attack.Name == "lists") {
						continue // there is none; its pages are numbered
					}
					t.Run(attack.Name+"/"+p.name+" "+path, func(t *testing.T) {
						t.Parallel()
						server, kubeconfig := p.start(t, attack)
						verdict := p.verdict(t, v, attack, server, kubeconfig)
						table.set(p.name+" "+path, attack.Name, verdict)
						if verdict != "" {
							t.Error(verdict)
						}
					})
				}
			}
		}
	})
	slices.Sort(names)
	var out strings.Builder
	fmt.Fprintf(&out, "%-32s", "")
	for _, attack := range attacks() {
		fmt.Fprintf(&out, "%-20s", attack.Name)
	}
	for _, name := range names {
		fmt.Fprintf(&out, "\n%-32s", name)
		for _, attack := range attacks() {
			fmt.Fprintf(&out, "%-20s", cut(cmp.Or(table.of[name][attack.Name], "-")))
		}
	}
	t.Logf("verbs and attacks:\n%s", out.String())
}

func cut(text string) string {
	if text != "held" && text != "-" {
		return "FAILED"
	}
	return text
}

// start starts the hostile server and writes the kubeconfig that leads to it.
func (p tested) start(t *testing.T, attack Attack) (*Server, string) {
	t.Helper()
	server := p.server(t, attack)
	t.Cleanup(server.CloseClientConnections)
	kubeconfig, err := server.Kubeconfig(t.TempDir(), namespace)
	if err != nil {
		t.Fatal(err)
	}
	return server, kubeconfig
}

// program is a jar with one class.
func program(t *testing.T) string {
	t.Helper()
	var out bytes.Buffer
	archive := zip.NewWriter(&out)
	_, err := archive.Create("Job.class")
	if err = cmp.Or(err, archive.Close()); err != nil {
		t.Fatal(err)
	}
	return out.String()
}
