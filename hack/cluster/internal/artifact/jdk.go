package artifact

import (
	"context"
	"errors"
	"path/filepath"

	"github.com/kubectl-flink/kubectl-flink/hack/cluster/internal/cache"
	"github.com/kubectl-flink/kubectl-flink/hack/cluster/internal/image"
)

// JDKImage is the name of the image with a JDK: one that users know.
const JDKImage = "docker.io/library/eclipse-temurin:17-jdk"

// JDK is an image with a JDK, as far as jcmd goes: the base's Java, to which Debian's
// JDK adds little but the launchers of its tools.
func (f *Factory) JDK(ctx context.Context) (image.Image, error) {
	if err := f.Tools(ctx, "javac-17"); err != nil {
		return image.Image{}, err
	}
	javac := java17()
	if javac == "" {
		return image.Image{}, errors.New("there is no JDK 17 although its package is installed")
	}
	bin := filepath.Dir(javac)
	base, err := f.BaseLayer(ctx)
	if err != nil {
		return image.Image{}, err
	}
	dir, err := f.Cache.Get(ctx, cache.Artifact{
		Name:   "jdk-layer",
		Inputs: []string{"1", bin, base.Digest},
		Build: func(_ context.Context, dir string) error {
			l, err := image.NewLayerWriter(filepath.Join(dir, "layer.tar"))
			if err != nil {
				return err
			}
			if err := l.Copy(filepath.Join(bin, "jcmd"), 0o755, filepath.Join(bin, "jcmd")); err != nil {
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
		Ref:    JDKImage,
		Layers: []image.Layer{base, layer},
		Config: image.Config{Env: []string{"JAVA_HOME=" + JavaHome, "PATH=" + JavaHome + "/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}},
	}, err
}
