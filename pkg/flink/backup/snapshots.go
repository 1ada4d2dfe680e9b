package backup

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

// mostSnapshots bounds how many FlinkStateSnapshots a job's backup may have.
const mostSnapshots = 10_000

// Snapshots reads the completed savepoints among the FlinkStateSnapshots of a job. What
// isn't of the job is an error: it would be created.
func (d *Dir) Snapshots(e Entry) ([]api.Snapshot, error) {
	if e.Snapshots == "" {
		return nil, nil
	}
	data, err := d.read(e.Snapshots)
	if err != nil {
		return nil, err
	}
	var out []api.Snapshot
	documents := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(data)))
	for n := 1; ; n++ {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		s := api.Snapshot{Object: &unstructured.Unstructured{}}
		if err == nil {
			var text []byte
			if text, err = toJSON(document); err == nil {
				err = utiljson.Unmarshal(text, &s.Object.Object)
			}
		}
		if err == nil {
			err = checkSnapshot(e, s)
		}
		if err == nil && n > mostSnapshots {
			err = fmt.Errorf("there are more than %d", mostSnapshots)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: document %d: %w", e.Snapshots, n, err)
		}
		if s.IsSavepoint() && s.State() == api.SnapshotCompleted && s.Path() != "" {
			out = append(out, s)
		}
	}
}

func checkSnapshot(e Entry, s api.Snapshot) error {
	switch {
	case s.Object.GetAPIVersion() != api.Group+"/"+api.Version || s.Object.GetKind() != api.StateSnap.Name:
		return fmt.Errorf("kind: it is no %s", api.StateSnap.Name)
	case s.Object.GetNamespace() != e.Namespace:
		return fmt.Errorf("metadata.namespace is %q, and not %q", s.Object.GetNamespace(), e.Namespace)
	}
	if err := CheckNames(e.Namespace, s.Name()); err != nil {
		return fmt.Errorf("metadata.name: %w", err)
	}
	if s.Path() == "" {
		return nil
	}
	if err := api.CheckPathForm(s.Path()); err != nil {
		return fmt.Errorf("status.path: %w", err)
	}
	return nil
}

// registered is a savepoint of a backup as an object that registers what exists: the
// operator takes none for it, and its cleanup of periodic ones leaves it alone.
// Deleting it keeps the data, also where that was set otherwise: where the backup
// was made, an object may still stand for the same files.
func registered(s api.Snapshot, job api.Ref) *unstructured.Unstructured {
	labels := map[string]string{}
	for key, value := range s.Object.GetLabels() {
		// The operator's own are of the object that was there.
		if !strings.HasPrefix(key, "snapshot.") && !strings.HasPrefix(key, "job-reference.") {
			labels[key] = value
		}
	}
	maps.Copy(labels, map[string]string{api.LabelJobKind: job.Kind.Name, api.LabelJobName: job.Name, api.LabelTrigger: "MANUAL"})
	out := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": api.Group + "/" + api.Version, "kind": api.StateSnap.Name,
		"spec": map[string]any{
			"backoffLimit": int64(0),
			"jobReference": map[string]any{"kind": job.Kind.Name, "name": job.Name},
			"savepoint":    map[string]any{"alreadyExists": true, "path": s.Path(), "formatType": s.Format(), "disposeOnDelete": false},
		},
	}}
	out.SetName(s.Name())
	out.SetNamespace(job.Namespace)
	out.SetLabels(labels)
	return out
}

// readSnapshots reads what of a job's FlinkStateSnapshots is made again. One that can't
// be read keeps no job from being recovered.
func (r *Recovery) readSnapshots(ctx context.Context, step *Step) {
	found, err := r.Dir.Snapshots(step.Entry)
	if len(found) == 0 && err == nil {
		return
	}
	if err == nil {
		var served bool
		if served, err = r.Client.Serves(ctx, api.StateSnap); err == nil && !served {
			err = errors.New("this cluster has none of that kind")
		}
	}
	if err != nil {
		step.Notes = append(step.Notes, "its FlinkStateSnapshots aren't made again: "+err.Error())
		return
	}
	for _, s := range found {
		// Those of the children of a blue/green deployment go with the child.
		if s.Job() == step.Entry.Ref() {
			step.snapshots = append(step.snapshots, registered(s, step.Ref()))
		}
	}
	if n := len(step.snapshots); n > 0 {
		step.Notes = append(step.Notes, fmt.Sprintf("its savepoints are registered again, %d FlinkStateSnapshots; deleting these keeps their data, and whether that is still there isn't looked at", n))
	}
}

// register makes the FlinkStateSnapshots of a step that aren't there.
func (r *Recovery) register(ctx context.Context, step Step, reporter operator.Reporter) error {
	made := 0
	for _, object := range step.snapshots {
		_, err := r.Client.Resource(api.StateSnap, object.GetNamespace()).Create(ctx, object, metav1.CreateOptions{FieldManager: operator.FieldManager})
		switch {
		case apierrors.IsAlreadyExists(err):
		case err != nil:
			return fmt.Errorf("it is recovered, but its savepoints aren't registered again: flinkstatesnapshot/%s couldn't be created: %w", object.GetName(), err)
		default:
			made++
		}
	}
	if made > 0 {
		reporter.Notef("%d of its savepoints registered again", made)
	}
	return nil
}
