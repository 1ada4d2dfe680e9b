package cmd

import (
	"context"
	"errors"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/lifecycle"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/sqljob"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/sqlplan"
)

// readScript reads the new script.
func (o *upgradeOptions) readScript(ctx context.Context) (err error) {
	if o.script, err = sqljob.Read(ctx, o.In, o.sql); err != nil {
		return err
	}
	notes, err := o.script.Check()
	if err != nil {
		return err
	}
	if !o.Quiet {
		for _, note := range notes {
			fmt.Fprintln(o.ErrOut, note)
		}
	}
	o.plans = func() *sqlplan.Comparison { return o.compared }
	o.coming = func(job api.Ref) *corev1.ConfigMap { return sqljob.ConfigMap(job, o.script) }
	o.request.Edit = func(job api.Job) (map[string]any, error) { return sqljob.Edit(job, o.script) }
	return nil
}

// upgradeScript upgrades a job to another script.
func (o *upgradeOptions) upgradeScript(ctx context.Context, client *operator.Client, ref api.Ref, request lifecycle.UpgradeRequest, reporter operator.Reporter) (lifecycle.UpgradeReport, error) {
	object, err := client.Get(ctx, ref)
	if err != nil {
		return lifecycle.UpgradeReport{}, err
	}
	text, err := o.difference(ctx, client, api.Job{Kind: ref.Kind, Object: object}, reporter)
	if ctx.Err() != nil {
		return lifecycle.UpgradeReport{}, context.Cause(ctx)
	}
	if err != nil {
		return lifecycle.UpgradeReport{}, fmt.Errorf("%w\nNothing was changed", err)
	}
	show := request.Show
	request.Show = func(plan lifecycle.UpgradePlan) {
		if text != "" && reporter.Note != nil {
			reporter.Note(text)
		}
		if show != nil {
			show(plan)
		}
	}
	var created string
	request.Prepare = func(ctx context.Context, job api.Job) error {
		configMap := sqljob.ConfigMap(job.Ref(), o.script)
		configMap.OwnerReferences = []metav1.OwnerReference{sqljob.Owner(job)}
		made, err := sqljob.Store(ctx, client, configMap, "")
		if made {
			created = configMap.Name
		}
		return err
	}
	report, err := lifecycle.Upgrade(ctx, client, ref, request, reporter)
	// What a failed upgrade made goes, too, where the spec was put back.
	if report.Done || created != "" {
		away, cancel := context.WithTimeout(context.WithoutCancel(ctx), partingLimit)
		defer cancel()
		if _, pruneErr := sqljob.Prune(away, client, ref); pruneErr != nil && !apierrors.IsForbidden(pruneErr) && !apierrors.IsNotFound(pruneErr) {
			reporter.Notef("%v", pruneErr)
		}
	}
	return report, err
}

// difference is how the new script differs from the one that runs, and what that
// means for the state; "" where they are the same. Where the job runs by a compiled
// plan, or is to, the new script becomes one that does. Its error is that it can't.
func (o *upgradeOptions) difference(ctx context.Context, client *operator.Client, job api.Job, reporter operator.Reporter) (string, error) {
	old, there, err := sqljob.Stored(ctx, client, job)
	planned := old.Plan != "" || o.compiledPlan
	switch {
	case planned && err != nil:
		return "", err
	case planned && !there:
		return "", errors.New("--compiled-plan: the script that runs is not in a ConfigMap that the spec names")
	case err != nil:
		return fmt.Sprintf("the script that runs can't be compared: %v", err), nil
	case !there:
		return "the script that runs is not in a ConfigMap that the spec names; it can't be compared", nil
	case old.Written() == o.script.Text && old.Plan != "":
		o.script = old // its plan, too, stays as it is
		return "", nil
	case old.Written() == o.script.Text && !planned:
		return "", nil
	}
	text := term.Safe(sqljob.Diff(old.Written(), o.script.Text))
	before, err := sqljob.New(sqljob.Part{Name: "the script that runs", Text: old.Written()})
	if err != nil && !planned {
		return strings.TrimRight(text, "\n"), nil
	} else if err != nil {
		return "", err
	}
	before.Plan = old.Plan
	effect, known := sqljob.Effect(before, o.script)
	untold := sqljob.Untold(before, o.script)
	if planned || !known && o.comparesPlans() {
		compared, err := o.comparePlans(ctx, client, job.Ref(), before, reporter)
		switch {
		case err == nil:
			o.compared, effect = compared, strings.TrimRight(term.Safe(compared.Text()), "\n")+"\n"+untold
		case planned:
			return "", fmt.Errorf("the new script's plan can't be had: %w", err)
		default:
			effect += "\nThe plans of both scripts weren't compared: " + term.SafeLine(shortly(err))
		}
	}
	return strings.TrimRight(text+effect, "\n"), nil
}
