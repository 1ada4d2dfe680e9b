package cmd

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/completion"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/sqlshell"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/reach"
)

// sqlOptions are the flags of `kubectl flink sql`.
type sqlOptions struct {
	*common
	plugin.Arguments
	tunnelFlags
	tls          reach.TLSFiles
	execute      []string
	files        []string
	initFile     string
	output       string
	limit        int
	timeout      time.Duration
	set          []string
	define       []string
	wait         bool
	detach       bool
	full         bool
	showSecrets  bool
	quiet        bool
	gateway      string
	startGateway bool
	inJobManager bool
	jars         []string
	onError      string
	session      string
	// ready are statements that are there already; they run before all others.
	ready []sqlshell.Source
	// anyGateway starts a gateway where none is found.
	anyGateway bool
}

func newSQL(c *common) *cobra.Command {
	o := &sqlOptions{common: c}
	cmd := &cobra.Command{
		Use:   "sql [[TYPE/]NAME]",
		Short: "Run SQL in a session cluster: a prompt, statements or files",
		Long: `Run SQL in a session cluster through a SQL gateway: at a prompt, or the
statements of -e and -f one after another.

A gateway is a Service with its port (8083) that leads to the session cluster or
is called after it, a container beside the JobManager, or the namespace's only
Service of that kind. --start-gateway runs one for the length of the session, in
a pod of its own; --in-jobmanager runs it in the JobManager's pod instead, in its
memory. Where this command is killed, the gateway and the query's job end by
themselves within a minute. The pod is made by a Job, which Kubernetes deletes
after its end; where you may create pods but no jobs.batch, what is left of it is
deleted by the next --start-gateway. On a gateway that ran before, a query's job
goes on until the gateway closes the session that is no longer used (its
sql-gateway.session.idle-timeout, 10 minutes by default).

A statement that starts a job, such as INSERT, prints the job's id; the job goes
on. Ctrl-C, a closed terminal and an output without reader ("| head") end a query
and the job behind it.

ADD JAR of a file of this computer, and --jar, copy it into the pod of the gateway
that --start-gateway starts; it goes with the pod, and with the jobs that use it.

--session NAME comes back to a session of a gateway that goes on: its temporary
tables, views, functions and options are there while the gateway keeps it
(sql-gateway.session.idle-timeout after the last client, 10 minutes by default).
Where it has ended, a new one begins, and the prompt offers to run again what was
defined and set, without what starts jobs and what has passwords in it. \forget
ends it. Who can read its file, which is yours alone, can use the session.

At the prompt, where the session or its gateway ends, another one is begun after
you agree, and the same is offered.

At the prompt, \deploy NAME makes an application (Flink 2.0 and newer) of the tables
and options of the session and its last INSERT, with the session cluster's image,
resources and configuration; see kubectl flink submit --sql.

Rows that a query takes back or replaces have the change in the field "op" of
NDJSON, or "_op" where a column has that name.`,
		Example: plugin.Examples(`
			# A prompt, with a gateway for as long as it is open
			kubectl flink sql session-example --start-gateway

			# One statement, for a script
			kubectl flink sql session-example --start-gateway -e 'SELECT 1' -o csv

			# A file; the first error ends it
			kubectl flink sql session-example -f pipeline.sql --wait

			# With a function of this computer's
			kubectl flink sql session-example --start-gateway --jar udf.jar -e 'SHOW JARS' -o csv

			# Come back later to the same temporary tables; needs a gateway that goes on
			kubectl flink sql session-example --session orders

			# A gateway that runs somewhere else in the namespace
			kubectl flink sql session-example --gateway svc/sql-gateway:8083`),
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: c.completeSessions(),
		RunE:              plugin.RunE(o),
	}
	flags := cmd.Flags()
	flags.StringArrayVarP(&o.execute, "execute", "e", nil, "Statements to run; may be repeated")
	flags.StringArrayVarP(&o.files, "file", "f", nil, "File with statements to run, after those of -e; - is standard input; may be repeated")
	flags.StringVarP(&o.initFile, "init", "i", "", "File with statements to run first, without showing their results")
	flags.StringVarP(&o.output, "output", "o", "", "Output format of results. One of: ("+strings.Join(sqlshell.Formats(), ", ")+")")
	_ = cmd.RegisterFlagCompletionFunc("output", completion.Fixed(sqlshell.Formats()...))
	flags.IntVar(&o.limit, "limit", 0, "End a query after so many rows, or, where it changes rows that it gave before, print so many of those at its end; 0 is no limit")
	flags.DurationVar(&o.timeout, "timeout", 0, "How long each statement may take; 0 is no bound")
	flags.StringArrayVar(&o.set, "set", nil, "Session option KEY=VALUE, as SET does; may be repeated")
	flags.StringArrayVarP(&o.define, "define", "D", nil, "Flink configuration KEY=VALUE of the session, and of a gateway that is started; may be repeated")
	flags.StringVar(&o.onError, "on-error", "stop", "What a statement that fails does to those behind it: stop or continue, which ends with 1 all the same")
	_ = cmd.RegisterFlagCompletionFunc("on-error", completion.Fixed("stop", "continue"))
	flags.BoolVar(&o.wait, "wait", false, "Wait until a job that a statement started has ended, and fail where it fails")
	flags.BoolVar(&o.detach, "detach", false, "Don't wait for jobs (the default)")
	flags.BoolVar(&o.showSecrets, "show-secrets", false, "Print passwords and keys that SET, SHOW CREATE and EXPLAIN show")
	flags.BoolVar(&o.full, "full", false, "Print all of an error that the gateway sent")
	flags.BoolVarP(&o.quiet, "quiet", "q", false, "No progress and no notes on standard error")
	flags.StringVar(&o.gateway, "gateway", "", "SQL gateway to use, as [TYPE/]NAME[:PORT] (default: the one that is found)")
	flags.BoolVar(&o.startGateway, "start-gateway", false, "Start a SQL gateway for this session, in a pod of its own")
	flags.BoolVar(&o.inJobManager, "in-jobmanager", false, "With --start-gateway: in the JobManager's pod, whose memory it shares")
	flags.StringArrayVarP(&o.jars, "jar", "j", nil, "Jar for the session and its jobs, as ADD JAR: a file of this computer, which goes into the pod of a gateway that is started, or a URI; may be repeated")
	flags.StringVar(&o.session, "session", "", "Session to come back to, with its temporary tables and options, as long as its gateway goes on; it is begun where there is none of that name")
	cmd.MarkFlagsMutuallyExclusive("wait", "detach")
	cmd.MarkFlagsMutuallyExclusive("gateway", "start-gateway")
	o.tunnelFlags.add(cmd, true)
	addRESTFlags(cmd, &o.tls)
	return cmd
}

// interactive reports whether somebody types statements.
func (o *sqlOptions) interactive() bool { return len(o.execute)+len(o.files)+len(o.ready) == 0 }

// Validate finds what is wrong with the flags.
func (o *sqlOptions) Validate() error {
	if o.inJobManager && !o.startGateway {
		return exit.Usagef("--in-jobmanager says where --start-gateway starts it: give both")
	}
	if err := o.checkSession(); err != nil {
		return err
	}
	if o.onError != "stop" && o.onError != "continue" {
		return exit.Usagef("--on-error: %q is neither stop nor continue", o.onError)
	}
	for _, jar := range o.jars {
		if err := checkJar(jar, o.startGateway && !o.inJobManager); err != nil {
			return err
		}
	}
	if o.limit < 0 {
		return exit.Usagef("--limit must not be negative, not %d", o.limit)
	}
	if o.timeout < 0 {
		return exit.Usagef("--timeout must not be negative, not %s", o.timeout)
	}
	return sqlshell.CheckFormat(o.output)
}

// keyValues reads KEY=VALUE pairs of a flag.
func keyValues(flag string, pairs []string) (map[string]string, error) {
	out := map[string]string{}
	for _, pair := range pairs {
		key, value, ok := strings.Cut(pair, "=")
		if key = strings.Trim(strings.TrimSpace(key), "'"); !ok || key == "" {
			return nil, exit.Usagef("%s %q: want KEY=VALUE", flag, pair)
		}
		out[key] = value
	}
	return out, nil
}

// sessionPlace finds the session cluster that args mean. Without args it is
// the namespace's only one.
func (c *common) sessionPlace(ctx context.Context, args []string) (*operator.Client, reach.Place, error) {
	client, err := c.operator()
	if err != nil {
		return nil, reach.Place{}, err
	}
	var ref api.Ref
	if len(args) > 0 {
		ref, err = c.oneJob(ctx, client, args)
	} else {
		ref, err = c.onlySession(ctx, client)
	}
	if err != nil {
		return client, reach.Place{}, err
	}
	place, err := reach.Find(ctx, client, ref)
	if err != nil {
		return client, place, err
	}
	return client, place, reach.SQLPlace(place)
}

// sessions are the session clusters of the namespace.
func (c *common) sessions(ctx context.Context, client *operator.Client, options metav1.ListOptions) ([]api.Job, error) {
	namespace, _, err := c.factory.Namespace()
	if err != nil {
		return nil, err
	}
	list, err := client.List(ctx, api.Deployment, namespace, options)
	if err != nil {
		return nil, err
	}
	var out []api.Job
	for i := range list {
		if job := (api.Job{Kind: api.Deployment, Object: &list[i]}); job.IsSessionCluster() {
			out = append(out, job)
		}
	}
	return out, nil
}

func (c *common) onlySession(ctx context.Context, client *operator.Client) (api.Ref, error) {
	found, err := c.sessions(ctx, client, metav1.ListOptions{})
	if err != nil {
		return api.Ref{}, err
	}
	namespace, _, err := c.factory.Namespace()
	if err != nil {
		return api.Ref{}, err
	}
	names := make([]string, len(found))
	for i, job := range found {
		names[i] = job.Ref().Name
	}
	switch pick := c.picker(); {
	case len(found) == 0:
		return api.Ref{}, exit.Usagef("no session cluster found in namespace %s: SQL runs in a FlinkDeployment without spec.job, such as examples/session-example.yaml", namespace)
	case len(found) == 1:
		return found[0].Ref(), nil
	case pick == nil:
		return api.Ref{}, exit.Usagef("namespace %s has %d session clusters; name one of them: %s", namespace, len(found), strings.Join(names, ", "))
	default:
		chosen, err := pick(ctx, "Which session cluster?", names)
		if err != nil {
			return api.Ref{}, err
		}
		return found[chosen].Ref(), nil
	}
}

// completeSessions completes the names of session clusters.
func (c *common) completeSessions() cobra.CompletionFunc {
	return completion.Values(func(ctx context.Context, args []string, _ string) ([]completion.Choice, error) {
		if len(args) > 0 {
			return nil, nil
		}
		client, err := c.operator()
		if err != nil {
			return nil, err
		}
		found, err := c.sessions(ctx, client, metav1.ListOptions{ResourceVersion: "0"})
		var out []completion.Choice
		for _, job := range found {
			out = append(out, completion.Choice{Value: job.Ref().Name, Description: "session cluster, JobManager " + job.JobManager()})
		}
		return out, err
	})
}
