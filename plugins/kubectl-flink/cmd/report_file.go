package cmd

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
)

// reportFile is a file that is whole or not there.
type reportFile struct {
	*os.File
	// name is where it belongs in the end.
	name string
	done bool
}

var _ io.Writer = (*reportFile)(nil)

// createFile makes a file that only its owner may read. One that is there is only
// replaced where that was asked for, and not before the new one is whole.
func createFile(name string, overwrite bool) (*reportFile, error) {
	if overwrite {
		if info, err := os.Lstat(name); err == nil && !info.Mode().IsRegular() {
			return nil, exit.Usagef("--file: %s is no regular file", name)
		}
		file, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*")
		if err != nil {
			return nil, exit.With(exit.Usage, fmt.Errorf("--file: %w", err))
		}
		return &reportFile{File: file, name: name}, nil
	}
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	switch {
	case errors.Is(err, os.ErrExist):
		return nil, exit.Usagef("--file: %s is there already; say --overwrite to replace it", name)
	case err != nil:
		return nil, exit.With(exit.Usage, fmt.Errorf("--file: %w", err))
	}
	return &reportFile{File: file, name: name}, nil
}

// finish puts the file in its place.
func (f *reportFile) finish() error {
	path := f.File.Name()
	err := f.File.Close()
	if err == nil && path != f.name {
		err = os.Rename(path, f.name)
	}
	f.done = err == nil
	return err
}

// abandon removes a file that isn't whole.
func (f *reportFile) abandon() {
	if !f.done {
		_ = f.File.Close()
		_ = os.Remove(f.File.Name())
	}
}
