package artifact

import (
	"context"
	"path/filepath"

	"github.com/kubectl-flink/kubectl-flink/hack/cluster/internal/cache"
	"github.com/kubectl-flink/kubectl-flink/hack/cluster/internal/image"
)

// Names of the images that hold one static program each.
const (
	PauseImage   = "localhost/pause:1"
	CoreDNSImage = "localhost/coredns:1.12.4"
	MinIOImage   = "localhost/minio:1"
)

// Pause is the image that holds a pod's namespaces open.
func (f *Factory) Pause(ctx context.Context) (image.Image, error) {
	return f.staticImage(ctx, PauseImage, "pause", "/pause")
}

// CoreDNS is the image of the cluster's DNS server.
func (f *Factory) CoreDNS(ctx context.Context) (image.Image, error) {
	return f.staticImage(ctx, CoreDNSImage, "coredns", "/coredns")
}

// MinIO is the image of the S3 server.
func (f *Factory) MinIO(ctx context.Context) (image.Image, error) {
	return f.staticImage(ctx, MinIOImage, "minio", "/minio")
}

// staticImage is an image of one program, on nothing.
func (f *Factory) staticImage(ctx context.Context, ref, name, path string) (image.Image, error) {
	program, err := f.component(ctx, name, "-s -w")
	if err != nil {
		return image.Image{}, err
	}
	dir, err := f.Cache.Get(ctx, cache.Artifact{
		Name:   name + "-layer",
		Inputs: []string{filepath.Base(program), path},
		Build: func(_ context.Context, dir string) error {
			l, err := image.NewLayerWriter(filepath.Join(dir, "layer.tar"))
			if err != nil {
				return err
			}
			if err := l.Copy(path, 0o755, filepath.Join(program, name)); err != nil {
				l.Abort()
				return err
			}
			return l.Close()
		},
	})
	if err != nil {
		return image.Image{}, err
	}
	layer, err := image.ReadLayer(filepath.Join(dir, "layer.tar"))
	return image.Image{
		Ref:    ref,
		Layers: []image.Layer{layer},
		Config: image.Config{Entrypoint: []string{path}},
	}, err
}
