package cmd

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/version"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmf"
)

// versions is what `version` prints.
type versions struct {
	Client version.Info   `json:"client"`
	Server *serverVersion `json:"server,omitempty"`
}

type serverVersion struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"`
	// Guessed says that the version follows from what is served.
	Guessed bool     `json:"guessed,omitempty"`
	Address string   `json:"address"`
	Found   string   `json:"found"`
	You     string   `json:"you,omitempty"`
	Lacks   []string `json:"lacks,omitempty"`
}

// versionOptions are the flags of `kubectl cmf version`.
type versionOptions struct {
	*common
	plugin.Arguments
	output            printer.Flags
	clientOnly, check bool
}

// Validate finds what is wrong with the flags.
func (o *versionOptions) Validate() error { return o.output.Validate() }

// Run prints the versions.
func (o *versionOptions) Run(ctx context.Context) error {
	if o.check {
		return plugin.CheckLatest(ctx, o.Out, &o.output, "kubectl-cmf")
	}
	out := versions{Client: version.Get()}
	var err error
	if !o.clientOnly {
		out.Server, err = o.serverVersion(ctx)
	}
	// The client's version is printed even where no server answers.
	if printErr := o.output.Print(o.Out, printer.Result{Object: out, Text: out.print}); printErr != nil {
		return printErr
	}
	return err
}

func newVersion(c *common) *cobra.Command {
	o := &versionOptions{common: c}
	cmd := &cobra.Command{
		Use: "version", Short: "Show the versions of this plugin and of CMF, and what that CMF lacks",
		Example: plugin.Examples("kubectl cmf version\nkubectl cmf version --client\nkubectl cmf version --check\nkubectl cmf version -o json"),
		Args:    cobra.NoArgs,
		RunE:    plugin.RunE(o),
	}
	o.output.AddFlags(cmd, printer.JSON, printer.YAML)
	cmd.Flags().BoolVar(&o.clientOnly, "client", false, "Show this plugin's version only; ask no CMF")
	cmd.Flags().BoolVar(&o.check, "check", false, "Ask GitHub for the latest release and compare; exit code 3 if it is newer")
	return cmd
}

func (c *common) serverVersion(ctx context.Context) (*serverVersion, error) {
	client, err := c.client(ctx)
	if err != nil {
		return nil, err
	}
	server, err := client.Server(ctx)
	if err != nil {
		return nil, err
	}
	out := &serverVersion{
		Version: server.Version.String(), Revision: server.Revision, Guessed: server.Guessed,
		Address: client.Address(), Found: client.How,
	}
	for _, f := range server.Version.Lacks() {
		out.Lacks = append(out.Lacks, fmt.Sprintf("%s: since %s", f.What, f.Since))
	}
	if !server.Version.Before(cmf.V24) {
		// Not every server tells; that is no failure of `version`.
		if me, err := client.Read(ctx, "v1", "c3", "whoami"); err == nil && me.Text("principal") != "" {
			out.You = fmt.Sprintf("%s (by %s)", me.Text("principal"), me.Text("authMethod"))
		}
	}
	return out, nil
}

func (v versions) print(w io.Writer) error {
	_, err := fmt.Fprintf(w, "client: %s\n", v.Client.Version)
	if v.Server == nil || err != nil {
		return err
	}
	guessed := ""
	if v.Server.Guessed {
		guessed = " (guessed from what it serves: CMF before 2.2 doesn't say)"
	}
	_, err = fmt.Fprintf(w, "CMF:    %s%s at %s, found by %s\n", term.SafeLine(v.Server.Version), guessed, term.SafeLine(v.Server.Address), term.SafeLine(v.Server.Found))
	if v.Server.You != "" {
		_, err = fmt.Fprintf(w, "you:    %s\n", term.SafeLine(v.Server.You))
	}
	if len(v.Server.Lacks) > 0 {
		_, err = fmt.Fprintln(w, "this CMF lacks:")
	}
	for _, text := range v.Server.Lacks {
		_, err = fmt.Fprintf(w, "  %s\n", text)
	}
	return err
}
