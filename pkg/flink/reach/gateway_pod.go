package reach

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/sqlgateway"
)

const (
	// gatewayMemory bounds a gateway's pod; planning takes some 400 MiB.
	gatewayMemory, gatewayAsks = "1Gi", "512Mi"
	// gatewayLife ends a gateway whatever happens, in seconds.
	gatewayLife = 24 * 60 * 60
	// gatewayIdle is how long a gateway lives without a client, in seconds. Clients send a heartbeat every five. It is longer than sessions
	// live without one (sessionIdle): what ends a session cancels its queries,
	// whose jobs a gateway that is killed leaves running.
	gatewayIdle = 30
	sessionIdle = "20s"
	// gatewayStart is how long a gateway may take to listen, in seconds: the
	// client doesn't wait longer.
	gatewayStart = 200

	mainContainer = "flink-main-container"
	managedBy     = "kubectl-flink"
	gatewayName   = "flink-sql-gateway"
)

// gatewayScript runs a gateway and ends it when it had no client for a while,
// or at the line "end" on its standard input ($4). There is a client where there
// is a connection to the port and the gateway reads something: a proxy in
// between may hold a connection long after its client. The script says
// in one line why it can't run a gateway. Its arguments are the port, the
// seconds, those for the start, "stdin" or "", where arguments with secrets come
// from, and the gateway's own. Those with secrets are ended by NUL; $5 is their
// number with "stdin", else their file.
const gatewayScript = `
home="${FLINK_HOME:-/opt/flink}"
port=$1 patience=$2 start=$3 input=$4 hidden=$5
shift 5
if [ ! -f "$home/bin/sql-gateway.sh" ]; then
  echo "kubectl-flink: this image has no $home/bin/sql-gateway.sh" >&2
  exit 69
fi
if [ -z "$(ls "$home"/lib/*sql-gateway*.jar "$home"/opt/*sql-gateway*.jar 2>/dev/null)" ]; then
  echo "kubectl-flink: this image has no flink-sql-gateway jar in $home/lib or $home/opt" >&2
  exit 69
fi
if [ "$input" = stdin ]; then
  while [ "${hidden:-0}" -gt 0 ]; do
    IFS= read -r -d '' one || exit 1
    set -- "$@" "$one"
    hidden=$((hidden - 1))
  done
elif [ -n "$hidden" ]; then
  if [ ! -r "$hidden" ]; then
    echo "kubectl-flink: $hidden, where settings with secrets are, can't be read" >&2
    exit 1
  fi
  while IFS= read -r -d '' one; do set -- "$@" "$one"; done <"$hidden"
fi
"$home/bin/sql-gateway.sh" start-foreground "$@" </dev/null &
gateway=$!
trap 'kill $gateway 2>/dev/null' TERM INT HUP
if [ "$input" = stdin ]; then
  exec 3<&0
  { read -r word <&3 && [ "$word" = end ] && kill $gateway 2>/dev/null; } &
  reader=$!
fi
listens=$(printf ': [0-9A-F]*:%04X [0-9A-F]*:[0-9A-F]* 0A ' "$port")
connected=$(printf ': [0-9A-F]*:%04X [0-9A-F]*:[0-9A-F]* 01 ' "$port")
active=$SECONDS left= up= before=
while kill -0 $gateway 2>/dev/null; do
  sleep 1 &
  wait $!
  connections=$(cat /proc/net/tcp /proc/net/tcp6 2>/dev/null)
  # All that the process has read; "" where that isn't known.
  read=
  if [ "$(cat /proc/$gateway/comm 2>/dev/null)" = java ]; then read -r _ read 2>/dev/null </proc/$gateway/io; fi
  if [ ! "$up" ]; then
    if [ "$SECONDS" -lt "$start" ]; then active=$SECONDS; fi
    if grep -q "$listens" <<<"$connections"; then up=yes; fi
  elif { [ ! "$read" ] || [ "$read" != "$before" ]; } && grep -q "$connected" <<<"$connections"; then
    active=$SECONDS
  fi
  before=$read
  if [ $((SECONDS - active)) -ge "$patience" ]; then left=yes; kill $gateway 2>/dev/null; fi
done
# What still reads would hold the stream open.
kill $reader 2>/dev/null
wait $gateway
code=$?
if [ "$left" ]; then exit 0; fi
exit $code
`

// javaOptions make a gateway start fast and stay small. One without memory has
// to end: else it keeps the session and gives no more rows, without a word.
const javaOptions = "-XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:+ExitOnOutOfMemoryError "

// gatewayArguments are the gateway's own: where it listens, and what each of
// its sessions is configured for. wide has it listen to others than its pod.
func gatewayArguments(p Place, port int, wide bool, extra map[string]string) []string {
	bind := "127.0.0.1"
	if wide {
		bind = "0.0.0.0"
	}
	settings := map[string]string{
		"sql-gateway.endpoint.rest.address":      "localhost",
		"sql-gateway.endpoint.rest.bind-address": bind,
		"sql-gateway.endpoint.rest.port":         fmt.Sprint(port),
		"sql-gateway.session.idle-timeout":       sessionIdle,
		"sql-gateway.session.check-interval":     "2s",
	}
	maps.Copy(settings, GatewayProperties(p))
	maps.Copy(settings, extra)
	var out []string
	for _, key := range slices.Sorted(maps.Keys(settings)) {
		out = append(out, "-D"+key+"="+settings[key])
	}
	return out
}

// gatewayPod is a pod like the JobManager's, with a gateway in it: the same
// image, account, volumes and environment, so that the same connectors,
// credentials and certificates are there. deployment owns it.
// hidden, where not "", names the Secret with the arguments that have secrets.
func gatewayPod(p Place, deployment *appsv1.Deployment, wide bool, extra map[string]string, hidden string) *corev1.Pod {
	cluster := p.Cluster.Ref()
	template := deployment.Spec.Template.DeepCopy()
	spec := template.Spec
	main := spec.Containers[0]
	for _, c := range spec.Containers {
		if c.Name == mainContainer {
			main = c
		}
	}
	main.Args = slices.Concat(
		[]string{"bash", "-c", gatewayScript, gatewayName, fmt.Sprint(sqlgateway.Port), fmt.Sprint(gatewayIdle), fmt.Sprint(gatewayStart), "", hiddenFile(hidden)},
		gatewayArguments(p, sqlgateway.Port, wide, extra))
	main.Ports, main.StartupProbe, main.ReadinessProbe, main.LivenessProbe, main.Lifecycle = nil, nil, nil, nil, nil
	main.Stdin, main.TTY = false, false
	main.Resources = corev1.ResourceRequirements{
		Limits:   corev1.ResourceList{corev1.ResourceMemory: resource.MustParse(gatewayMemory), corev1.ResourceCPU: resource.MustParse("2")},
		Requests: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse(gatewayAsks), corev1.ResourceCPU: resource.MustParse("100m")},
	}
	options := javaOptions + "-XX:MaxRAMPercentage=55"
	main.Env = slices.DeleteFunc(main.Env, func(e corev1.EnvVar) bool {
		if e.Name == "JAVA_TOOL_OPTIONS" && e.Value != "" {
			options = e.Value + " " + options
		}
		return e.Name == "JAVA_TOOL_OPTIONS"
	})
	main.Env = append(main.Env, corev1.EnvVar{Name: "JAVA_TOOL_OPTIONS", Value: options})

	spec.Volumes = mounted(spec.Volumes, slices.Concat(spec.InitContainers, []corev1.Container{main}))
	if hidden != "" {
		mode := int32(0o444) // whatever user the image has
		spec.Volumes = append(spec.Volumes, corev1.Volume{Name: hiddenVolume, VolumeSource: corev1.VolumeSource{
			Secret: &corev1.SecretVolumeSource{SecretName: hidden, DefaultMode: &mode},
		}})
		main.VolumeMounts = append(main.VolumeMounts, corev1.VolumeMount{Name: hiddenVolume, MountPath: hiddenDir, ReadOnly: true})
	}
	spec.Containers = []corev1.Container{main}
	spec.RestartPolicy = corev1.RestartPolicyNever
	life, grace := int64(gatewayLife), int64(10)
	spec.ActiveDeadlineSeconds, spec.TerminationGracePeriodSeconds = &life, &grace
	spec.HostNetwork, spec.NodeName, spec.Hostname, spec.Subdomain = false, "", "", ""
	if spec.Affinity != nil {
		// What keeps JobManagers apart doesn't concern a gateway.
		spec.Affinity.PodAffinity, spec.Affinity.PodAntiAffinity = nil, nil
	}
	spec.TopologySpreadConstraints = nil
	owners := []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "Deployment", Name: deployment.Name, UID: deployment.UID}}
	if deployment.UID == "" { // of a cluster that is still to be
		owners = nil
	}
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace:    cluster.Namespace,
			GenerateName: cluster.Name + "-sql-gateway-",
			Labels: map[string]string{
				"app.kubernetes.io/name":       gatewayName,
				"app.kubernetes.io/instance":   cluster.Name,
				"app.kubernetes.io/managed-by": managedBy,
			},
			OwnerReferences: owners,
		},
		Spec: spec,
	}
}

// mounted are the volumes that containers use.
func mounted(volumes []corev1.Volume, containers []corev1.Container) []corev1.Volume {
	return slices.DeleteFunc(volumes, func(v corev1.Volume) bool {
		return !slices.ContainsFunc(containers, func(c corev1.Container) bool {
			return slices.ContainsFunc(c.VolumeMounts, func(m corev1.VolumeMount) bool { return m.Name == v.Name }) ||
				slices.ContainsFunc(c.VolumeDevices, func(d corev1.VolumeDevice) bool { return d.Name == v.Name })
		})
	})
}

// saidWhy is the line of a log that says why a gateway didn't start.
func saidWhy(log string) string {
	last := saidAtEnd(log)
	if last != "" {
		return last
	}
	for line := range strings.SplitSeq(log, "\n") {
		line = strings.TrimSpace(line)
		switch cause, ok := strings.CutPrefix(line, "Caused by: "); {
		case ok:
			last = cause
		case harmlessLine.MatchString(line):
		case strings.Contains(line, "Exception") && !strings.HasPrefix(line, "at ") && last == "", strings.HasPrefix(line, "[ERROR]"):
			last = line
		}
	}
	return last
}

// saidAtEnd is the line of a log that says why a gateway that ran ended. The
// exceptions in it may be those of its statements.
func saidAtEnd(log string) string {
	last := ""
	for line := range strings.SplitSeq(log, "\n") {
		line = strings.TrimSpace(line)
		if own, ok := strings.CutPrefix(line, "kubectl-flink: "); ok {
			return own
		}
		// An option of the JVM has nearly the same name.
		if strings.Contains(line, "java.lang.OutOfMemoryError") && !harmlessLine.MatchString(line) {
			last = line
		}
	}
	return last
}

// harmlessLine is a line of Flink's log that reports no failure.
var harmlessLine = regexp.MustCompile(`^[0-9-]+ [0-9:,]+ +(TRACE|DEBUG|INFO|WARN) `)
