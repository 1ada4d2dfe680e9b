package jar

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

// SchemesKey is what the operator may fetch the jars of session jobs by.
const SchemesKey = "kubernetes.operator.user.artifacts.allowed-schemes"

const (
	artifactsKey = "user.artifacts.base-dir"
	artifactsDir = "/opt/flink/artifacts"
	// flinkUser is whom Flink's images run as, and whose /opt/flink is.
	flinkUser = 9999
	pluginEnv = "ENABLE_BUILT_IN_PLUGINS"
)

// Operator is the one that fetches the jars of session jobs, as far as it is known.
type Operator struct {
	// Version is "" where it isn't known.
	Version string
	// Schemes is the value of SchemesKey; "" where it isn't set.
	Schemes string
	// Known says that its configuration was read.
	Known bool
}

var (
	twoNumbers = regexp.MustCompile(`^v?(\d+)[._](\d+)`)
	withS3     = regexp.MustCompile(`^(s3|s3a|s3p|s3n)$`)
)

// number is a version as 100 times the first number and the second; 0 for none.
func number(version string) int {
	found := twoNumbers.FindStringSubmatch(version)
	if found == nil {
		return 0
	}
	major, _ := strconv.Atoi(found[1])
	minor, _ := strconv.Atoi(found[2])
	return major*100 + minor
}

// CanFetch says why the operator won't fetch a session job's jar by a scheme; nil
// where nothing speaks against it. The notes are what has to be so and isn't known
// here.
func (o Operator) CanFetch(scheme string) (notes []string, err error) {
	plugin := fmt.Sprintf("the operator fetches a session job's jar itself: the operator's image needs the plugin for %s: (flink-s3-fs-hadoop or -presto below /opt/flink/plugins), and its configuration the endpoint and credentials", scheme)
	version := number(o.Version)
	switch {
	case version != 0 && version < 116:
		return []string{plugin}, nil
	case !o.Known:
		return []string{fmt.Sprintf("the operator's configuration can't be read: from 1.16 on it fetches jars by %s: only if %s allows it", scheme, SchemesKey), plugin}, nil
	}
	allowed := schemes(o.Schemes)
	if !slices.Contains(allowed, scheme) {
		return nil, fmt.Errorf("the operator wouldn't fetch it: it allows %s for the jars of session jobs, and not %s:\nSet %s: %s in the operator's own configuration (not in the job's)\nAnd %s",
			strings.Join(allowed, ", "), scheme, SchemesKey, strings.Join(append(allowed, scheme), ";"), plugin)
	}
	return []string{plugin}, nil
}

// schemes reads a list as Flink writes them: a;b, or [a, b] in a config.yaml.
func schemes(value string) []string {
	inside, yaml := strings.CutPrefix(strings.TrimSpace(value), "[")
	separator := ";"
	if yaml {
		inside, separator = strings.TrimSuffix(inside, "]"), ","
	}
	var out []string
	for one := range strings.SplitSeq(inside, separator) {
		if one = strings.ToLower(strings.Trim(one, " '\"")); one != "" {
			out = append(out, one)
		}
	}
	if len(out) == 0 {
		return []string{"https"}
	}
	return out
}

// ApplicationCanFetch says why the JobManager of an application can't fetch its jar
// by a scheme; nil where nothing speaks against it. spec is the application's, and
// config its configuration.
func ApplicationCanFetch(spec map[string]any, config api.Config, scheme string) (notes []string, err error) {
	version := api.Text(spec, "flinkVersion")
	switch n := number(version); {
	case api.Text(spec, "mode") == "standalone":
		return nil, fmt.Errorf("with mode: standalone the operator puts spec.job.jarURI on Java's class path, which can't have %s: addresses: the jar has to be in the image, as local:///opt/flink/usrlib/NAME.jar", scheme)
	case n != 0 && n < 119:
		return nil, fmt.Errorf("an application fetches its jar by %s: from Flink 1.19 on, and this is %s: the jar has to be in the image, as local:///opt/flink/usrlib/NAME.jar", scheme, version)
	}
	pod, err := api.FlinkPodSpec(spec, "jobManager")
	if err != nil {
		return nil, err
	}
	var main corev1.Container
	for _, container := range pod.Containers {
		if container.Name == api.MainContainer {
			main = container
		}
	}
	dir := config[artifactsKey]
	if dir == "" {
		dir = artifactsDir
	}
	if !isMounted(main, dir) {
		switch user := runsAs(pod, main); {
		case main.SecurityContext != nil && main.SecurityContext.ReadOnlyRootFilesystem != nil && *main.SecurityContext.ReadOnlyRootFilesystem:
			return nil, fmt.Errorf("the JobManager couldn't store the jar: it fetches it into %s (%s), and its root filesystem is read-only\nMount an emptyDir there in spec.podTemplate", dir, artifactsKey)
		case user != nil && *user != flinkUser:
			notes = append(notes, fmt.Sprintf("the JobManager runs as user %d and fetches the jar into %s (%s), which in Flink's images only the user %d may write to: an emptyDir mounted there helps", *user, dir, artifactsKey, flinkUser))
		}
	}
	if withS3.MatchString(scheme) && !onS3(config) && !hasEnv(main, pluginEnv) {
		notes = append(notes, fmt.Sprintf("the JobManager fetches the jar itself: its image needs the plugin for %s: (as by %s in spec.podTemplate), and its configuration the endpoint and credentials", scheme, pluginEnv))
	}
	return notes, nil
}

// isMounted reports whether a directory is in a volume.
func isMounted(c corev1.Container, dir string) bool {
	dir = path.Clean(dir) + "/"
	return slices.ContainsFunc(c.VolumeMounts, func(m corev1.VolumeMount) bool {
		return !m.ReadOnly && strings.HasPrefix(dir, path.Clean(m.MountPath)+"/")
	})
}

func runsAs(pod corev1.PodSpec, c corev1.Container) *int64 {
	switch {
	case c.SecurityContext != nil && c.SecurityContext.RunAsUser != nil:
		return c.SecurityContext.RunAsUser
	case pod.SecurityContext != nil:
		return pod.SecurityContext.RunAsUser
	}
	return nil
}

func hasEnv(c corev1.Container, name string) bool {
	return slices.ContainsFunc(c.Env, func(e corev1.EnvVar) bool { return e.Name == name })
}

// onS3 reports whether a job keeps state in S3: it has the plugin for it then.
func onS3(config api.Config) bool { return Place(config) != "" }

// Place is the directory in S3 where the jars of a job belong: jars, beside its
// state; "" where it keeps none in S3.
func Place(config api.Config) string {
	for _, keys := range [][]string{api.SavepointDirKeys, api.CheckpointDirKeys, {"high-availability.storageDir"}} {
		dir, _ := config.Get(keys...)
		scheme, rest, ok := strings.Cut(strings.TrimRight(dir, "/"), "://")
		if !ok || !withS3.MatchString(strings.ToLower(scheme)) || rest == "" {
			continue
		}
		bucket, inside, _ := strings.Cut(rest, "/")
		above := path.Dir("/" + inside)
		return scheme + "://" + bucket + strings.TrimSuffix(above, "/") + "/jars/"
	}
	return ""
}

var unsafeInName = regexp.MustCompile(`[^A-Za-z0-9._-]+`)

// NameFor is what a jar is called in a store where others of its name are kept
// too: with digits of its checksum, so that a changed jar is another one.
func NameFor(file, sha256 string) string {
	base := strings.TrimSuffix(path.Base(file), ".jar")
	base = strings.Trim(unsafeInName.ReplaceAllString(base, "-"), "-.")
	return fmt.Sprintf("%s-%.12s.jar", base[:min(len(base), 100)], sha256)
}
