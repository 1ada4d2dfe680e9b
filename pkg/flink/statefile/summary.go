package statefile

import (
	"hash/maphash"
	"io"
	"slices"
)

// Bounds on what a Summary keeps, so that a forged file can't fill memory. A
// job of Flink has hundreds of operators at most.
const (
	maxOperators    = 20_000
	maxMasterStates = 1_000
	maxStateNames   = 64
	// maxText is in bytes, of all names together with what each of them costs.
	maxText  = 8 << 20
	wordCost = 48
	// maxSeen is how many different files are told apart.
	maxSeen = 500_000
)

// Amount counts state of one kind.
type Amount struct {
	Handles int `json:"handles"`
	// Size is in bytes, as Flink counts it.
	Size int64 `json:"size"`
}

// FileCount counts different files. A segment of a file counts by its own size.
type FileCount struct {
	Files int `json:"files"`
	// Size is in bytes.
	Size int64 `json:"size"`
}

func (c *FileCount) add(size int64, isNew bool) {
	if isNew {
		c.Files++
	}
	c.Size = add(c.Size, size)
}

// OperatorSummary is an operator and how much state it has.
type OperatorSummary struct {
	Operator
	// Size is in bytes, of all kinds together.
	Size  int64           `json:"size"`
	Kinds map[Kind]Amount `json:"kinds,omitempty"`
	// Forms are how its state is kept, in the order in which they came up.
	Forms []Form `json:"forms,omitempty"`
	// States are its named pieces of operator state; those of keyed state are
	// inside the files. MoreStates says that there are more than are kept.
	States     []StateName `json:"states,omitempty"`
	MoreStates bool        `json:"moreStates,omitempty"`
}

// HasState reports whether Flink refuses to leave the operator out of a job
// that it restores, unless that is allowed.
func (o OperatorSummary) HasState() bool { return len(o.Kinds) > 0 }

// Summary is what a _metadata amounts to.
type Summary struct {
	Header
	// Size is in bytes, of all state, as Flink counts it: what several
	// checkpoints share counts in each.
	Size int64 `json:"size"`
	// Inline is what of it is in the _metadata itself.
	Inline int64 `json:"inline"`
	// Own are the files that belong to this snapshot alone, Shared those that
	// other checkpoints may need too. Each counts once.
	Own    FileCount `json:"own"`
	Shared FileCount `json:"shared"`
	// ManyFiles says that there are too many files to tell all apart, so that
	// some count twice.
	ManyFiles    bool              `json:"manyFiles,omitempty"`
	MasterStates []MasterState     `json:"masterStates,omitempty"`
	Operators    []OperatorSummary `json:"operators"`
	// Relocatable says that no file has a path of its own: the directory may be
	// moved or copied as a whole.
	Relocatable bool `json:"relocatable"`
	// Bytes is how long the _metadata itself is, as far as it was read.
	Bytes int64 `json:"bytes"`
}

// LowestMax is the lowest max parallelism of the operators that have state, which
// is how far the job can be scaled; 0 where none has. Operators that can't be
// scaled at all don't count.
func (s Summary) LowestMax() int {
	out := 0
	for _, o := range s.Operators {
		if o.HasState() && !o.Single() && (out == 0 || o.MaxParallelism < out) {
			out = o.MaxParallelism
		}
	}
	return out
}

// Has reports whether any state is kept in this form.
func (s Summary) Has(form Form) bool {
	return slices.ContainsFunc(s.Operators, func(o OperatorSummary) bool { return slices.Contains(o.Forms, form) })
}

// The sorts of snapshots, as far as the file tells.
const (
	CanonicalSavepoint = "canonical savepoint"
	NativeSavepoint    = "native savepoint"
	SavepointOnly      = "savepoint"
	CheckpointOnly     = "checkpoint"
	Unsaid             = "savepoint or checkpoint"
)

// Sort is what sort of snapshot it is, as one of the words above. A file before
// version 4 doesn't say; its handles may.
func (s Summary) Sort() string {
	switch p := s.Properties; {
	case p == nil && s.Has(SavepointKeyGroups):
		return CanonicalSavepoint
	case p == nil && s.Has(BackendFiles) && s.Shared.Files > 0:
		return CheckpointOnly
	case p == nil:
		return Unsaid
	case !p.Savepoint:
		return CheckpointOnly
	case p.Format == "CANONICAL":
		return CanonicalSavepoint
	case p.Format == "NATIVE":
		return NativeSavepoint
	}
	return SavepointOnly
}

// Summarize reads a _metadata into a summary, in at most about 40 MB of memory
// however large the file is. It fails as Read does, and where the file has more
// operators or names than any job. If piece isn't nil it receives every piece
// too; isNew says that its file is named for the first time.
func Summarize(in io.Reader, piece func(op *Operator, p *Piece, isNew bool) error) (Summary, error) {
	counted := &counter{in: in}
	out := Summary{Relocatable: true, Operators: []OperatorSummary{}}
	var now OperatorSummary
	text := 0
	seen := map[uint64]struct{}{}
	seed := maphash.MakeSeed()
	// keep counts the text that the summary holds.
	keep := func(words ...string) error {
		for _, word := range words {
			text += len(word) + wordCost
		}
		if text > maxText {
			return &FormatError{Offset: counted.n, What: "it has more names than any job"}
		}
		return nil
	}
	form := func(f Form) {
		if !slices.Contains(now.Forms, f) {
			now.Forms = append(now.Forms, f)
		}
	}
	header, err := Read(counted, Visitor{
		MasterState: func(m MasterState) error {
			if len(out.MasterStates) >= maxMasterStates {
				return &FormatError{Offset: counted.n, What: "it has more master states than any job"}
			}
			out.MasterStates = append(out.MasterStates, m)
			return keep(m.Name)
		},
		Operator: func(op *Operator) error {
			if len(out.Operators) >= maxOperators {
				return &FormatError{Offset: counted.n, What: "it has more operators than any job"}
			}
			now = OperatorSummary{Kinds: map[Kind]Amount{}}
			return keep(op.Name, op.UID)
		},
		StateName: func(_ *Operator, state StateName) error {
			if slices.Contains(now.States, state) {
				return nil
			}
			if len(now.States) >= maxStateNames {
				now.MoreStates = true
				return nil
			}
			now.States = append(now.States, state)
			return keep(state.Name)
		},
		Piece: func(op *Operator, p *Piece) error {
			form(p.Form)
			size, isNew := max(p.Size, 0), true
			if p.Place == Inline {
				out.Inline = add(out.Inline, size)
			} else {
				// Segments of a file are different pieces of the same file.
				name := maphash.String(seed, p.Path) ^ maphash.String(seed, string(p.Place))
				_, known := seen[name]
				switch {
				case known:
					isNew = false
				case len(seen) < maxSeen:
					seen[name] = struct{}{}
				default:
					out.ManyFiles = true
				}
				out.Relocatable = out.Relocatable && p.Place == Relative
				count := &out.Own
				if p.Shared {
					count = &out.Shared
				}
				if isNew || p.Place == Segment {
					count.add(size, isNew)
				}
			}
			if piece != nil {
				return piece(op, p, isNew)
			}
			return nil
		},
		Handle: func(_ *Operator, h *Handle) error {
			form(h.Form)
			of := now.Kinds[h.Kind]
			of.Handles++
			of.Size = add(of.Size, h.Size)
			now.Kinds[h.Kind] = of
			now.Size = add(now.Size, h.Size)
			return nil
		},
		OperatorEnd: func(op *Operator) error {
			now.Operator = *op
			out.Operators = append(out.Operators, now)
			out.Size = add(out.Size, now.Size)
			return nil
		},
	})
	out.Header, out.Bytes = header, counted.n
	return out, err
}

// counter counts what was read.
type counter struct {
	in io.Reader
	n  int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.in.Read(p)
	c.n += int64(n)
	return n, err
}
