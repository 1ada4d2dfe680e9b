package cmd

import (
	"context"
	"errors"
	"fmt"
	"maps"
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
// gateway: an upgrade doesn't wait long for what may be known only in part.
const planLimit = 2 * time.Minute

// comparesPlans reports whether Flink is to plan the script that runs and the new
// one. A dry run starts no pod.
func (o *upgradeOptions) comparesPlans() bool {
	return o.looks && !o.noCheck && (o.check || o.DryRun == "")
}

// errNewFlink says that the Flink that runs isn't the one that will plan.
var errNewFlink = errors.New("another image or Flink version comes with the script, and plans in its own way")

// comparePlans has the application's own Flink plan both scripts, in a SQL gateway in a
// pod of its own, and tells what becomes of the state. Where the job runs by a compiled
// plan, or is to, the new script becomes one that does. Its error says why that isn't
// known.
func (o *upgradeOptions) comparePlans(ctx context.Context, client *operator.Client, ref api.Ref, before sqljob.Script, reporter operator.Reporter) (*sqlplan.Comparison, error) {
	planned := before.Plan != "" || o.compiledPlan
	if !planned && (o.request.Image != "" || o.request.FlinkVersion != "") {
		return nil, errNewFlink
	}
	scripts := []sqljob.Script{o.script}
	if before.Plan == "" {
		scripts = append(scripts, before)
	}
	place, err := reach.Find(ctx, client, ref)
	if err != nil {
		return nil, err
	}
	plans := planMaker{common: o.common, way: o.tunnelFlags, client: client, reporter: reporter}
	texts, err := plans.make(ctx, place.Cluster, reach.GatewayProperties(place), func(ctx context.Context, starter *reach.GatewayStarter) (*reach.StartedGateway, error) {
		return starter.InPod(ctx, place)
	}, scripts...)
	if err != nil {
		return nil, err
	}
	by := sqlplan.ByPlace
	was := []byte(before.Plan)
	switch {
	case before.Plan != "":
		by = sqlplan.ByPlan
	case planned:
		by, was = sqlplan.Unrelated, texts[1]
	default:
		was = texts[1]
	}
	old, err := sqlplan.Read(was) //nolint:contextcheck // it is in memory
	if err != nil {
		return nil, fmt.Errorf("the plan of the script that runs: %w", err)
	}
	if by == sqlplan.ByPlan {
		if texts[0], err = sqlplan.Adopt(old, texts[0]); err != nil { //nolint:contextcheck // it is in memory
			return nil, err
		}
	}
	next, err := sqlplan.Read(texts[0]) //nolint:contextcheck // it is in memory
	if err != nil {
		return nil, fmt.Errorf("the plan of the new script: %w", err)
	}
	if planned {
		if o.script, err = o.script.Planned(texts[0]); err != nil {
			return nil, err
		}
	}
	compared := sqlplan.Compare(old, next, by)
	return &compared, nil
}

// planMaker has Flink plan scripts in a gateway that it starts.
type planMaker struct {
	*common
	way      tunnelFlags
	client   *operator.Client
	reporter operator.Reporter
}

// make gives the compiled plans of scripts, the first of which is the new one.
func (m planMaker) make(ctx context.Context, application api.Job, properties map[string]string, start func(context.Context, *reach.GatewayStarter) (*reach.StartedGateway, error), scripts ...sqljob.Script) ([][]byte, error) {
	wanted := []reach.PlanScript{{Name: "the new script"}, {Name: "the script that runs"}}[:len(scripts)]
	for n, script := range scripts {
		var err error
		if wanted[n].Before, wanted[n].Job, err = script.Compilable(); err != nil {
			return nil, err
		}
	}
	ctx, cancel := context.WithTimeoutCause(ctx, planLimit, fmt.Errorf("it took longer than %s", planLimit))
	defer cancel()
	config, err := m.factory.Config()
	if err != nil {
		return nil, err
	}
	m.way.reconnect = 0
	tunnel, err := m.tunnel(m.way, nil)
	if err != nil {
		return nil, err
	}
	defer tunnel.Close()
	gateway, err := start(ctx, &reach.GatewayStarter{
		Core: m.client.Core(), Config: config, Settings: reach.PlanSettings(application),
		Connect: func(target portforward.Target) http.RoundTripper { return tunnel.RoundTripper(target, nil) },
		Wide:    m.way.via == string(portforward.ViaAPIServer),
		Waiting: func(text string) { m.reporter.Waitingf("planning the script: waiting for %s", text) },
	})
	if err != nil {
		return nil, inTime(ctx, err)
	}
	defer func() {
		away, cancel := context.WithTimeout(context.WithoutCancel(ctx), partingLimit)
		defer cancel()
		if err := gateway.Stop(away); err != nil {
			m.reporter.Mustf("%v", err)
		}
	}()
	m.reporter.Waitingf("planning the script")
	plans, err := reach.Plans(ctx, gateway, properties, sqlplan.Largest, wanted...)
	if err != nil {
		return nil, inTime(ctx, err)
	}
	return plans, nil
}

// planApplication has Flink compile the plan of a script that is to be an
// application, which then runs that.
func (o *submitOptions) planApplication(ctx context.Context, client *operator.Client, script *startedScript, reporter operator.Reporter) (*startedScript, error) {
	properties := reach.GatewayProperties(reach.Place{Cluster: script.job})
	maps.Copy(properties, reach.PlannerSettings(script.job))
	plans := planMaker{common: o.common, way: o.tunnelFlags, client: client, reporter: reporter}
	texts, err := plans.make(ctx, script.job, properties, func(ctx context.Context, starter *reach.GatewayStarter) (*reach.StartedGateway, error) {
		return starter.BeforeStart(ctx, script.job)
	}, script.app.Script)
	if err == nil {
		_, err = sqlplan.Read(texts[0]) //nolint:contextcheck // it is in memory
	}
	if err == nil {
		script.app.Script, err = script.app.Script.Planned(texts[0])
	}
	if err != nil {
		return nil, fmt.Errorf("--compiled-plan: %w\nNothing was created", err)
	}
	if script.job, err = script.app.Job(); err != nil {
		return nil, err
	}
	script.configMap = sqljob.ConfigMap(script.job.Ref(), script.app.Script)
	return script, nil
}

// inTime is the cause of a context that ended, else err.
func inTime(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}
