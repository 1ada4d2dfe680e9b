package cmd

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/portforward"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/reach"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/sqljob"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/sqlplan"
)

// planLimit bounds how long two plans may take, with the start of their
// gateway: nobody waits long for what may be known only in part.
const planLimit = 2 * time.Minute

// comparesPlans reports whether Flink is to plan the script that runs and the new
// one. A dry run starts no pod.
func (o *upgradeOptions) comparesPlans() bool { return o.looks && !o.noCheck && (o.check || o.DryRun == "") }

// errNewFlink says that the Flink that runs isn't the one that will plan.
var errNewFlink = errors.New("another image or Flink version comes with the script, and plans in its own way")

// comparePlans has the application's own Flink plan both scripts, in a SQL gateway in a
// pod of its own, and tells what becomes of the state. Its error says why that isn't known.
func (o *upgradeOptions) comparePlans(ctx context.Context, client *operator.Client, ref api.Ref, before sqljob.Script, reporter operator.Reporter) (*sqlplan.Comparison, error) {
	if o.request.Image != "" || o.request.FlinkVersion != "" {
		return nil, errNewFlink
	}
	scripts := []reach.PlanScript{{Name: "the script that runs"}, {Name: "the new script"}}
	for n, script := range []sqljob.Script{before, o.script} {
		var err error
		if scripts[n].Before, scripts[n].Job, err = script.Compilable(); err != nil {
			return nil, err
		}
	}
	ctx, cancel := context.WithTimeoutCause(ctx, planLimit, fmt.Errorf("it took longer than %s", planLimit))
	defer cancel()
	place, err := reach.Find(ctx, client, ref)
	if err != nil {
		return nil, err
	}
	config, err := o.factory.Config()
	if err != nil {
		return nil, err
	}
	way := o.tunnelFlags
	way.reconnect = 0
	tunnel, err := o.tunnel(way, nil)
	if err != nil {
		return nil, err
	}
	defer tunnel.Close()
	starter := &reach.GatewayStarter{
		Core: client.Core(), Config: config, Settings: reach.PlanSettings(place.Cluster),
		Connect: func(target portforward.Target) http.RoundTripper { return tunnel.RoundTripper(target, nil) },
		Wide:    o.via == string(portforward.ViaAPIServer),
		Waiting: func(text string) { reporter.Waitingf("%s: comparing plans: waiting for %s", ref, text) },
	}
	gateway, err := starter.InPod(ctx, place)
	if err != nil {
		return nil, inTime(ctx, err)
	}
	defer func() {
		away, cancel := context.WithTimeout(context.WithoutCancel(ctx), partingLimit)
		defer cancel()
		if err := gateway.Stop(away); err != nil {
			reporter.Mustf("%v", err)
		}
	}()
	reporter.Waitingf("%s: comparing the plans of both scripts", ref)
	texts, err := reach.Plans(ctx, gateway, reach.GatewayProperties(place), sqlplan.Largest, scripts...)
	if err != nil {
		return nil, inTime(ctx, err)
	}
	var plans [2]sqlplan.Plan
	for n, text := range texts {
		if plans[n], err = sqlplan.Read(text); err != nil { //nolint:contextcheck // it is in memory
			return nil, fmt.Errorf("%s: %w", scripts[n].Name, err)
		}
	}
	compared := sqlplan.Compare(plans[0], plans[1], sqlplan.ByPlace)
	return &compared, nil
}

// inTime is the cause of a context that ended, else err.
func inTime(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}
