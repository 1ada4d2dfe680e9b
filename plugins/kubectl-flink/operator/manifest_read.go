package operator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apimachinery/pkg/util/yaml"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
)

const (
	// largestManifest bounds what is read, in bytes: etcd takes 1.5 MiB.
	largestManifest = 16 << 20
	// downloadLimit bounds a manifest's way from a URL.
	downloadLimit = 30 * time.Second
)

// ReadManifests reads the jobs in files, in directories' *.yaml, *.yml and
// *.json, and at http(s) URLs; "-" is in. Everything in them has to be a
// FlinkDeployment, a FlinkSessionJob or a FlinkBlueGreenDeployment. Its errors
// are usage errors.
func ReadManifests(ctx context.Context, in io.Reader, files []string) ([]Job, error) {
	var jobs []Job
	for _, file := range files {
		sources, err := expand(file)
		if err != nil {
			return nil, exit.With(exit.Usage, fmt.Errorf("--filename: %w", err))
		}
		for _, source := range sources {
			found, err := readManifest(ctx, in, source)
			if err != nil {
				return nil, exit.With(exit.Usage, fmt.Errorf("--filename: %s: %w", source, err))
			}
			jobs = append(jobs, found...)
		}
	}
	if len(jobs) == 0 {
		return nil, exit.Usagef("--filename: no objects in %s", strings.Join(files, ", "))
	}
	return jobs, nil
}

func isURL(file string) bool {
	return strings.HasPrefix(file, "https://") || strings.HasPrefix(file, "http://")
}

// expand makes a directory the manifests in it.
func expand(file string) ([]string, error) {
	if file == "-" || isURL(file) {
		return []string{file}, nil
	}
	info, err := os.Stat(file)
	if err != nil || !info.IsDir() {
		return []string{file}, err
	}
	entries, err := os.ReadDir(file)
	var out []string
	for _, entry := range entries {
		if !entry.IsDir() && slices.Contains([]string{".yaml", ".yml", ".json"}, filepath.Ext(entry.Name())) {
			out = append(out, filepath.Join(file, entry.Name()))
		}
	}
	return out, err
}

func readManifest(ctx context.Context, in io.Reader, source string) ([]Job, error) {
	ctx, cancel := context.WithTimeout(ctx, downloadLimit)
	defer cancel()
	body, err := openManifest(ctx, in, source)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	limited := &io.LimitedReader{R: body, N: largestManifest + 1}
	decoder := yaml.NewYAMLOrJSONDecoder(limited, 4096)
	var jobs []Job
	for {
		var raw json.RawMessage
		object := &unstructured.Unstructured{}
		err := decoder.Decode(&raw)
		if err == nil && len(raw) > 0 && string(raw) != "null" {
			// Whole numbers stay whole this way.
			err = utiljson.Unmarshal(raw, &object.Object)
		}
		switch {
		case limited.N <= 0:
			return nil, fmt.Errorf("larger than %d MiB", largestManifest>>20)
		case errors.Is(err, io.EOF):
			return jobs, nil
		case err != nil:
			return nil, err
		case len(object.Object) == 0:
			continue
		}
		found, err := jobsIn(object)
		if err != nil {
			return nil, err
		}
		jobs = append(jobs, found...)
	}
}

func openManifest(ctx context.Context, in io.Reader, source string) (io.ReadCloser, error) {
	switch {
	case source == "-":
		return io.NopCloser(in), nil
	case !isURL(source):
		return os.Open(source)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, source, nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		response.Body.Close()
		return nil, fmt.Errorf("the server answered %s", response.Status)
	}
	return response.Body, nil
}

// jobsIn are the jobs of one document, which may be a list.
func jobsIn(object *unstructured.Unstructured) ([]Job, error) {
	if object.IsList() {
		var jobs []Job
		err := object.EachListItem(func(item runtime.Object) error {
			found, err := jobsIn(item.(*unstructured.Unstructured))
			jobs = append(jobs, found...)
			return err
		})
		return jobs, err
	}
	kind, known := ParseKind(object.GetKind(), JobKinds...)
	switch {
	case !known || object.GroupVersionKind().Group != Group:
		return nil, fmt.Errorf("%s %s is none of Flink's jobs (%s in %s); use kubectl apply for the rest", or(object.GetAPIVersion(), "no apiVersion,"), or(object.GetKind(), "no kind"), kindNames(JobKinds), Group)
	case object.GetName() == "":
		return nil, fmt.Errorf("a %s without metadata.name", kind.Name)
	case section(object.Object, "spec") == nil || kind.Name == BlueGreen.Name && section(object.Object, "spec", "template", "spec") == nil:
		return nil, fmt.Errorf("%s %q without a spec", kind.Name, object.GetName())
	}
	// What an exported object has of its old life.
	object.SetResourceVersion("")
	object.SetUID("")
	delete(object.Object, "status")
	return []Job{{kind, object}}, nil
}
