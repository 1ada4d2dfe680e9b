package lifecycle

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"

	"k8s.io/apimachinery/pkg/util/jsonmergepatch"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

// UpgradeFields are the changes that a user wants. Zero fields change nothing.
type UpgradeFields struct {
	Image, Jar, Class string
	// FlinkVersion is as users write it: 2.3 or v2_3.
	FlinkVersion string
	Parallelism  int64
	// Args are the job's arguments where SetArgs says so.
	Args    []string
	SetArgs bool
	// AllowNonRestored lets the job start without state that it has no operator for
	// any more.
	AllowNonRestored bool
	// Set and Unset are of the flinkConfiguration.
	Set   map[string]string
	Unset []string
	// Manifest is what the spec is to become; its Object is nil for none.
	Manifest api.Job
	// Edit is a further merge patch of the spec, made of the job as it is; nil
	// for none.
	Edit func(job api.Job) (map[string]any, error)
}

const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

var flinkVersion = regexp.MustCompile(`^v?(\d+)[._](\d+)$`)

// patch is the merge patch of the spec (the template's, of a blue/green
// deployment), and of the annotations.
func (u UpgradeFields) patch(job api.Job) (spec, annotations map[string]any, err error) {
	if u.Manifest.Object != nil {
		if spec, annotations, err = u.ofManifest(job); err != nil {
			return nil, nil, err
		}
	}
	fields := map[string]any{}
	ofJob := map[string]any{}
	if u.Image != "" || u.FlinkVersion != "" {
		if job.Kind.Name == api.SessionJob.Name {
			return nil, nil, exit.Usagef("--image and --flink-version are the session cluster's: upgrade flinkdeployment/%s", job.SessionCluster())
		}
	}
	if u.Image != "" {
		fields["image"] = u.Image
	}
	if u.FlinkVersion != "" {
		parts := flinkVersion.FindStringSubmatch(u.FlinkVersion)
		if parts == nil {
			return nil, nil, exit.Usagef("--flink-version: %q is no version such as 2.3", u.FlinkVersion)
		}
		fields["flinkVersion"] = fmt.Sprintf("v%s_%s", parts[1], parts[2])
	}
	if u.Jar != "" {
		ofJob["jarURI"] = u.Jar
	}
	if u.Class != "" {
		ofJob["entryClass"] = u.Class
	}
	if u.Parallelism > 0 {
		ofJob["parallelism"] = u.Parallelism
	}
	if u.SetArgs {
		ofJob["args"] = texts(u.Args)
	}
	if u.AllowNonRestored {
		ofJob["allowNonRestoredState"] = true
	}
	if len(ofJob) > 0 {
		if api.Section(job.Spec(), "job") == nil {
			return nil, nil, exit.Usagef("%s is a session cluster: it has no jar, arguments or parallelism of its own", job.Ref())
		}
		fields["job"] = ofJob
	}
	if config := u.config(job); len(config) > 0 {
		fields["flinkConfiguration"] = config
	}
	if u.Edit != nil {
		edited, err := u.Edit(job)
		if err != nil {
			return nil, nil, err
		}
		fields = api.Merge(edited, fields)
	}
	return api.Merge(spec, fields), annotations, nil
}

// config is the patch of flinkConfiguration: each key is changed where it
// stands, be that whole or in nested YAML.
func (u UpgradeFields) config(job api.Job) map[string]any {
	own, _ := job.Spec()["flinkConfiguration"].(map[string]any)
	out := map[string]any{}
	for key, value := range u.Set {
		api.Merge(out, patchAt(own, key, value, true))
	}
	for _, key := range u.Unset {
		api.Merge(out, patchAt(own, key, nil, false))
	}
	return out
}

// patchAt is the merge patch that sets a key of a nested configuration; where
// it isn't set yet, create makes it a whole key.
func patchAt(config map[string]any, key string, value any, create bool) map[string]any {
	if _, ok := config[key]; ok {
		return map[string]any{key: value}
	}
	for i := range len(key) {
		if key[i] != '.' {
			continue
		}
		if below, ok := config[key[:i]].(map[string]any); ok {
			if inner := patchAt(below, key[i+1:], value, false); inner != nil {
				return map[string]any{key[:i]: inner}
			}
		}
	}
	if create {
		return map[string]any{key: value}
	}
	return nil
}

// ofManifest is what kubectl apply would change of the spec: what the manifest
// says, and without what the manifest that was applied last said and this one
// doesn't.
func (u UpgradeFields) ofManifest(job api.Job) (spec, annotations map[string]any, err error) {
	wanted := u.Manifest
	if wanted.Kind.Name != job.Kind.Name || wanted.Object.GetName() != job.Object.GetName() {
		return nil, nil, exit.Usagef("--filename: the manifest is of %s, not of %s", wanted.Ref(), job.Ref())
	}
	modified, err := json.Marshal(wanted.Spec())
	if err != nil {
		return nil, nil, err
	}
	current, err := json.Marshal(job.Spec())
	if err != nil {
		return nil, nil, err
	}
	original := modified
	if raw := job.Object.GetAnnotations()[lastApplied]; raw != "" {
		before := api.Job{Kind: job.Kind, Object: wanted.Object.DeepCopy()}
		if json.Unmarshal([]byte(raw), &before.Object.Object) == nil && before.Spec() != nil {
			if original, err = json.Marshal(before.Spec()); err != nil {
				return nil, nil, err
			}
			// So that the next kubectl apply knows what this one has set.
			clean := wanted.Object.DeepCopy()
			clean.SetAnnotations(api.Without(clean.GetAnnotations(), func(key string) bool { return key == lastApplied }))
			applied, err := json.Marshal(clean.Object)
			if err != nil {
				return nil, nil, err
			}
			annotations = map[string]any{lastApplied: string(applied) + "\n"}
		}
	}
	raw, err := jsonmergepatch.CreateThreeWayJSONMergePatch(original, modified, current)
	if err != nil {
		return nil, nil, fmt.Errorf("compare the manifest with %s: %w", job.Ref(), err)
	}
	spec = map[string]any{}
	return spec, annotations, json.Unmarshal(raw, &spec)
}

// isEmpty reports whether nothing is asked for.
func (u UpgradeFields) isEmpty() bool {
	return u.Image == "" && u.Jar == "" && u.Class == "" && u.FlinkVersion == "" && u.Parallelism == 0 && !u.SetArgs &&
		len(u.Set) == 0 && len(u.Unset) == 0 && u.Manifest.Object == nil && u.Edit == nil
}

// Validate finds what is wrong with the wishes alone.
func (u UpgradeFields) Validate() error {
	if u.isEmpty() {
		return exit.Usagef("what to upgrade? Give --image, --jar, --args, --sql, --parallelism, --flink-version, --set, --unset or --filename")
	}
	for _, key := range u.Unset {
		if _, both := u.Set[key]; both {
			return exit.Usagef("%s is in both --set and --unset", key)
		}
	}
	if u.FlinkVersion != "" && !flinkVersion.MatchString(u.FlinkVersion) {
		return exit.Usagef("--flink-version: %q is no version such as 2.3", u.FlinkVersion)
	}
	for _, key := range slices.Concat(u.Unset, api.SortedKeys(u.Set)) {
		if slices.Contains(api.PerCluster, key) {
			return exit.Usagef("%s can't be set: the operator sees to it", key)
		}
	}
	return nil
}
