// Command docs writes what is generated from the commands themselves: the
// reference in docs/reference, and for releases man pages and completion.
//
//	go run ./hack/docs reference docs/reference
//	go run ./hack/docs release .release 1767225600    # files for archives; time in seconds of the man pages
package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
	"github.com/spf13/pflag"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/client-go/util/homedir"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/completion"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/version"
	cmf "github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmd"
	flink "github.com/kubectl-flink/kubectl-flink/plugins/kubectl-flink/cmd"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "docs:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) == 2 && args[0] == "reference":
		return writeAll(args[1], Reference())
	case len(args) == 3 && args[0] == "release":
		seconds, err := strconv.ParseInt(args[2], 10, 64)
		if err != nil {
			return fmt.Errorf("%q is no time in seconds", args[2])
		}
		files, err := release(time.Unix(seconds, 0).UTC())
		if err != nil {
			return err
		}
		return writeAll(args[1], files)
	}
	return fmt.Errorf("usage: docs reference DIR | docs release DIR SECONDS")
}

// newRoot makes each plugin's commands as a program without a terminal has
// them.
var newRoot = map[string]func() *cobra.Command{
	"kubectl-flink": func() *cobra.Command { return flink.NewRoot(nowhere()) },
	"kubectl-cmf":   func() *cobra.Command { return cmf.NewRoot(nowhere()) },
}

func nowhere() genericiooptions.IOStreams {
	return genericiooptions.IOStreams{In: &bytes.Buffer{}, Out: io.Discard, ErrOut: io.Discard}
}

func roots() []*cobra.Command {
	all := []*cobra.Command{newRoot["kubectl-flink"](), newRoot["kubectl-cmf"]()}
	for _, root := range all {
		root.DisableAutoGenTag = true
		root.CompletionOptions.DisableDefaultCmd = true
		root.InitDefaultHelpCmd()
	}
	return all
}

// writeAll makes dir hold exactly files, which are named by their paths in it.
func writeAll(dir string, files map[string][]byte) error {
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	for name, content := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, content, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// hideConnection hides kubectl's flags of root, which `options` lists, so that
// not every page repeats all thirty of them. It returns them.
func hideConnection(root *cobra.Command) *pflag.FlagSet {
	own := map[string]bool{"environment": true, "cmf-url": true, "quiet": true, "color": true}
	hidden := pflag.NewFlagSet("", pflag.ContinueOnError)
	root.PersistentFlags().VisitAll(func(f *pflag.Flag) {
		if !own[f.Name] && !f.Hidden {
			shown := *f
			// The default is this machine's.
			if home := homedir.HomeDir(); home != "" {
				shown.DefValue = strings.ReplaceAll(shown.DefValue, home, "$HOME")
			}
			hidden.AddFlag(&shown)
			f.Hidden = true
		}
	})
	return hidden
}

// each calls do for cmd and every command below it that users see.
func each(cmd *cobra.Command, do func(*cobra.Command)) {
	do(cmd)
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() {
			each(sub, do)
		}
	}
}

// release are the files that archives and packages hold beside a plugin.
func release(date time.Time) (map[string][]byte, error) {
	files := map[string][]byte{}
	for _, root := range roots() {
		plugin := root.Name()
		hideConnection(root)
		shells := map[string]func(io.Writer) error{
			plugin + ".bash": func(w io.Writer) error { return root.GenBashCompletionV2(w, true) },
			"_" + plugin:     root.GenZshCompletion,
			plugin + ".fish": func(w io.Writer) error { return completion.Fish(root, w) },
			plugin + ".ps1":  root.GenPowerShellCompletionWithDesc,
		}
		for name, write := range shells {
			var b bytes.Buffer
			if err := write(&b); err != nil {
				return nil, err
			}
			files[plugin+"/completion/"+name] = b.Bytes()
		}
		header := doc.GenManHeader{Section: "1", Date: &date, Source: plugin + " " + version.Get().Version, Manual: root.CommandPath()}
		var failure error
		each(root, func(cmd *cobra.Command) {
			h := header
			var b, z bytes.Buffer
			if err := doc.GenMan(cmd, &h, &b); err != nil {
				failure = err
				return
			}
			name := strings.ReplaceAll(cmd.CommandPath(), " ", "-") + ".1"
			files[plugin+"/man/"+name] = b.Bytes()
			zip, _ := gzip.NewWriterLevel(&z, gzip.BestCompression)
			if _, err := zip.Write(b.Bytes()); err != nil {
				failure = err
			}
			if err := zip.Close(); err != nil {
				failure = err
			}
			files[plugin+"/man.gz/"+name+".gz"] = z.Bytes()
		})
		if failure != nil {
			return nil, failure
		}
	}
	return files, nil
}
