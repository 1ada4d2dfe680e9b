// Package image writes container images without a container engine: layers
// as tar files, and an archive of images that share them, in the form that
// docker save writes and every runtime can import.
package image

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"os"
	"path"
	"strings"
	"time"
)

// epoch is every file's time: a layer's digest must depend on its contents
// only.
var epoch = time.Unix(1_600_000_000, 0)

// Layer is a finished layer.
type Layer struct {
	Path   string // of the uncompressed tar
	Digest string // sha256 of it, in hexadecimal
}

// LayerWriter writes one layer.
type LayerWriter struct {
	f    *os.File
	hash hash.Hash
	tw   *tar.Writer
	dirs map[string]bool
	// UID and GID own what is written next.
	UID, GID int
}

// NewLayerWriter begins a layer in the file at path.
func NewLayerWriter(path string) (*LayerWriter, error) {
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	h := sha256.New()
	return &LayerWriter{f: f, hash: h, tw: tar.NewWriter(io.MultiWriter(f, h)), dirs: map[string]bool{}}, nil
}

func (l *LayerWriter) header(name string, kind byte, mode int64) *tar.Header {
	return &tar.Header{
		Name: strings.TrimPrefix(name, "/"), Typeflag: kind, Mode: mode,
		Uid: l.UID, Gid: l.GID, ModTime: epoch, Format: tar.FormatPAX,
	}
}

// Dir writes a directory, and its parents where this layer has none yet.
func (l *LayerWriter) Dir(name string, mode int64) error {
	name = path.Clean("/" + name)
	if name == "/" || l.dirs[name] {
		return nil
	}
	if err := l.Dir(path.Dir(name), 0o755); err != nil {
		return err
	}
	l.dirs[name] = true
	return l.tw.WriteHeader(l.header(name+"/", tar.TypeDir, mode))
}

// File writes a file of the given size from r.
func (l *LayerWriter) File(name string, mode, size int64, r io.Reader) error {
	if err := l.Dir(path.Dir(name), 0o755); err != nil {
		return err
	}
	h := l.header(path.Clean("/"+name), tar.TypeReg, mode)
	h.Size = size
	if err := l.tw.WriteHeader(h); err != nil {
		return err
	}
	n, err := io.Copy(l.tw, r)
	if err == nil && n != size {
		err = fmt.Errorf("%s: %d bytes instead of %d", name, n, size)
	}
	return err
}

// Bytes writes a file that holds data.
func (l *LayerWriter) Bytes(name string, mode int64, data []byte) error {
	return l.File(name, mode, int64(len(data)), strings.NewReader(string(data)))
}

// Copy writes a copy of the file at source.
func (l *LayerWriter) Copy(name string, mode int64, source string) error {
	f, err := os.Open(source)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	return l.File(name, mode, info.Size(), f)
}

// Close finishes the layer and leaves its digest beside it.
func (l *LayerWriter) Close() error {
	if err := l.tw.Close(); err != nil {
		_ = l.f.Close()
		return err
	}
	if err := l.f.Close(); err != nil {
		return err
	}
	return os.WriteFile(digestPath(l.f.Name()), []byte(hex.EncodeToString(l.hash.Sum(nil))), 0o644)
}

// Abort closes the file of a layer that will not be finished.
func (l *LayerWriter) Abort() { _ = l.f.Close() }

func digestPath(tarPath string) string { return strings.TrimSuffix(tarPath, ".tar") + ".sha256" }

// SumLayer leaves the digest of a layer that another program wrote beside it.
func SumLayer(tarPath string) error {
	f, err := os.Open(tarPath)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return err
	}
	return os.WriteFile(digestPath(tarPath), []byte(hex.EncodeToString(h.Sum(nil))), 0o644)
}

// ReadLayer is the finished layer in the file at tarPath.
func ReadLayer(tarPath string) (Layer, error) {
	digest, err := os.ReadFile(digestPath(tarPath))
	if err != nil {
		return Layer{}, err
	}
	return Layer{Path: tarPath, Digest: string(digest)}, nil
}
