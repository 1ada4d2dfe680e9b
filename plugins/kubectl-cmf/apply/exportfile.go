package apply

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/source"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmf"
)

// exportMark is the first line of an exported file: only files with it are
// overwritten unasked.
const exportMark = "# Written by kubectl cmf export, which overwrites it the next time.\n"

// secretNote stands in the file of a secret.
const secretNote = "# CMF never shows a secret's data; applying this file as it is keeps the data. To create\n# the secret elsewhere, add its values as spec.data.\n"

// File is one exported file.
type File struct {
	// Name is that in the directory.
	Name string
	Text []byte
}

// fileName is what may be part of a file's name on every system: CMF's names
// have no other characters, and no underscore, which parts them here.
var fileName = regexp.MustCompile(`^[a-zA-Z0-9][-a-zA-Z0-9.]*$`)

// maxFileName bounds a file's name without its extension, in bytes.
const maxFileName = 200

// ExportFiles are the files of items: one for each object, except that the
// statements which define something, such as tables, stand in one file for each
// environment, in the order in which they were made.
func ExportFiles(items []Item, placed bool) ([]File, error) {
	texts := map[string]*bytes.Buffer{}
	owner := map[string]string{}
	var names []string
	for _, item := range items {
		object := AsFile(item, placed)
		name, shared, err := nameOf(item)
		if err != nil {
			return nil, err
		}
		text, err := toYAML(object)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", item.Ref.Where(), err)
		}
		// Some file systems don't tell upper from lower case.
		key := strings.ToLower(name)
		out := texts[key]
		switch {
		case out == nil:
			out = bytes.NewBufferString(exportMark)
			texts[key], owner[key] = out, item.Ref.Where()
			names = append(names, name)
		case !shared:
			return nil, fmt.Errorf("%s and %s would have the same file %s", owner[key], item.Ref.Where(), name)
		default:
			out.WriteString("---\n")
		}
		if len(item.Ref.Kind.WriteOnly) > 0 {
			out.WriteString(secretNote)
		}
		out.WriteString(text)
	}
	slices.Sort(names)
	var files []File
	for _, name := range names {
		files = append(files, File{Name: name, Text: texts[strings.ToLower(name)].Bytes()})
	}
	return files, nil
}

// nameOf is the name of the file that an object is in, and whether others of
// its kind are in it, too.
func nameOf(item Item) (name string, shared bool, err error) {
	parts := []string{item.Ref.Kind.Name}
	for _, part := range []string{item.Ref.Scope.Environment, item.Ref.Scope.Catalog} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	if shared = item.Ref.Kind.Defines != nil && item.Ref.Kind.Defines(item.Object); !shared {
		parts = append(parts, item.Ref.Name)
	}
	for _, part := range append(slices.Clone(parts), item.Ref.Name) {
		if !fileName.MatchString(part) || strings.HasSuffix(part, ".") {
			return "", false, fmt.Errorf("%s: %q can't be part of a file's name", item.Ref.Where(), part)
		}
	}
	name = strings.Join(parts, "_")
	if len(name) > maxFileName {
		sum := sha256.Sum256([]byte(name))
		name = name[:maxFileName-17] + "_" + hex.EncodeToString(sum[:8])
	}
	return name + ".yaml", shared, nil
}

// Exported says which files an export wrote and removed.
type Exported struct {
	// Written and Unchanged are files of this export, Stale those of an earlier
	// one that this one doesn't have, which are removed where that was asked for.
	Written, Unchanged, Stale []string
}

// ExportOptions change how files are written.
type ExportOptions struct {
	// Overwrite replaces files that no export wrote, Prune removes those of an
	// earlier export that this one doesn't have.
	Overwrite, Prune bool
}

// WriteFiles writes files into dir, which is made where it isn't there, and
// nowhere else, whatever links are in it. It changes nothing where a file that
// no export wrote is in the way.
func WriteFiles(dir string, files []File, o ExportOptions) (Exported, error) {
	var out Exported
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return out, fmt.Errorf("%s: %w", dir, source.Cause(err))
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return out, fmt.Errorf("%s: %w", dir, source.Cause(err))
	}
	defer func() { _ = root.Close() }()
	wanted := map[string]bool{}
	var write []File
	var foreign []string
	for _, f := range files {
		wanted[f.Name] = true
		text, err := readOwn(root, f.Name)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			write = append(write, f)
		case errors.Is(err, errForeign) && o.Overwrite:
			write = append(write, f)
		case errors.Is(err, errForeign):
			foreign = append(foreign, f.Name)
		case err != nil:
			return out, fmt.Errorf("%s: %w", filepath.Join(dir, f.Name), source.Cause(err))
		case bytes.Equal(text, f.Text):
			out.Unchanged = append(out.Unchanged, f.Name)
		default:
			write = append(write, f)
		}
	}
	if len(foreign) > 0 {
		return out, fmt.Errorf("%s: not written by an export, and would be overwritten: %s; export to another directory, or use --overwrite", dir, several(foreign))
	}
	if out.Stale, err = stale(root, wanted); err != nil {
		return out, fmt.Errorf("%s: %w", dir, source.Cause(err))
	}
	for _, f := range write {
		if err := replace(root, f); err != nil {
			return out, fmt.Errorf("%s: %w", filepath.Join(dir, f.Name), source.Cause(err))
		}
		out.Written = append(out.Written, f.Name)
	}
	for _, name := range out.Stale {
		if !o.Prune {
			break
		}
		if err := root.Remove(name); err != nil {
			return out, fmt.Errorf("%s: %w", filepath.Join(dir, name), source.Cause(err))
		}
	}
	return out, nil
}

// several lists names, the first ones of many.
func several(names []string) string {
	const shown = 10
	if len(names) > shown {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:shown], ", "), len(names)-shown)
	}
	return strings.Join(names, ", ")
}

var errForeign = errors.New("not written by an export")

// readOwn reads a file that an export wrote.
func readOwn(root *os.Root, name string) ([]byte, error) {
	info, err := root.Lstat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errForeign
	}
	file, err := root.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err != nil {
		return nil, err
	}
	if !bytes.HasPrefix(text, []byte(exportMark)) {
		return nil, errForeign
	}
	return text, nil
}

// stale are the files of an earlier export that aren't wanted any more.
func stale(root *os.Root, wanted map[string]bool) ([]string, error) {
	dir, err := root.Open(".")
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	entries, err := dir.ReadDir(-1)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, entry := range entries {
		name := entry.Name()
		if wanted[name] || filepath.Ext(name) != ".yaml" || !entry.Type().IsRegular() {
			continue
		}
		if _, err := readOwn(root, name); err == nil {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out, nil
}

// replace puts a whole file in the place of what is there: who reads meanwhile
// reads the one or the other.
func replace(root *os.Root, f File) error {
	if info, err := root.Lstat(f.Name); err == nil && info.IsDir() {
		return errors.New("it is a directory")
	}
	var random [6]byte
	if _, err := rand.Read(random[:]); err != nil {
		return err
	}
	temporary := ".kubectl-cmf-export-" + hex.EncodeToString(random[:])
	// What is no secret to this program may be one to the user.
	file, err := root.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(f.Text)
	err = errors.Join(err, file.Close())
	if err == nil {
		err = root.Rename(temporary, f.Name)
	}
	if err != nil {
		_ = root.Remove(temporary)
	}
	return err
}

// fill puts what live has in the place of a file's placeholders. What is left is
// an error: a placeholder is never sent.
func fill(kind *cmf.Kind, object, live cmf.Object) error {
	if live != nil {
		known := live.Copy()
		for _, path := range kind.WriteOnly {
			known.Remove(path)
		}
		cmf.FillPlaceholders(kind, object, known)
	}
	if path, found := cmf.HasPlaceholder(object); found {
		return fmt.Errorf("%s stands for a secret, and this server has none there; put the value into %s", cmf.Placeholder, path)
	}
	return nil
}
