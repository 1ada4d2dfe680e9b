package artifact

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/hack/cluster/internal/cache"
	"github.com/kubectl-flink/kubectl-flink/hack/cluster/internal/image"
)

const (
	flinkHome = "/opt/flink"
	flinkID   = 9999
	// flinkLayerVersion changes whenever the layout of Flink's layer does.
	flinkLayerVersion = "1"
)

//go:embed docker-entrypoint.sh
var entrypoint []byte

// FlinkImage is the image of a Flink release: the layout, user and paths of
// the official one.
func (f *Factory) FlinkImage(ctx context.Context, d Distribution) (image.Image, error) {
	var base, flink image.Layer
	err := Parallel(ctx,
		func(ctx context.Context) (err error) { base, err = f.BaseLayer(ctx); return },
		func(ctx context.Context) (err error) { flink, err = f.flinkLayer(ctx, d); return })
	if err != nil {
		return image.Image{}, err
	}
	return image.Image{
		Ref:    "docker.io/library/flink:" + d.Minor,
		Layers: []image.Layer{base, flink},
		Config: image.Config{
			User: "flink",
			Env: []string{
				"FLINK_HOME=" + flinkHome,
				"JAVA_HOME=" + JavaHome,
				// Native mode runs its scripts by their bare names.
				"PATH=" + flinkHome + "/bin:" + JavaHome + "/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
				"LANG=C.UTF-8",
			},
			WorkingDir: flinkHome,
			Entrypoint: []string{"/docker-entrypoint.sh"},
			Cmd:        []string{"help"},
		},
	}, nil
}

func (f *Factory) flinkLayer(ctx context.Context, d Distribution) (image.Layer, error) {
	var dist, jars string
	err := Parallel(ctx,
		func(ctx context.Context) (err error) { dist, err = f.distribution(ctx, d); return },
		func(ctx context.Context) (err error) { jars, err = f.jars(ctx, "flink-"+d.Minor, false); return })
	if err != nil {
		return image.Layer{}, err
	}
	dir, err := f.Cache.Get(ctx, cache.Artifact{
		Name:   "flink-layer-" + d.Minor,
		Inputs: []string{flinkLayerVersion, d.LibrariesSum, d.WheelSum, filepath.Base(jars), string(entrypoint)},
		Build: func(_ context.Context, dir string) error {
			l, err := image.NewLayerWriter(filepath.Join(dir, "layer.tar"))
			if err != nil {
				return err
			}
			if err := writeFlink(l, dist, jars); err != nil {
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

func writeFlink(l *image.LayerWriter, dist, jars string) error {
	if err := l.Bytes("/docker-entrypoint.sh", 0o755, entrypoint); err != nil {
		return err
	}
	l.UID, l.GID = flinkID, flinkID
	for _, dir := range []string{"", "usrlib", "log"} {
		if err := l.Dir(path.Join(flinkHome, dir), 0o755); err != nil {
			return err
		}
	}
	if err := copyLibraries(l, filepath.Join(dist, "libraries.tar.gz")); err != nil {
		return err
	}
	if err := copyScripts(l, filepath.Join(dist, "scripts.whl")); err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(jars, "*.jar"))
	if err != nil {
		return err
	}
	for _, file := range files {
		name := filepath.Base(file)
		switch {
		// The SQL client refuses to start without the gateway's jar.
		case strings.HasPrefix(name, "flink-sql-gateway-"):
			err = l.Copy(flinkHome+"/opt/"+name, 0o644, file)
		case strings.HasPrefix(name, "flink-s3-fs-presto-"):
			err = l.Copy(flinkHome+"/plugins/s3-fs-presto/"+name, 0o644, file)
		}
		if err != nil {
			return err
		}
	}
	return writeExamples(l, jars)
}

// writeExamples writes the example jobs where every Flink manifest expects
// them. Of the two only TopSpeedWindowing is published as a jar of its own.
func writeExamples(l *image.LayerWriter, jars string) error {
	const dir = flinkHome + "/examples/streaming/"
	topSpeed, err := filepath.Glob(filepath.Join(jars, "*-TopSpeedWindowing.jar"))
	if err != nil || len(topSpeed) != 1 {
		return errors.Join(err, errors.New("no TopSpeedWindowing jar"))
	}
	if err := l.Copy(dir+"TopSpeedWindowing.jar", 0o644, topSpeed[0]); err != nil {
		return err
	}
	stateMachine, err := stateMachineJar(jars)
	if err != nil {
		return err
	}
	return l.Bytes(dir+"StateMachineExample.jar", 0o644, stateMachine)
}

func stateMachineJar(jars string) ([]byte, error) {
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	manifest, err := w.Create("META-INF/MANIFEST.MF")
	if err != nil {
		return nil, err
	}
	_, err = io.WriteString(manifest, "Manifest-Version: 1.0\r\nMain-Class: org.apache.flink.streaming.examples.statemachine.StateMachineExample\r\n\r\n")
	if err != nil {
		return nil, err
	}
	all, err := filepath.Glob(filepath.Join(jars, "*.jar"))
	if err != nil {
		return nil, err
	}
	for _, jar := range all {
		var prefix string
		switch name := filepath.Base(jar); {
		case strings.HasPrefix(name, "flink-examples-streaming-") && !strings.Contains(name, "TopSpeed"):
			prefix = "org/apache/flink/streaming/examples/statemachine/"
		case strings.HasPrefix(name, "flink-connector-datagen-"):
			prefix = "org/apache/flink/"
		default:
			continue
		}
		if err := copyClasses(w, jar, prefix); err != nil {
			return nil, err
		}
	}
	err = w.Close()
	return out.Bytes(), err
}

func copyClasses(w *zip.Writer, jar, prefix string) error {
	r, err := zip.OpenReader(jar)
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	for _, entry := range r.File {
		if strings.HasPrefix(entry.Name, prefix) && strings.HasSuffix(entry.Name, ".class") {
			if err := w.Copy(entry); err != nil {
				return err
			}
		}
	}
	return nil
}

// copyLibraries copies lib, opt, plugins and the one jar of bin.
func copyLibraries(l *image.LayerWriter, archive string) error {
	f, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	gz, err := gzip.NewReader(f)
	if err != nil {
		return err
	}
	for tr := tar.NewReader(gz); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		_, name, found := strings.Cut(h.Name, "/deps/")
		if !found || h.Typeflag != tar.TypeReg || strings.HasPrefix(name, "licenses/") {
			continue
		}
		mode := int64(0o644)
		if strings.HasSuffix(name, ".sh") {
			mode = 0o755
		}
		if err := l.File(path.Join(flinkHome, name), mode, h.Size, tr); err != nil {
			return err
		}
	}
}

// copyScripts copies bin and conf.
func copyScripts(l *image.LayerWriter, wheel string) error {
	r, err := zip.OpenReader(wheel)
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	n := 0
	for _, entry := range r.File {
		name, found := strings.CutPrefix(entry.Name, "pyflink/")
		if !found || strings.HasSuffix(name, "/") || strings.HasSuffix(name, ".bat") {
			continue
		}
		mode := int64(0o644)
		switch {
		case strings.HasPrefix(name, "bin/"):
			mode = 0o755
		case strings.HasPrefix(name, "conf/"):
		default:
			continue
		}
		file, err := entry.Open()
		if err != nil {
			return err
		}
		err = l.File(path.Join(flinkHome, name), mode, int64(entry.UncompressedSize64), file)
		if err := errors.Join(err, file.Close()); err != nil {
			return err
		}
		n++
	}
	if n == 0 {
		return fmt.Errorf("%s has neither scripts nor configuration", wheel)
	}
	return nil
}
