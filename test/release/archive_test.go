//go:build release

package release

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

func TestConfigurationIsValid(t *testing.T) {
	command(t, root(t), nil, tool(t, "goreleaser"), "check")
}

// Each archive has one program, the licence, completion and man pages, and
// nothing that krew refuses.
func TestArchives(t *testing.T) {
	dir := dist(t)
	sums, err := os.ReadFile(filepath.Join(dir, "checksums.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for _, plugin := range []string{"kubectl-flink", "kubectl-cmf"} {
		for _, platform := range platforms() {
			name := archiveName(plugin, platform)
			t.Run(name, func(t *testing.T) {
				content, err := os.ReadFile(filepath.Join(dir, name))
				if err != nil {
					t.Fatal(err)
				}
				sum := sha256.Sum256(content)
				if line := hex.EncodeToString(sum[:]) + "  " + name + "\n"; !strings.Contains(string(sums), line) {
					t.Errorf("checksums.txt lacks %q", line)
				}
				files := entries(t, filepath.Join(dir, name))
				program := plugin
				if strings.HasPrefix(platform, "windows") {
					program += ".exe"
				}
				for _, want := range []string{program, "LICENSE", "completion/" + plugin + ".bash", "completion/_" + plugin, "completion/" + plugin + ".fish", "man/" + plugin + ".1"} {
					if !slices.Contains(files, want) {
						t.Errorf("%s is not in it: %q", want, files)
					}
				}
				if plugin == "kubectl-flink" && !slices.Contains(files, "man/kubectl-flink-savepoint.1") {
					t.Error("it has no man page of savepoint")
				}
			})
		}
	}
}

// entries are the names of an archive's files. Anything but files fails the
// test.
func entries(t *testing.T, file string) []string {
	t.Helper()
	var names []string
	if strings.HasSuffix(file, ".zip") {
		z, err := zip.OpenReader(file)
		if err != nil {
			t.Fatal(err)
		}
		defer z.Close()
		for _, f := range z.File {
			if !f.Mode().IsRegular() {
				t.Errorf("%s is no regular file", f.Name)
			}
			names = append(names, f.Name)
		}
		return names
	}
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	g, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	for r := tar.NewReader(g); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return names
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Typeflag != tar.TypeReg {
			t.Errorf("%s is no regular file", h.Name)
		}
		if h.Uname != "root" {
			t.Errorf("%s belongs to %q", h.Name, h.Uname)
		}
		names = append(names, h.Name)
	}
}

func TestPackages(t *testing.T) {
	dir := dist(t)
	for _, plugin := range []string{"kubectl-flink", "kubectl-cmf"} {
		for _, format := range []string{"deb", "rpm"} {
			found, err := filepath.Glob(filepath.Join(dir, plugin+"*."+format))
			want := 1
			if all {
				want = 2
			}
			if err != nil || len(found) != want {
				t.Errorf("%d packages %s.%s, wanted %d (%v)", len(found), plugin, format, want, err)
			}
			if format != "deb" || len(found) == 0 || runtime.GOOS != "linux" {
				continue
			}
			files := command(t, dir, nil, "dpkg-deb", "--contents", found[0])
			for _, path := range []string{"/usr/bin/" + plugin, "/usr/bin/kubectl_complete-" + strings.TrimPrefix(plugin, "kubectl-") + " -> ", "/usr/share/man/man1/" + plugin + ".1.gz"} {
				if !strings.Contains(files, path) {
					t.Errorf("%s lacks %s", filepath.Base(found[0]), path)
				}
			}
		}
	}
}

// Two runs on one commit give the same archives to the byte. It takes a second
// snapshot, so it is left to `make test-long`.
func TestReproducible(t *testing.T) {
	if !all {
		t.Log("checked by make test-long")
		return
	}
	dir := dist(t)
	first, err := os.ReadFile(filepath.Join(dir, "checksums.txt"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := snapshot(tool(t, "goreleaser"), root(t)); err != nil {
		t.Fatal(err)
	}
	second, err := os.ReadFile(filepath.Join(dir, "checksums.txt"))
	if err != nil {
		t.Fatal(err)
	}
	if string(first) != string(second) {
		t.Errorf("the checksums differ:\n%s\n%s", first, second)
	}
}
