package cmd

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmftest"
)

// The link is beside the plugin or in the named directory; what else has the name
// stays; what keeps Confluent's CLI from finding it is said.
func TestPluginInstall(t *testing.T) {
	file := func(t *testing.T, path, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		args  []string
		setup func(t *testing.T, home, bin string)
		link  string
		code  int
		says  []string
		hides []string
	}{
		"beside it": {
			setup: func(t *testing.T, _, bin string) { t.Helper(); file(t, filepath.Join(bin, "confluent"), "") },
			args:  []string{"--confluent"}, link: "bin/confluent-cmf", hides: []string{"warning"},
		},
		"again": {
			setup: func(t *testing.T, _, bin string) {
				t.Helper()
				if err := os.Symlink("kubectl-cmf", filepath.Join(bin, "confluent-cmf")); err != nil {
					t.Fatal(err)
				}
			},
			args: []string{"--confluent"}, link: "bin/confluent-cmf", says: []string{"confluent itself is not on PATH"},
		},
		"the CLI's own directory, with plugins switched off": {
			setup: func(t *testing.T, home, _ string) {
				t.Helper()
				file(t, filepath.Join(home, ".confluent", "config.json"), `{"disable_plugins": true}`)
			},
			args: []string{"--confluent", "--dir", "HOME/.confluent/plugins"}, link: ".confluent/plugins/confluent-cmf",
			says: []string{"has its plugins switched off"}, hides: []string{"doesn't look there"},
		},
		"not on PATH": {
			setup: func(t *testing.T, home, _ string) { t.Helper(); file(t, filepath.Join(home, "else", "x"), "") },
			args:  []string{"--confluent", "--dir", "HOME/else"}, link: "else/confluent-cmf", says: []string{"else is not on PATH: confluent doesn't look there"},
		},
		"a file of the user's": {
			setup: func(t *testing.T, _, bin string) { t.Helper(); file(t, filepath.Join(bin, "confluent-cmf"), "mine") },
			args:  []string{"--confluent"}, code: exit.Usage, says: []string{"exists and is not a link of ours"},
		},
		"a link to another program": {
			setup: func(t *testing.T, _, bin string) {
				t.Helper()
				if err := os.Symlink("/opt/other", filepath.Join(bin, "confluent-cmf")); err != nil {
					t.Fatal(err)
				}
			},
			args: []string{"--confluent"}, code: exit.Usage, says: []string{"is a link to /opt/other; remove it first"},
		},
		"no such directory":    {args: []string{"--confluent", "--dir", "HOME/none"}, code: exit.Failed, says: []string{"Name a directory on PATH"}},
		"of which program":     {code: exit.Usage, says: []string{"--confluent"}},
		"an argument too many": {args: []string{"x", "--confluent"}, code: exit.Usage, says: []string{"x"}},
	} {
		t.Run(name, func(t *testing.T) {
			home := t.TempDir()
			bin := filepath.Join(home, "bin")
			file(t, filepath.Join(bin, "kubectl-cmf"), "")
			t.Setenv("HOME", home)
			t.Setenv("PATH", bin)
			if c.setup != nil {
				c.setup(t, home, bin)
			}
			args := []string{"plugin", "install"}
			for _, arg := range c.args {
				args = append(args, strings.Replace(arg, "HOME", home, 1))
			}
			streams, _, out, errOut := genericiooptions.NewTestIOStreams()
			code := plugin.Execute(t.Context(), NewRoot(streams), streams, args)
			if code != c.code {
				t.Errorf("exit code %d, want %d: %s", code, c.code, errOut)
			}
			for _, want := range c.says {
				if !strings.Contains(errOut.String(), want) {
					t.Errorf("says %q, want %q", errOut, want)
				}
			}
			for _, not := range c.hides {
				if strings.Contains(errOut.String(), not) {
					t.Errorf("says %q", errOut)
				}
			}
			if c.link == "" {
				return
			}
			link := filepath.Join(home, c.link)
			if got := strings.TrimSpace(out.String()); got != link {
				t.Errorf("prints %q, want %q", got, link)
			}
			to, err := filepath.EvalSymlinks(link)
			if want, _ := filepath.EvalSymlinks(filepath.Join(bin, "kubectl-cmf")); err != nil || to != want {
				t.Errorf("it leads to %q, %v", to, err)
			}
		})
	}
}

// A user of Confluent's CLI may have no kubectl.
func TestAdviceNamesTheCommandAsTyped(t *testing.T) {
	r := newRig(t, cmftest.Options{})
	r.env("dev-env")
	r.env("prod-env")
	before := os.Args
	defer func() { os.Args = before }()
	os.Args = []string{"/opt/bin/confluent-cmf"}
	got := r.fails(2, "or once with: confluent cmf env use NAME", "app", "list")
	if strings.Contains(got.err, "kubectl") {
		t.Error(got.err)
	}
	r.fails(1, `no environment "nope"`, "env", "use", "nope")
}
