// Package cache keeps what is expensive to build or fetch. An artifact is a
// directory that appears in one step when it is complete, named by a hash of
// what it was made from.
package cache

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/kubectl-flink/kubectl-flink/hack/cluster/internal/progress"
)

// manifestName is the file in each artifact that lists its files' sizes.
const manifestName = ".manifest.json"

// Cache is a directory of artifacts.
type Cache struct {
	Dir string
	Log *progress.Log

	// making holds a mutex for each artifact that this process is making.
	making sync.Map
}

// DefaultDir is $KUBECTL_FLINK_CACHE, or kubectl-flink in the user's cache
// directory.
func DefaultDir() (string, error) {
	if dir := os.Getenv("KUBECTL_FLINK_CACHE"); dir != "" {
		return filepath.Abs(dir)
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, "kubectl-flink"), nil
}

// Artifact says how to make one directory of the cache.
type Artifact struct {
	// Name says what it is, to people too.
	Name string
	// Inputs is everything the result depends on. Another input is another
	// artifact.
	Inputs []string
	// Build fills the empty directory dir.
	Build func(ctx context.Context, dir string) error
}

// Key identifies the artifact and what it is made from.
func (a Artifact) Key() string {
	h := sha256.New()
	for _, in := range a.Inputs {
		// The length keeps {"ab","c"} and {"a","bc"} apart.
		fmt.Fprintf(h, "%d:%s\n", len(in), in)
	}
	return a.Name + "-" + hex.EncodeToString(h.Sum(nil))[:12]
}

// Path is where the artifact is once it is made.
func (c *Cache) Path(a Artifact) string { return filepath.Join(c.Dir, "artifacts", a.Key()) }

// Has reports whether the artifact is there and whole.
func (c *Cache) Has(a Artifact) bool { return intact(c.Path(a)) == nil }

// Get returns the artifact's directory and makes it first if it is missing or
// damaged. Processes that want the same artifact wait for one another.
func (c *Cache) Get(ctx context.Context, a Artifact) (string, error) {
	final := c.Path(a)
	if intact(final) == nil {
		return final, nil
	}
	mu, _ := c.making.LoadOrStore(a.Key(), &sync.Mutex{})
	mu.(*sync.Mutex).Lock()
	defer mu.(*sync.Mutex).Unlock()
	for _, dir := range []string{"artifacts", "locks", "tmp"} {
		if err := os.MkdirAll(filepath.Join(c.Dir, dir), 0o755); err != nil {
			return "", err
		}
	}
	unlock, err := Lock(ctx, filepath.Join(c.Dir, "locks", a.Key()), func() {
		c.Log.Printf(a.Name, "waiting for another process that is making it")
	})
	if err != nil {
		return "", err
	}
	defer unlock()
	if intact(final) == nil {
		return final, nil
	}
	if err := ctx.Err(); err != nil {
		return "", context.Cause(ctx)
	}

	// Whoever left these behind is gone: this process holds the lock.
	stale, _ := filepath.Glob(filepath.Join(c.Dir, "tmp", a.Key()+".*"))
	for _, dir := range append(stale, final) {
		if err := os.RemoveAll(dir); err != nil {
			return "", err
		}
	}
	tmp, err := os.MkdirTemp(filepath.Join(c.Dir, "tmp"), a.Key()+".")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(tmp) }()
	if err := os.Chmod(tmp, 0o755); err != nil {
		return "", err
	}

	start := time.Now()
	c.Log.Printf(a.Name, "not in the cache, making it")
	if err := a.Build(ctx, tmp); err != nil {
		return "", fmt.Errorf("%s: %w", a.Name, err)
	}
	if err := writeManifest(tmp); err != nil {
		return "", err
	}
	if err := os.Rename(tmp, final); err != nil {
		return "", err
	}
	c.Log.Printf(a.Name, "done in %ds", int(time.Since(start).Seconds()))
	return final, nil
}

func sizes(dir string) (map[string]int64, error) {
	files := map[string]int64{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || d.Name() == manifestName {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		files[rel] = info.Size()
		return err
	})
	return files, err
}

func writeManifest(dir string) error {
	files, err := sizes(dir)
	if err != nil {
		return err
	}
	data, err := json.Marshal(files)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, manifestName), data, 0o644)
}

// intact compares sizes, not contents: it is meant for the disk that was full
// or the machine that was switched off, and must cost nothing.
func intact(dir string) error {
	data, err := os.ReadFile(filepath.Join(dir, manifestName))
	if err != nil {
		return err
	}
	var want map[string]int64
	if err := json.Unmarshal(data, &want); err != nil {
		return err
	}
	for name, size := range want {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		if info.Size() != size {
			return fmt.Errorf("%s has %d bytes instead of %d", name, info.Size(), size)
		}
	}
	return nil
}

// Lock takes the lock file path, calling waiting once if someone else has it.
// The kernel drops the lock when its holder dies.
func Lock(ctx context.Context, path string, waiting func()) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	for first := true; ; first = false {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { _ = f.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			_ = f.Close()
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		if first && waiting != nil {
			waiting()
		}
		select {
		case <-ctx.Done():
			_ = f.Close()
			return nil, ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// HashFiles is a hash of the named files' contents, to be used as an input.
func HashFiles(paths ...string) (string, error) {
	h := sha256.New()
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(h, "%s %d\n", filepath.Base(path), len(data))
		h.Write(data)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// Verify checks that the file at path has the sha256 sum want.
func Verify(path, want string) error {
	got, err := Sum(path)
	if err != nil {
		return err
	}
	if !strings.EqualFold(got, want) {
		return fmt.Errorf("%s: sha256 is %s, expected %s", filepath.Base(path), got, want)
	}
	return nil
}
