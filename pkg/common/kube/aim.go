package kube

import (
	"regexp"
	"strings"

	"github.com/spf13/pflag"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/batch"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/secret"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
)

// aiming are kubectl's flags that choose the cluster.
var aiming = []string{"kubeconfig", "context", "cluster", "server"}

// Aim completes the commands that a text tells its reader to run. Where flags of
// this command chose the cluster, a command without them would be carried out in
// another one, on whatever has that name there.
func (f *Factory) Aim(text string) string {
	if f == nil || f.Flags == nil {
		return text
	}
	flags := f.Flags
	values := map[string]*string{"kubeconfig": flags.KubeConfig, "context": flags.Context, "cluster": flags.ClusterName, "server": flags.APIServer}
	return aim(text, func(name string) string {
		if value := values[name]; value != nil {
			return *value
		}
		return ""
	})
}

// Aim is Factory.Aim by the flags of a command.
func Aim(text string, flags *pflag.FlagSet) string {
	return aim(text, func(name string) string {
		if flag := flags.Lookup(name); flag != nil {
			return flag.Value.String()
		}
		return ""
	})
}

// namespaced is a command up to its namespace, which all have that are about an
// object.
var namespaced = regexp.MustCompile(`kubectl [^\n]*? -n [A-Za-z0-9](?:[-A-Za-z0-9]*[A-Za-z0-9])?`)

// commandEnd is where the flags behind a command's namespace end at the latest.
var commandEnd = regexp.MustCompile(`\n|kubectl `)

func aim(text string, value func(name string) string) string {
	flags := map[string]string{}
	for _, name := range aiming {
		if v := value(name); v != "" {
			flags[name] = " --" + name + " " + batch.Quote(secret.Text(term.SafeLine(v)))
		}
	}
	if len(flags) == 0 {
		return text
	}
	var out strings.Builder
	for {
		at := namespaced.FindStringIndex(text)
		if at == nil {
			return out.String() + text
		}
		rest := text[at[1]:]
		whole := text[at[0]:]
		if end := commandEnd.FindStringIndex(rest); end != nil {
			whole = text[at[0] : at[1]+end[0]]
		}
		out.WriteString(text[:at[1]])
		for _, name := range aiming {
			if !strings.Contains(whole, " --"+name+" ") && !strings.Contains(whole, " --"+name+"=") {
				out.WriteString(flags[name])
			}
		}
		text = rest
	}
}
