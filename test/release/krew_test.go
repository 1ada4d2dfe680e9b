//go:build release

package release

import (
	"crypto/rand"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmftest"
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

// This repository is an index that krew can be pointed at: it takes the
// manifests in plugins/, which the release workflow puts there, and passes over
// the plugins' own directories.
func TestKrewIndex(t *testing.T) {
	dir, krew, home := dist(t), tool(t, "krew"), t.TempDir()
	releases := httptest.NewServer(http.FileServer(http.Dir(dir)))
	defer releases.Close()
	index := filepath.Join(home, "index")
	checkout(t, index)
	for _, plugin := range []string{"flink", "cmf"} {
		manifest, err := os.ReadFile(filepath.Join(render(t, dir, releases.URL), plugin+".yaml"))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(index, "plugins", plugin+".yaml"), manifest, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	command(t, index, nil, "git", "add", "--all")
	command(t, index, nil, "git", "-c", "user.name=test", "-c", "user.email=test@example.com", "commit", "-q", "-m", "index")
	env := []string{"KREW_ROOT=" + filepath.Join(home, "krew"), "KREW_NO_UPGRADE_CHECK=1"}
	command(t, home, env, krew, "index", "add", "ours", "file://"+index)
	if found := command(t, home, env, krew, "search"); !strings.Contains(found, "ours/flink") || !strings.Contains(found, "ours/cmf") {
		t.Errorf("krew search found\n%s", found)
	}
	command(t, home, env, krew, "install", "--no-update-index", "ours/flink", "ours/cmf")
	use(t, filepath.Join(home, "krew", "bin"))
}

// What krew's index asks of a manifest: known fields, no overlapping selectors,
// a license among what is installed, and that every platform can be installed.
func TestKrewManifestsAreValid(t *testing.T) {
	dir, validate := dist(t), tool(t, "validate-krew-manifest")
	releases := httptest.NewServer(http.FileServer(http.Dir(dir)))
	defer releases.Close()
	manifests := render(t, dir, releases.URL)
	for _, plugin := range []string{"flink", "cmf"} {
		args := []string{"-manifest", filepath.Join(manifests, plugin+".yaml")}
		if !all {
			args = append(args, "-skip-install")
		}
		// To install, it runs kubectl krew.
		bin := t.TempDir()
		if err := os.Symlink(tool(t, "krew"), filepath.Join(bin, "kubectl-krew")); err != nil {
			t.Fatal(err)
		}
		path := bin + ":" + cluster(t, "assets") + ":" + os.Getenv("PATH")
		command(t, t.TempDir(), []string{"PATH=" + path, "KREW_ROOT=" + t.TempDir(), "KREW_NO_UPGRADE_CHECK=1"}, validate, args...)
	}
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

// use runs and completes the plugins through the real kubectl: on a real API
// server with the operator's kinds, and on a stand-in for CMF.
func use(t *testing.T, bin string) {
	t.Helper()
	kubectl := cluster(t, "assets")
	env := []string{"PATH=" + bin + ":" + kubectl + ":/usr/bin:/bin", "KUBECONFIG=" + kubeconfig(t), "CONFLUENT_CMF_URL=" + standIn(t)}
	run := func(args ...string) string {
		t.Helper()
		return command(t, root(t), env, "kubectl", args...)
	}
	for plugin, verb := range map[string]string{"flink": "savepoint", "cmf": "statement"} {
		if out := run(plugin, "version", "--client"); !strings.Contains(out, "snapshot") {
			t.Errorf("kubectl %s version --client says\n%s", plugin, out)
		}
		if out := run(plugin, verb, "--help"); !strings.Contains(out, "kubectl "+plugin+" "+verb) {
			t.Errorf("kubectl %s %s --help says\n%s", plugin, verb, out)
		}
		if made := run(plugin, "completion", "install"); strings.TrimSpace(made) != filepath.Join(bin, "kubectl_complete-"+plugin) {
			t.Errorf("completion install made %s", made)
		}
		if out := run("__complete", plugin, verb[:3]); !strings.Contains(out, verb+"\t") || !strings.Contains(out, ":4\n") {
			t.Errorf("kubectl completes %q with\n%s", verb[:3], out)
		}
	}

	namespace := strings.ToLower(rand.Text())
	run("create", "namespace", namespace)
	run("apply", "-n", namespace, "-f", "examples/basic-example.yaml")
	run("patch", "-n", namespace, "flinkdeployment", "basic-example", "--subresource=status", "--type=merge", "-p",
		`{"status":{"lifecycleState":"STABLE","jobManagerDeploymentStatus":"READY","jobStatus":{"jobId":"0f0e0d0c0b0a09080706050403020100","state":"RUNNING"}}}`)
	if out := run("flink", "list", "-n", namespace); !strings.Contains(out, "basic-example") || !strings.Contains(out, "RUNNING") {
		t.Errorf("kubectl flink list says\n%s", out)
	}
	// Completion gives up after a second, which a busy machine may need.
	eventually(t, func() string { return run("__complete", "flink", "savepoint", "-n", namespace, "") }, "basic-example\tRUNNING\n")
	made := strings.TrimSpace(run("flink", "savepoint", "basic-example", "-n", namespace, "--wait=false", "-o", "name"))
	if out := run("get", "-n", namespace, made, "-o", "jsonpath={.spec.jobReference.name}"); out != "basic-example" {
		t.Errorf("kubectl flink savepoint made %q, of the job %q", made, out)
	}
	run("cmf", "environment", "create", "dev", "--kubernetes-namespace", "default")
	if out := run("cmf", "environment", "list"); !strings.Contains(out, "dev") {
		t.Errorf("kubectl cmf environment list says\n%s", out)
	}
}

// kubeconfig is the administrator's of a real API server with the operator's
// kinds, which runs until the test ends.
func kubeconfig(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	crds := filepath.Join(dir, "crds.yaml")
	if err := os.WriteFile(crds, []byte(cluster(t, "manifests", "crds")), 0o600); err != nil {
		t.Fatal(err)
	}
	server := &envtest.Environment{
		BinaryAssetsDirectory: cluster(t, "assets"), ControlPlaneStartTimeout: 2 * time.Minute,
		CRDInstallOptions: envtest.CRDInstallOptions{Paths: []string{crds}, MaxTime: 2 * time.Minute},
	}
	log.SetLogger(klog.Background())
	config, err := server.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Stop() })
	admin, err := server.AddUser(envtest.User{Name: "admin", Groups: []string{"system:masters"}}, config)
	if err != nil {
		t.Fatal(err)
	}
	content, err := admin.KubeConfig()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "kubeconfig")
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// standIn is the address of a CMF's stand-in.
func standIn(t *testing.T) string {
	t.Helper()
	handler, err := cmftest.New(cmftest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL
}
