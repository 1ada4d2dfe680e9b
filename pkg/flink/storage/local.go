package storage

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Local reads files of this machine.
type Local struct{}

// Where says so.
func (Local) Where() string { return "on this machine" }

// Open reads a file.
func (Local) Open(_ context.Context, file string) (io.ReadCloser, error) {
	if err := regular(file); err != nil {
		return nil, err
	}
	return os.Open(filepath.FromSlash(file))
}

// regular refuses what isn't a file with an end, like a pipe or a device.
func regular(file string) error {
	info, err := os.Stat(filepath.FromSlash(file))
	if err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("%s is no file", file)
	}
	return err
}

// Stat tells of a file.
func (Local) Stat(_ context.Context, file string) (Entry, error) {
	info, err := os.Stat(filepath.FromSlash(file))
	if err != nil {
		return Entry{}, err
	}
	return Entry{Path: file, Size: info.Size(), Modified: info.ModTime()}, nil
}

// List walks a directory; links in it aren't followed.
func (Local) List(ctx context.Context, dir string, each func(Entry) error) error {
	n := 0
	return filepath.WalkDir(filepath.FromSlash(dir), func(file string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case !entry.Type().IsRegular():
			return nil
		}
		if n++; n > MaxEntries {
			return fmt.Errorf("%s: %w", dir, ErrTooMany)
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		return each(Entry{Path: filepath.ToSlash(file), Size: info.Size(), Modified: info.ModTime()})
	})
}
