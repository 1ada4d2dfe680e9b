package reach

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
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

// BeforeStart starts a gateway in a pod like that of an application that is still to
// be, but for its script.
func (g *GatewayStarter) BeforeStart(ctx context.Context, application api.Job) (*StartedGateway, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, startLimit, exit.Timeoutf("the SQL gateway's pod did not answer within %s", startLimit))
	defer cancel()
	spec := application.Spec()
	pod, err := api.FlinkPodSpec(spec, "jobManager")
	if err != nil {
		return nil, fmt.Errorf("the pod template of %s: %w", application.Ref(), err)
	}
	at := slices.IndexFunc(pod.Containers, func(c corev1.Container) bool { return c.Name == mainContainer })
	if at < 0 {
		pod.Containers, at = append(pod.Containers, corev1.Container{Name: mainContainer}), len(pod.Containers)
	}
	main := &pod.Containers[at]
	main.Image, main.ImagePullPolicy = api.Text(spec, "image"), corev1.PullPolicy(api.Text(spec, "imagePullPolicy"))
	main.VolumeMounts = slices.DeleteFunc(main.VolumeMounts, func(m corev1.VolumeMount) bool { return m.Name == api.ScriptVolume })
	pod.Volumes = slices.DeleteFunc(pod.Volumes, func(v corev1.Volume) bool { return v.Name == api.ScriptVolume })
	pod.ServiceAccountName = api.Text(spec, "serviceAccount")
	deployment := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: application.Object.GetName(), Namespace: application.Object.GetNamespace()}}
	deployment.Spec.Template.Spec = pod
	return g.inPod(ctx, Place{Job: application, Cluster: application}, deployment)
}

// PlannerSettings are those of an application's configuration that planning follows.
func PlannerSettings(application api.Job) map[string]string {
	out := map[string]string{}
	for key, value := range api.Flatten(api.Section(application.Spec(), "flinkConfiguration")) {
		if strings.HasPrefix(key, "table.") {
			out[key] = value
		}
	}
	return out
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

// toItsEnd runs a statement and reads its answer, which isn't needed.
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
