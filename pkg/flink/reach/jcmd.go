package reach

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/clientset"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/podexec"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/jvm"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

// InsideJVM is Flink's Java process in a pod. Exec runs programs in the pod.
type InsideJVM struct {
	Exec      func(context.Context, podexec.Command) error
	Pod       *corev1.Pod
	Container string
	Process   jvm.Found
	Room      jvm.Room
}

// mostSaidInside bounds what is kept of what a program in a pod prints, in bytes: a
// histogram of 100,000 classes has some 10 MB.
const mostSaidInside = 32 << 20

// FlinkPods are a cluster's pods that run and aren't about to go, the JobManager's
// or the TaskManagers'.
func FlinkPods(ctx context.Context, core clientset.Interface, cluster api.Ref, component string) ([]corev1.Pod, error) {
	var out []corev1.Pod
	err := clientset.AllPages(ctx, metav1.ListOptions{LabelSelector: operator.PodSelector(cluster.Name)}, core.CoreV1().Pods(cluster.Namespace).List, func(page *corev1.PodList) error {
		for _, pod := range page.Items {
			if pod.Labels["component"] == component && pod.Status.Phase == corev1.PodRunning && pod.DeletionTimestamp == nil && len(pod.Spec.Containers) > 0 {
				out = append(out, pod)
			}
		}
		return nil
	})
	return out, err
}

// FlinkContainer is the container of a pod that Flink runs in.
func FlinkContainer(pod *corev1.Pod) string {
	for _, c := range pod.Spec.Containers {
		if c.Name == mainContainer {
			return c.Name
		}
	}
	return pod.Spec.Containers[0].Name
}

// run runs a program in a container and returns what it prints.
func (j *InsideJVM) run(ctx context.Context, container string, args ...string) (out string, err error) {
	printed, said := &podexec.Bounded{Most: mostSaidInside}, &podexec.Bounded{Most: 64 << 10}
	err = j.Exec(ctx, podexec.Command{Namespace: j.Pod.Namespace, Pod: j.Pod.Name, Container: container, Args: args, Out: printed, ErrOut: said})
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	out = string(printed.Bytes())
	if err != nil {
		out += string(said.Bytes())
	}
	return out, err
}

// Find looks for Flink's process from inside its container. Of several it takes that
// of the pod's kind.
func (j *InsideJVM) Find(ctx context.Context) error {
	out, err := j.run(ctx, j.Container, "sh", "-c", jvm.FindScript)
	if err != nil {
		return fmt.Errorf("look for Flink's process in pod %s: %w", j.Pod.Name, err)
	}
	found, room, err := jvm.ParseFound(out)
	switch {
	case err != nil:
		return fmt.Errorf("look for Flink's process in pod %s: %w", j.Pod.Name, err)
	case len(found) == 0:
		return fmt.Errorf("container %s of pod %s runs no Java process of Flink's JobManager or TaskManager", j.Container, j.Pod.Name)
	case len(found) > 1:
		return fmt.Errorf("container %s of pod %s runs %d Java processes of Flink, and it isn't known which is meant", j.Container, j.Pod.Name, len(found))
	case found[0].NoAttach:
		return fmt.Errorf("the JVM in pod %s lets no tool in: it was started with -XX:+DisableAttachMechanism", j.Pod.Name)
	}
	j.Process, j.Room = found[0], room
	return nil
}

// The exit codes of jcmdScript beside jcmd's own.
const (
	noJcmd    = 69
	noProcess = 70
	noEntry   = 71
)

// jcmdScript runs jcmd on the process $1 of another container. JDKs before 24 look
// for a process with the same number inside and outside in their own /tmp, and not
// in its: a link leads them there, and the file that asks the JVM to listen is put
// there for them.
const jcmdScript = `
pid=$1
jcmd=$(command -v jcmd) || jcmd="$JAVA_HOME/bin/jcmd"
[ -x "$jcmd" ] || exit 69
[ "$(cat "/proc/$pid/comm" 2>/dev/null)" = java ] || exit 70
tmp="/proc/$pid/root/tmp"
[ -d "$tmp/." ] || exit 71
asked=
if [ ! -e "$tmp/.java_pid$pid" ] && [ ! -e "$tmp/.attach_pid$pid" ] && : >"$tmp/.attach_pid$pid"; then asked=yes; fi
[ "$tmp" -ef /tmp ] || [ -L "/tmp/.java_pid$pid" ] || ln -s "$tmp/.java_pid$pid" "/tmp/.java_pid$pid" 2>/dev/null
"$jcmd" -J-Xmx48m -J-XX:+UseSerialGC "$@" 2>&1
code=$?
if [ "$asked" ]; then rm -f "$tmp/.attach_pid$pid"; fi
exit $code
`

// Jcmd runs a diagnostic command of the JVM with jcmd, from the container tool that
// has a JDK.
func (j *InsideJVM) Jcmd(ctx context.Context, tool string, args ...string) (string, error) {
	out, err := j.run(ctx, tool, append([]string{"sh", "-c", jcmdScript, "jcmd", strconv.Itoa(j.Process.PID)}, args...)...)
	var exited *podexec.ExitError
	if !errors.As(err, &exited) {
		return out, err
	}
	why := jvm.AttachRefused(out)
	switch {
	case exited.Code == noJcmd:
		err = errors.New("its image has no jcmd: it has no JDK")
	case exited.Code == noProcess:
		err = fmt.Errorf("it doesn't see process %d of container %s: the node's container runtime doesn't share processes (targetContainerName), or the JVM has ended", j.Process.PID, j.Container)
	case exited.Code == noEntry:
		err = fmt.Errorf("it may not look into process %d, which runs as user %d: a security module of the node keeps them apart, or the JVM has more capabilities", j.Process.PID, j.Process.UID)
	case why != "":
		err = fmt.Errorf("the JVM lets jcmd not in: %s", why)
	default:
		err = fmt.Errorf("jcmd %s: %w%s", args[0], err, lastSaid(out))
	}
	return out, fmt.Errorf("container %s of pod %s: %w", tool, j.Pod.Name, err)
}

// lastSaid is the end of what a program said, for an error.
func lastSaid(out string) string {
	lines := strings.Split(strings.TrimSpace(out), "\n")
	return ": " + strings.Join(lines[max(0, len(lines)-3):], "\n")
}

// Needs is how much room a dump of the heap takes, from what is used of it, in
// bytes.
func Needs(used int64) int64 { return used + used/4 + 64<<20 }

// CheckRoom says why a dump of a heap doesn't fit into /tmp; nil where it does.
func (j *InsideJVM) CheckRoom(used int64) error {
	need := Needs(used)
	if j.Room.Memory {
		return fmt.Errorf("/tmp of pod %s is in memory: a dump of up to %s there might end the pod (OOMKilled)", j.Pod.Name, api.Bytes(need))
	}
	if need > j.Room.Free {
		return fmt.Errorf("/tmp of pod %s has %s free, and a dump takes up to %s", j.Pod.Name, api.Bytes(j.Room.Free), api.Bytes(need))
	}
	for _, c := range j.Pod.Spec.Containers {
		if c.Name != j.Container {
			continue
		}
		if limit, ok := c.Resources.Limits[corev1.ResourceEphemeralStorage]; ok && need > limit.Value() {
			return fmt.Errorf("container %s of pod %s may write %s (ephemeral-storage), and a dump takes up to %s: the pod would be evicted", c.Name, j.Pod.Name, api.Bytes(limit.Value()), api.Bytes(need))
		}
		for _, mount := range c.VolumeMounts {
			if path.Clean(mount.MountPath) != "/tmp" {
				continue
			}
			for _, v := range j.Pod.Spec.Volumes {
				if v.Name == mount.Name && v.EmptyDir != nil && v.EmptyDir.SizeLimit != nil && need > v.EmptyDir.SizeLimit.Value() {
					return fmt.Errorf("/tmp of pod %s is the volume %s of %s, and a dump takes up to %s: the pod would be evicted", j.Pod.Name, v.Name, api.Bytes(v.EmptyDir.SizeLimit.Value()), api.Bytes(need))
				}
			}
		}
	}
	return nil
}

// DumpLeaseScript makes a directory for a dump that the user $2 may write to, and
// removes it with all in it when the lines on its standard input end, or none comes
// for $1 seconds. What still reads the dump is ended, too: a file that is open goes on
// to take room.
const DumpLeaseScript = `
directory=$(mktemp -d /tmp/kubectl-flink-XXXXXXXX) || exit 1
trap '' HUP PIPE
trap 'exit 143' TERM
tidy() {
  for p in /proc/[0-9]*; do
    if tr '\0' ' ' <"$p/cmdline" 2>/dev/null | grep -q -F "$directory/heap.hprof"; then kill "${p#/proc/}" 2>/dev/null; fi
  done
  rm -rf "$directory"
}
trap tidy EXIT
chown "$2" "$directory" 2>/dev/null || chmod 1733 "$directory" || exit 1
echo "$directory"
while read -r -t "$1" line && [ "$line" != end ]; do :; done
exit 0
`

// dumpDirectory is what DumpLeaseScript's mktemp makes.
var dumpDirectory = regexp.MustCompile(`^/tmp/kubectl-flink-[A-Za-z0-9]{8}$`)

// Dump has the JVM write its heap into a directory of DumpLeaseScript. It returns
// the file, which the container tool sees, and its size in bytes.
func (j *InsideJVM) Dump(ctx context.Context, tool, directory string) (file string, size int64, err error) {
	if !dumpDirectory.MatchString(directory) {
		return "", 0, fmt.Errorf("pod %s gave %q for a directory", j.Pod.Name, directory)
	}
	inside := directory + "/heap.hprof"
	out, err := j.Jcmd(ctx, tool, "GC.heap_dump", inside)
	if err != nil {
		return "", 0, err
	}
	if made, why := jvm.DumpMade(out); !made {
		return "", 0, fmt.Errorf("the JVM in pod %s wrote no dump: %s", j.Pod.Name, notEmpty(why, "it doesn't say why"))
	}
	file = "/proc/" + strconv.Itoa(j.Process.PID) + "/root" + inside
	text, err := j.run(ctx, tool, "stat", "-L", "-c", "%s", file)
	if err == nil {
		size, err = strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	}
	if err != nil {
		return "", 0, fmt.Errorf("look at the dump in pod %s: %w", j.Pod.Name, err)
	}
	return file, size, nil
}

// hprof begins every dump of a heap.
const hprof = "JAVA PROFILE 1.0."

// Fetch writes the dump to w. What isn't a dump, or not all of it, is an error.
func (j *InsideJVM) Fetch(ctx context.Context, tool, file string, size int64, w io.Writer) error {
	counted, said := &dumpWriter{w: w}, &podexec.Bounded{Most: 4 << 10}
	err := j.Exec(ctx, podexec.Command{Namespace: j.Pod.Namespace, Pod: j.Pod.Name, Container: tool, Args: []string{"cat", file}, Out: counted, ErrOut: said})
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case counted.err != nil:
		return counted.err
	case err != nil:
		return fmt.Errorf("read the dump in pod %s: %w%s", j.Pod.Name, err, lastSaid(string(said.Bytes())))
	case counted.n != size:
		return fmt.Errorf("%d of the dump's %d bytes came", counted.n, size)
	case string(counted.head) != hprof:
		return errors.New("what came isn't a dump of a heap")
	}
	return nil
}

// dumpWriter counts, and keeps the beginning.
type dumpWriter struct {
	w    io.Writer
	n    int64
	head []byte
	err  error
}

func (d *dumpWriter) Write(p []byte) (int, error) {
	d.head = append(d.head, p[:min(len(p), len(hprof)-len(d.head))]...)
	n, err := d.w.Write(p)
	d.n += int64(n)
	d.err = err
	return n, err
}
