package cache

import (
	"context"
	"os"
	"path/filepath"
)

// Sweep removes what attempts that were killed have left, unless someone is
// making the same artifact now.
func (c *Cache) Sweep() error {
	left, err := filepath.Glob(filepath.Join(c.Dir, "tmp", "*"))
	if err != nil {
		return err
	}
	for _, dir := range left {
		key := filepath.Base(dir)
		key = key[:len(key)-len(filepath.Ext(key))]
		// One try only: a lock that is taken is being used.
		ctx, cancel := context.WithCancel(context.Background())
		unlock, err := Lock(ctx, filepath.Join(c.Dir, "locks", key), cancel)
		cancel()
		if err != nil {
			continue
		}
		err = os.RemoveAll(dir)
		unlock()
		if err != nil {
			return err
		}
	}
	return nil
}
