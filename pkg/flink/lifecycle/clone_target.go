package lifecycle

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

// Reference is an object of its namespace that a job's pods need.
type Reference struct {
	// Kind is serviceaccount, secret, configmap or persistentvolumeclaim.
	Kind, Name string
}

// References are what a FlinkDeployment's spec names, sorted.
func References(spec map[string]any) []Reference {
	found := map[Reference]bool{}
	add := func(kind string, name any) {
		if s, ok := name.(string); ok && s != "" {
			found[Reference{kind, s}] = true
		}
	}
	add("serviceaccount", spec["serviceAccount"])
	var walk func(key string, value any)
	walk = func(key string, value any) {
		switch v := value.(type) {
		case []any:
			for _, item := range v {
				if entry, ok := item.(map[string]any); ok && key == "imagePullSecrets" {
					add("secret", entry["name"])
				}
				walk(key, item)
			}
		case map[string]any:
			if optional, _ := v["optional"].(bool); optional {
				return
			}
			switch key {
			case "secretKeyRef", "secretRef":
				add("secret", v["name"])
			case "secret":
				add("secret", v["secretName"])
				add("secret", v["name"])
			case "configMapKeyRef", "configMapRef", "configMap":
				add("configmap", v["name"])
			case "persistentVolumeClaim":
				add("persistentvolumeclaim", v["claimName"])
			}
			for below, child := range v {
				walk(below, child)
			}
		}
	}
	walk("", spec["podTemplate"])
	for _, part := range []string{"jobManager", "taskManager"} {
		walk("", api.Section(spec, part)["podTemplate"])
	}
	for _, template := range podTemplates(spec) {
		add("serviceaccount", api.Section(template, "spec")["serviceAccountName"])
	}
	config, _ := spec["flinkConfiguration"].(map[string]any)
	flat := api.Flatten(config)
	// kubernetes.secrets is name:path,name:path
	for pair := range strings.SplitSeq(strings.ReplaceAll(flat["kubernetes.secrets"], ";", ","), ",") {
		name, _, _ := strings.Cut(pair, ":")
		add("secret", strings.TrimSpace(name))
	}
	// kubernetes.env.secretKeyRef is env:VARIABLE,secret:NAME,key:KEY;…
	for field := range strings.FieldsFuncSeq(flat["kubernetes.env.secretKeyRef"], func(r rune) bool { return r == ',' || r == ';' }) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(field), "secret:"); ok {
			add("secret", strings.TrimSpace(name))
		}
	}
	add("configmap", flat["kubernetes.hadoop.conf.config-map.name"])
	return slices.SortedFunc(maps.Keys(found), func(a, b Reference) int {
		return strings.Compare(a.Kind+"/"+a.Name, b.Kind+"/"+b.Name)
	})
}

func podTemplates(spec map[string]any) []map[string]any {
	var out []map[string]any
	for _, template := range []map[string]any{api.Section(spec, "podTemplate"), api.Section(spec, "jobManager", "podTemplate"), api.Section(spec, "taskManager", "podTemplate")} {
		if template != nil {
			out = append(out, template)
		}
	}
	return out
}

// MissingReferences says which of the references a namespace doesn't have. What
// can't be read without permission is taken to be there.
func MissingReferences(ctx context.Context, c *operator.Client, namespace string, wanted []Reference) []string {
	var out []string
	core := c.Core().CoreV1()
	for _, r := range wanted {
		var err error
		switch r.Kind {
		case "serviceaccount":
			_, err = core.ServiceAccounts(namespace).Get(ctx, r.Name, metav1.GetOptions{})
		case "secret":
			_, err = core.Secrets(namespace).Get(ctx, r.Name, metav1.GetOptions{})
		case "configmap":
			_, err = core.ConfigMaps(namespace).Get(ctx, r.Name, metav1.GetOptions{})
		case "persistentvolumeclaim":
			_, err = core.PersistentVolumeClaims(namespace).Get(ctx, r.Name, metav1.GetOptions{})
		}
		if apierrors.IsNotFound(err) {
			line := fmt.Sprintf("namespace %s has no %s/%s, which the job's pods need", namespace, r.Kind, r.Name)
			if r.Kind == "serviceaccount" {
				line += " (with a role for pods, configmaps, services and deployments)"
			}
			out = append(out, line)
		}
	}
	return out
}

// storageOf says whether the copy can read the state that it is to start from,
// by where that is: stop is why it can't, warn what has to be checked.
func storageOf(ctx context.Context, c *operator.Client, source, cluster api.Job, request CloneRequest, from string) (stop, warn []string) {
	path := from
	if path == "" {
		config, _, err := c.EffectiveConfig(ctx, cluster)
		if err != nil {
			return nil, nil
		}
		if path, _ = config.Get(api.SavepointDirKeys...); path == "" {
			return nil, nil
		}
	}
	away := request.Elsewhere || request.Namespace != source.Object.GetNamespace()
	switch place := c.StatePlace(ctx, cluster, path); {
	case !place.Lasts():
		stop = append(stop, fmt.Sprintf("%s %s", path, place.Why))
	case place.Kind == api.RemotePlace && away:
		warn = append(warn, fmt.Sprintf("the clone's pods must be able to read %s: network, credentials and the filesystem plugin of its image", path))
	case place.Kind == api.RemotePlace:
	case request.Elsewhere:
		stop = append(stop, fmt.Sprintf("%s is in a volume (%s) of this cluster, which the other cluster can't see", path, place.Volume))
	case place.Volume == "persistentVolumeClaim" && away:
		stop = append(stop, fmt.Sprintf("%s is in a PersistentVolumeClaim, and a claim of that name in namespace %s is another volume", path, request.Namespace))
	case place.Volume == "hostPath":
		warn = append(warn, fmt.Sprintf("%s is in a hostPath volume: on a cluster of several nodes all of them must see the same files there", path))
	}
	return stop, warn
}

// Fits says whether a job made of source's manifest can run in the namespace of
// to and read the state that source leaves: stop is why it can't, warn what has
// to be checked. elsewhere says that it is to run in another cluster, where
// nothing can be looked up.
func Fits(ctx context.Context, c *operator.Client, source, to api.Job, elsewhere bool) (stop, warn []string) {
	namespace := to.Object.GetNamespace()
	if !elsewhere {
		stop = MissingReferences(ctx, c, namespace, References(to.Spec()))
	}
	cannot, check := storageOf(ctx, c, source, source, CloneRequest{Namespace: namespace, Elsewhere: elsewhere}, "")
	return append(stop, cannot...), append(warn, check...)
}
