package lifecycle

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apimachinery/pkg/util/yaml"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/source"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

// largestManifest bounds what is read, in bytes: etcd takes 1.5 MiB.
const largestManifest = 16 << 20

// ReadManifests reads the jobs in files, in directories' *.yaml, *.yml and
// *.json, and at http(s) URLs; "-" is in. Everything in them has to be a
// FlinkDeployment, a FlinkSessionJob or a FlinkBlueGreenDeployment. Its errors
// are usage errors.
func ReadManifests(ctx context.Context, in io.Reader, files []string) ([]api.Job, error) {
	var jobs []api.Job
	for _, file := range files {
		names, err := expand(file, false)
		if err != nil {
			return nil, exit.With(exit.Usage, fmt.Errorf("--filename: %w", err))
		}
		for _, name := range names {
			found, err := readManifest(ctx, in, name)
			if ctx.Err() != nil {
				return nil, context.Cause(ctx)
			}
			if err != nil {
				return nil, exit.With(exit.Usage, fmt.Errorf("--filename: %s: %w", source.Shown(name), err))
			}
			jobs = append(jobs, found...)
		}
	}
	if len(jobs) == 0 {
		return nil, exit.Usagef("--filename: no objects in %s", strings.Join(files, ", "))
	}
	return jobs, nil
}

// expand makes a directory the manifests in it; recursive: and below it.
func expand(file string, recursive bool) ([]string, error) {
	if file == "-" || source.IsURL(file) {
		return []string{file}, nil
	}
	info, err := os.Stat(file)
	if err != nil || !info.IsDir() {
		return []string{file}, err
	}
	return source.Files(file, recursive)
}

func readManifest(ctx context.Context, in io.Reader, name string) ([]api.Job, error) {
	var jobs []api.Job
	err := readObjects(ctx, in, name, func(object *unstructured.Unstructured) error {
		found, err := jobsInObject(object)
		jobs = append(jobs, found...)
		return err
	})
	return jobs, err
}

// readObjects hands over each document of a manifest in turn; a list is one.
func readObjects(ctx context.Context, in io.Reader, name string, add func(*unstructured.Unstructured) error) error {
	data, err := source.Read(ctx, name, in, largestManifest)
	if err != nil {
		return err
	}
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(data), 4096)
	for {
		var raw json.RawMessage
		object := &unstructured.Unstructured{}
		err := decoder.Decode(&raw)
		if err == nil && len(raw) > 0 && string(raw) != "null" {
			// Whole numbers stay whole this way.
			err = utiljson.Unmarshal(raw, &object.Object)
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case len(object.Object) == 0:
			continue
		}
		if err := add(object); err != nil {
			return err
		}
	}
}

// ManifestObject is one object of a file.
type ManifestObject struct {
	// File is where it was read, as it may be shown; "-" is standard input.
	File   string
	Object *unstructured.Unstructured
}

// ReadObjects reads the objects of any kind in files, in directories' *.yaml,
// *.yml and *.json (recursive: in those below, too), and at http(s) URLs; "-"
// is in. Lists are taken apart. Its errors are usage errors.
func ReadObjects(ctx context.Context, in io.Reader, files []string, recursive bool) ([]ManifestObject, error) {
	var out []ManifestObject
	for _, file := range files {
		names, err := expand(file, recursive)
		if err != nil {
			return nil, exit.With(exit.Usage, fmt.Errorf("--filename: %w", err))
		}
		for _, name := range names {
			shown := source.Shown(name)
			err := readObjects(ctx, in, name, func(object *unstructured.Unstructured) error {
				if !object.IsList() {
					out = append(out, ManifestObject{shown, object})
					return nil
				}
				return object.EachListItem(func(item runtime.Object) error {
					out = append(out, ManifestObject{shown, item.(*unstructured.Unstructured)})
					return nil
				})
			})
			if ctx.Err() != nil {
				return nil, context.Cause(ctx)
			}
			if err != nil {
				return nil, exit.With(exit.Usage, fmt.Errorf("--filename: %s: %w", shown, err))
			}
		}
	}
	if len(out) == 0 {
		return nil, exit.Usagef("--filename: no objects in %s", strings.Join(files, ", "))
	}
	return out, nil
}

// jobsInObject are the jobs of one document, which may be a list.
func jobsInObject(object *unstructured.Unstructured) ([]api.Job, error) {
	if object.IsList() {
		var jobs []api.Job
		err := object.EachListItem(func(item runtime.Object) error {
			found, err := jobsInObject(item.(*unstructured.Unstructured))
			jobs = append(jobs, found...)
			return err
		})
		return jobs, err
	}
	kind, known := api.ParseKind(object.GetKind(), api.JobKinds...)
	switch {
	case !known || object.GroupVersionKind().Group != api.Group:
		return nil, fmt.Errorf("%s %s is none of Flink's jobs (%s in %s); use kubectl apply for the rest", cmp.Or(object.GetAPIVersion(), "no apiVersion,"), cmp.Or(object.GetKind(), "no kind"), operator.KindNames(api.JobKinds), api.Group)
	case object.GetName() == "":
		return nil, fmt.Errorf("a %s without metadata.name", kind.Name)
	case api.Section(object.Object, "spec") == nil || kind.Name == api.BlueGreen.Name && api.Section(object.Object, "spec", "template", "spec") == nil:
		return nil, fmt.Errorf("%s %q without a spec", kind.Name, object.GetName())
	}
	// What an exported object has of its old life.
	object.SetResourceVersion("")
	object.SetUID("")
	delete(object.Object, "status")
	return []api.Job{{Kind: kind, Object: object}}, nil
}
