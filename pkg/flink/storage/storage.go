// Package storage reads the files that Flink keeps state in, wherever a job
// keeps them: in a directory of this machine, in an object store that speaks
// S3, or in a volume that only pods see. Nothing is changed there but by Remove, and
// by S3's Put.
package storage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strconv"
	"strings"
	"time"
)

// Entry is a file in a store.
type Entry struct {
	// Path is written as the one that was asked for: a URI for S3, an absolute
	// path else.
	Path string
	// Size is in bytes.
	Size int64
	// Modified is zero where the store doesn't tell.
	Modified time.Time
}

// Store reads files. An error for a file or directory that isn't there is
// fs.ErrNotExist.
type Store interface {
	// Open reads a file from its beginning. Closing it early stops the transfer.
	Open(ctx context.Context, file string) (io.ReadCloser, error)
	// Stat tells of one file.
	Stat(ctx context.Context, file string) (Entry, error)
	// List tells every file in and below a directory, in no order, until each
	// fails or there are more than MaxEntries.
	List(ctx context.Context, dir string, each func(Entry) error) error
	// Where says in a few words where it reads, for messages.
	Where() string
}

// Remover is a store that files can be deleted in.
type Remover interface {
	Store
	// Remove deletes files, and tells each that is gone. A file that isn't there
	// counts as gone. It stops at the first error.
	Remove(ctx context.Context, files []string, gone func(file string)) error
	// Clear removes directories that are empty, with what is empty in them; it
	// keeps the others. In an object store there is nothing to do.
	Clear(ctx context.Context, dirs []string) error
}

// MaxEntries bounds how many files List tells before it gives up with
// ErrTooMany.
const MaxEntries = 200_000

// ErrTooMany says that a directory has more than MaxEntries files.
var ErrTooMany = fmt.Errorf("more than %d files", MaxEntries)

// MetadataFile is the name of the file that describes a savepoint or
// checkpoint, in its directory.
const MetadataFile = "_metadata"

// Split reads a path of state as Flink does: the scheme in small letters, ""
// where none is written, and what comes after the colon.
func Split(path string) (scheme, rest string) {
	scheme, rest, found := strings.Cut(path, ":")
	if !found || strings.Contains(scheme, "/") {
		return "", path
	}
	return strings.ToLower(scheme), rest
}

// IsS3 reports whether a scheme is one of those that Flink's S3 filesystems
// serve.
func IsS3(scheme string) bool {
	switch scheme {
	case "s3", "s3a", "s3p", "s3n":
		return true
	}
	return false
}

// services are the stores that can't be read from here, by scheme.
var services = map[string]string{
	"gs": "Google Cloud Storage", "abfs": "Azure", "abfss": "Azure", "wasb": "Azure", "wasbs": "Azure",
	"hdfs": "HDFS", "viewfs": "HDFS", "oss": "Alibaba OSS", "swift": "OpenStack Swift", "cosn": "Tencent COS", "obs": "Huawei OBS", "maprfs": "MapR",
}

// UnreadableError says that nothing here reads a filesystem.
type UnreadableError struct{ Path, Scheme string }

func (e *UnreadableError) Error() string {
	name := services[e.Scheme]
	if name == "" {
		name = "the filesystem " + e.Scheme + ":"
	}
	return fmt.Sprintf("%s: %s can't be read from here; S3, volumes of pods and files of this machine can\nFetch its _metadata with the tools of that storage and give it on standard input: kubectl flink snapshot inspect - < _metadata", e.Path, name)
}

// notThere is an error for a file that doesn't exist.
func notThere(file, where string) error {
	return fmt.Errorf("%s is not there (%s): %w", file, where, fs.ErrNotExist)
}

// Join appends a file's name, or a path below it, to a directory.
func Join(dir, name string) string { return strings.TrimRight(dir, "/") + "/" + name }

// Dir is the directory that a path is in.
func Dir(path string) string {
	path = strings.TrimRight(path, "/")
	if at := strings.LastIndexByte(path, '/'); at > 0 {
		return path[:at]
	}
	return path
}

// Base is the last part of a path.
func Base(path string) string {
	path = strings.TrimRight(path, "/")
	return path[strings.LastIndexByte(path, '/')+1:]
}

// NewestCheckpoint is the path of the checkpoint with the highest number in the
// directory of a job's run; an error that is fs.ErrNotExist where there is none.
func NewestCheckpoint(ctx context.Context, store Store, dir string) (string, error) {
	best, highest := "", int64(-1)
	err := store.List(ctx, dir, func(entry Entry) error {
		of := Dir(entry.Path)
		digits, ok := strings.CutPrefix(Base(of), "chk-")
		if n, err := strconv.ParseInt(digits, 10, 64); ok && err == nil && Base(entry.Path) == MetadataFile && n > highest {
			best, highest = Join(dir, Base(of)), n
		}
		return nil
	})
	if best == "" && err == nil {
		err = notThere(Join(dir, "chk-…"), store.Where())
	}
	if best != "" && !errors.Is(err, ErrTooMany) {
		err = nil // what went while it was listed is no matter
	}
	return best, err
}

// Metadata opens the _metadata of a savepoint or checkpoint that is named by its
// directory or by the file itself, and tells its directory.
func Metadata(ctx context.Context, store Store, path string) (in io.ReadCloser, file Entry, dir string, err error) {
	dir = strings.TrimRight(path, "/")
	if Base(dir) == MetadataFile {
		dir = Dir(dir)
	}
	at := Join(dir, MetadataFile)
	if file, err = store.Stat(ctx, at); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			err = fmt.Errorf("there is no savepoint or checkpoint at %s: %w", dir, err)
		}
		return nil, file, dir, err
	}
	in, err = store.Open(ctx, at)
	return in, file, dir, err
}
