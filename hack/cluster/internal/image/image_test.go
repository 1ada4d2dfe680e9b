package image

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
)

func writeTestLayer(t *testing.T, path string) Layer {
	t.Helper()
	l, err := NewLayerWriter(path)
	if err != nil {
		t.Fatal(err)
	}
	l.UID, l.GID = 9999, 9999
	for _, step := range []error{
		l.Bytes("/opt/flink/bin/run", 0o755, []byte("#!")),
		l.Dir("/opt/flink/log", 0o755),
		l.Bytes("/opt/flink/bin/other", 0o644, nil),
		l.Close(),
	} {
		if step != nil {
			t.Fatal(step)
		}
	}
	layer, err := ReadLayer(path)
	if err != nil {
		t.Fatal(err)
	}
	return layer
}

func entries(t *testing.T, r io.Reader) (names []string, contents map[string][]byte) {
	t.Helper()
	contents = map[string][]byte{}
	for tr := tar.NewReader(r); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return names, contents
		}
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, h.Name)
		if contents[h.Name], err = io.ReadAll(tr); err != nil {
			t.Fatal(err)
		}
	}
}

func TestLayerHasEachParentOnceAndItsDigest(t *testing.T) {
	dir := t.TempDir()
	layer := writeTestLayer(t, filepath.Join(dir, "a.tar"))
	data, err := os.ReadFile(layer.Path)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(data)
	if want := hex.EncodeToString(sum[:]); layer.Digest != want {
		t.Errorf("digest %s instead of %s", layer.Digest, want)
	}
	names, _ := entries(t, bytes.NewReader(data))
	want := []string{"opt/", "opt/flink/", "opt/flink/bin/", "opt/flink/bin/run", "opt/flink/log/", "opt/flink/bin/other"}
	if len(names) != len(want) {
		t.Fatalf("entries %q instead of %q", names, want)
	}
	for i := range want {
		if names[i] != want[i] {
			t.Errorf("entry %d is %q instead of %q", i, names[i], want[i])
		}
	}
	if again := writeTestLayer(t, filepath.Join(dir, "b.tar")); again.Digest != layer.Digest {
		t.Error("the same files gave another digest")
	}
}

func TestArchiveHasASharedLayerOnce(t *testing.T) {
	layer := writeTestLayer(t, filepath.Join(t.TempDir(), "a.tar"))
	images := []Image{
		{Ref: "localhost/a:1", Layers: []Layer{layer}, Config: Config{User: "flink"}},
		{Ref: "localhost/b:1", Layers: []Layer{layer}},
	}
	var out bytes.Buffer
	if err := WriteArchive(&out, images); err != nil {
		t.Fatal(err)
	}
	names, contents := entries(t, &out)
	if len(names) != 4 { // two configurations, one layer, the manifest
		t.Errorf("entries %q", names)
	}
	var manifest []manifestEntry
	if err := json.Unmarshal(contents["manifest.json"], &manifest); err != nil {
		t.Fatal(err)
	}
	for i, entry := range manifest {
		if entry.RepoTags[0] != images[i].Ref || contents[entry.Layers[0]] == nil {
			t.Errorf("manifest entry %+v", entry)
		}
		var config imageConfig
		if err := json.Unmarshal(contents[entry.Config], &config); err != nil {
			t.Fatal(err)
		}
		if config.RootFS.DiffIDs[0] != "sha256:"+layer.Digest || config.OS != "linux" || config.Architecture == "" {
			t.Errorf("configuration %+v", config)
		}
	}
}

func TestFileOfTheWrongSizeFails(t *testing.T) {
	l, err := NewLayerWriter(filepath.Join(t.TempDir(), "a.tar"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Abort()
	if err := l.File("f", 0o644, 3, bytes.NewReader([]byte("ab"))); err == nil {
		t.Error("two bytes passed for three")
	}
}
