package sqljob

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

// Image is what is in an image of Flink, as far as a script needs it.
type Image struct {
	// Flink is the version of Flink's own jar, as in 2.3.0; "" is unknown.
	Flink string
	// Driver says that SqlDriver is in one of the jars that Flink loads.
	Driver bool
	// Gateways are the jars of the SQL gateway, which has the runner of scripts.
	Gateways []string
	// Jar says that the jar is there that native mode is given.
	Jar bool
	// Jars are those in lib and usrlib.
	Jars []string
	// Foreign says that it has no /opt/flink with jars at all.
	Foreign bool
}

// listScript says what is in an image. The names of a jar's files stand in it
// uncompressed. FLINK_HOME is where Flink's own scripts look.
const listScript = `
home="${FLINK_HOME:-/opt/flink}"
for f in "$home"/lib/*.jar "$home"/usrlib/*.jar; do [ -f "$f" ] && echo "jar $f"; done
for f in "$home"/lib/*sql-gateway*.jar "$home"/opt/*sql-gateway*.jar; do [ -f "$f" ] && echo "gateway $f"; done
grep -l org/apache/flink/table/runtime/application/SqlDriver.class "$home"/lib/*.jar 2>/dev/null | sed 's/^/driver /'
[ -f /opt/flink/bin/bash-java-utils.jar ] && echo "native yes"
echo end
`

// imageLife is how long the pod that looks into an image lives at most, in
// seconds; pulling the image counts.
const imageLife = 600

// imagePod is a pod that says what is in the image of an application.
func imagePod(job api.Job) (*corev1.Pod, error) {
	spec := job.Spec()
	own, err := api.FlinkPodSpec(spec, "jobManager")
	if err != nil {
		return nil, fmt.Errorf("the pod template of %s: %w", job.Ref(), err)
	}
	yes, no, user := true, false, int64(9999)
	life, grace := int64(imageLife), int64(0)
	amount := corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("64Mi"), corev1.ResourceCPU: resource.MustParse("50m")}
	container := corev1.Container{
		Name: api.MainContainer, Image: api.Text(spec, "image"), ImagePullPolicy: corev1.PullPolicy(api.Text(spec, "imagePullPolicy")),
		Command: []string{"sh", "-c", listScript},
		// What the strictest standard for pods wants.
		SecurityContext: &corev1.SecurityContext{
			RunAsUser: &user, RunAsNonRoot: &yes, AllowPrivilegeEscalation: &no,
			Capabilities:   &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
			SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
		},
		Resources: corev1.ResourceRequirements{Requests: amount, Limits: amount},
	}
	for _, c := range own.Containers {
		if c.Name == api.MainContainer && c.SecurityContext != nil {
			container.SecurityContext = c.SecurityContext
		}
	}
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			GenerateName: "flink-sql-image-", Namespace: job.Object.GetNamespace(),
			Labels: map[string]string{managedByLabel: operator.FieldManager, "app.kubernetes.io/component": "sql-image"},
		},
		Spec: corev1.PodSpec{
			Containers: []corev1.Container{container}, RestartPolicy: corev1.RestartPolicyNever,
			ServiceAccountName: api.Text(spec, "serviceAccount"), AutomountServiceAccountToken: &no,
			SecurityContext: own.SecurityContext, ImagePullSecrets: own.ImagePullSecrets,
			NodeSelector: own.NodeSelector, Tolerations: own.Tolerations, Affinity: own.Affinity,
			ActiveDeadlineSeconds: &life, TerminationGracePeriodSeconds: &grace,
		},
	}, nil
}

// LookInto starts a pod of an application's image, reads what it tells, and
// removes it.
func LookInto(ctx context.Context, c *operator.Client, job api.Job, reporter operator.Reporter) (image Image, err error) {
	pod, err := imagePod(job)
	if err != nil {
		return image, err
	}
	reporter.Waitingf("looking into image %s", pod.Spec.Containers[0].Image)
	pods := c.Core().CoreV1().Pods(pod.Namespace)
	// Not ended by Ctrl-C: a pod whose creation wasn't confirmed would stay.
	creating, stop := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer stop()
	created, err := pods.Create(creating, pod, metav1.CreateOptions{FieldManager: operator.FieldManager})
	if err != nil {
		return image, fmt.Errorf("create a pod that looks into image %s: %w", pod.Spec.Containers[0].Image, err)
	}
	defer func() {
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), 15*time.Second)
		defer cancel()
		now := int64(0)
		if gone := pods.Delete(ending, created.Name, metav1.DeleteOptions{GracePeriodSeconds: &now}); gone != nil && err == nil {
			reporter.Notef("pod %s, which looked into the image, could not be deleted: %v", created.Name, gone)
		}
	}()
	for {
		now, err := pods.Get(ctx, created.Name, metav1.GetOptions{})
		switch {
		case ctx.Err() != nil:
			return image, context.Cause(ctx)
		case err != nil:
			return image, fmt.Errorf("wait for pod %s, which looks into the image: %w", created.Name, err)
		case now.Status.Phase == corev1.PodSucceeded:
			return readImage(ctx, c, now)
		}
		seen := operator.ReadPod(now)
		trouble, troubled := seen.Trouble()
		switch {
		case now.Status.Phase == corev1.PodFailed:
			return image, fmt.Errorf("the pod that was to look into image %s failed: %s", pod.Spec.Containers[0].Image, cmp.Or(trouble.Text, now.Status.Message, now.Status.Reason, "no reason is given"))
		case troubled && (trouble.Weight == operator.Final || trouble.Kind == operator.NoImage):
			return image, fmt.Errorf("%w: %s", ErrNoStart, trouble.Text)
		case troubled:
			reporter.Waitingf("looking into image %s: pod %s %s", pod.Spec.Containers[0].Image, created.Name, trouble.Text)
		}
		select {
		case <-ctx.Done():
			return image, context.Cause(ctx)
		case <-time.After(300 * time.Millisecond):
		}
	}
}

// ErrNoStart says that a pod of the image can't start; the job's couldn't
// either.
var ErrNoStart = errors.New("no pod of the image can start")

func readImage(ctx context.Context, c *operator.Client, pod *corev1.Pod) (Image, error) {
	stream, err := c.Core().CoreV1().Pods(pod.Namespace).GetLogs(pod.Name, &corev1.PodLogOptions{Container: api.MainContainer}).Stream(ctx)
	if err != nil {
		return Image{}, fmt.Errorf("read what pod %s found in the image: %w", pod.Name, err)
	}
	defer stream.Close()
	text, err := io.ReadAll(io.LimitReader(stream, 1<<20))
	if err != nil {
		return Image{}, fmt.Errorf("read what pod %s found in the image: %w", pod.Name, err)
	}
	image, ok := parseImage(string(text))
	if !ok {
		return image, fmt.Errorf("pod %s, which looked into the image, printed only a part", pod.Name)
	}
	return image, nil
}

var distJar = regexp.MustCompile(`^flink-dist-(\d+\.\d+[0-9A-Za-z.-]*)\.jar$`)

// parseImage reads what listScript tells; ok is false where its end is missing.
func parseImage(text string) (image Image, ok bool) {
	for line := range strings.Lines(text) {
		word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch word {
		case "jar":
			image.Jars = append(image.Jars, rest)
			if parts := distJar.FindStringSubmatch(path.Base(rest)); parts != nil {
				image.Flink = parts[1]
			}
		case "gateway":
			image.Gateways = append(image.Gateways, rest)
		case "driver":
			image.Driver = true
		case "native":
			image.Jar = true
		case "end":
			ok = true
		}
	}
	image.Foreign = len(image.Jars) == 0
	return image, ok
}

// Check finds why an image can't run the script of an application.
func (i Image) Check(job api.Job) error {
	name := api.Text(job.Spec(), "image")
	switch {
	case i.Foreign:
		return fmt.Errorf("image %s has no Flink in it: no jars in $FLINK_HOME/lib (/opt/flink/lib)", name)
	case !i.Driver:
		if major, minor, ok := version(i.Flink); ok && major < 2 {
			return fmt.Errorf("image %s has Flink %s: %w", name, i.Flink, tooOld(major, minor))
		}
		return fmt.Errorf("image %s can't run a script: %s is in none of the jars in lib (flink-table-runtime has it)", name, Driver)
	case len(i.Gateways) == 0:
		return fmt.Errorf("image %s can't run a script: it has no flink-sql-gateway jar in $FLINK_HOME/opt, and that has Flink's runner of scripts\nAdd org.apache.flink:flink-sql-gateway:%s to opt in the image", name, cmp.Or(i.Flink, "VERSION"))
	case len(i.Gateways) > 1 && !slices.ContainsFunc(i.Gateways, func(jar string) bool { return path.Base(path.Dir(jar)) == "lib" }):
		return fmt.Errorf("image %s can't run a script: Flink wants one flink-sql-gateway jar in opt and there are %d: %s", name, len(i.Gateways), strings.Join(i.Gateways, ", "))
	case api.Text(job.Spec(), "job", "jarURI") == nativeJar && !i.Jar:
		return fmt.Errorf("image %s has no %s, which native mode is started with\nGive another jar of the image with --jar local:///…, or --mode standalone", name, strings.TrimPrefix(nativeJar, "local://"))
	}
	if major, minor, ok := version(i.Flink); ok {
		if said := fmt.Sprintf("v%d_%d", major, minor); said != job.FlinkVersion() {
			return fmt.Errorf("image %s has Flink %s, and spec.flinkVersion is %s: give --flink-version %d.%d", name, i.Flink, job.FlinkVersion(), major, minor)
		}
	}
	return nil
}
