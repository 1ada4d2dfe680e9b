package cmd

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/completion"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/portforward"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/progress"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/untrusted"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/reach"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/rest"
)

// maxOnTerminal bounds an answer that is made readable, in bytes.
const maxOnTerminal = 8 << 20

// restOptions are the flags of `kubectl flink rest`.
type restOptions struct {
	*common
	plugin.Arguments
	tunnelFlags
	plugin.RequestFlags
	tls     reach.TLSFiles
	timeout time.Duration
}

func newREST(c *common) *cobra.Command {
	o := &restOptions{common: c}
	cmd := &cobra.Command{
		Use:   "rest [[TYPE/]NAME] PATH",
		Short: "Send a request to the job's REST API",
		Long: `Send a request to the JobManager's REST API through the API server and print
the answer: JSON indented on a terminal, as it came in a pipe.

":jobid" in PATH stands for the job's id. A PATH with . or .. segments, escaped
slashes or backslashes is refused. An answer of 400 or above is printed too, and
the exit code is then 1.`,
		Example: plugin.Examples(`
			# The jobs of the cluster
			kubectl flink rest basic-example /jobs/overview

			# The job's checkpoints
			kubectl flink rest basic-example /jobs/:jobid/checkpoints

			# Take a savepoint by hand
			kubectl flink rest basic-example /jobs/:jobid/savepoints -d '{"cancel-job": false}'`),
		Args: cobra.RangeArgs(1, 2),
		ValidArgsFunction: func(cmd *cobra.Command, args []string, prefix string) ([]cobra.Completion, cobra.ShellCompDirective) {
			if len(args) == 1 || strings.HasPrefix(prefix, "/") {
				return completion.Values(func(context.Context, []string, string) ([]completion.Choice, error) {
					return restPaths, nil
				})(cmd, args, prefix)
			}
			return c.completeJobs(false)(cmd, args, prefix)
		},
		RunE: plugin.RunE(o),
	}
	flags := cmd.Flags()
	o.RequestFlags.Add(cmd)
	flags.DurationVar(&o.timeout, "timeout", time.Minute, "How long to wait for the answer to begin; 0 waits for ever")
	o.tunnelFlags.add(cmd, true)
	addRESTFlags(cmd, &o.tls)
	return cmd
}

var restPaths = []completion.Choice{
	{Value: "/config", Description: "version and features"},
	{Value: "/overview", Description: "the cluster's numbers"},
	{Value: "/jobs/overview", Description: "all jobs"},
	{Value: "/jobs/:jobid", Description: "the job"},
	{Value: "/jobs/:jobid/checkpoints", Description: "its checkpoints"},
	{Value: "/jobs/:jobid/exceptions", Description: "its exceptions"},
	{Value: "/jobs/:jobid/config", Description: "its configuration"},
	{Value: "/jobmanager/config", Description: "the JobManager's configuration"},
	{Value: "/jobmanager/log", Description: "the JobManager's log"},
	{Value: "/taskmanagers", Description: "the TaskManagers"},
}

// Run sends the request and prints the answer.
func (o *restOptions) Run(ctx context.Context) error {
	path := o.Args[len(o.Args)-1]
	if !strings.HasPrefix(path, "/") {
		return exit.Usagef("PATH must begin with a slash: %q; see https://nightlies.apache.org/flink/flink-docs-stable/docs/ops/rest_api/", path)
	}
	if err := rest.CheckPath(path); err != nil {
		return exit.With(exit.Usage, fmt.Errorf("PATH is not sent: %w", err))
	}
	header, err := o.header()
	if err != nil {
		return err
	}
	method, body, err := o.Body(ctx, o.In)
	if err != nil {
		return err
	}
	_, place, err := o.findPlace(ctx, o.Args[:len(o.Args)-1])
	if err != nil {
		return err
	}
	if strings.Contains(path, ":jobid") {
		if place.JobID == "" {
			return fmt.Errorf("%s has no job id yet (%s)", place.Job.Ref(), place.Job.Describe(time.Now()))
		}
		if !untrusted.IsID(place.JobID) {
			return fmt.Errorf("the status of %s names %q, which is no job id", place.Job.Ref(), place.JobID)
		}
		path = strings.ReplaceAll(path, ":jobid", place.JobID)
	}
	flags := o.tunnelFlags
	if place.Suspended() {
		// Its JobManager may stand for a while yet, but isn't waited for.
		flags.reconnect = 0
	}
	line := o.progress(false)
	defer line.Done()
	tunnel, err := o.tunnel(flags, func(e portforward.Event) {
		switch e.Type {
		case portforward.Waiting:
			line.Set("waiting for the JobManager: %s", e.Text)
		case portforward.HalfReady:
			line.Print("%s", halfReady(e))
		case portforward.SwitchedToProxy:
			line.Set("port-forward is forbidden; asking through the API server's proxy")
			for name := range header {
				if portforward.DropsHeader(name) {
					line.Print("warning: --header %s is left out: the API server's proxy would take it for its own", name)
				}
			}
		default: // one answer comes or doesn't
		}
	})
	if err != nil {
		return err
	}
	defer tunnel.Close()
	client, err := restClient(tunnel, place, o.tls)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if o.timeout > 0 {
		// Only the beginning of the answer is bounded: a heap dump takes as
		// long as it takes.
		timer := time.AfterFunc(o.timeout, func() {
			cancel(exit.Timeoutf("no answer to %s %s within %s", method, path, o.timeout))
		})
		defer timer.Stop()
		err = o.print(ctx, line, client, method, path, header, body, timer)
	} else {
		err = o.print(ctx, line, client, method, path, header, body, nil)
	}
	var unready *portforward.NotReadyError
	if place.Suspended() && (errors.As(err, &unready) || apierrors.IsNotFound(err)) {
		return errors.New(place.WhyNot())
	}
	return place.Because(err)
}

// print sends the request and prints the answer.
func (o *restOptions) print(ctx context.Context, line *progress.Line, client *rest.Client, method, path string, header http.Header, body []byte, limit *time.Timer) error {
	var reader io.Reader
	if body != nil {
		reader = bytes.NewReader(body)
	}
	response, err := client.Do(ctx, method, path, header, reader)
	if err != nil {
		return reach.AskError(ctx, err)
	}
	defer response.Body.Close()
	if limit != nil {
		limit.Stop()
	}
	line.Done()
	o.PrintHead(o.Out, response, func(_, value string) string { return value })
	if err := o.copy(response); err != nil {
		return reach.AskError(ctx, err)
	}
	if response.StatusCode >= http.StatusBadRequest {
		return fmt.Errorf("the JobManager answered %s to %s %s", response.Status, method, path)
	}
	return nil
}

// copy prints the body: as it is in a pipe, readable and harmless on a
// terminal.
func (o *restOptions) copy(response *http.Response) error {
	if !term.IsTerminal(o.Out) {
		_, err := io.Copy(o.Out, response.Body)
		return err
	}
	kind, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type"))
	if !strings.HasPrefix(kind, "text/") && kind != "application/json" && kind != "" {
		return fmt.Errorf("the answer is %s: write it to a file or a pipe", term.SafeLine(kind))
	}
	body, err := untrusted.ReadAll(response.Body, maxOnTerminal)
	var large *untrusted.TooLargeError
	if errors.As(err, &large) {
		return fmt.Errorf("%w: write it to a file or a pipe, which takes it as it comes", err)
	}
	if err != nil {
		return err
	}
	var pretty bytes.Buffer
	if json.Indent(&pretty, body, "", "  ") == nil {
		body = pretty.Bytes()
	}
	text := term.Safe(string(body))
	if text != "" && !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	_, err = io.WriteString(o.Out, text)
	return err
}

// header is what --header says, over a JSON body's default.
func (o *restOptions) header() (http.Header, error) {
	header := http.Header{"Accept": {"*/*"}}
	if o.Data != "" {
		header.Set("Content-Type", "application/json")
	}
	for _, h := range o.Headers {
		name, value, ok := strings.Cut(h, ":")
		if !ok || strings.TrimSpace(name) == "" {
			return nil, exit.Usagef("--header %q: want 'Name: value'", h)
		}
		name = strings.TrimSpace(name)
		if o.via == string(portforward.ViaAPIServer) && portforward.DropsHeader(name) {
			return nil, exit.Usagef("--header %q can't pass the API server's proxy, which would take it for its own: use --via portforward", name)
		}
		header.Set(name, strings.TrimSpace(value))
	}
	return header, nil
}
