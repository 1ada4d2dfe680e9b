package reach

import (
	"context"
	"errors"
	"io/fs"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/storage"
)

// NeededBy is a savepoint or checkpoint in a job's directories that needs files
// of the one at path, as after a start from it in claim mode CLAIM; "" where
// there is none. Its error says that this couldn't be found out in full.
func NeededBy(ctx context.Context, open func(context.Context, api.Job, string) (storage.Store, error), job api.Job, dirs []StateDir, path string) (string, error) {
	var named storage.Named
	var files []string
	inside := false
	list := func(dir string) error {
		store, err := open(ctx, job, dir)
		if err != nil {
			return err
		}
		var saved []string
		err = store.List(ctx, dir, func(entry storage.Entry) error {
			switch {
			case storage.Within(path, entry.Path):
				files = append(files, entry.Path)
			case storage.Base(entry.Path) == storage.MetadataFile:
				saved = append(saved, storage.Dir(entry.Path))
			}
			return nil
		})
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		for _, at := range saved {
			// What went meanwhile needs nothing; a newer one needs what it needed.
			if err := named.AddMetadata(ctx, store, at); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
		return nil
	}
	for _, dir := range dirs {
		if dir.HA {
			continue
		}
		inside = inside || storage.Within(dir.Path, path)
		if err := list(dir.Path); err != nil {
			return "", err
		}
	}
	if !inside {
		if err := list(path); err != nil {
			return "", err
		}
	}
	for _, file := range files {
		if by := named.Others(file, path); by != "" {
			return by, nil
		}
	}
	return "", nil
}
