package batch

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/secret"
)

// Rest makes the command that goes on with what a batch left undone: the
// command as it was called, for names alone. It can be pasted into a shell.
type Rest struct {
	command string
	after   []string
	flags   []string
}

// NewRest takes over cmd with the flags that were given, but for those in
// leftOut: the ones that chose the objects. after are the arguments behind --.
// The value of a flag that is called like a secret is left out and named, so
// that it isn't printed.
func NewRest(cmd *cobra.Command, after []string, leftOut ...string) Rest {
	r := Rest{command: cmd.CommandPath(), after: after}
	cmd.Flags().Visit(func(flag *pflag.Flag) {
		if slices.Contains(leftOut, flag.Name) {
			return
		}
		if secret.Name(flag.Name) {
			r.flags = append(r.flags, "--"+flag.Name+"=\"$"+strings.ToUpper(strings.ReplaceAll(flag.Name, "-", "_"))+"\"")
			return
		}
		values := []string{flag.Value.String()}
		if list, ok := flag.Value.(pflag.SliceValue); ok {
			values = list.GetSlice()
		}
		for _, value := range values {
			if flag.Value.Type() == "bool" && value == "true" {
				r.flags = append(r.flags, "--"+flag.Name)
				continue
			}
			r.flags = append(r.flags, "--"+flag.Name+"="+Quote(value))
		}
	})
	return r
}

// Command is the command for names. more are flags that it has besides, such
// as the namespace.
func (r Rest) Command(names []string, more ...string) string {
	words := []string{r.command}
	for _, name := range names {
		words = append(words, Quote(name))
	}
	for _, word := range more {
		words = append(words, Quote(word))
	}
	words = append(words, r.flags...)
	if len(r.after) > 0 {
		words = append(words, "--")
		for _, word := range r.after {
			words = append(words, Quote(word))
		}
	}
	return strings.Join(words, " ")
}

// Quote is a word as a POSIX shell takes it.
func Quote(word string) string {
	if word != "" && strings.Trim(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:/._-+=@%,") == "" {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
