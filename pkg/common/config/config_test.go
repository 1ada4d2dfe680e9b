package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
)

func apply(t *testing.T, content string) (timeout *time.Duration, color *string, err error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(*cobra.Command, []string) {}
	root := &cobra.Command{Use: "kubectl-flink"}
	color = root.PersistentFlags().String("color", "auto", "")
	savepoint := &cobra.Command{Use: "savepoint", Run: run}
	timeout = savepoint.Flags().Duration("timeout", time.Minute, "")
	savepoint.Flags().Bool("lose-state", false, "")
	list := &cobra.Command{Use: "list", Run: run}
	list.Flags().Duration("timeout", time.Second, "")
	root.AddCommand(savepoint, list)
	return timeout, color, Apply(root, path)
}

func TestDefaults(t *testing.T) {
	timeout, color, err := apply(t, "flags: {color: never, timeout: 3m, only-of-the-other: 1}\ncommands: {flink savepoint: {timeout: 5m}, cmf app start: {wait: false}}\n")
	if err != nil || *color != "never" || *timeout != 5*time.Minute {
		t.Errorf("color %s, timeout %s, %v", *color, *timeout, err)
	}
}

func TestNoFileIsNoError(t *testing.T) {
	if err := Apply(&cobra.Command{Use: "kubectl-flink"}, filepath.Join(t.TempDir(), "none.yaml")); err != nil {
		t.Error(err)
	}
}

func TestErrorsNameTheField(t *testing.T) {
	for content, want := range map[string]string{
		"flag: {color: x}":                                       `unknown field "flag"`,
		"flags: {timeout: soon}\n":                               "flags.timeout: kubectl-flink list: \"soon\" is no value of --timeout",
		"commands: {flink savepoin: {timeout: 1m}}":              "commands.flink savepoin: ",
		"commands: {savepoint: {timeout: 1m}}":                   "commands.savepoint: a command's name begins with",
		"commands: {flink savepoint: {wait: true}}":              "commands.flink savepoint.wait: the command has no flag --wait",
		"commands: {flink savepoint: {lose-state: true}}":        "commands.flink savepoint.lose-state: this flag has to be given each time",
		"flags: {color: [a]}":                                    "a flag's value is a word",
		"flags: {color: a, color: b}":                            "color",
		"commands: {flink savepoint: {timeout: 1m}}\nflags: {x:": "config.yaml",
	} {
		_, _, err := apply(t, content)
		if err == nil || !strings.Contains(err.Error(), want) || exit.Code(err) != exit.Usage {
			t.Errorf("%s\ngot    %v (exit %d)\nwanted %s", content, err, exit.Code(err), want)
		}
	}
}

func TestPath(t *testing.T) {
	for _, tc := range []struct {
		goos string
		env  map[string]string
		home string
		want string
	}{
		{"linux", nil, "/home/u", "/home/u/.config/kubectl-flink/config.yaml"},
		{"darwin", nil, "/Users/u", "/Users/u/.config/kubectl-flink/config.yaml"},
		{"linux", map[string]string{"XDG_CONFIG_HOME": "/x"}, "/home/u", "/x/kubectl-flink/config.yaml"},
		{"windows", map[string]string{"AppData": "/a"}, "/u", "/a/kubectl-flink/config.yaml"},
		{"linux", map[string]string{EnvFile: "/c.yaml"}, "/home/u", "/c.yaml"},
		{"linux", nil, "", ""},
	} {
		if got := filepath.ToSlash(Path(tc.goos, func(name string) string { return tc.env[name] }, tc.home)); got != tc.want {
			t.Errorf("%s %v: %s, wanted %s", tc.goos, tc.env, got, tc.want)
		}
	}
}
