package diagnosis

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// mount is a volume in a pod's Flink container.
type mount struct {
	at, kind, source, name string
	readOnly               bool
}

// list are the maps at a path.
func list(object map[string]any, where ...string) []map[string]any {
	items, _ := section(object, where[:len(where)-1]...)[where[len(where)-1]].([]any)
	var out []map[string]any
	for _, item := range items {
		if entry, ok := item.(map[string]any); ok {
			out = append(out, entry)
		}
	}
	return out
}

// mountsIn are the volumes of a pod's Flink container; those of sidecars don't
// count.
func mountsIn(podSpec map[string]any) []mount {
	volumes := map[string]mount{}
	for _, volume := range list(podSpec, "volumes") {
		for key, source := range volume {
			if key != "name" {
				volumes[text(volume, "name")] = mount{kind: key, source: asJSON(source), name: text(volume, "name")}
			}
		}
	}
	var out []mount
	for _, container := range list(podSpec, "containers") {
		if text(container, "name") != mainContainer {
			continue
		}
		for _, m := range list(container, "volumeMounts") {
			found, ok := volumes[text(m, "name")]
			if !ok || text(m, "mountPath") == "" {
				continue
			}
			found.at = path.Clean("/" + text(m, "mountPath"))
			found.readOnly = text(m, "readOnly") == "true"
			out = append(out, found)
		}
	}
	return out
}

// mountAt is the innermost mount that a file is in.
func mountAt(mounts []mount, file string) (best mount, found bool) {
	for _, m := range mounts {
		if (m.at == "/" || file == m.at || strings.HasPrefix(file, m.at+"/")) && (!found || len(m.at) >= len(best.at)) {
			best, found = m, true
		}
	}
	return best, found
}

// passing are the types of volumes that go with their pod.
var passing = []string{"emptyDir", "ephemeral", "configMap", "secret", "downwardAPI", "projected", "image"}

var schemeForm = pattern(`^[a-zA-Z][a-zA-Z0-9+.-]*$`)

// splitPath reads a path as Flink does. The scheme is "" where none is written.
func splitPath(text string) (scheme, rest string, err error) {
	text = strings.TrimSpace(text)
	scheme, rest, found := strings.Cut(text, ":")
	if !found || strings.Contains(scheme, "/") {
		scheme, rest = "", text
	}
	scheme = strings.ToLower(scheme)
	switch {
	case found && scheme != "" && !schemeForm.MatchString(scheme), !strings.HasPrefix(rest, "/"):
		return "", "", fmt.Errorf("%q is a relative path, which each pod takes from its own working directory", text)
	case scheme == "local":
		return "", "", fmt.Errorf("%q names a file of the container's image, where no state can be kept", text)
	case scheme == "file" && strings.HasPrefix(rest, "//") && !strings.HasPrefix(rest, "///") && rest != "//":
		return "", "", fmt.Errorf("%q has a host, which Flink refuses in a file's path; is it meant to be file:///%s?", text, strings.TrimPrefix(rest, "//"))
	}
	if scheme == "file" || scheme == "" {
		rest = path.Clean("/" + strings.TrimLeft(rest, "/"))
	}
	return scheme, rest, nil
}

// stays says why state at a path goes with its pods; "" where it stays, as far
// as the templates tell.
func (m *manifest) stays(dir string) string {
	scheme, file, err := splitPath(dir)
	if err != nil {
		return err.Error()
	}
	if scheme == "" {
		scheme, _, _ = strings.Cut(m.conf["fs.default-scheme"], ":")
	}
	if scheme != "" && scheme != "file" {
		return ""
	}
	jm, inJM := mountAt(m.mounts(jobManager), file)
	tm, inTM := mountAt(m.mounts(taskManager), file)
	switch {
	case !inJM && !inTM:
		return dir + " is in no volume of the job's pods, so that it is on each pod's own disk and goes with it"
	case !inTM:
		return dir + " is in a volume (" + jm.kind + ") of the JobManager alone: on the TaskManagers it is the pod's own disk"
	case !inJM:
		return dir + " is in a volume (" + tm.kind + ") of the TaskManagers alone: on the JobManager it is the pod's own disk"
	}
	for _, at := range []mount{jm, tm} {
		if slices.Contains(passing, at.kind) {
			return dir + " is in a volume of type " + at.kind + ", which every pod has of its own"
		}
	}
	if jm.kind != tm.kind || jm.source != tm.source {
		return dir + " is in one volume on the JobManager and in another on the TaskManagers"
	}
	if jm.readOnly || tm.readOnly {
		return dir + " is in a volume that is mounted read-only"
	}
	return ""
}
