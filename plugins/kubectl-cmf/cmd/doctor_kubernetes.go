package cmd

import (
	"context"
	"fmt"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/diagnosis"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/reach"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmf"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/view"
)

func (e *examination) suspect(namespace, name string) {
	if len(validation.IsDNS1123Label(namespace)) > 0 || len(validation.IsDNS1123Label(name)) > 0 {
		return
	}
	e.suspects = append(e.suspects, api.Ref{Kind: api.Deployment, Namespace: namespace, Name: name})
}

// perSource bounds each question to Kubernetes.
const perSource = 10 * time.Second

// kubernetes looks at what runs, where the kube context may be asked.
func (e *examination) kubernetes(ctx context.Context) {
	client, err := operator.NewClient(e.factory)
	if err == nil {
		reachable, cancel := context.WithTimeoutCause(ctx, perSource, exit.Timeoutf("no answer within %s", perSource))
		_, err = client.Served(reachable)
		cancel()
	}
	if err != nil {
		e.report.Skipped = append(e.report.Skipped, "Kubernetes: "+api.FirstLine(err.Error()))
		if len(e.endpoints) > 0 {
			e.notTried(err)
		}
		return
	}
	e.inside(ctx)
	gatherer := &reach.Gatherer{Client: client, Limit: perSource, Now: e.now}
	e.watched(ctx, gatherer)
	for i, ref := range e.suspects {
		if i == maxAsked {
			e.report.Skipped = append(e.report.Skipped, fmt.Sprintf("%d more FlinkDeployments that don't run as they should", len(e.suspects)-i))
			break
		}
		facts, _, err := gatherer.Job(ctx, ref)
		switch {
		case apierrors.IsNotFound(err):
			continue // of another cluster, or not made yet
		case err != nil:
			e.report.Skipped = append(e.report.Skipped, fmt.Sprintf("%s: %s", ref, api.FirstLine(err.Error())))
			continue
		}
		for _, f := range diagnosis.Job(facts) {
			if f.Severity == diagnosis.Info {
				continue
			}
			found := view.DoctorFinding{Severity: f.Severity, Title: f.Title, Cause: f.Means, Rule: f.Rule}
			for _, seen := range f.Evidence[:min(len(f.Evidence), 3)] {
				found.Evidence = append(found.Evidence, seen.Source+": "+seen.Text)
			}
			if len(f.Cures) > 0 {
				found.Cure = f.Cures[0].Text
			}
			e.report.Add(found, ref.Namespace+"/"+ref.Name, ref.Name)
		}
	}
}

// watched compares the namespaces that Flink's operator watches with those of
// the environments.
func (e *examination) watched(ctx context.Context, gatherer *reach.Gatherer) {
	environments, err := e.client.List(ctx, cmf.Must("env"), cmf.Scope{}, cmf.ListOptions{})
	if err != nil || len(environments) == 0 {
		return
	}
	first := environments[0].Text("kubernetesNamespace")
	if len(validation.IsDNS1123Label(first)) > 0 {
		return
	}
	facts, _ := gatherer.Installation(ctx, first)
	if len(facts.Operators) == 0 {
		e.report.Skipped = append(e.report.Skipped, "Flink's operator: none can be seen in this kube context")
		return
	}
	for _, o := range environments {
		namespace := o.Text("kubernetesNamespace")
		if e.scope.Environment != "" && o.Name() != e.scope.Environment || unwatched(facts.Operators, namespace) == "" {
			continue
		}
		e.report.Add(view.DoctorFinding{
			Severity: diagnosis.Error, Title: "Flink's operator doesn't watch an environment's namespace",
			Cause: fmt.Sprintf("%s watches %s", unwatched(facts.Operators, namespace), strings.Join(facts.Operators[0].Watched, ", ")),
			Cure:  "add the namespace to watchNamespaces of the operator's Helm chart",
		}, "env/"+o.Name()+" (namespace "+namespace+")", "")
	}
}

// unwatched names an operator where none watches namespace, as far as is known;
// "" where one does or may.
func unwatched(operators []diagnosis.OperatorFacts, namespace string) string {
	for _, o := range operators {
		if watches, known := o.Watches(namespace); watches || !known {
			return ""
		}
	}
	return operators[0].Namespace + "/" + operators[0].Name
}
