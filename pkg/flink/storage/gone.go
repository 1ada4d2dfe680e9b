package storage

import (
	"context"
	"errors"
	"io/fs"
	"time"
)

// lookEvery is the time between two looks at what is to go.
const lookEvery = time.Second

// RemainsError says that files are still there that were to be deleted.
type RemainsError struct {
	// Dir is where they are, and File one of them.
	Dir, File string
	// After is how long they were waited for.
	After time.Duration
}

func (e *RemainsError) Error() string {
	return "after " + e.After.String() + " files are still there, as " + e.File
}

// AwaitGone waits until no file is left in or below a directory, for limit at
// most: then its error is a RemainsError. Another error says that it couldn't be
// looked at.
func AwaitGone(ctx context.Context, store Store, dir string, limit time.Duration) error {
	enough := errors.New("one is enough")
	end := time.Now().Add(limit)
	for {
		left := ""
		err := store.List(ctx, dir, func(entry Entry) error {
			left = entry.Path
			return enough
		})
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case left != "":
		case err == nil, errors.Is(err, fs.ErrNotExist):
			return nil
		default:
			return err
		}
		if !time.Now().Before(end) {
			return &RemainsError{Dir: dir, File: left, After: limit}
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(lookEvery):
		}
	}
}
