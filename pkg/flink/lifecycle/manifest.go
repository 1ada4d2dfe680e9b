package lifecycle

import (
	"errors"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	apivalidation "k8s.io/apimachinery/pkg/util/validation"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

// The operator's limits on names: those of FlinkDeployments become parts of
// Services' and labels, and a blue/green deployment adds -green to its own.
const (
	longestName      = 45
	longestBlueGreen = longestName - len("-green")
)

var deploymentName = regexp.MustCompile(`^[a-z]([-a-z\d]*[a-z\d])?$`)

// CheckName finds what is wrong with a name for a new object of a kind.
func CheckName(kind api.Kind, name string) error {
	longest := apivalidation.DNS1123SubdomainMaxLength
	switch kind.Name {
	case api.Deployment.Name:
		longest = longestName
	case api.BlueGreen.Name:
		longest = longestBlueGreen
	}
	switch {
	case len(name) > longest:
		return exit.Usagef("the name %q has %d characters; a %s may have at most %d", name, len(name), kind.Name, longest)
	case kind.Name != api.SessionJob.Name && !deploymentName.MatchString(name):
		return exit.Usagef("%q is no name for a %s: lower case letters, digits and '-', beginning with a letter and not ending with '-'", name, kind.Name)
	}
	if wrong := apivalidation.IsDNS1123Subdomain(name); len(wrong) > 0 {
		return exit.Usagef("%q is no name: %s", name, wrong[0])
	}
	return nil
}

// SessionJobSpec is what `submit` makes a FlinkSessionJob of.
type SessionJobSpec struct {
	// Name is "" for one made of the jar's.
	Name, Namespace string
	// Cluster is the session cluster's name.
	Cluster     string
	Jar         string
	Class       string
	Args        []string
	Parallelism int64
	UpgradeMode string
	Config      map[string]string
	Labels      map[string]string
}

// Manifest is the FlinkSessionJob.
func (s SessionJobSpec) Manifest() (api.Job, error) {
	if s.Name == "" {
		s.Name = nameOfJar(s.Jar)
	}
	if s.Name == "" {
		return api.Job{}, exit.Usagef("--jar: no name can be made of %q; give one", s.Jar)
	}
	if err := CheckName(api.SessionJob, s.Name); err != nil {
		return api.Job{}, err
	}
	job := map[string]any{"jarURI": s.Jar, "parallelism": s.Parallelism, "upgradeMode": s.UpgradeMode, "state": api.WantRunning}
	if s.Class != "" {
		job["entryClass"] = s.Class
	}
	if len(s.Args) > 0 {
		job["args"] = texts(s.Args)
	}
	spec := map[string]any{"deploymentName": s.Cluster, "job": job}
	if len(s.Config) > 0 {
		config := map[string]any{}
		for key, value := range s.Config {
			config[key] = value
		}
		spec["flinkConfiguration"] = config
	}
	object := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": api.Group + "/" + api.Version, "kind": api.SessionJob.Name, "spec": spec,
	}}
	object.SetName(s.Name)
	object.SetNamespace(s.Namespace)
	object.SetLabels(maps.Clone(s.Labels))
	return api.Job{Kind: api.SessionJob, Object: object}, nil
}

func texts(list []string) []any {
	out := make([]any, len(list))
	for i, item := range list {
		out[i] = item
	}
	return out
}

var notInNames = regexp.MustCompile(`[^a-z0-9]+`)

// nameOfJar is an object's name made of a jar's URI: …/My_Job-1.2.jar gives
// my-job-1-2.
func nameOfJar(uri string) string {
	base := path.Base(uri)
	base, _, _ = strings.Cut(base, "?")
	base = strings.TrimSuffix(strings.ToLower(base), ".jar")
	name := strings.Trim(notInNames.ReplaceAllString(base, "-"), "-")
	return strings.TrimRight(name[:min(len(name), longestName)], "-")
}

// ParseSettings reads key=value pairs for a flinkConfiguration.
func ParseSettings(flag string, pairs []string) (map[string]string, error) {
	if len(pairs) == 0 {
		return nil, nil
	}
	out := map[string]string{}
	for _, pair := range pairs {
		key, value, ok := strings.Cut(pair, "=")
		if key = strings.TrimSpace(key); !ok || key == "" || strings.ContainsAny(key, " \t\n:") {
			return nil, exit.Usagef("%s: %q is not key=value", flag, pair)
		}
		if _, twice := out[key]; twice {
			return nil, exit.Usagef("%s: %s is given twice", flag, key)
		}
		out[key] = value
	}
	return out, nil
}

// SplitArgs splits text into a program's arguments as a shell would: at white
// space, with '…', "…" and \ as quotes.
func SplitArgs(text string) ([]string, error) {
	var out []string
	var word strings.Builder
	var quote rune
	inWord, escaped := false, false
	for _, r := range text {
		switch {
		case escaped:
			word.WriteRune(r)
			escaped = false
		case r == '\\' && quote != '\'':
			escaped, inWord = true, true
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '\'' || r == '"':
			quote, inWord = r, true
		case r == ' ' || r == '\t' || r == '\n':
			if inWord {
				out = append(out, word.String())
				word.Reset()
				inWord = false
			}
		default:
			word.WriteRune(r)
			inWord = true
		}
	}
	if quote != 0 || escaped {
		return nil, errors.New("a quote is not closed")
	}
	if inWord {
		out = append(out, word.String())
	}
	return out, nil
}

// upgradeModes are the operator's.
var upgradeModes = []string{api.UpgradeSavepoint, api.UpgradeLastState, api.UpgradeStateless}

// CheckUpgradeMode finds a wrong --upgrade-mode.
func CheckUpgradeMode(mode string) error {
	if !slices.Contains(upgradeModes, mode) {
		return exit.Usagef("--upgrade-mode: %q is not one of %s", mode, strings.Join(upgradeModes, ", "))
	}
	return nil
}
