package storage

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"testing"
	"testing/synctest"
	"time"
)

// emptied is a directory from which the files go after some looks.
type emptied struct {
	Store
	looks int
	fails error
}

func (e *emptied) List(_ context.Context, dir string, each func(Entry) error) error {
	if e.looks--; e.looks < 0 {
		return e.fails
	}
	for n := range 3 {
		if err := each(Entry{Path: fmt.Sprintf("%s/%d", dir, n)}); err != nil {
			return fmt.Errorf("list: %w", err)
		}
	}
	return nil
}

func TestAwaitGone(t *testing.T) {
	denied := errors.New("access denied")
	for name, c := range map[string]struct {
		looks   int
		fails   error
		remains string
		want    error
		took    time.Duration
	}{
		"it is gone":                          {},
		"its directory is gone":               {looks: 2, fails: fmt.Errorf("x: %w", fs.ErrNotExist), took: 2 * time.Second},
		"it goes":                             {looks: 5, took: 5 * time.Second},
		"it stays":                            {looks: 100, remains: "s3://b/sp/0", took: 10 * time.Second},
		"it can't be looked at":               {fails: denied, want: denied},
		"it can't be looked at after a while": {looks: 3, fails: denied, want: denied, took: 3 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				err := AwaitGone(t.Context(), &emptied{looks: c.looks, fails: c.fails}, "s3://b/sp", 10*time.Second)
				var remains *RemainsError
				switch errors.As(err, &remains); {
				case c.remains != "" && (remains == nil || remains.File != c.remains || remains.Dir != "s3://b/sp"),
					c.remains == "" && !errors.Is(err, c.want):
					t.Errorf("error %v", err)
				}
				if took := time.Since(began); took != c.took {
					t.Errorf("took %s, want %s", took, c.took)
				}
			})
		})
	}
	t.Run("Ctrl-C", func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		why := errors.New("interrupted")
		cancel(why)
		if err := AwaitGone(ctx, &emptied{looks: 100, fails: why}, "s3://b/sp", time.Hour); !errors.Is(err, why) {
			t.Error(err)
		}
	})
}
