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

// Each archive has one program, the license, completion and man pages, and
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

// Another checkout, on a machine with another name, with other permissions and
// in another time zone gives the same archives and packages to the byte. Of all
// platforms, and with nothing that was compiled before, `make test-long` shows
// it.
func TestReproducible(t *testing.T) {
	first, err := os.ReadFile(filepath.Join(dist(t), "checksums.txt"))
	if err != nil {
		t.Fatal(err)
	}
	env := []string{"TZ=Pacific/Auckland", "LC_ALL=C", "SOURCE_DATE_EPOCH="}
	if all {
		env = append(env, "GOCACHE="+t.TempDir())
	}
	elsewhere := filepath.Join(t.TempDir(), "some", "other place")
	wrapper := []string{"sh", "-c", `umask 077 && exec "$@"`, "sh"}
	if runtime.GOOS == "linux" && os.Getuid() == 0 {
		wrapper = []string{"unshare", "--uts", "sh", "-c", `umask 077 && echo elsewhere >/proc/sys/kernel/hostname && exec "$@"`, "sh"}
	}
	checkout(t, elsewhere)
	dir, err := snapshot(tool(t, "goreleaser"), elsewhere, env, wrapper...)
	if err != nil {
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

// checkout copies the repository, changes and history included, to the
// directory to. Files that git doesn't know stay behind.
func checkout(t *testing.T, to string) {
	t.Helper()
	files := strings.SplitSeq(command(t, root(t), nil, "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"), "\x00")
	for name := range files {
		content, err := os.ReadFile(filepath.Join(root(t), name))
		if err != nil {
			continue // deleted, or the empty name at the end
		}
		if err := os.MkdirAll(filepath.Join(to, filepath.Dir(name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(to, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	command(t, root(t), nil, "cp", "-R", ".git", filepath.Join(to, ".git"))
}

// The cask names the archives with their checksums, and all that they bring.
func TestCasks(t *testing.T) {
	dir := dist(t)
	sums, err := os.ReadFile(filepath.Join(dir, "checksums.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for _, plugin := range []string{"kubectl-flink", "kubectl-cmf"} {
		cask, err := os.ReadFile(filepath.Join(dir, "homebrew", "Casks", plugin+".rb"))
		if err != nil {
			t.Fatal(err)
		}
		wants := []string{`binary "` + plugin + `"`, `target: "kubectl_complete-` + strings.TrimPrefix(plugin, "kubectl-") + `"`, `manpage "man/` + plugin + `.1"`, `zsh_completion "completion/_` + plugin + `"`}
		for line := range strings.Lines(string(sums)) {
			sum, name, _ := strings.Cut(strings.TrimSpace(line), "  ")
			if strings.HasPrefix(name, plugin+"_") && strings.HasSuffix(name, ".tar.gz") {
				wants = append(wants, sum, name)
			}
		}
		for _, want := range wants {
			if !strings.Contains(string(cask), want) {
				t.Errorf("%s.rb lacks %s", plugin, want)
			}
		}
	}
}
