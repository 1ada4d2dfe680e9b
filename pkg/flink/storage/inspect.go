package storage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"sort"
	"strings"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/sorting"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/statefile"
)

// File is a file that a _metadata names.
type File struct {
	// Path is a URI or, of a file beside the _metadata, its name.
	Path string `json:"path"`
	// Size is in bytes, as the _metadata says; of a file that holds several
	// pieces of state, up to where the last one ends.
	Size int64 `json:"size"`
	// Operator is the ID of the first operator that it holds state of.
	Operator string         `json:"operator"`
	Kind     statefile.Kind `json:"kind"`
	Shared   bool           `json:"shared,omitempty"`
	// State is missing, shorter (with fewer bytes than named) or there; "" where
	// it wasn't looked for.
	State string `json:"state,omitempty"`

	relative bool
}

// The words of File.State.
const (
	There   = "there"
	Missing = "missing"
	Shorter = "shorter"
)

// Inspection is what there is to know of a savepoint or checkpoint from its own
// files.
type Inspection struct {
	// Dir is where it is; "" where it came on standard input.
	Dir string `json:"path,omitempty"`
	// Where says in words where that is.
	Where string `json:"where,omitempty"`
	// Taken is when its _metadata was written; zero where that isn't known.
	Taken time.Time `json:"-"`
	statefile.Summary
	// Files are all files, by path; nil where there are too many to keep.
	Files []File `json:"-"`
	// Checked is how many files were looked for, Unchecked why others weren't.
	Checked   int    `json:"checked"`
	Unchecked string `json:"unchecked,omitempty"`
	// Missing are those that aren't there, or not whole.
	Missing []File `json:"missing,omitempty"`
	// Unnamed is how many files beside the _metadata it doesn't name.
	Unnamed int `json:"unnamed,omitempty"`
}

// maxFiles is how many files an inspection keeps, maxDirs in how many
// directories it looks for them.
const (
	maxFiles = 100_000
	maxDirs  = 32
)

// Inspect reads the _metadata at a path, its directory or the file itself, and
// looks for the files that it names.
func Inspect(ctx context.Context, store Store, at string) (Inspection, error) {
	out, err := ReadAt(ctx, store, at)
	if err != nil {
		return out, err
	}
	return out, out.LookForFiles(ctx, store)
}

// ReadAt reads the _metadata at a path, its directory or the file itself. What it
// names isn't looked for.
func ReadAt(ctx context.Context, store Store, at string) (Inspection, error) {
	in, file, dir, err := Metadata(ctx, store, at)
	if err != nil {
		return Inspection{}, err
	}
	defer in.Close()
	out, err := Read(ctx, in)
	switch {
	case errors.Is(err, fs.ErrNotExist): // names the file already
		return out, fmt.Errorf("it was deleted while it was read: %w", err)
	case err != nil:
		return out, fmt.Errorf("%s: %w", file.Path, err)
	}
	out.Dir, out.Where, out.Taken = dir, store.Where(), file.Modified
	out.Unchecked = "they weren't looked for"
	return out, nil
}

// Read reads a _metadata alone. What it names isn't looked for.
func Read(ctx context.Context, in io.Reader) (Inspection, error) {
	files := map[string]*File{}
	many := false
	summary, err := statefile.Summarize(stoppable{ctx, in}, func(op *statefile.Operator, p *statefile.Piece, _ bool) error {
		if p.Place == statefile.Inline || many {
			return nil
		}
		known := files[p.Path]
		if known == nil {
			if len(files) >= maxFiles {
				files, many = nil, true // they'd be of no use
				return nil
			}
			known = &File{Path: p.Path, Operator: op.ID, Kind: p.Kind, relative: p.Place == statefile.Relative}
			files[p.Path] = known
		}
		known.Shared = known.Shared || p.Shared
		known.Size = max(known.Size, p.Start+p.Size)
		return nil
	})
	out := Inspection{Summary: summary, Unchecked: "only the _metadata itself was given"}
	if many {
		out.Unchecked = fmt.Sprintf("it names more than %d files", maxFiles)
		return out, err
	}
	out.Files = make([]File, 0, len(files))
	for _, file := range files {
		out.Files = append(out.Files, *file)
	}
	sorting.By(out.Files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	return out, err
}

// stoppable ends a read when the context has ended.
type stoppable struct {
	ctx context.Context
	in  io.Reader
}

func (s stoppable) Read(p []byte) (int, error) {
	if s.ctx.Err() != nil {
		return 0, context.Cause(s.ctx)
	}
	return s.in.Read(p)
}

// normal is one way to write the path of a file.
func normal(text string) string {
	switch scheme, rest := Split(text); {
	case scheme == "" || scheme == "file":
		return path.Clean("/" + strings.TrimLeft(rest, "/"))
	case IsS3(scheme):
		return "s3:" + rest
	default:
		return text
	}
}

// FileChanges say which files two snapshots need.
type FileChanges struct {
	// Both need these.
	Both statefile.FileCount `json:"both"`
	// Before are those that only the earlier one needs, Now those that only the
	// later one does.
	Before statefile.FileCount `json:"onlyBefore"`
	Now    statefile.FileCount `json:"onlyNow"`
}

// CompareFiles tells which files two snapshots need; nil where one has too many
// to keep.
func CompareFiles(was, is Inspection) *FileChanges {
	if was.Files == nil || is.Files == nil {
		return nil
	}
	full := func(i Inspection, f File) string {
		if f.relative {
			return normal(Join(i.Dir, f.Path))
		}
		return normal(f.Path)
	}
	out := &FileChanges{}
	count := func(c *statefile.FileCount, f File) {
		c.Files++
		c.Size += max(f.Size, 0)
	}
	before := map[string]bool{}
	for _, file := range was.Files {
		before[full(was, file)] = true
	}
	now := map[string]bool{}
	for _, file := range is.Files {
		name := full(is, file)
		if now[name] = true; before[name] {
			count(&out.Both, file)
		} else {
			count(&out.Now, file)
		}
	}
	for _, file := range was.Files {
		if !now[full(was, file)] {
			count(&out.Before, file)
		}
	}
	return out
}

// LookForFiles looks for the files by listing the directories that they are in,
// which takes one request a thousand files instead of one for each.
func (i *Inspection) LookForFiles(ctx context.Context, store Store) error {
	if i.Files == nil {
		return nil
	}
	i.Unchecked = ""
	_, local := store.(Local)
	_, remote := store.(*S3)
	place := func(f File) (full string, reachable bool) {
		if f.relative {
			return Join(i.Dir, f.Path), true
		}
		scheme, _ := Split(f.Path)
		return f.Path, !local && IsS3(scheme) == remote && (remote || scheme == "" || scheme == "file")
	}
	dirs := map[string]string{normal(i.Dir): i.Dir}
	wanted := map[string]int{}
	elsewhere := 0
	for n, file := range i.Files {
		full, reachable := place(file)
		if !reachable {
			elsewhere++
			continue
		}
		wanted[normal(full)] = n
		if dir := Dir(full); !file.relative && len(dirs) <= maxDirs {
			dirs[normal(dir)] = dir
		}
	}
	if len(dirs) > maxDirs {
		i.Unchecked = fmt.Sprintf("they are in more than %d directories", maxDirs)
		return nil
	}
	own := normal(i.Dir)
	names := make([]string, 0, len(dirs))
	for name := range dirs {
		names = append(names, name)
	}
	sort.Strings(names)
	below := ""
	for _, name := range names {
		if below != "" && strings.HasPrefix(name, below+"/") {
			continue // listed with the directory above
		}
		below = name
		err := store.List(ctx, dirs[name], func(entry Entry) error {
			at := normal(entry.Path)
			n, ok := wanted[at]
			if !ok {
				if Dir(at) == own && Base(at) != MetadataFile {
					i.Unnamed++
				}
				return nil
			}
			i.Files[n].State = There
			if entry.Size < i.Files[n].Size {
				i.Files[n].State = Shorter
			}
			return nil
		})
		switch {
		case err == nil || errors.Is(err, fs.ErrNotExist):
		case ctx.Err() != nil:
			return context.Cause(ctx)
		default:
			// What is known of the snapshot is worth more than that this isn't.
			i.Unchecked = err.Error()
			for n := range i.Files {
				i.Files[n].State = ""
			}
			return nil
		}
	}
	for _, n := range wanted {
		i.Checked++
		if i.Files[n].State == "" {
			i.Files[n].State = Missing
		}
	}
	for _, file := range i.Files {
		if file.State == Missing || file.State == Shorter {
			i.Missing = append(i.Missing, file)
		}
	}
	if elsewhere > 0 {
		i.Unchecked = fmt.Sprintf("%d have paths of their own that don't lead there from here, as in %s", elsewhere, i.example(place))
	}
	return nil
}

func (i *Inspection) example(place func(File) (string, bool)) string {
	for _, file := range i.Files {
		if _, ok := place(file); !ok {
			return file.Path
		}
	}
	return ""
}
