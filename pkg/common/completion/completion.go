// Package completion serves shell completion: kubectl's hook for plugins and
// bounded, silent look-ups in the cluster.
package completion

import (
	"context"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
)

// Limit bounds a look-up. A completion that takes longer is worth less than
// none.
const Limit = time.Second

// Args is the command line to run. kubectl (1.26 and newer) completes the
// plugin kubectl-NAME by calling kubectl_complete-NAME with the words typed so
// far; a binary called by that name answers as cobra's __complete does.
func Args(argv []string) []string {
	if strings.HasPrefix(filepath.Base(argv[0]), "kubectl_complete-") {
		return append([]string{cobra.ShellCompRequestCmd}, argv[1:]...)
	}
	return argv[1:]
}

// Choice is one completion with a description; the description may be empty.
type Choice struct{ Value, Description string }

// Func finds choices. It is called with a bounded context; its error gives no
// choices, because a completion has no place to report one.
type Func func(ctx context.Context, args []string, prefix string) ([]Choice, error)

// active marks the context of a look-up.
type active struct{}

// Active reports whether ctx is that of a completion, which asks no one and
// sends no credential to a server that isn't known.
func Active(ctx context.Context) bool {
	yes, _ := ctx.Value(active{}).(bool)
	return yes
}

// Values makes a cobra completion of find. Inlined, each of its callers would have a
// copy of the function: 1 kB for every flag.
//
//go:noinline
func Values(find Func) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, prefix string) ([]cobra.Completion, cobra.ShellCompDirective) {
		parent := cmd.Context()
		if parent == nil {
			parent = context.Background()
		}
		ctx, cancel := context.WithTimeout(context.WithValue(parent, active{}, true), Limit)
		defer cancel()
		choices, known := kept(prefix)
		if !known {
			var err error
			if choices, err = find(ctx, args, prefix); err != nil {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			keep(prefix, choices)
		}
		var out []cobra.Completion
		for _, c := range choices {
			if strings.HasPrefix(c.Value, prefix) {
				out = append(out, cobra.CompletionWithDesc(c.Value, term.SafeLine(c.Description)))
			}
		}
		return out, cobra.ShellCompDirectiveNoFileComp
	}
}

// Fixed completes with words known beforehand.
func Fixed(words ...string) cobra.CompletionFunc {
	return cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp)
}
