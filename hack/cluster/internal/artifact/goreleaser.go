package artifact

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"github.com/kubectl-flink/kubectl-flink/hack/cluster/internal/cache"
	"github.com/kubectl-flink/kubectl-flink/hack/cluster/internal/run"
)

const goreleaserModule = "github.com/goreleaser/goreleaser/v2"

// goreleaserWithout are the pipes that the built goreleaser has only by name,
// with the types that are asked of them: they push container images, fill
// buckets, notarize and announce, which this project's releases don't. They
// bring two thirds of the packages that goreleaser is made of, the clients of
// whole clouds among them, and five sixths of the time to build it.
var goreleaserWithout = map[string]string{
	"blob": "Pipe", "bluesky": "Pipe", "discord": "Pipe", "ko": "Pipe", "mastodon": "Pipe", "mcp": "Pipe",
	"notary": "MacOS", "reddit": "Pipe", "slack": "Pipe", "smtp": "Pipe", "teams": "Pipe", "twitter": "Pipe",
}

// goreleaserPipe is what they are replaced by.
const goreleaserPipe = `package %[1]s

import "github.com/goreleaser/goreleaser/v2/pkg/context"

type %[2]s struct{}

func New() %[2]s { return %[2]s{} }

func (%[2]s) String() string                 { return "%[1]s (not in this build)" }
func (%[2]s) Skip(*context.Context) bool      { return true }
func (%[2]s) Default(*context.Context) error  { return nil }
func (%[2]s) Run(*context.Context) error      { return nil }
func (%[2]s) Publish(*context.Context) error  { return nil }
func (%[2]s) Announce(*context.Context) error { return nil }
`

// goreleaser builds a copy of the goreleaser that its component pins, without
// the pipes of goreleaserWithout.
func (f *Factory) goreleaser(ctx context.Context) (string, error) {
	const name = "goreleaser"
	src := filepath.Join(f.Components, name)
	mod, sums := filepath.Join(src, "go.mod"), filepath.Join(src, "go.sum")
	sum, err := cache.HashFiles(mod, sums)
	if err != nil {
		return "", err
	}
	return f.Cache.Get(ctx, cache.Artifact{
		Name:   name,
		Inputs: []string{sum, fmt.Sprint(goreleaserWithout), goreleaserPipe, runtime.Version(), runtime.GOARCH},
		Build: func(ctx context.Context, dir string) error {
			f.building.Lock()
			defer f.building.Unlock()
			work, err := os.MkdirTemp("", "goreleaser-")
			if err != nil {
				return err
			}
			defer func() { _ = os.RemoveAll(work) }()
			if err := copyGoreleaser(ctx, src, filepath.Join(work, name)); err != nil {
				return err
			}
			for _, file := range []string{mod, sums} {
				content, err := os.ReadFile(file)
				if err == nil {
					err = os.WriteFile(filepath.Join(work, filepath.Base(file)), content, 0o644)
				}
				if err != nil {
					return err
				}
			}
			if err := (run.Cmd{Dir: work}).Run(ctx, "go", "mod", "edit", "-replace="+goreleaserModule+"=./"+name); err != nil {
				return err
			}
			return f.goBuild(ctx, name, work, "tool", filepath.Join(dir, name), "-s -w")
		},
	})
}

// copyGoreleaser copies the sources of the goreleaser that the module at src
// pins to the directory to, without the pipes of goreleaserWithout.
func copyGoreleaser(ctx context.Context, src, to string) error {
	var out bytes.Buffer
	// In that module, so that its go.sum is held against the sources.
	if err := (run.Cmd{Dir: src, Env: []string{"GOWORK=off"}, Stdout: &out}).Run(ctx, "go", "mod", "download", "-json", goreleaserModule); err != nil {
		return err
	}
	var module struct{ Dir string }
	if err := json.Unmarshal(out.Bytes(), &module); err != nil {
		return fmt.Errorf("read where the sources of %s are: %w", goreleaserModule, err)
	}
	if err := os.CopyFS(to, os.DirFS(module.Dir)); err != nil {
		return err
	}
	for pipe, name := range goreleaserWithout {
		dir := filepath.Join(to, "internal", "pipe", pipe)
		old, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err == nil && len(old) == 0 {
			err = fmt.Errorf("goreleaser has no pipe %s", pipe)
		}
		for _, file := range old {
			err = errors.Join(err, os.Remove(file))
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, pipe+".go"), fmt.Appendf(nil, goreleaserPipe, pipe, name), 0o644)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
