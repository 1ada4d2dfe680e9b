package image

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"runtime"
)

// Image is a name for a stack of layers and how to run them.
type Image struct {
	Ref    string // repository:tag
	Layers []Layer
	Config Config
}

// Config is how a container of the image runs when nothing else is said.
type Config struct {
	User       string   `json:"User,omitempty"`
	Env        []string `json:"Env,omitempty"`
	Entrypoint []string `json:"Entrypoint,omitempty"`
	Cmd        []string `json:"Cmd,omitempty"`
	WorkingDir string   `json:"WorkingDir,omitempty"`
}

type rootFS struct {
	Type    string   `json:"type"`
	DiffIDs []string `json:"diff_ids"`
}

type imageConfig struct {
	Architecture string `json:"architecture"`
	OS           string `json:"os"`
	Config       Config `json:"config"`
	RootFS       rootFS `json:"rootfs"`
}

type manifestEntry struct {
	Config   string   `json:"Config"`
	RepoTags []string `json:"RepoTags"`
	Layers   []string `json:"Layers"`
}

// configJSON is the image's configuration; its digest is the image's identity.
func (i Image) configJSON() ([]byte, error) {
	c := imageConfig{Architecture: runtime.GOARCH, OS: "linux", Config: i.Config, RootFS: rootFS{Type: "layers"}}
	for _, layer := range i.Layers {
		c.RootFS.DiffIDs = append(c.RootFS.DiffIDs, "sha256:"+layer.Digest)
	}
	return json.Marshal(c)
}

// ID is the digest of the image's configuration.
func (i Image) ID() (string, error) {
	data, err := i.configJSON()
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:]), nil
}

// WriteArchive writes the images as one archive. A layer that several of them
// share is written once.
func WriteArchive(w io.Writer, images []Image) error {
	tw := tar.NewWriter(w)
	var entries []manifestEntry
	written := map[string]bool{}
	for _, img := range images {
		config, err := img.configJSON()
		if err != nil {
			return err
		}
		id, err := img.ID()
		if err != nil {
			return err
		}
		entry := manifestEntry{Config: id + ".json", RepoTags: []string{img.Ref}}
		if !written[entry.Config] {
			written[entry.Config] = true
			if err := writeEntry(tw, entry.Config, int64(len(config)), bytes.NewReader(config)); err != nil {
				return err
			}
		}
		for _, layer := range img.Layers {
			name := layer.Digest + "/layer.tar"
			entry.Layers = append(entry.Layers, name)
			if written[name] {
				continue
			}
			written[name] = true
			if err := writeLayer(tw, name, layer.Path); err != nil {
				return err
			}
		}
		entries = append(entries, entry)
	}
	data, err := json.Marshal(entries)
	if err != nil {
		return err
	}
	if err := writeEntry(tw, "manifest.json", int64(len(data)), bytes.NewReader(data)); err != nil {
		return err
	}
	return tw.Close()
}

func writeLayer(tw *tar.Writer, name, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	return writeEntry(tw, name, info.Size(), f)
}

func writeEntry(tw *tar.Writer, name string, size int64, r io.Reader) error {
	if err := tw.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644, Size: size, ModTime: epoch}); err != nil {
		return err
	}
	_, err := io.Copy(tw, r)
	return err
}
