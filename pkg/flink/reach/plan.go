package reach

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/podexec"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/sqlgateway"
)

// PlanScript is a SQL script that is to be planned.
type PlanScript struct {
	// Name is what messages call it.
	Name string
	// Before are the statements that come before that of the job, which is Job.
	Before []string
	Job    string
}

// harmlessJar is in every image of Flink.
const harmlessJar = "file:///opt/flink/bin/bash-java-utils.jar"

// PlanSettings are those that a gateway needs in a pod like the JobManager's of
// an application, in whose configuration the job's jar is one that only an
// application can load.
func PlanSettings(application api.Job) map[string]string {
	jar := api.Text(application.Spec(), "job", "jarURI")
	if jar == "" {
		return nil
	}
	if path, ok := strings.CutPrefix(jar, "local:"); ok {
		return map[string]string{"pipeline.jars": "file:" + path}
	}
	return map[string]string{"pipeline.jars": harmlessJar}
}

// Plans has a gateway of a pod of its own plan scripts, each in a session of its
// own, and returns what COMPILE PLAN wrote, of at most most bytes each.
func Plans(ctx context.Context, gateway *StartedGateway, properties map[string]string, most int, scripts ...PlanScript) ([][]byte, error) {
	if gateway.read == nil {
		return nil, errors.New("the gateway's files can't be read")
	}
	var out [][]byte
	for n, script := range scripts {
		plan, err := onePlan(ctx, gateway, properties, most, fmt.Sprintf("/tmp/kubectl-flink-plan-%d.json", n), script)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", script.Name, err)
		}
		out = append(out, plan)
	}
	return out, nil
}

func onePlan(ctx context.Context, gateway *StartedGateway, properties map[string]string, most int, file string, script PlanScript) (plan []byte, err error) {
	session, err := sqlgateway.Open(ctx, gateway.Client, sqlgateway.Options{Name: "kubectl-flink plan", Properties: properties, Ended: gateway.Ended})
	if err != nil {
		return nil, err
	}
	defer func() {
		// What isn't closed goes with the gateway.
		_ = session.Close(context.WithoutCancel(ctx)) //nolint:contextcheck // also where ctx has ended
	}()
	for _, statement := range slices.Concat(script.Before, []string{"COMPILE PLAN 'file://" + file + "' FOR " + script.Job}) {
		if err := toItsEnd(ctx, session, statement); err != nil {
			return nil, err
		}
	}
	return gateway.read(ctx, file, most)
}

// toItsEnd runs a statement and reads its answer, which nobody needs.
func toItsEnd(ctx context.Context, session *sqlgateway.Session, statement string) error {
	execution, err := session.Run(ctx, statement)
	if err != nil {
		return err
	}
	for err == nil {
		_, err = execution.Next(ctx)
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return errors.Join(err, execution.Close(ctx))
}

// readFile reads a file of a gateway's pod and removes it.
func (g *GatewayStarter) readFile(ctx context.Context, at podexec.Command, path string, most int) ([]byte, error) {
	out := &podexec.Bounded{Most: most + 1}
	at.Args, at.Transport, at.Out, at.ErrOut = []string{"bash", "-c", `cat -- "$1" && rm -f -- "$1"`, "read", path}, g.Transport, out, io.Discard
	if err := podexec.Run(ctx, g.Config, g.Core, at); err != nil {
		return nil, fmt.Errorf("read %s in pod %s: %w", path, at.Pod, err)
	}
	if len(out.Bytes()) > most {
		return nil, fmt.Errorf("%s in pod %s has more than %d bytes", path, at.Pod, most)
	}
	return out.Bytes(), nil
}
