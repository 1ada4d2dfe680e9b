package cmd

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/diagnosis"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmf"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/connect"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/view"
)

// doctorOptions are the flags of `kubectl cmf doctor`.
type doctorOptions struct {
	*common
	plugin.Arguments
	output  printer.Flags
	strict  bool
	timeout time.Duration
}

// newDoctor is `kubectl cmf doctor`.
func newDoctor(c *common) *cobra.Command {
	o := &doctorOptions{common: c}
	cmd := &cobra.Command{
		Use: "doctor", Short: "Find out what is wrong with CMF and what it manages", GroupID: other,
		Long: `Go the way to CMF step by step (how it is found, connection, TLS, identity, version,
license), then look at what it manages, in all environments or that of -e: what has
failed, grouped by cause; secrets that are missing; Kubernetes clusters that don't
answer; images that don't fit their flinkVersion. Where Kubernetes can be read:
whether Flink's operator watches the environments' namespaces, the pods of what
doesn't run, by the rules of kubectl flink doctor, and whether the addresses of
catalogs and databases resolve and answer inside the cluster: that is tried in a pod
of a JobManager or of CMF, with its getent and bash (which needs create on
pods/exec). What wasn't tried is named. Nothing is changed.

It ends with 3 where there are errors, with --strict where there are warnings, and
with 1 where something of CMF couldn't be read.`,
		Example: plugin.Examples(`
			kubectl cmf doctor
			kubectl cmf doctor -e dev-env --strict
			kubectl cmf doctor -o json`),
		Args: cobra.NoArgs,
		RunE: plugin.RunE(o),
	}
	o.output.AddFlags(cmd, printer.JSON, printer.YAML, "jsonpath")
	cmd.Flags().BoolVar(&o.strict, "strict", false, "End with 3 where there are warnings, too")
	cmd.Flags().DurationVar(&o.timeout, "timeout", 2*time.Minute, "How long it may take in all")
	return cmd
}

// Validate finds what is wrong with the flags.
func (o *doctorOptions) Validate() error {
	if o.timeout <= 0 {
		return exit.Usagef("--timeout: %s is not a positive duration", o.timeout)
	}
	return o.output.Validate()
}

// Run looks, and prints what it found.
func (o *doctorOptions) Run(ctx context.Context) error {
	whole := ctx
	ctx, cancel := context.WithTimeoutCause(ctx, o.timeout, exit.Timeoutf("timed out after %s", o.timeout))
	defer cancel()
	palette, err := o.palette()
	if err != nil {
		return err
	}
	line := o.progress()
	line.Set("looking at CMF")
	report := &view.DoctorReport{}
	if client := o.way(ctx, report); client != nil {
		e := examination{doctorOptions: o, client: client, report: report}
		e.look(ctx)
		line.Set("looking at Kubernetes")
		e.kubernetes(ctx)
	}
	line.Done()
	if whole.Err() != nil {
		return context.Cause(whole)
	}
	if err := o.output.Print(o.Out, report.Result(palette)); err != nil {
		return err
	}
	switch {
	case report.Errors > 0:
		return exit.With(exit.No, fmt.Errorf("errors found: %d", report.Errors))
	case o.strict && report.Warnings > 0:
		return exit.With(exit.No, fmt.Errorf("warnings found: %d", report.Warnings))
	case len(report.Unread) > 0:
		return errors.New("not known to be well: not everything could be read")
	}
	return nil
}

// way goes to CMF step by step; nil where it doesn't come there.
func (o *doctorOptions) way(ctx context.Context, report *view.DoctorReport) *connect.Connection {
	client, err := o.client(ctx)
	if err != nil {
		report.Step("find", "error", "%v", err)
		return nil
	}
	report.Step("find", "ok", "%s (by %s)", client.Address(), client.How)
	server, err := client.Server(ctx)
	secure := strings.HasPrefix(client.Address(), "https:")
	var verify *tls.CertificateVerificationError
	status := cmf.StatusOf(err)
	switch {
	case errors.As(err, &verify):
		report.Step("connection", "ok", "it answers")
		report.Step("TLS", "error", "%v", err)
		return nil
	case err != nil && status == 0:
		report.Step("connection", "error", "%v", err)
		return nil
	}
	report.Step("connection", "ok", "it answers")
	switch {
	case secure:
		report.Step("TLS", "ok", "the certificate is trusted")
	case client.Service != nil:
		report.Step("TLS", "ok", "plain HTTP, within the tunnel through the API server")
	default:
		report.Step("TLS", "ok", "plain HTTP")
	}
	if err == nil {
		_, err = client.List(ctx, cmf.Must("env"), cmf.Scope{}, cmf.ListOptions{})
		status = cmf.StatusOf(err)
	}
	switch {
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		report.Step("identity", "error", "%v", err)
		return nil
	case err != nil:
		report.Step("answer", "error", "%v", err)
		return nil
	}
	who := "CMF takes the requests"
	if !server.Version.Before(cmf.V24) {
		if me, err := client.Read(ctx, "v1", "c3", "whoami"); err == nil && me.Text("principal") != "" {
			who = fmt.Sprintf("%s (by %s)", me.Text("principal"), me.Text("authMethod"))
		}
	}
	report.Step("identity", "ok", "%s", who)
	o.version(report, server)
	o.license(ctx, report, client, server)
	return client
}

func (o *doctorOptions) version(report *view.DoctorReport, server cmf.Server) {
	text := "CMF " + server.Version.String()
	if server.Guessed {
		text += " (guessed from what it serves)"
	}
	var lacks []string
	for _, f := range server.Version.Lacks() {
		lacks = append(lacks, f.What)
	}
	if len(lacks) > 0 {
		text += "; it lacks: " + strings.Join(lacks, ", ")
	}
	report.Step("version", "ok", "%s", text)
}

// soon is when a license that ends is worth a warning.
const soon = 14 * 24 * time.Hour

func (o *doctorOptions) license(ctx context.Context, report *view.DoctorReport, client *connect.Connection, server cmf.Server) {
	if server.Version.Before(cmf.V23) {
		return
	}
	license, err := client.Read(ctx, "v1", "c3", "license")
	if err != nil {
		report.Step("license", "unknown", "%v", err)
		return
	}
	text := license.Text("status.status") + " " + license.Text("status.licenseType")
	end, ends := view.Expiration(license)
	if ends {
		text += ", expires " + end.UTC().Format(time.RFC3339)
	}
	switch {
	case license.Text("status.status") != "VALID":
		report.Step("license", "error", "%s", text)
	case ends && end.Sub(o.now()) < soon:
		report.Step("license", "warning", "%s", text)
	default:
		report.Step("license", "ok", "%s", text)
	}
}

// examination looks at what a CMF manages.
type examination struct {
	*doctorOptions
	client *connect.Connection
	report *view.DoctorReport
	// suspects are FlinkDeployments that don't run as they should.
	suspects []api.Ref
	// endpoints are the addresses that catalogs and databases name, namespaces
	// those of environments that are in this Kubernetes cluster, as far as CMF
	// tells.
	endpoints  []endpoint
	namespaces []string
}

// list is a list that may fail; what couldn't be read is noted.
func (e *examination) list(ctx context.Context, kind *cmf.Kind, scope cmf.Scope, budget *cmf.Budget) []cmf.Object {
	found, err := e.client.List(ctx, kind, scope, cmf.ListOptions{Budget: budget})
	switch {
	case cmf.IsUnsupported(err):
		return nil
	case err != nil:
		e.report.Unread = append(e.report.Unread, err.Error())
	}
	return found
}

func (e *examination) look(ctx context.Context) {
	budget := cmf.NewBudget()
	environments := e.list(ctx, cmf.Must("env"), cmf.Scope{}, budget)
	if e.scope.Environment != "" {
		environments = slices.DeleteFunc(environments, func(o cmf.Object) bool { return o.Name() != e.scope.Environment })
		if len(environments) == 0 {
			e.report.Unread = append(e.report.Unread, fmt.Sprintf("there is no environment %q", e.scope.Environment))
		}
	}
	for _, cluster := range e.list(ctx, cmf.Must("kubernetes-cluster"), cmf.Scope{}, budget) {
		if cluster.Text("status.state") == "DISCONNECTED" {
			e.report.Add(view.DoctorFinding{Severity: diagnosis.Error, Title: "Kubernetes cluster is DISCONNECTED", Cause: cluster.Text("status.message"), Cure: "see that CMF reaches the cluster: kubectl cmf kubernetes-cluster list -o wide"}, "kubernetes-cluster/"+cluster.Name(), cluster.Name())
		}
	}
	secrets := map[string]bool{}
	for _, o := range e.list(ctx, cmf.Must("secret"), cmf.Scope{}, budget) {
		secrets[o.Name()] = true
	}
	mapped := mappings{}
	for _, environment := range environments {
		scope := cmf.Scope{Environment: environment.Name()}
		if cmf.CheckName("environment", scope.Environment) != nil {
			continue
		}
		for _, o := range e.list(ctx, cmf.Must("secret-mapping"), scope, budget) {
			mapped.add(o.Name(), scope.Environment)
			if name := o.Text("spec.secretName"); !secrets[name] {
				e.report.Add(view.DoctorFinding{Severity: diagnosis.Error, Title: "Secret of a secret mapping is not there", Cause: fmt.Sprintf("the secret %q is missing", name), Cure: "kubectl cmf secret create " + name + " --from-env KEY=VARIABLE"}, scope.Environment+"/secret-mapping/"+o.Name(), "")
			}
		}
		e.environment(ctx, environment, scope, budget)
	}
	e.connections(ctx, mapped, budget)
}

// mappings are the environments in which a connectionSecretId has a secret.
type mappings map[string][]string

func (m mappings) add(id, environment string) { m[id] = append(m[id], environment) }

// connections are those of catalogs and databases, whose ids need a mapping:
// without one a catalog isn't accessible, and nobody says so.
func (e *examination) connections(ctx context.Context, mapped mappings, budget *cmf.Budget) {
	check := func(subject, id string) {
		// With -e the mappings of other environments aren't known.
		if id != "" && len(mapped[id]) == 0 && e.scope.Environment == "" {
			e.report.Add(view.DoctorFinding{Severity: diagnosis.Warning, Title: "connectionSecretId has no secret mapping in any environment", Cause: "no environment can use it with " + id, Cure: "kubectl cmf secret-mapping create " + id + " --secret SECRET -e ENVIRONMENT"}, subject, "")
		}
	}
	for _, catalog := range e.list(ctx, cmf.Must("catalog"), cmf.Scope{}, budget) {
		subject := "catalog/" + catalog.Name()
		check(subject, catalog.Text("spec.srInstance.connectionSecretId"))
		e.connectionsOf(subject, catalog)
		if cmf.CheckName("catalog", catalog.Name()) != nil {
			continue
		}
		for _, database := range e.list(ctx, cmf.Must("database"), cmf.Scope{Catalog: catalog.Name()}, budget) {
			subject, id := "database/"+catalog.Name()+"/"+database.Name(), database.Text("spec.kafkaCluster.connectionSecretId")
			check(subject, id)
			e.changers(subject, id, database, mapped)
			e.connectionsOf(subject, database)
		}
	}
}

// changers are the environments that may change a database's tables, for which
// they need its secret.
func (e *examination) changers(subject, id string, database cmf.Object, mapped mappings) {
	if id == "" || len(mapped[id]) == 0 {
		return // none is wanted, or that is told already
	}
	for _, field := range []string{"spec.ddlEnvironments", "spec.alterEnvironments"} {
		value, _ := database.At(field)
		names, _ := value.([]any)
		for _, entry := range names {
			name, _ := entry.(string)
			if name == "" || e.scope.Environment != "" && name != e.scope.Environment || slices.Contains(mapped[id], name) {
				continue
			}
			e.report.Add(view.DoctorFinding{
				Severity: diagnosis.Warning, Title: "Environment may change a database's tables and has no secret mapping for it",
				Cause: fmt.Sprintf("environment %q has no mapping %s", name, id), Cure: "kubectl cmf secret-mapping create " + id + " --secret SECRET -e " + name,
			}, subject, "")
		}
	}
}

// maxAsked bounds how many statements are asked for their exceptions, and how
// many deployments are looked at.
const maxAsked = 20

func (e *examination) environment(ctx context.Context, environment cmf.Object, scope cmf.Scope, budget *cmf.Budget) {
	namespace := environment.Text("kubernetesNamespace")
	if cluster := environment.Text("kubernetesClusterName"); (cluster == "" || cluster == "default" || cluster == "default-k8s-cluster") && len(validation.IsDNS1123Label(namespace)) == 0 && !slices.Contains(e.namespaces, namespace) {
		e.namespaces = append(e.namespaces, namespace)
	}
	shared := map[string]bool{}
	asked := 0
	for _, name := range []string{"pool", "app", "statement"} {
		kind := cmf.Must(name)
		for _, o := range e.list(ctx, kind, scope, budget) {
			subject := scope.Environment + "/" + kind.Name + "/" + o.Name()
			if name == "pool" && o.Text("spec.type") == "SHARED" {
				shared[o.Name()] = true
			}
			if name != "statement" {
				e.imageFits(kind, o, environment, subject)
			}
			state, verdict, why := kind.State(o)
			if o.Text("status.phase") == cmf.PhaseFailing {
				state, verdict, why = cmf.PhaseFailing, cmf.Failed, kind.Why(o)
			}
			if warning := o.Text("status.warning"); warning != "" {
				e.report.Add(view.DoctorFinding{Severity: diagnosis.Warning, Title: "CMF warns about " + one(kind), Cause: cmf.Bounded(warning)}, subject, o.Name())
			}
			if verdict != cmf.Ready && (name == "app" || shared[o.Name()] && name == "pool" || name == "statement" && !shared[o.Text("spec.computePoolName")] && state != cmf.PhaseFailed) {
				e.suspect(namespace, o.Name())
			}
			if verdict != cmf.Failed {
				continue
			}
			if name == "statement" && asked < maxAsked && (why == "" || state == cmf.PhaseFailing) {
				asked++
				why = e.exception(ctx, cmf.Ref{Kind: kind, Scope: scope, Name: o.Name()}, why)
			}
			cure := "kubectl cmf " + name + " describe NAME -e " + scope.Environment
			if name == "statement" {
				cure = "kubectl cmf statement exceptions NAME -e " + scope.Environment
			}
			e.report.Add(view.DoctorFinding{Severity: diagnosis.Error, Title: strings.ToUpper(name[:1]) + name[1:] + " is " + state, Cause: why, Cure: cure}, subject, o.Name())
		}
	}
}

// exception is the newest exception's root cause, else what is known.
func (e *examination) exception(ctx context.Context, ref cmf.Ref, known string) string {
	if cmf.CheckName("statement", ref.Name) != nil {
		return known
	}
	list, err := e.client.Exceptions(ctx, ref)
	if err != nil || len(list) == 0 {
		return known
	}
	if root := view.Exceptions(list)[0].RootCause; root != "" {
		return cmf.Bounded(root)
	}
	return known
}
