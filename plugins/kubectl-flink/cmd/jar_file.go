package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/progress"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/jar"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/storage"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-flink/view"
)

// jarFile is a jar of this computer. Close must be called at the end.
type jarFile struct {
	*os.File
	path   string
	size   int64
	info   jar.Info
	digest *storage.Digest
}

// openJar opens a jar and finds what is wrong with it; class is the one that it is
// to have, "" for the one that its manifest names.
func openJar(path, class string) (*jarFile, error) {
	bad := func(err error) error { return exit.With(exit.Usage, fmt.Errorf("%s: %w", path, err)) }
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, exit.With(exit.Usage, err)
	case !info.Mode().IsRegular():
		return nil, bad(errors.New("it is no regular file"))
	case !strings.HasSuffix(path, ".jar"):
		return nil, bad(errors.New("its name doesn't end with .jar, which Flink wants"))
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, exit.With(exit.Usage, err)
	}
	f := &jarFile{File: file, path: path, size: info.Size()}
	if f.info, err = jar.Check(file, f.size, class); err != nil {
		file.Close()
		return nil, bad(err)
	}
	return f, nil
}

func (f *jarFile) name() string { return filepath.Base(f.path) }

// sum reads the file for its checksums.
func (f *jarFile) sum(ctx context.Context) (err error) {
	if f.digest == nil {
		if f.digest, err = storage.DigestOf(ctx, f, f.size); err != nil {
			err = fmt.Errorf("%s: %w", f.path, err)
		}
	}
	return err
}

// put writes the jar to where there is none, or to where it is to be replaced, and
// reads afterwards that it is there.
func (f *jarFile) put(ctx context.Context, s3 *storage.S3, uri string, replace bool, line *progress.Line) error {
	text := "uploading " + f.name()
	line.Set("%s (%s) to %s", text, view.Bytes(f.size), uri)
	err := s3.Put(ctx, uri, f, f.digest, storage.Upload{Replace: replace, Sent: func(sent int64) { line.Share(text, sent, f.size, view.Bytes) }})
	if err != nil {
		line.Set("looking what is at %s", uri)
		return fmt.Errorf("%w\n%s", err, f.left(ctx, s3, uri))
	}
	line.Set("checking %s", uri)
	switch there, same, err := s3.Holds(ctx, uri, f.digest); {
	case err != nil:
		return fmt.Errorf("%s was uploaded, and what is there now couldn't be checked: %w", uri, err)
	case !there || !same:
		return fmt.Errorf("%s was uploaded, and has other bytes now: another user wrote it, or %s", uri, f.path+" changed meanwhile")
	}
	return nil
}

// left says what is at an address after an upload to it failed.
func (f *jarFile) left(ctx context.Context, s3 *storage.S3, uri string) string {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), partingLimit)
	defer cancel()
	switch there, same, err := s3.Holds(ctx, uri, f.digest); {
	case err != nil:
		return "What is at " + uri + " now couldn't be seen; it can be uploaded again, which looks first"
	case same:
		return "It is at " + uri + " all the same, whole"
	case there:
		return "What was at " + uri + " before still is; it can be uploaded again"
	}
	return "Nothing of it is at " + uri + "; it can be uploaded again"
}

// reading says how much of a file is read.
type reading struct {
	io.Reader
	done int64
	tell func(int64)
}

func (r *reading) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	r.done += int64(n)
	r.tell(r.done)
	return n, err
}
