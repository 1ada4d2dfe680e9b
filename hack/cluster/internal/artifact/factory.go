// Package artifact builds and fetches what the cluster is made of: programs
// from Go modules, jars from Maven, Flink's distribution from PyPI, a root
// file system from Debian, and image layers out of all of them.
package artifact

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"

	"github.com/kubectl-flink/kubectl-flink/hack/cluster/internal/cache"
	"github.com/kubectl-flink/kubectl-flink/hack/cluster/internal/progress"
	"github.com/kubectl-flink/kubectl-flink/hack/cluster/internal/run"
)

// Factory makes artifacts and keeps them in a cache.
type Factory struct {
	Cache *cache.Cache
	Log   *progress.Log
	// Components is the directory of the component programs' modules.
	Components string

	// Builds use every core by themselves; two at once only slow the longer.
	building sync.Mutex
	// Maven's local repository does not like concurrent writers.
	maven sync.Mutex
}

// NewFactory returns a Factory on the cache c.
func NewFactory(c *cache.Cache) (*Factory, error) {
	dir, err := componentsDir()
	if err != nil {
		return nil, err
	}
	return &Factory{Cache: c, Log: c.Log, Components: dir}, nil
}

// componentsDir finds the component modules. They cannot be embedded (a
// nested module never is), so it looks where the program was compiled, and
// then upwards from the working directory and the executable.
func componentsDir() (string, error) {
	isIt := func(dir string) bool {
		_, err := os.Stat(filepath.Join(dir, "kubernetes", "go.mod"))
		return err == nil
	}
	if _, file, _, ok := runtime.Caller(0); ok {
		dir := filepath.Join(filepath.Dir(file), "..", "..", "components")
		if isIt(dir) {
			return filepath.Clean(dir), nil
		}
	}
	var starts []string
	if wd, err := os.Getwd(); err == nil {
		starts = append(starts, wd)
	}
	if exe, err := os.Executable(); err == nil {
		starts = append(starts, filepath.Dir(exe))
	}
	for _, start := range starts {
		for dir := start; ; dir = filepath.Dir(dir) {
			for _, rel := range []string{"components", "hack/cluster/components"} {
				if isIt(filepath.Join(dir, rel)) {
					return filepath.Join(dir, rel), nil
				}
			}
			if dir == filepath.Dir(dir) {
				break
			}
		}
	}
	return "", errors.New("cannot find hack/cluster/components: run this inside the repository")
}

// twice gives a download a second chance before it fails the whole start.
func (f *Factory) twice(ctx context.Context, what string, download func() error) error {
	err := download()
	if err == nil || ctx.Err() != nil {
		return err
	}
	f.Log.Printf(what, "the download failed, trying once more: %s", run.LastLines(err.Error(), 1))
	return download()
}

// Parallel runs the functions at once; the first failure cancels the others.
func Parallel(ctx context.Context, fns ...func(context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	var once sync.Once
	var first error
	for _, fn := range fns {
		wg.Go(func() {
			if err := fn(ctx); err != nil {
				once.Do(func() { first = err })
				cancel(fmt.Errorf("stopped because of another failure: %w", err))
			}
		})
	}
	wg.Wait()
	return first
}
