package storage

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/statefile"
)

// Named are the files that the _metadata of savepoints and checkpoints name. A
// file is known by its path from the run's or savepoint's directory on, so that
// it is found again however a volume is mounted or a bucket is written. It keeps
// hashes only: two files that share one are both taken for named.
type Named struct {
	seed maphash.Seed
	// who is the first that names a file.
	who map[uint64]int32
	// several are those that more than one names.
	several map[uint64]bool
	names   []string
}

// maxNamed bounds how many files Named tells apart.
const maxNamed = 4_000_000

// ErrTooManyFiles says that more files are named than can be told apart.
var ErrTooManyFiles = fmt.Errorf("more than %d files are named", maxNamed)

// tailKey is what a file is known by.
func tailKey(file string) string {
	at := normal(file)
	for end := len(at); end > 0; {
		begin := strings.LastIndexByte(at[:end], '/')
		if part := at[begin+1 : end]; runDir.MatchString(part) || savepointDir.MatchString(part) {
			return at[begin+1:]
		}
		end = max(begin, 0)
	}
	return at
}

func (n *Named) hash(file string) uint64 { return maphash.String(n.seed, tailKey(file)) }

// add notes that the savepoint or checkpoint by names a file.
func (n *Named) add(by int32, file string) error {
	h := n.hash(file)
	first, known := n.who[h]
	switch {
	case known && first != by:
		n.several[h] = true
	case !known && len(n.who) >= maxNamed:
		return ErrTooManyFiles
	case !known:
		n.who[h] = by
	}
	return nil
}

// Has reports whether any _metadata names a file.
func (n *Named) Has(file string) bool {
	if n.who == nil {
		return false
	}
	_, ok := n.who[n.hash(file)]
	return ok
}

// Others is a savepoint or checkpoint other than dir that names a file; "" where
// there is none.
func (n *Named) Others(file, dir string) string {
	if n.who == nil {
		return ""
	}
	h := n.hash(file)
	by, ok := n.who[h]
	switch {
	case !ok:
		return ""
	case tailKey(n.names[by]) != tailKey(dir):
		return n.names[by]
	case n.several[h]:
		return "another checkpoint"
	}
	return ""
}

// AddMetadata reads the _metadata in a directory and notes all files that it
// names. An error says that it wasn't read to its end: what it names isn't
// known.
func (n *Named) AddMetadata(ctx context.Context, store Store, dir string) error {
	if n.who == nil {
		n.seed, n.who, n.several = maphash.MakeSeed(), map[uint64]int32{}, map[uint64]bool{}
	}
	in, file, at, err := Metadata(ctx, store, dir)
	if err != nil {
		return err
	}
	defer in.Close()
	n.names = append(n.names, at)
	by := int32(len(n.names) - 1)
	_, err = statefile.Read(stoppable{ctx, in}, statefile.Visitor{Piece: func(_ *statefile.Operator, p *statefile.Piece) error {
		switch p.Place {
		case statefile.Inline:
			return nil
		case statefile.Relative:
			return n.add(by, Join(at, p.Path))
		case statefile.Absolute, statefile.Segment:
		}
		return n.add(by, p.Path)
	}})
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, ErrTooManyFiles):
		return err
	}
	return fmt.Errorf("%s: %w", file.Path, err)
}
