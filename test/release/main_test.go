//go:build release

// Package release tests what users get: the archives that goreleaser makes,
// krew's installation of them, and completion in real shells.
package release

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// all makes the tests look at all six platforms; without it, at this one.
var all = os.Getenv("RELEASE_ALL") != ""

// A checkout that belongs to somebody else, as continuous integration may have
// it, is no reason for git to refuse it.
func init() {
	for name, value := range map[string]string{"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*"} {
		if err := os.Setenv(name, value); err != nil {
			panic(err)
		}
	}
}

func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// command runs a program in dir and returns its output; it has to succeed.
func command(t *testing.T, dir string, env []string, program string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %s: %v\n%s%s", program, strings.Join(args, " "), err, out.String(), errOut.String())
	}
	return out.String()
}

// eventually asks until the answer has every one of wants in it.
func eventually(t *testing.T, ask func() string, wants ...string) string {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(200 * time.Millisecond) {
		out := ask()
		missing := slices.DeleteFunc(slices.Clone(wants), func(want string) bool { return strings.Contains(out, want) })
		if len(missing) == 0 {
			return out
		}
		if time.Now().After(deadline) {
			t.Fatalf("it lacks %q:\n%s", missing, out)
		}
	}
}

// cluster runs a verb of hack/cluster, which builds the tools and keeps them.
func cluster(t *testing.T, args ...string) string {
	t.Helper()
	return strings.TrimSpace(command(t, root(t), nil, "go", append([]string{"-C", "hack/cluster", "run", "."}, args...)...))
}

func tool(t *testing.T, name string) string {
	t.Helper()
	return filepath.Join(cluster(t, "tool", name), name)
}

// platforms are those whose archives there are.
func platforms() []string {
	if !all {
		return []string{runtime.GOOS + "_" + runtime.GOARCH}
	}
	var names []string
	for _, system := range []string{"linux", "darwin", "windows"} {
		for _, arch := range []string{"amd64", "arm64"} {
			names = append(names, system+"_"+arch)
		}
	}
	return names
}

func archiveName(plugin, platform string) string {
	if strings.HasPrefix(platform, "windows") {
		return plugin + "_" + platform + ".zip"
	}
	return plugin + "_" + platform + ".tar.gz"
}

var (
	once    sync.Once
	distDir string
	failure error
)

// dist is the directory of a snapshot, made once: of this platform, or with
// RELEASE_ALL of all six. RELEASE_DIST names one that is there already.
func dist(t *testing.T) string {
	t.Helper()
	if made := os.Getenv("RELEASE_DIST"); made != "" {
		return made
	}
	goreleaser := tool(t, "goreleaser")
	once.Do(func() { distDir, failure = snapshot(goreleaser, root(t), nil) })
	if failure != nil {
		t.Fatal(failure)
	}
	return distDir
}

// snapshot runs goreleaser in the repository, through the words of wrapper.
// Signing needs the hosted workflow's identity, and the bill of materials a
// program that it installs.
func snapshot(goreleaser, repository string, env []string, wrapper ...string) (string, error) {
	args := slices.Concat(wrapper, []string{goreleaser, "release", "--snapshot", "--clean", "--skip=sign,sbom,announce,publish"})
	if !all {
		config, err := onePlatform(repository)
		if err != nil {
			return "", err
		}
		defer os.Remove(config)
		args = append(args, "--config", config)
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir = repository
	cmd.Env = append(append(os.Environ(), "GOFLAGS=", "GITHUB_TOKEN="+cmp.Or(os.Getenv("GITHUB_TOKEN"), "none")), env...)
	// Without a remote goreleaser knows no commit, and dates files by the clock.
	if exec.Command("git", "-C", repository, "remote", "get-url", "origin").Run() != nil {
		cmd.Env = append(cmd.Env, "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=remote.origin.url", "GIT_CONFIG_VALUE_0=https://github.com/kubectl-flink/kubectl-flink")
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return filepath.Join(repository, "dist"), nil
}

// onePlatform is the configuration reduced to this platform.
func onePlatform(repository string) (string, error) {
	content, err := os.ReadFile(filepath.Join(repository, ".goreleaser.yml"))
	if err != nil {
		return "", err
	}
	text := string(content)
	for from, to := range map[string]string{"goos: [linux, darwin, windows]": "goos: [" + runtime.GOOS + "]", "goarch: [amd64, arm64]": "goarch: [" + runtime.GOARCH + "]"} {
		if !strings.Contains(text, from) {
			return "", fmt.Errorf(".goreleaser.yml has no %q", from)
		}
		text = strings.ReplaceAll(text, from, to)
	}
	file, err := os.CreateTemp("", "goreleaser-*.yml")
	if err != nil {
		return "", err
	}
	defer file.Close()
	_, err = file.WriteString(text)
	return file.Name(), err
}
