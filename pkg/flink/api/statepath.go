package api

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode"

	corev1 "k8s.io/api/core/v1"
)

// PlaceKind is what kind of place a path of state is in.
type PlaceKind string

// The kinds of places. Only what is in the first two is there when the job's
// pods are not.
const (
	// RemotePlace is a filesystem apart from the pods: s3, gs, abfs, hdfs, …
	RemotePlace PlaceKind = "remote"
	// SharedPlace is a volume that the JobManager and the TaskManagers both see
	// and that outlives them.
	SharedPlace PlaceKind = "shared"
	// PodPlace is a pod's own disk, or a volume that goes with it.
	PodPlace PlaceKind = "pod"
	// UnknownPlace is where that can't be known.
	UnknownPlace PlaceKind = "unknown"
)

// StatePlace is where a path of state is, as a job's pods see it.
type StatePlace struct {
	Kind PlaceKind
	// Volume is the type of the volume, as in persistentVolumeClaim; "" where
	// it is in none.
	Volume string
	// ReadOnly says that the pods can't write there.
	ReadOnly bool
	// Why says, for PodPlace, why it goes with the pods: "is in no volume of …".
	Why string
	// Claim is the name of the PersistentVolumeClaim that it is in, if any.
	Claim string
	// GoesWithJob says why it goes when the FlinkDeployment is deleted, though it
	// outlives the pods; "" where it stays, as far as is known.
	GoesWithJob string
}

// Lasts reports whether state there outlives the job's pods, as far as is
// known.
func (p StatePlace) Lasts() bool { return p.Kind != PodPlace }

var schemeForm = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9+.-]*$`)

// CheckPathForm says what is wrong with the path of a savepoint or checkpoint,
// or of a directory for them, whatever the job; nil if nothing is.
func CheckPathForm(text string) error {
	_, _, err := splitPath(text)
	return err
}

// CheckPathAsked is CheckPathForm for a path that is written where Flink reads it
// as it is: white space around it is part of it there.
func CheckPathAsked(text string) error {
	switch {
	case strings.ContainsFunc(text, unicode.IsControl):
		return fmt.Errorf("%q has a tab, a line break or another control character in it", text)
	case text != strings.TrimSpace(text):
		return fmt.Errorf("%q begins or ends with white space", text)
	}
	return CheckPathForm(text)
}

// splitPath reads a path as Flink does. The scheme is "" where none is written.
func splitPath(text string) (scheme, rest string, err error) {
	text = strings.TrimSpace(text)
	switch text {
	case "":
		return "", "", fmt.Errorf("the path is empty")
	case NotAddressable:
		return "", "", fmt.Errorf("%s is in the JobManager's memory and has no path", text)
	case LastState:
		return "", "", fmt.Errorf("%s stands for the last checkpoint and is no path", text)
	}
	scheme, rest, found := strings.Cut(text, ":")
	if !found || strings.Contains(scheme, "/") {
		scheme, rest = "", text
	}
	scheme = strings.ToLower(scheme)
	switch {
	case found && scheme != "" && !schemeForm.MatchString(scheme), !strings.HasPrefix(rest, "/"):
		return "", "", fmt.Errorf("%q is a relative path, which each pod takes from its own working directory: give an absolute path in a volume that all pods share (file:///…), or a URI (s3://bucket/…)", text)
	case scheme == "local":
		return "", "", fmt.Errorf("%q: local: names a file of the container's image, where no state can be kept", text)
	case scheme == "file" && strings.HasPrefix(rest, "//") && !strings.HasPrefix(rest, "///"):
		if after := strings.TrimPrefix(rest, "//"); after != "" {
			return "", "", fmt.Errorf("%q has a host, which Flink refuses in a file's path; is it meant to be file:///%s?", text, after)
		}
	}
	if scheme == "file" || scheme == "" {
		rest = path.Clean("/" + strings.TrimLeft(rest, "/"))
	}
	return scheme, rest, nil
}

// DefaultSchemeKey is the filesystem of paths without a scheme.
const DefaultSchemeKey = "fs.default-scheme"

// mergeByNameKey has the operator merge the lists of pod templates by name; the
// default is by position.
const mergeByNameKey = "kubernetes.operator.pod-template.merge-arrays-by-name"

// PodMounts are the volumes that the Flink containers of a cluster mount.
type PodMounts struct {
	JobManager, TaskManager []VolumeMount
	// defaultScheme is fs.default-scheme; "" is file.
	DefaultScheme string
}

// VolumeMount is a volume in a pod's Flink container.
type VolumeMount struct {
	at, subPath string
	// volume is the type, source what tells one volume of it from another.
	volume, source string
	readOnly       bool
	// perPod says that each pod has a directory of its own there.
	perPod bool
}

// MountsOf are the volumes that the pod templates of a FlinkDeployment's spec
// mount.
func MountsOf(spec map[string]any) PodMounts {
	config := Flatten(Section(spec, "flinkConfiguration"))
	byName := strings.EqualFold(config[mergeByNameKey], "true")
	role := func(name string) []VolumeMount {
		template := MergeTemplates(Section(spec, "podTemplate"), Section(spec, name, "podTemplate"), byName)
		merged, _ := template.(map[string]any)
		return MountsIn(Section(merged, "spec"))
	}
	scheme, _, _ := strings.Cut(config[DefaultSchemeKey], ":")
	return PodMounts{JobManager: role("jobManager"), TaskManager: role("taskManager"), DefaultScheme: strings.ToLower(strings.TrimSpace(scheme))}
}

// MergeTemplates lays one pod template over another, as the operator does
// (FlinkUtils.mergePodTemplates): lists by position, or by name where asked.
func MergeTemplates(base, over any, byName bool) any {
	switch over := over.(type) {
	case map[string]any:
		below, ok := base.(map[string]any)
		if !ok {
			return over
		}
		out := make(map[string]any, len(below)+len(over))
		maps.Copy(out, below)
		for key, value := range over {
			out[key] = MergeTemplates(out[key], value, byName)
		}
		return out
	case []any:
		below, ok := base.([]any)
		if !ok {
			return over
		}
		out := slices.Clone(below)
		for i, item := range over {
			at := i
			if byName && named(below) && named(over) {
				at = slices.IndexFunc(out, func(have any) bool { return nameOf(have) == nameOf(item) })
			}
			if at < 0 || at >= len(out) {
				out = append(out, item)
				continue
			}
			out[at] = MergeTemplates(out[at], item, byName)
		}
		return out
	case nil:
		return base
	}
	return over
}

func nameOf(item any) string {
	entry, _ := item.(map[string]any)
	return Text(entry, "name")
}

func named(list []any) bool {
	return !slices.ContainsFunc(list, func(item any) bool { return nameOf(item) == "" })
}

// MountsIn are the volumes of a pod's Flink container; those of sidecars don't
// count.
func MountsIn(podSpec map[string]any) []VolumeMount {
	sources := map[string][2]string{}
	volumes, _ := podSpec["volumes"].([]any)
	for _, v := range volumes {
		volume, _ := v.(map[string]any)
		sources[Text(volume, "name")] = [2]string{"emptyDir"} // what Kubernetes takes where none is given
		for key, source := range volume {
			if key != "name" {
				identity, _ := json.Marshal(source)
				sources[Text(volume, "name")] = [2]string{key, string(identity)}
			}
		}
	}
	var out []VolumeMount
	containers, _ := podSpec["containers"].([]any)
	for _, v := range containers {
		container, _ := v.(map[string]any)
		if Text(container, "name") != MainContainer {
			continue
		}
		mounts, _ := container["volumeMounts"].([]any)
		for _, m := range mounts {
			mount, _ := m.(map[string]any)
			source, ok := sources[Text(mount, "name")]
			if !ok || Text(mount, "mountPath") == "" {
				continue
			}
			readOnly, _ := mount["readOnly"].(bool)
			expression := Text(mount, "subPathExpr")
			out = append(out, VolumeMount{
				at: path.Clean("/" + Text(mount, "mountPath")), subPath: cmp.Or(expression, Text(mount, "subPath")),
				volume: source[0], source: source[1], readOnly: readOnly,
				perPod: differsByPod(container, expression),
			})
		}
	}
	return out
}

var variable = regexp.MustCompile(`\$\(([A-Za-z_][A-Za-z0-9_.-]*)\)`)

// differsByPod reports whether a subPathExpr leads to another directory in each
// pod, as by the container's variables.
func differsByPod(container map[string]any, expression string) bool {
	env, _ := container["env"].([]any)
	for _, found := range variable.FindAllStringSubmatch(expression, -1) {
		name := found[1]
		at := slices.IndexFunc(env, func(v any) bool { return nameOf(v) == name })
		if at < 0 {
			// Of a ConfigMap, or the image's: only its name tells.
			upper := strings.ToUpper(name)
			if upper == "HOSTNAME" || strings.Contains(upper, "POD_NAME") && !strings.Contains(upper, "NAMESPACE") ||
				slices.ContainsFunc([]string{"POD_UID", "POD_IP", "POD_ID"}, func(part string) bool { return strings.Contains(upper, part) }) {
				return true
			}
			continue
		}
		entry, _ := env[at].(map[string]any)
		field := Text(Section(entry, "valueFrom", "fieldRef"), "fieldPath")
		if slices.Contains([]string{"metadata.name", "metadata.uid", "status.podIP", "status.podIPs"}, field) {
			return true
		}
		if value := Text(entry, "value"); value != "" && value != expression && differsByPod(map[string]any{"env": env[:at]}, value) {
			return true
		}
	}
	return false
}

// mountAt is the mount that a path is in: the innermost one.
func mountAt(mounts []VolumeMount, file string) (VolumeMount, bool) {
	var best VolumeMount
	found := false
	for _, m := range mounts {
		if (m.at == "/" || file == m.at || strings.HasPrefix(file, m.at+"/")) && (!found || len(m.at) >= len(best.at)) {
			best, found = m, true
		}
	}
	return best, found
}

// inside is where in the volume a file is.
func (m VolumeMount) inside(file string) string {
	return path.Join("/", m.subPath, strings.TrimPrefix(file, m.at))
}

// claim is the name of the PersistentVolumeClaim of a mount; "" where it is of
// another type.
func (m VolumeMount) claim() string {
	var source struct {
		ClaimName string `json:"claimName"`
	}
	if m.volume != "persistentVolumeClaim" || json.Unmarshal([]byte(m.source), &source) != nil {
		return ""
	}
	return source.ClaimName
}

// passingVolumes are the types of volumes that go with their pod, or hold no
// files of jobs.
var passingVolumes = []string{"emptyDir", "ephemeral", "configMap", "secret", "downwardAPI", "projected", "image"}

// Place is where a path is for these pods.
func (m PodMounts) Place(text string) StatePlace {
	scheme, file, err := splitPath(text)
	if err != nil {
		return StatePlace{Kind: PodPlace, Why: "is no place for state: " + err.Error()}
	}
	if scheme == "" {
		scheme = m.DefaultScheme
	}
	if scheme != "" && scheme != "file" {
		return StatePlace{Kind: RemotePlace}
	}
	jm, inJM := mountAt(m.JobManager, file)
	tm, inTM := mountAt(m.TaskManager, file)
	pod := func(volume, format string, args ...any) StatePlace {
		return StatePlace{Kind: PodPlace, Volume: volume, Why: fmt.Sprintf(format, args...)}
	}
	switch {
	case !inJM && !inTM:
		return pod("", "is in no volume of the job's pods, so that it is on one pod's own disk and goes with it")
	case !inTM:
		return pod(jm.volume, "is in a volume (%s) of the JobManager alone: on the TaskManagers it is the pod's own disk", jm.volume)
	case !inJM:
		return pod(tm.volume, "is in a volume (%s) of the TaskManagers alone: on the JobManager it is the pod's own disk", tm.volume)
	}
	for _, mount := range []VolumeMount{jm, tm} {
		if slices.Contains(passingVolumes, mount.volume) {
			return pod(mount.volume, "is in a volume of type %s, which every pod has of its own", mount.volume)
		}
		if mount.perPod {
			return pod(mount.volume, "is in a directory (%s) of the volume that every pod has of its own", mount.subPath)
		}
	}
	if jm.source != tm.source || jm.inside(file) != tm.inside(file) {
		return pod(jm.volume, "is in another volume on the JobManager (%s) than on the TaskManagers (%s)", jm.volume, tm.volume)
	}
	return StatePlace{Kind: SharedPlace, Volume: jm.volume, ReadOnly: jm.readOnly || tm.readOnly, Claim: jm.claim()}
}

// RunsWith is the spec that a cluster's pods were made by, as far as that is
// known.
func (j Job) RunsWith() map[string]any {
	if spec := j.ReconciledSpec(); spec != nil && j.Kind.Name != BlueGreen.Name {
		return spec
	}
	return j.Spec()
}

// PodSpecMap is a pod's spec as the manifests of the operator have it.
func PodSpecMap(spec corev1.PodSpec) map[string]any {
	data, err := json.Marshal(spec)
	if err != nil {
		return nil
	}
	var out map[string]any
	if json.Unmarshal(data, &out) != nil {
		return nil
	}
	return out
}

// MainContainer is where Flink runs.
const MainContainer = "flink-main-container"
