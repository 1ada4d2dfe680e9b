package artifact

import (
	"archive/tar"
	"archive/zip"
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/hack/cluster/internal/cache"
	"github.com/kubectl-flink/kubectl-flink/hack/cluster/internal/image"
	"github.com/kubectl-flink/kubectl-flink/hack/cluster/internal/run"
)

// OperatorVersions are the operator releases the cluster knows, the default
// first.
var OperatorVersions = []string{"1.16.1", "1.7.0"}

// The classes of the operator's autoscaler that no published jar has.
//
//go:embed all:shim
var shim embed.FS

const (
	operatorHome = "/opt/operator"
	// operatorLayerVersion changes whenever the layout of its layer does.
	operatorLayerVersion = "1"
)

// needsShim says whether a release is missing parts on Maven Central, so that
// flink-dist and the shim stand in for them.
func needsShim(version string) bool { return version == "1.16.1" }

// OperatorImage is the image of an operator release. It has the example jobs
// too, as the operator opens the jars of session jobs itself.
func (f *Factory) OperatorImage(ctx context.Context, version string) (image.Image, error) {
	var base, layer image.Layer
	err := Parallel(ctx,
		func(ctx context.Context) (err error) { base, err = f.BaseLayer(ctx); return },
		func(ctx context.Context) (err error) { layer, err = f.operatorLayer(ctx, version); return })
	if err != nil {
		return image.Image{}, err
	}
	return image.Image{
		Ref:    "localhost/flink-kubernetes-operator:" + version,
		Layers: []image.Layer{base, layer},
		Config: image.Config{
			User: "flink",
			Env: []string{
				"FLINK_HOME=" + flinkHome,
				"FLINK_PLUGINS_DIR=" + flinkHome + "/plugins",
				"JAVA_HOME=" + JavaHome,
				"PATH=" + JavaHome + "/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
				"OPERATOR_CLASSPATH=" + operatorClassPath(version),
			},
			WorkingDir: operatorHome,
			Entrypoint: []string{"/bin/sh", "-c", "exec java $JVM_ARGS -cp $OPERATOR_CLASSPATH $LOG_CONFIG org.apache.flink.kubernetes.operator.FlinkOperator"},
		},
	}, nil
}

// operatorClassPath has the order that matters: the shim hides the published
// autoscaler's classes, slf4j 2 the older one inside flink-dist, and the
// standalone and operator jars replace some of Flink's own classes.
func operatorClassPath(version string) string {
	lib := operatorHome + "/lib/"
	parts := []string{lib + "flink-kubernetes-standalone.jar", lib + "flink-kubernetes-operator.jar", lib + "*"}
	if needsShim(version) {
		parts = append([]string{operatorHome + "/shim", operatorHome + "/first/*"}, parts...)
	}
	return strings.Join(parts, ":")
}

func (f *Factory) operatorJars(ctx context.Context, version string) (string, error) {
	var exclude []string
	if needsShim(version) {
		// An old okhttp comes in beside its renamed successor, and an HTTP
		// client of another fabric8 release beside the right one.
		exclude = []string{"okhttp", "okio", "kubernetes-httpclient-jdk"}
	}
	return f.jars(ctx, "operator-"+version, true, exclude...)
}

func (f *Factory) operatorLayer(ctx context.Context, version string) (image.Layer, error) {
	d, err := FindDistribution("1.20")
	if err != nil {
		return image.Layer{}, err
	}
	var jars, examples string
	var flink image.Layer
	err = Parallel(ctx,
		func(ctx context.Context) (err error) { jars, err = f.operatorJars(ctx, version); return },
		func(ctx context.Context) (err error) { examples, err = f.jars(ctx, "flink-"+d.Minor, false); return },
		func(ctx context.Context) (err error) { flink, err = f.flinkLayer(ctx, d); return },
		func(ctx context.Context) error {
			if needsShim(version) {
				return f.Tools(ctx, "javac")
			}
			return nil
		})
	if err != nil {
		return image.Layer{}, err
	}
	sources, err := shimSources()
	if err != nil {
		return image.Layer{}, err
	}
	inputs := []string{operatorLayerVersion, filepath.Base(jars), filepath.Base(examples), flink.Digest, operatorClassPath(version)}
	for _, name := range sources {
		data, err := shim.ReadFile(name)
		if err != nil {
			return image.Layer{}, err
		}
		inputs = append(inputs, name, string(data))
	}
	dir, err := f.Cache.Get(ctx, cache.Artifact{
		Name:   "operator-layer-" + version,
		Inputs: inputs,
		Build: func(ctx context.Context, dir string) error {
			work, err := os.MkdirTemp("", "kubectl-flink-operator-")
			if err != nil {
				return err
			}
			defer func() { _ = os.RemoveAll(work) }()
			classes := filepath.Join(work, "classes")
			dist := ""
			if needsShim(version) {
				if dist, err = extractDist(flink.Path, work); err != nil {
					return err
				}
				if err := compileShim(ctx, sources, work, classes, jars, dist); err != nil {
					return err
				}
			}
			l, err := image.NewLayerWriter(filepath.Join(dir, "layer.tar"))
			if err != nil {
				return err
			}
			if err := writeOperator(l, jars, examples, dist, classes); err != nil {
				l.Abort()
				return err
			}
			return l.Close()
		},
	})
	if err != nil {
		return image.Layer{}, err
	}
	return image.ReadLayer(filepath.Join(dir, "layer.tar"))
}

func writeOperator(l *image.LayerWriter, jars, examples, dist, classes string) error {
	l.UID, l.GID = flinkID, flinkID
	for _, dir := range []string{flinkHome + "/plugins", flinkHome + "/artifacts", operatorHome} {
		if err := l.Dir(dir, 0o755); err != nil {
			return err
		}
	}
	files, err := filepath.Glob(filepath.Join(jars, "*.jar"))
	if err != nil {
		return err
	}
	for _, file := range files {
		name := filepath.Base(file)
		dir := operatorHome + "/lib/"
		switch {
		case strings.HasPrefix(name, "flink-kubernetes-standalone-"):
			name = "flink-kubernetes-standalone.jar"
		case strings.HasPrefix(name, "flink-kubernetes-operator-") && !strings.Contains(name, "-api-"):
			name = "flink-kubernetes-operator.jar"
		case dist != "" && strings.HasPrefix(name, "slf4j-api-"):
			dir = operatorHome + "/first/"
		}
		if err := l.Copy(dir+name, 0o644, file); err != nil {
			return err
		}
	}
	if dist != "" {
		if err := l.Copy(operatorHome+"/lib/"+filepath.Base(dist), 0o644, dist); err != nil {
			return err
		}
		err := filepath.WalkDir(classes, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			return l.Copy(operatorHome+"/shim"+strings.TrimPrefix(path, classes), 0o644, path)
		})
		if err != nil {
			return err
		}
	}
	return writeExamples(l, examples)
}

func shimSources() ([]string, error) {
	var names []string
	err := fs.WalkDir(shim, "shim", func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			names = append(names, path)
		}
		return err
	})
	return names, err
}

func compileShim(ctx context.Context, sources []string, work, classes, jars, dist string) error {
	args := []string{
		"--release", "17", "-nowarn", "-proc:none", "-d", classes,
		"-cp", filepath.Join(jars, "*") + ":" + dist,
	}
	for _, name := range sources {
		data, err := shim.ReadFile(name)
		if err != nil {
			return err
		}
		file := filepath.Join(work, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(file, data, 0o644); err != nil {
			return err
		}
		args = append(args, file)
	}
	return run.Run(ctx, "javac", args...)
}

// extractDist copies flink-dist out of Flink's layer.
func extractDist(layer, dir string) (string, error) {
	f, err := os.Open(layer)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	for tr := tar.NewReader(f); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return "", errors.New("no flink-dist in Flink's layer")
		}
		if err != nil {
			return "", err
		}
		name := filepath.Base(h.Name)
		if !strings.HasPrefix(name, "flink-dist-") {
			continue
		}
		out, err := os.Create(filepath.Join(dir, name))
		if err != nil {
			return "", err
		}
		_, err = io.Copy(out, tr)
		return out.Name(), errors.Join(err, out.Close())
	}
}

// CRDs are the operator's custom resource definitions, as one YAML stream.
func (f *Factory) CRDs(ctx context.Context, version string) ([]byte, error) {
	jars, err := f.operatorJars(ctx, version)
	if err != nil {
		return nil, err
	}
	r, err := zip.OpenReader(filepath.Join(jars, "flink-kubernetes-operator-api-"+version+".jar"))
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Close() }()
	var out strings.Builder
	for _, entry := range r.File {
		// The jars of old releases have them in the obsolete v1beta1 form too.
		if !strings.HasPrefix(entry.Name, "META-INF/fabric8/") || !strings.HasSuffix(entry.Name, "-v1.yml") {
			continue
		}
		file, err := entry.Open()
		if err != nil {
			return nil, err
		}
		data, err := io.ReadAll(file)
		if err := errors.Join(err, file.Close()); err != nil {
			return nil, err
		}
		out.WriteString("---\n" + strings.TrimPrefix(DropBrokenScale(string(data)), "---\n"))
	}
	if out.Len() == 0 {
		return nil, fmt.Errorf("no CRDs in the operator's api jar %s", version)
	}
	return []byte(out.String()), nil
}

// DropBrokenScale removes a scale subresource that lacks statusReplicasPath,
// as the blue/green definition's does: API servers reject it.
func DropBrokenScale(crd string) string {
	const key = "      scale:\n"
	start := strings.Index(crd, "\n"+key)
	if start < 0 {
		return crd
	}
	start++
	end := start + len(key)
	for strings.HasPrefix(crd[end:], "        ") {
		end += strings.Index(crd[end:], "\n") + 1
	}
	if strings.Contains(crd[start:end], "statusReplicasPath") {
		return crd
	}
	return crd[:start] + crd[end:]
}
