package storage

import (
	"context"
	"errors"
	"io/fs"
	"regexp"
	"strings"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/sorting"
)

// Saved is a savepoint or checkpoint that was found by its _metadata.
type Saved struct {
	// Path is its directory, Size in bytes that of the files right in it.
	Path string
	Size int64
	// Written is when its _metadata was; zero where the store doesn't tell.
	Written time.Time
	// Run is the ID of the job's run that it is of, as far as the path tells: 32
	// digits of a checkpoint, the first 6 of a savepoint, "" where it doesn't.
	Run string
}

var (
	runDir       = regexp.MustCompile(`^[0-9a-f]{32}$`)
	savepointDir = regexp.MustCompile(`^savepoint-([0-9a-f]{6})-[0-9a-f]+$`)
)

// RunOf is the run that the path of a savepoint or checkpoint tells of, as in
// Saved.Run.
func RunOf(path string) string {
	base := Base(path)
	if parts := savepointDir.FindStringSubmatch(base); parts != nil {
		return parts[1]
	}
	if above := Base(Dir(strings.TrimRight(path, "/"))); strings.HasPrefix(base, "chk-") && runDir.MatchString(above) {
		return above
	}
	return ""
}

// SavedBelow are the savepoints and checkpoints in and below a directory, newest
// first; none where it isn't there. With ErrTooMany they are only some of them.
func SavedBelow(ctx context.Context, store Store, dir string) ([]Saved, error) {
	found := map[string]*Saved{}
	sizes := map[string]int64{}
	err := store.List(ctx, dir, func(entry Entry) error {
		// Written as the directory is: a store may say /x for file:///x.
		at := strings.TrimRight(dir, "/") + strings.TrimPrefix(normal(Dir(entry.Path)), strings.TrimRight(normal(dir), "/"))
		sizes[at] += entry.Size
		if Base(entry.Path) == MetadataFile {
			found[at] = &Saved{Path: at, Written: entry.Modified, Run: RunOf(at)}
		}
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	out := make([]Saved, 0, len(found))
	for at, s := range found {
		s.Size = sizes[at]
		out = append(out, *s)
	}
	sorting.By(out, func(a, b Saved) int {
		if c := b.Written.Compare(a.Written); c != 0 {
			return c
		}
		return strings.Compare(a.Path, b.Path)
	})
	return out, err
}
