package artifact

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/kubectl-flink/kubectl-flink/hack/cluster/internal/cache"
	"github.com/kubectl-flink/kubectl-flink/hack/cluster/internal/run"
)

// KubernetesVersion is the release that components/kubernetes builds.
const KubernetesVersion = "v1.34.4"

// kubernetesPrograms are the names the multi-call binary answers to.
var kubernetesPrograms = []string{"kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy", "kubelet", "kubectl"}

// Without these the API server calls itself v0.0.0 and clients misbehave.
func kubernetesFlags() string {
	parts := strings.Split(strings.TrimPrefix(KubernetesVersion, "v"), ".")
	flags := "-s -w"
	for _, pkg := range []string{"k8s.io/component-base/version", "k8s.io/client-go/pkg/version"} {
		flags += fmt.Sprintf(" -X %s.gitVersion=%s -X %s.gitMajor=%s -X %s.gitMinor=%s",
			pkg, KubernetesVersion, pkg, parts[0], pkg, parts[1])
	}
	return flags
}

// component builds the program of a component module: its own main package,
// or the one that its tool directive names if it has none.
func (f *Factory) component(ctx context.Context, name, ldflags string, links ...string) (string, error) {
	pkg := "tool"
	if fileExists(filepath.Join(f.Components, name, "main.go")) {
		pkg = "."
	}
	return f.program(ctx, name, name, pkg, ldflags, links...)
}

// program builds the package pkg in the module of the component as name.
func (f *Factory) program(ctx context.Context, name, component, pkg, ldflags string, links ...string) (string, error) {
	src := filepath.Join(f.Components, component)
	var files []string
	for _, file := range []string{"main.go", "go.mod", "go.sum"} {
		if path := filepath.Join(src, file); fileExists(path) {
			files = append(files, path)
		}
	}
	sum, err := cache.HashFiles(files...)
	if err != nil {
		return "", err
	}
	return f.Cache.Get(ctx, cache.Artifact{
		Name:   name,
		Inputs: []string{sum, ldflags, runtime.Version(), runtime.GOARCH},
		Build: func(ctx context.Context, dir string) error {
			f.building.Lock()
			defer f.building.Unlock()
			if err := f.goBuild(ctx, name, src, pkg, filepath.Join(dir, name), ldflags); err != nil {
				return err
			}
			for _, link := range links {
				if err := os.Symlink(name, filepath.Join(dir, link)); err != nil {
					return err
				}
			}
			return nil
		},
	})
}

func (f *Factory) goBuild(ctx context.Context, name, src, pkg, out, ldflags string) error {
	env := []string{"CGO_ENABLED=0", "GOWORK=off"}
	var deps bytes.Buffer
	if err := (run.Cmd{Dir: src, Env: env, Stdout: &deps}).Run(ctx, "go", "list", "-deps", pkg); err != nil {
		return err
	}
	counter := &packageCounter{total: bytes.Count(deps.Bytes(), []byte("\n"))}
	counter.say = func(n int) {
		f.Log.Printf(name, "building, %d packages compiled of at most %d", n, counter.total)
	}
	return run.Cmd{Dir: src, Env: env, Stderr: counter}.Run(ctx,
		"go", "build", "-v", "-trimpath", "-buildvcs=false", "-ldflags", ldflags, "-o", out, pkg)
}

// packageCounter counts the lines of go build -v, one for each package, and
// says how many there were every half minute.
type packageCounter struct {
	mu    sync.Mutex
	n     int
	total int
	last  time.Time
	say   func(n int)
}

func (p *packageCounter) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.n += bytes.Count(b, []byte("\n"))
	if time.Since(p.last) >= 30*time.Second {
		p.last = time.Now()
		p.say(p.n)
	}
	return len(b), nil
}

// Kubernetes is the directory of the Kubernetes programs.
func (f *Factory) Kubernetes(ctx context.Context) (string, error) {
	return f.component(ctx, "kubernetes", kubernetesFlags(), kubernetesPrograms...)
}

// Etcd is the directory of the etcd server.
func (f *Factory) Etcd(ctx context.Context) (string, error) {
	return f.component(ctx, "etcd", "-s -w")
}

// BuildTools are programs that releases, checks and measurements are made with; component
// modules pin them and all they are made of.
var BuildTools = []string{"goreleaser", "krew", "validate-krew-manifest", "golangci-lint", "mc"}

// BuildTool is the directory of one of BuildTools.
func (f *Factory) BuildTool(ctx context.Context, name string) (string, error) {
	switch name {
	case "goreleaser":
		return f.goreleaser(ctx)
	case "krew", "validate-krew-manifest":
		return f.program(ctx, name, "krew", "sigs.k8s.io/krew/cmd/"+name, "-s -w")
	}
	return f.component(ctx, name, "-s -w")
}

// Assets is one directory that has the Kubernetes programs and etcd.
func (f *Factory) Assets(ctx context.Context) (string, error) {
	// The short build first: both want every core, and whoever waits for the
	// directory waits for both anyway.
	etcd, err := f.Etcd(ctx)
	if err != nil {
		return "", err
	}
	kubernetes, err := f.Kubernetes(ctx)
	if err != nil {
		return "", err
	}
	return f.Cache.Get(ctx, cache.Artifact{
		Name:   "assets",
		Inputs: []string{kubernetes, etcd},
		Build: func(_ context.Context, dir string) error {
			if err := os.Symlink(filepath.Join(etcd, "etcd"), filepath.Join(dir, "etcd")); err != nil {
				return err
			}
			for _, name := range kubernetesPrograms {
				if err := os.Symlink(filepath.Join(kubernetes, name), filepath.Join(dir, name)); err != nil {
					return err
				}
			}
			return nil
		},
	})
}

func fileExists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
