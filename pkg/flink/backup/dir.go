package backup

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"sync"

	"sigs.k8s.io/yaml"
)

// Dir is the directory of a backup. Nothing outside it is read or written,
// whatever names and symbolic links say.
type Dir struct {
	root *os.Root
	name string

	mu sync.Mutex
	// pending are the files that were written and aren't in their places yet.
	pending map[string]bool
	// before are the files of the backup that was there, which is replaced.
	before []string
	// replaces says that there was one.
	replaces bool
}

// Create opens a directory to write a backup into, and makes it where it isn't
// there. One that holds a backup is refused, unless it is to be replaced: that
// stays as it is until Finish.
func Create(name string, overwrite bool) (*Dir, error) {
	if err := os.MkdirAll(name, 0o700); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(name)
	if err != nil {
		return nil, err
	}
	d := &Dir{root: root, name: name, pending: map[string]bool{}}
	if err := d.look(overwrite); err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return d, nil
}

// Holds reports whether a directory holds a backup.
func Holds(name string) bool {
	_, err := os.Lstat(path.Join(name, IndexName))
	return err == nil
}

func (d *Dir) look(overwrite bool) error {
	info, err := d.root.Lstat(IndexName)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !overwrite:
		return fmt.Errorf("%s holds a backup already: give another directory, or say --overwrite", d.name)
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s: %s is no regular file", d.name, IndexName)
	}
	index, err := d.index()
	if err != nil {
		return fmt.Errorf("%s: %s: %w: it isn't replaced", d.name, IndexName, err)
	}
	for _, e := range index.Jobs {
		d.before = append(d.before, e.Manifest, e.Inspection, e.Snapshots)
	}
	for _, m := range index.ConfigMaps {
		d.before = append(d.before, m.Manifest)
	}
	d.replaces = true
	return nil
}

// Replaces reports whether there was a backup, which Finish replaces.
func (d *Dir) Replaces() bool { return d.replaces }

// Open opens the directory of a backup to read it.
func Open(name string) (*Dir, Index, error) {
	root, err := os.OpenRoot(name)
	if err != nil {
		return nil, Index{}, err
	}
	d := &Dir{root: root, name: name}
	index, err := d.index()
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("it has no %s: it is no backup, or one that wasn't finished", IndexName)
	} else if err != nil {
		err = fmt.Errorf("%s: %w", IndexName, err)
	}
	if err != nil {
		return nil, Index{}, errors.Join(err, root.Close())
	}
	return d, index, nil
}

// Close closes it.
func (d *Dir) Close() error { return d.root.Close() }

// open opens a regular file; neither a link nor a pipe is followed or waited for.
func (d *Dir) open(name string) (*os.File, error) {
	info, err := d.root.Lstat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no regular file", name)
	}
	return d.root.Open(name)
}

func (d *Dir) index() (Index, error) {
	file, err := d.open(IndexName)
	if err != nil {
		return Index{}, err
	}
	defer file.Close()
	return ReadIndex(file)
}

// read reads a file within a bound.
func (d *Dir) read(name string) ([]byte, error) {
	file, err := d.open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, largestManifest+1))
	if err == nil && len(data) > largestManifest {
		err = fmt.Errorf("%s is larger than %d MiB", name, largestManifest>>20)
	}
	return data, err
}

// fresh is what a file is called until it is put in its place.
func fresh(name string) string { return name + ".new" }

// write writes a file, for its owner alone, which Finish puts in its place.
func (d *Dir) write(name string, data []byte) error {
	if err := d.root.MkdirAll(path.Dir(name), 0o700); err != nil {
		return err
	}
	d.mu.Lock()
	d.pending[name] = true
	d.mu.Unlock()
	if err := d.root.Remove(fresh(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	file, err := d.root.OpenFile(fresh(name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	if err == nil {
		err = file.Sync()
	}
	return errors.Join(err, file.Close())
}

func (d *Dir) writeYAML(name string, object any) error {
	data, err := yaml.Marshal(object)
	if err != nil {
		return err
	}
	return d.write(name, data)
}

func (d *Dir) writeJSON(name string, object any) error {
	data, err := json.MarshalIndent(object, "", "  ")
	if err != nil {
		return err
	}
	return d.write(name, append(data, '\n'))
}

// Finish puts the files in their places, the index last, and removes what only
// the backup had that was there.
func (d *Dir) Finish(index Index) error {
	if err := d.writeJSON(IndexName, index); err != nil {
		return err
	}
	for _, name := range append(slices.Sorted(maps.Keys(d.without(IndexName))), IndexName) {
		if err := d.root.Rename(fresh(name), name); err != nil {
			return err
		}
	}
	for _, name := range d.before {
		if name != "" && !d.pending[name] {
			if err := d.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("remove what is left of the backup that was there: %w", err)
			}
		}
	}
	d.pending = map[string]bool{}
	return nil
}

func (d *Dir) without(name string) map[string]bool {
	out := maps.Clone(d.pending)
	delete(out, name)
	return out
}

// Discard removes what was written and isn't in its place.
func (d *Dir) Discard() {
	for name := range d.pending {
		_ = d.root.Remove(fresh(name))
	}
}
