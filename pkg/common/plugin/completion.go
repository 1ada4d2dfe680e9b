package plugin

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/completion"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
)

// AddCompletion gives root the command `completion`: scripts for shells, and
// `install`, which makes kubectl itself complete the plugin.
func AddCompletion(root *cobra.Command, group string) {
	program := root.Name()
	hook := hookName(program)
	cmd := &cobra.Command{
		Use:     "completion",
		Short:   "Set up completion in the shell",
		GroupID: group,
		Long: fmt.Sprintf(`Set up completion.

kubectl (1.26 and newer) completes a plugin by calling an executable named
%s, if there is one on PATH. "install" puts it beside the plugin;
kubectl's own completion must be set up in the shell (kubectl completion --help).

The other subcommands print a script that completes %s when it is called
without kubectl.`, hook, program),
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	var dir string
	install := &cobra.Command{
		Use:     "install",
		Short:   "Make kubectl complete the plugin",
		Example: fmt.Sprintf("  %s completion install", DisplayName(root)),
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			made, err := installHook(dir, program)
			if err != nil {
				return err
			}
			fmt.Fprintln(cmd.OutOrStdout(), made)
			return nil
		},
	}
	install.Flags().StringVar(&dir, "dir", "", "Directory on PATH to put it into (default the plugin's)")
	cmd.AddCommand(install)
	for shell, write := range map[string]func(io.Writer) error{
		"bash":       func(w io.Writer) error { return root.GenBashCompletionV2(w, true) },
		"zsh":        root.GenZshCompletion,
		"fish":       func(w io.Writer) error { return completion.Fish(root, w) },
		"powershell": root.GenPowerShellCompletionWithDesc,
	} {
		cmd.AddCommand(&cobra.Command{
			Use:     shell,
			Short:   "Print the script for " + shell,
			Example: fmt.Sprintf("  %s completion %s", program, shell),
			Args:    cobra.NoArgs,
			RunE:    func(cmd *cobra.Command, _ []string) error { return write(cmd.OutOrStdout()) },
		})
	}
	root.AddCommand(cmd)
}

// DisplayName is how users call root: `kubectl flink`.
func DisplayName(root *cobra.Command) string {
	if name := root.Annotations[cobra.CommandDisplayNameAnnotation]; name != "" {
		return name
	}
	return root.Name()
}

// hookName is what kubectl looks for: kubectl_complete-flink of kubectl-flink.
func hookName(program string) string {
	return "kubectl_complete-" + program[len("kubectl-"):]
}

// installHook puts the hook beside the plugin and returns its path.
func installHook(dir, program string) (string, error) {
	return InstallLink(dir, program, hookName(program))
}

// InstallLink gives program, a name like kubectl-flink, a second name in dir, ""
// for the directory that it is in, and returns the link's path. Whatever else has
// that name stays, and is an error.
//
// It points to the plugin's name on PATH and not to the file behind it: krew
// moves that with every upgrade and keeps the name.
func InstallLink(dir, program, name string) (string, error) {
	found, err := exec.LookPath(program)
	if err != nil && !errors.Is(err, exec.ErrDot) {
		if found, err = os.Executable(); err != nil {
			return "", fmt.Errorf("find %s: %w", program, err)
		}
	}
	if found, err = filepath.Abs(found); err != nil {
		return "", err
	}
	if dir == "" {
		dir = filepath.Dir(found)
	}
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	link := filepath.Join(dir, name)
	if info, err := os.Lstat(link); err == nil {
		if info.Mode()&os.ModeSymlink == 0 && runtime.GOOS != "windows" {
			return "", exit.Usagef("%s exists and is not a link of ours; remove it first", link)
		}
		if to, err := os.Readlink(link); err == nil && filepath.Base(to) != filepath.Base(found) {
			return "", exit.Usagef("%s exists and is a link to %s; remove it first", link, to)
		}
		if err := os.Remove(link); err != nil {
			return "", err
		}
	}
	if runtime.GOOS == "windows" {
		// Links need a privilege there.
		return link, copyFile(found, link)
	}
	target := found
	if filepath.Dir(found) == filepath.Clean(dir) {
		target = filepath.Base(found)
	}
	if err := os.Symlink(target, link); err != nil {
		return "", fmt.Errorf("%w\nName a directory on PATH that you may write to with --dir", err)
	}
	return link, nil
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		out.Close()
		return err
	}
	return out.Close()
}
