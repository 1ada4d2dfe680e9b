package cache

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/kubectl-flink/kubectl-flink/hack/cluster/internal/progress"
)

func newCache(t *testing.T) *Cache {
	t.Helper()
	return &Cache{Dir: t.TempDir(), Log: progress.New(io.Discard)}
}

func writer(content string, calls *atomic.Int32) func(context.Context, string) error {
	return func(_ context.Context, dir string) error {
		calls.Add(1)
		return os.WriteFile(filepath.Join(dir, "file"), []byte(content), 0o644)
	}
}

func TestGetBuildsOnce(t *testing.T) {
	c, calls := newCache(t), &atomic.Int32{}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if _, err := c.Get(t.Context(), Artifact{Name: "a", Inputs: []string{"1"}, Build: writer("x", calls)}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := calls.Load(); n != 1 {
		t.Errorf("built %d times instead of once", n)
	}
}

func TestOtherInputsAreAnotherArtifact(t *testing.T) {
	a := Artifact{Name: "a", Inputs: []string{"ab", "c"}}
	b := Artifact{Name: "a", Inputs: []string{"a", "bc"}}
	if a.Key() == b.Key() {
		t.Errorf("both have the key %s", a.Key())
	}
}

func TestAFailedBuildLeavesNothing(t *testing.T) {
	c := newCache(t)
	failure := errors.New("cut off")
	a := Artifact{Name: "a", Build: func(_ context.Context, dir string) error {
		if err := os.WriteFile(filepath.Join(dir, "half"), []byte("ha"), 0o644); err != nil {
			return err
		}
		return failure
	}}
	if _, err := c.Get(t.Context(), a); !errors.Is(err, failure) {
		t.Fatalf("got the error %v", err)
	}
	for _, dir := range []string{"artifacts", "tmp"} {
		entries, err := os.ReadDir(filepath.Join(c.Dir, dir))
		if err != nil || len(entries) != 0 {
			t.Errorf("%s holds %v (%v)", dir, entries, err)
		}
	}
	calls := &atomic.Int32{}
	a.Build = writer("whole", calls)
	if _, err := c.Get(t.Context(), a); err != nil || calls.Load() != 1 {
		t.Errorf("the next attempt: %v after %d builds", err, calls.Load())
	}
}

func TestADamagedArtifactIsMadeAnew(t *testing.T) {
	for name, damage := range map[string]func(path string) error{
		"truncated": func(path string) error { return os.Truncate(path, 1) },
		"missing":   os.Remove,
	} {
		t.Run(name, func(t *testing.T) {
			c, calls := newCache(t), &atomic.Int32{}
			a := Artifact{Name: "a", Build: writer("content", calls)}
			dir, err := c.Get(t.Context(), a)
			if err != nil {
				t.Fatal(err)
			}
			if err := damage(filepath.Join(dir, "file")); err != nil {
				t.Fatal(err)
			}
			if c.Has(a) {
				t.Error("the damaged artifact counts as whole")
			}
			if dir, err = c.Get(t.Context(), a); err != nil {
				t.Fatal(err)
			}
			data, err := os.ReadFile(filepath.Join(dir, "file"))
			if err != nil || string(data) != "content" || calls.Load() != 2 {
				t.Errorf("got %q, %v after %d builds", data, err, calls.Load())
			}
		})
	}
}

func TestWhatAKilledAttemptLeftIsRemoved(t *testing.T) {
	c, calls := newCache(t), &atomic.Int32{}
	a := Artifact{Name: "a", Build: writer("x", calls)}
	stale := filepath.Join(c.Dir, "tmp", a.Key()+".123")
	if err := os.MkdirAll(stale, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Get(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(stale); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the stale directory is still there (%v)", err)
	}
}

func TestLockWaits(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	unlock, err := Lock(t.Context(), path, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := Lock(ctx, path, cancel); !errors.Is(err, context.Canceled) {
		t.Errorf("a taken lock gave %v", err)
	}
	unlock()
	unlock, err = Lock(t.Context(), path, nil)
	if err != nil {
		t.Fatal(err)
	}
	unlock()
}

func TestVerify(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(path, []byte("abc"), 0o644); err != nil {
		t.Fatal(err)
	}
	const sum = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
	if err := Verify(path, sum); err != nil {
		t.Error(err)
	}
	if err := Verify(path, strings.Repeat("0", 64)); err == nil || !strings.Contains(err.Error(), sum) {
		t.Errorf("a wrong sum gave %v", err)
	}
}

func TestSweepSparesWhatIsBeingMade(t *testing.T) {
	c := newCache(t)
	a := Artifact{Name: "flink-1.20.5", Build: func(_ context.Context, dir string) error {
		stale := filepath.Join(c.Dir, "tmp", "other-1.2.3-0123.456")
		if err := os.MkdirAll(stale, 0o755); err != nil {
			return err
		}
		if err := c.Sweep(); err != nil {
			return err
		}
		if _, err := os.Stat(stale); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the stale directory is still there (%v)", err)
		}
		_, err := os.Stat(dir)
		return err
	}}
	if _, err := c.Get(t.Context(), a); err != nil {
		t.Error(err)
	}
}
