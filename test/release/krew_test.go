//go:build release

package release

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

const tag = "v0.0.1-snapshot"

// Krew installs the archives by our manifests, and kubectl runs and completes
// the plugins from where krew put them.
func TestKrewInstalls(t *testing.T) {
	dir, krew, home := dist(t), tool(t, "krew"), t.TempDir()
	manifests := render(t, dir, "https://example.com/releases")
	for _, platform := range platforms() {
		system, arch, _ := strings.Cut(platform, "_")
		env := []string{"KREW_ROOT=" + filepath.Join(home, platform), "KREW_OS=" + system, "KREW_ARCH=" + arch, "KREW_NO_UPGRADE_CHECK=1"}
		for _, plugin := range []string{"flink", "cmf"} {
			command(t, home, env, krew, "install", "--manifest="+filepath.Join(manifests, plugin+".yaml"), "--archive="+filepath.Join(dir, archiveName("kubectl-"+plugin, platform)))
			for _, file := range []string{"LICENSE", "man/kubectl-" + plugin + ".1"} {
				if _, err := os.Stat(filepath.Join(home, platform, "store", plugin, tag, file)); err != nil {
					t.Error(err)
				}
			}
		}
	}
	use(t, filepath.Join(home, runtime.GOOS+"_"+runtime.GOARCH, "bin"))
}

// This repository's plugins/ is an index that krew can be pointed at, though
// it has the plugins' own directories in it.
func TestKrewIndex(t *testing.T) {
	dir, krew, home := dist(t), tool(t, "krew"), t.TempDir()
	releases := httptest.NewServer(http.FileServer(http.Dir(dir)))
	defer releases.Close()
	index := filepath.Join(home, "index")
	for _, sub := range []string{"plugins/kubectl-flink/cmd", "plugins/kubectl-cmf/cmd"} {
		if err := os.MkdirAll(filepath.Join(index, sub), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(index, sub, "root.go"), []byte("package cmd\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, plugin := range []string{"flink", "cmf"} {
		manifest, err := os.ReadFile(filepath.Join(render(t, dir, releases.URL), plugin+".yaml"))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(index, "plugins", plugin+".yaml"), manifest, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	git := []string{"-c", "user.name=test", "-c", "user.email=test@example.com"}
	command(t, index, nil, "git", "init", "-q")
	command(t, index, nil, "git", "add", ".")
	command(t, index, nil, "git", append(git, "commit", "-q", "-m", "index")...)
	env := []string{"KREW_ROOT=" + filepath.Join(home, "krew"), "KREW_NO_UPGRADE_CHECK=1"}
	command(t, home, env, krew, "index", "add", "ours", "file://"+index)
	if found := command(t, home, env, krew, "search"); !strings.Contains(found, "ours/flink") || !strings.Contains(found, "ours/cmf") {
		t.Errorf("krew search found\n%s", found)
	}
	command(t, home, env, krew, "install", "--no-update-index", "ours/flink", "ours/cmf")
	use(t, filepath.Join(home, "krew", "bin"))
}

// render makes manifests of the snapshot in dir. A snapshot of one platform
// lacks the other archives; their checksums are then made up.
func render(t *testing.T, dir, base string) string {
	t.Helper()
	sums, err := os.ReadFile(filepath.Join(dir, "checksums.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for _, plugin := range []string{"kubectl-flink", "kubectl-cmf"} {
		for _, system := range []string{"linux", "darwin", "windows"} {
			for _, arch := range []string{"amd64", "arm64"} {
				if name := archiveName(plugin, system+"_"+arch); !strings.Contains(string(sums), "  "+name+"\n") {
					if all {
						t.Errorf("no checksum of %s", name)
					}
					sums = append(sums, strings.Repeat("0", 64)+"  "+name+"\n"...)
				}
			}
		}
	}
	out := t.TempDir()
	list := filepath.Join(out, "checksums.txt")
	if err := os.WriteFile(list, sums, 0o644); err != nil {
		t.Fatal(err)
	}
	command(t, root(t), nil, "go", "run", "./krew/render", "--tag", tag, "--checksums", list, "--base", base, "--out", out)
	return out
}

// use runs and completes the plugins through the real kubectl.
func use(t *testing.T, bin string) {
	t.Helper()
	kubectl := cluster(t, "assets")
	env := []string{"PATH=" + bin + ":" + kubectl + ":/usr/bin:/bin", "KUBECONFIG=" + os.DevNull}
	for plugin, verb := range map[string]string{"flink": "savepoint", "cmf": "statement"} {
		if out := command(t, bin, env, "kubectl", plugin, "version", "--client"); !strings.Contains(out, "snapshot") {
			t.Errorf("kubectl %s version --client says\n%s", plugin, out)
		}
		if made := command(t, bin, env, "kubectl", plugin, "completion", "install"); strings.TrimSpace(made) != filepath.Join(bin, "kubectl_complete-"+plugin) {
			t.Errorf("completion install made %s", made)
		}
		if out := command(t, bin, env, "kubectl", "__complete", plugin, verb[:3]); !strings.Contains(out, verb+"\t") || !strings.Contains(out, ":4\n") {
			t.Errorf("kubectl completes %q with\n%s", verb[:3], out)
		}
	}
}
