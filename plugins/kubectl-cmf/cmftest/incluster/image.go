// Package incluster puts the stand-in for CMF into a cluster, for the demo and
// the end-to-end tests: it makes an image of it and the objects that run it.
package incluster

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
)

// Image is the name of the stand-in's image; it is never pulled.
const Image = "localhost/cmf-stand-in:demo"

// Build compiles the stand-in and writes an archive with its image to path.
// root is the repository's.
func Build(root, path string) error {
	dir, err := os.MkdirTemp("", "cmf-stand-in-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	binary := filepath.Join(dir, "server")
	command := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", binary, "./plugins/kubectl-cmf/cmftest/server")
	command.Dir, command.Stderr = root, os.Stderr
	command.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux")
	if err := command.Run(); err != nil {
		return fmt.Errorf("build the stand-in: %w", err)
	}
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := archive(file, binary); err != nil {
		file.Close()
		return err
	}
	return file.Close()
}

// archive writes an image with one file in one layer, as docker save does.
func archive(w io.Writer, binary string) error {
	content, err := os.ReadFile(binary)
	if err != nil {
		return err
	}
	var layer bytes.Buffer
	inner := tar.NewWriter(&layer)
	if err := add(inner, "server", 0o755, content); err != nil {
		return err
	}
	if err := inner.Close(); err != nil {
		return err
	}
	config, err := json.Marshal(map[string]any{
		"architecture": runtime.GOARCH, "os": "linux",
		"config": map[string]any{"Entrypoint": []string{"/server"}, "User": "65534:65534"},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{fmt.Sprintf("sha256:%x", sha256.Sum256(layer.Bytes()))}},
	})
	if err != nil {
		return err
	}
	name := fmt.Sprintf("%x.json", sha256.Sum256(config))
	manifest, err := json.Marshal([]map[string]any{{"Config": name, "RepoTags": []string{Image}, "Layers": []string{"layer.tar"}}})
	if err != nil {
		return err
	}
	outer := tar.NewWriter(w)
	for _, f := range []struct {
		name    string
		content []byte
	}{{name, config}, {"layer.tar", layer.Bytes()}, {"manifest.json", manifest}} {
		if err := add(outer, f.name, 0o644, f.content); err != nil {
			return err
		}
	}
	return outer.Close()
}

func add(w *tar.Writer, name string, mode int64, content []byte) error {
	if err := w.WriteHeader(&tar.Header{Name: name, Mode: mode, Size: int64(len(content)), Typeflag: tar.TypeReg}); err != nil {
		return err
	}
	_, err := w.Write(content)
	return err
}
