package cmd

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/completion"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/secret"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/untrusted"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmf"
)

// maxShown bounds an answer in which secrets are looked for, in bytes.
const maxShown = 32 << 20

// restOptions are the flags of `kubectl cmf rest`.
type restOptions struct {
	*common
	plugin.Arguments
	plugin.RequestFlags
	showSecrets bool
	timeout     time.Duration

	segments []string
	query    url.Values
	header   http.Header
}

// newREST is `kubectl cmf rest`.
func newREST(c *common) *cobra.Command {
	o := &restOptions{common: c}
	cmd := &cobra.Command{
		Use: "rest PATH", Short: "Send a request to CMF's REST API", GroupID: other,
		Long: `Send a request to CMF's REST API, with the identity that all commands have, and print
the answer. PATH begins with /v1/ or /v1alpha1/, with or without /cmf/api before it.

One with . or .. segments, escaped slashes or backslashes is refused. Passwords and
keys in the answer are hidden without --show-secrets. An answer of 400 or above is
printed too, and the exit code is then 1.`,
		Example: plugin.Examples(`
			kubectl cmf rest /v1/environments
			kubectl cmf rest '/v1/environments/dev-env/statements?phase=failed'
			kubectl cmf rest /v1/environments/dev-env/applications/basic-example/flink-web-ui/jobs/overview
			kubectl cmf rest -X POST /v1/environments/dev-env/applications/basic-example/suspend`),
		Args: cobra.ExactArgs(1),
		ValidArgsFunction: completion.Values(func(context.Context, []string, string) ([]completion.Choice, error) {
			return restPaths, nil
		}),
		RunE: plugin.RunE(o),
	}
	flags := cmd.Flags()
	o.RequestFlags.Add(cmd)
	flags.BoolVar(&o.showSecrets, "show-secrets", false, "Print the answer as it is, with passwords and keys")
	flags.DurationVar(&o.timeout, "timeout", 5*time.Minute, "How long to wait for the answer; 0 waits for ever")
	return cmd
}

var restPaths = []completion.Choice{
	{Value: "/v1/environments", Description: "the environments"},
	{Value: "/v1/catalogs/kafka", Description: "the catalogs"},
	{Value: "/v1/secrets", Description: "the secrets, without their data"},
	{Value: "/v1/detached-savepoints", Description: "the detached savepoints"},
	{Value: "/v1/kubernetes-clusters", Description: "the Kubernetes clusters"},
	{Value: "/v1/system-information", Description: "the version"},
}

// Validate finds what is wrong with the command line.
func (o *restOptions) Validate() error {
	var err error
	if o.segments, o.query, err = cmf.ParsePath(o.Args[0]); err != nil {
		return exit.With(exit.Usage, fmt.Errorf("PATH is not sent: %w", err))
	}
	o.header = http.Header{"Accept": {"application/json, */*"}}
	if o.Data != "" {
		o.header.Set("Content-Type", "application/json")
	}
	for _, h := range o.Headers {
		name, value, ok := strings.Cut(h, ":")
		name = http.CanonicalHeaderKey(strings.TrimSpace(name))
		switch {
		case !ok || name == "":
			return exit.Usagef("--header: want 'Name: value'")
		case slices.Contains([]string{"Authorization", "Cookie", "Host", "Proxy-Authorization"}, name):
			return exit.Usagef("--header %s is not sent: a token is given with --cmf-token-file", name)
		}
		o.header.Set(name, strings.TrimSpace(value))
	}
	if o.timeout < 0 {
		return exit.Usagef("--timeout must not be negative")
	}
	return nil
}

// Run sends the request and prints the answer.
func (o *restOptions) Run(ctx context.Context) error {
	o.noteSecrets(o.showSecrets)
	method, body, err := o.Body(ctx, o.In)
	if err != nil {
		return err
	}
	if o.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, o.timeout, exit.Timeoutf("no whole answer within %s", o.timeout))
		defer cancel()
	}
	client, err := o.client(ctx)
	if err != nil {
		return err
	}
	response, err := client.Do(ctx, method, o.segments, o.query, o.header, body)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	o.PrintHead(o.Out, response, secret.Value)
	if err := o.print(response); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return err
	}
	if response.StatusCode >= http.StatusBadRequest {
		return fmt.Errorf("CMF answered %s", term.SafeLine(response.Status))
	}
	return nil
}

// print prints the body: JSON and texts without secrets, other things as they
// are, but not on a terminal.
func (o *restOptions) print(response *http.Response) error {
	kind, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type"))
	text := kind == "" || strings.HasPrefix(kind, "text/") || strings.HasSuffix(kind, "json") || strings.HasSuffix(kind, "yaml")
	terminal := term.IsTerminal(o.Out)
	switch {
	case !text && terminal:
		return fmt.Errorf("the answer is %s: write it to a file or a pipe", term.SafeLine(kind))
	case !text, o.showSecrets && !terminal:
		_, err := io.Copy(o.Out, response.Body)
		return err
	}
	body, err := untrusted.ReadAll(response.Body, maxShown)
	if err != nil {
		return err
	}
	shown := string(body)
	if pretty, ok := o.pretty(body); ok {
		shown = pretty
	} else if !o.showSecrets {
		shown = secret.Text(shown)
	}
	if terminal {
		shown = term.Safe(shown)
	}
	if shown != "" && !strings.HasSuffix(shown, "\n") {
		shown += "\n"
	}
	_, err = io.WriteString(o.Out, shown)
	return err
}

// pretty is JSON indented, without secrets; false where it is none.
func (o *restOptions) pretty(body []byte) (string, bool) {
	if !o.showSecrets {
		object, err := cmf.Decode(body)
		if err != nil {
			return "", false
		}
		if body, err = cmf.Redact(cmf.KindOf(object), object).Encode(); err != nil {
			return "", false
		}
	}
	var out bytes.Buffer
	if json.Indent(&out, body, "", "  ") != nil {
		return "", false
	}
	return out.String(), true
}
