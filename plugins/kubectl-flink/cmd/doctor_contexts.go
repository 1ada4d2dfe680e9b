package cmd

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/kube"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/progress"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-flink/view"
)

// clustersAtOnce bounds how many clusters are looked at at once.
const clustersAtOnce = 4

// checkContexts finds what is wrong with --contexts.
func (o *doctorOptions) checkContexts() error {
	if len(o.contexts) == 0 {
		return nil
	}
	if o.fix.fix {
		return exit.Usagef("--fix is for one cluster: choose it with --context")
	}
	flags := o.factory.Flags
	for name, value := range map[string]*string{
		"context": flags.Context, "cluster": flags.ClusterName, "user": flags.AuthInfoName, "server": flags.APIServer,
		"token": flags.BearerToken, "client-certificate": flags.CertFile, "client-key": flags.KeyFile,
		"certificate-authority": flags.CAFile, "tls-server-name": flags.TLSServerName,
	} {
		if value != nil && *value != "" {
			return exit.Usagef("give --contexts or --%s, but not both", name)
		}
	}
	if flags.Insecure != nil && *flags.Insecure {
		return exit.Usagef("give --contexts or --insecure-skip-tls-verify, but not both")
	}
	known, err := o.factory.Contexts()
	if err != nil {
		return err
	}
	var names []string
	for _, name := range o.contexts {
		switch {
		case !slices.Contains(known, name):
			return exit.Usagef("--contexts: the kubeconfig has no context %q; it has: %s", name, strings.Join(known, ", "))
		case !slices.Contains(names, name):
			names = append(names, name)
		}
	}
	o.contexts = names
	return nil
}

// runContexts looks at several clusters.
func (o *doctorOptions) runContexts(ctx context.Context, line *progress.Line, tell func(string, ...any)) error {
	found := view.DoctorContexts{Contexts: make([]view.DoctorContext, len(o.contexts))}
	slots := make(chan struct{}, clustersAtOnce)
	var group sync.WaitGroup
	var mu sync.Mutex
	done := 0
	tell("looking at %s", view.Count(len(o.contexts), "cluster"))
	for i, name := range o.contexts {
		group.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			one := &found.Contexts[i]
			one.Name = name
			if one.Report, one.Err = o.lookAt(ctx, name); one.Err != nil {
				one.Why = kube.Message(one.Err)
			}
			mu.Lock()
			defer mu.Unlock()
			done++
			tell("%d of %s looked at", done, view.Count(len(o.contexts), "cluster"))
		})
	}
	group.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	line.Clear()
	found.Sort()
	page := view.DoctorPage{Palette: o.palette, Width: terminalWidth(o.Out), Now: o.now()}
	if err := o.output.Print(o.Out, page.Contexts(found)); err != nil {
		return err
	}
	return o.verdictOf(found)
}

// lookAt looks at the cluster of a context. One that doesn't answer is an error,
// and not a page of sources that couldn't be read.
func (o *doctorOptions) lookAt(ctx context.Context, name string) (*view.DoctorReport, error) {
	c := *o.common
	c.factory = o.factory.InContext(name)
	at, err := o.site(&c, func(string, ...any) {})
	if err != nil {
		return nil, err
	}
	defer at.tunnel.Close()
	asked, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	// Another answer than "who are you?" is one.
	var answer apierrors.APIStatus
	if _, err := at.client.KubernetesVersion(asked); err != nil && (!errors.As(err, &answer) || apierrors.IsUnauthorized(err)) {
		if ctx.Err() == nil && asked.Err() != nil {
			err = fmt.Errorf("no answer from the API server in %s", o.timeout)
		}
		return nil, err
	}
	found, err := at.look(ctx, at.named)
	if err != nil {
		return nil, err
	}
	return c.aimed(found.report()), nil
}

// verdictOf is the exit code of several clusters: that of the worst, where one
// that can't be reached is better than errors and worse than all else.
func (o *doctorOptions) verdictOf(found view.DoctorContexts) error {
	all := &view.DoctorReport{}
	var rest error
	for _, c := range found.Contexts {
		if c.Err != nil {
			if rest == nil {
				rest = fmt.Errorf("context %s: %w", c.Name, c.Err)
			}
			continue
		}
		all.Errors += c.Report.Errors
		all.Warnings += c.Report.Warnings
		if err := o.verdict(c.Report); rest == nil && err != nil && c.Report.Errors == 0 && (!o.strict || c.Report.Warnings == 0) {
			rest = fmt.Errorf("context %s: %w", c.Name, err)
		}
	}
	if err := o.verdict(all); err != nil {
		return err
	}
	return rest
}
