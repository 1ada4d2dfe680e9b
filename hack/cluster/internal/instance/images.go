package instance

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/hack/cluster/internal/image"
	"github.com/kubectl-flink/kubectl-flink/hack/cluster/internal/node"
	"github.com/kubectl-flink/kubectl-flink/hack/cluster/internal/progress"
	"github.com/kubectl-flink/kubectl-flink/hack/cluster/internal/run"
)

// imagesFile lists the images whose import was finished, with their IDs: an
// import that was cut off leaves images that are there but cannot run.
const imagesFile = "images.json"

func readImages(name string) map[string]string {
	loaded := map[string]string{}
	if data, err := os.ReadFile(filepath.Join(node.Dir(name), imagesFile)); err == nil {
		_ = json.Unmarshal(data, &loaded)
	}
	return loaded
}

func writeImages(name string, loaded map[string]string) error {
	data, err := json.MarshalIndent(loaded, "", "  ")
	if err != nil {
		return err
	}
	path := filepath.Join(node.Dir(name), imagesFile)
	if err := os.WriteFile(path+".tmp", data, 0o644); err != nil {
		return err
	}
	return os.Rename(path+".tmp", path)
}

func ctr(s node.Spec, args ...string) []string {
	return append([]string{"--address", s.Socket(), "-n", "k8s.io"}, args...)
}

// importImages imports the images that containerd does not have yet, as one
// archive, so that a shared layer goes over once.
func importImages(ctx context.Context, log *progress.Log, s node.Spec, images []image.Image) error {
	present, err := run.Output(ctx, "ctr", ctr(s, "images", "ls", "-q")...)
	if err != nil {
		return err
	}
	have := strings.Fields(present)
	loaded := readImages(s.Name)
	var missing []image.Image
	for _, img := range images {
		id, err := img.ID()
		if err != nil {
			return err
		}
		if loaded[img.Ref] != id || !slices.Contains(have, img.Ref) {
			missing = append(missing, img)
			loaded[img.Ref] = id
		}
	}
	if len(missing) == 0 {
		return nil
	}
	for _, img := range missing {
		log.Printf(s.Name, "importing image %s", shortRef(img.Ref))
	}
	r, w := io.Pipe()
	go func() { _ = w.CloseWithError(image.WriteArchive(w, missing)) }()
	err = run.Cmd{Stdin: r}.Run(ctx, "ctr", ctr(s, "images", "import", "--snapshotter", s.Snapshotter, "-")...)
	_ = r.Close()
	if err != nil {
		return err
	}
	return writeImages(s.Name, loaded)
}

// shortRef is how a manifest names the image.
func shortRef(ref string) string { return strings.TrimPrefix(ref, "docker.io/library/") }

// readSpec is the specification of a running cluster.
func readSpec(name string) (node.Spec, error) {
	s, err := node.ReadSpec(name)
	if errors.Is(err, os.ErrNotExist) {
		err = errNoCluster(name)
	}
	return s, err
}

// ImportImage imports an image into a running cluster that doesn't have it yet.
func ImportImage(ctx context.Context, log *progress.Log, name string, img image.Image) error {
	s, err := readSpec(name)
	if err != nil {
		return err
	}
	return importImages(ctx, log, s, []image.Image{img})
}

// LoadImage imports an archive of images into a running cluster.
func LoadImage(ctx context.Context, name, archive string) error {
	s, err := readSpec(name)
	if err != nil {
		return err
	}
	return run.Run(ctx, "ctr", ctr(s, "images", "import", "--snapshotter", s.Snapshotter, archive)...)
}

func imageNames(name string) []string {
	var out []string
	for ref := range maps.Keys(readImages(name)) {
		out = append(out, shortRef(ref))
	}
	slices.Sort(out)
	return out
}
