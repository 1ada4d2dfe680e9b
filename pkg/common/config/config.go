// Package config reads the user's defaults for flags.
package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
)

// EnvFile names the variable with another place of the file.
const EnvFile = "KUBECTL_FLINK_CONFIG"

// file is the configuration file: values by flag, for every command that has
// the flag, and for single commands, named as in "flink savepoint".
type file struct {
	Flags    map[string]value            `json:"flags"`
	Commands map[string]map[string]value `json:"commands"`
}

// value is a flag's value; true and 5 are as good as "true" and "5".
type value string

func (v *value) UnmarshalJSON(b []byte) error {
	text := string(b)
	switch {
	case text == "null", strings.HasPrefix(text, "{"), strings.HasPrefix(text, "["):
		return errors.New("a flag's value is a word, a number, true or false")
	case strings.HasPrefix(text, `"`):
		var s string
		if err := yaml.Unmarshal(b, &s); err != nil {
			return err
		}
		text = s
	}
	*v = value(text)
	return nil
}

// asked are flags that must be given each time: a default for them would lose
// state or show secrets unasked.
var asked = []string{"allow-non-restored-state", "force", "help", "lose-state", "show-secrets", "yes"}

// Path is where the configuration file is: the environment's, else
// kubectl-flink/config.yaml in the user's directory for configuration
// ($XDG_CONFIG_HOME or ~/.config, on Windows %AppData%).
func Path(goos string, getenv func(string) string, home string) string {
	if path := getenv(EnvFile); path != "" {
		return path
	}
	dir := getenv("XDG_CONFIG_HOME")
	if dir == "" && goos == "windows" {
		dir = getenv("AppData")
	}
	if dir == "" && home != "" {
		dir = filepath.Join(home, ".config")
	}
	if dir == "" {
		return ""
	}
	return filepath.Join(dir, "kubectl-flink", "config.yaml")
}

// Apply makes the values in the file at path the defaults of root's flags and
// of those below it. A file that doesn't exist has none. The error names the
// field that is wrong.
func Apply(root *cobra.Command, path string) error {
	if path == "" {
		return nil
	}
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var f file
	if err := yaml.UnmarshalStrict(content, &f); err != nil {
		return exit.Usagef("%s: %s", path, strings.TrimPrefix(err.Error(), "error unmarshaling JSON: "))
	}
	wrong := func(field string, err error) error { return exit.Usagef("%s: %s: %v", path, field, err) }
	// The other plugin reads the same file, so a flag or command that this one
	// hasn't may be the other's.
	for _, name := range sorted(f.Flags) {
		if err := everywhere(root, name, string(f.Flags[name])); err != nil {
			return wrong("flags."+name, err)
		}
	}
	own := strings.TrimPrefix(root.Name(), "kubectl-")
	for _, command := range sorted(f.Commands) {
		words := strings.Fields(command)
		if len(words) == 0 || words[0] != "flink" && words[0] != "cmf" {
			return wrong("commands."+command, errors.New(`a command's name begins with flink or cmf, as in "flink savepoint"`))
		}
		if words[0] != own {
			continue
		}
		cmd, rest, err := root.Find(words[1:])
		if err == nil && len(rest) > 0 {
			err = fmt.Errorf("there is no command %q", command)
		}
		if err != nil {
			return wrong("commands."+command, err)
		}
		for _, name := range sorted(f.Commands[command]) {
			flag := cmd.LocalFlags().Lookup(name)
			if flag == nil {
				return wrong("commands."+command+"."+name, fmt.Errorf("the command has no flag --%s", name))
			}
			if err := preset(flag, string(f.Commands[command][name])); err != nil {
				return wrong("commands."+command+"."+name, err)
			}
		}
	}
	return nil
}

func everywhere(cmd *cobra.Command, name, text string) error {
	for _, flags := range []*pflag.FlagSet{cmd.PersistentFlags(), cmd.LocalNonPersistentFlags()} {
		if flag := flags.Lookup(name); flag != nil {
			if err := preset(flag, text); err != nil {
				return fmt.Errorf("%s: %w", cmd.CommandPath(), err)
			}
		}
	}
	for _, sub := range cmd.Commands() {
		if err := everywhere(sub, name, text); err != nil {
			return err
		}
	}
	return nil
}

func preset(flag *pflag.Flag, text string) error {
	if slices.Contains(asked, flag.Name) {
		return errors.New("this flag has to be given each time; it can't have a default")
	}
	if err := flag.Value.Set(text); err != nil {
		return fmt.Errorf("%q is no value of --%s: %w", text, flag.Name, err)
	}
	flag.DefValue = flag.Value.String()
	return nil
}

func sorted[V any](m map[string]V) []string {
	var names []string
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
