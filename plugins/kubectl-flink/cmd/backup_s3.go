package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/progress"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/backup"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/storage"
)

// backupPlace is where a backup is kept: a directory, or a prefix of an object store.
type backupPlace struct{ secret, endpoint string }

// inS3 reports whether a backup is in an object store.
func inS3(place string) bool {
	scheme, _ := storage.Split(place)
	return storage.IsS3(scheme)
}

// validate finds what is wrong with a place and its flags; flag is the one that names it.
func (p *backupPlace) validate(flag, place string) error {
	if !inS3(place) {
		if p.secret != "" || p.endpoint != "" {
			return exit.Usagef("--secret and --endpoint are for s3://")
		}
		return nil
	}
	if err := storage.CheckAddress(storage.Join(place, backup.IndexName)); err != nil {
		return exit.Usagef("%s: %v", flag, err)
	}
	return nil
}

// at has do use the object store that a backup is in.
func (p *backupPlace) at(ctx context.Context, c *common, client *operator.Client, way tunnelFlags, place string, do func(*storage.S3) error) error {
	f := &jarFlags{common: c, tunnelFlags: way, secret: p.secret, endpoint: p.endpoint}
	return f.atS3(ctx, client, place, do)
}

// checkFree refuses a prefix that holds a backup already.
func checkFree(ctx context.Context, s3 *storage.S3, place string) error {
	_, err := s3.Stat(ctx, storage.Join(place, backup.IndexName))
	switch {
	case err == nil:
		return exit.Usagef("--output: %s holds a backup already", place)
	case errors.Is(err, fs.ErrNotExist) && !strings.Contains(err.Error(), "no such bucket"):
		return nil
	}
	return fmt.Errorf("--output: %w", err)
}

// sendBackup brings a backup from a directory to an object store, the index last: a
// prefix without it is no backup. What is there is never replaced.
func sendBackup(ctx context.Context, s3 *storage.S3, dir, place string, index backup.Index, line *progress.Line) error {
	names := append(index.Files(), backup.IndexName)
	for n, name := range names {
		line.Set("writing to %s: %d of %d", place, n, len(names))
		if err := sendOne(ctx, s3, filepath.Join(dir, filepath.FromSlash(name)), storage.Join(place, name)); err != nil {
			return err
		}
	}
	return nil
}

func sendOne(ctx context.Context, s3 *storage.S3, file, to string) error {
	in, err := os.Open(file)
	if err != nil {
		return err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	digest, err := storage.DigestOf(ctx, in, info.Size())
	if err != nil {
		return err
	}
	return s3.Put(ctx, to, in, digest, storage.Upload{})
}

// fetchBackup brings a backup from an object store into a directory, within the bounds
// of what recover reads. The index is first: it names the others.
func fetchBackup(ctx context.Context, s3 *storage.S3, place, dir string, line *progress.Line) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	names := []string{backup.IndexName}
	for n := 0; n < len(names); n++ {
		line.Set("reading %s: %d of %d", place, n, len(names))
		if err := fetchOne(ctx, s3, root, place, names[n]); err != nil {
			return err
		}
		if n == 0 {
			opened, index, err := backup.Open(dir) // which checks the files' names
			if err != nil {
				return err
			}
			names = append(names, index.Files()...)
			_ = opened.Close()
		}
	}
	return nil
}

// largestOfBackup bounds a file of a backup, in bytes; recover has stricter bounds.
const largestOfBackup = 64 << 20

func fetchOne(ctx context.Context, s3 *storage.S3, root *os.Root, place, name string) error {
	in, err := s3.Open(ctx, storage.Join(place, name))
	if err != nil {
		return err
	}
	defer in.Close()
	data, err := io.ReadAll(io.LimitReader(in, largestOfBackup))
	if err == nil {
		err = root.MkdirAll(path.Dir(name), 0o700)
	}
	if err == nil {
		err = root.WriteFile(name, data, 0o600)
	}
	return err
}
