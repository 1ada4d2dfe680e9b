package statefile

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
)

// Visitor receives what a _metadata holds, in the order of the file: the header
// without its properties, master states, and of each operator its beginning,
// its pieces and handles, and its end. Functions may be nil. An error of one of
// them ends Read, which returns it. What is passed by pointer is valid during
// the call only.
type Visitor struct {
	Header      func(Header) error
	MasterState func(MasterState) error
	// Operator is called before its subtasks are read: their numbers are still 0.
	Operator  func(*Operator) error
	StateName func(*Operator, StateName) error
	Piece     func(*Operator, *Piece) error
	// Handle comes after the pieces of the handle.
	Handle func(*Operator, *Handle) error
	// OperatorEnd knows everything of the operator.
	OperatorEnd func(*Operator) error
}

const (
	magic       = 0x4960672d
	masterMagic = 0xc96b1696
	// maxKeyGroups is Flink's upper bound of the max parallelism.
	maxKeyGroups = 1 << 15
	// maxDepth is how deep handles may be in each other; Flink's own are three
	// deep.
	maxDepth = 8
)

// The codes of handles in the file.
const (
	nullHandle                = 0
	byteStreamHandle          = 1
	fileHandle                = 2
	keyGroupsHandle           = 3
	partitionableHandle       = 4
	incrementalHandle         = 5
	relativeHandle            = 6
	savepointKeyGroupsHandle  = 7
	changelogHandle           = 8
	changelogBytesHandle      = 9
	changelogFilesHandle      = 10
	incrementalHandle2        = 11
	keyGroupsHandle2          = 12
	changelogFilesHandle2     = 13
	changelogHandle2          = 14
	segmentHandle             = 15
	emptySegmentHandle        = 16
	mergedPartitionableHandle = 17
)

// VersionError says that a _metadata has a version that Read doesn't know.
type VersionError struct{ Version int }

func (e *VersionError) Error() string {
	if e.Version < OldestVersion {
		return fmt.Sprintf("its format has version %d, of a Flink before 1.3, which no Flink of today reads", e.Version)
	}
	return fmt.Sprintf("its format has version %d; versions %d to %d are known, which Flink up to 2.3 writes", e.Version, OldestVersion, NewestVersion)
}

// ErrNotMetadata says that a file is no _metadata of Flink.
var ErrNotMetadata = errors.New("not a _metadata of Flink: it doesn't begin with Flink's mark")

// Read reads a _metadata and tells the visitor what it holds. The header that it
// returns has the properties, which are at the end of the file. Its error is
// ErrNotMetadata, a *VersionError, a *FormatError, what the reader said, or
// what the visitor said.
func Read(in io.Reader, visitor Visitor) (Header, error) {
	p := &parser{reader: newReader(in), visit: visitor}
	var header Header
	if p.uint(4) != magic {
		if p.err == nil || errors.Is(p.err, io.ErrUnexpectedEOF) {
			return header, ErrNotMetadata
		}
		return header, p.err
	}
	header.Version = p.int()
	if p.err == nil && (header.Version < OldestVersion || header.Version > NewestVersion) {
		return header, &VersionError{header.Version}
	}
	p.version = header.Version
	if header.CheckpointID = p.long(); header.CheckpointID < 0 {
		p.fail("checkpoint ID %d", header.CheckpointID)
	}
	if p.err == nil && visitor.Header != nil {
		p.err = visitor.Header(header)
	}
	for range p.count("master states") {
		if p.masterState(); p.err != nil {
			return header, p.err
		}
	}
	for range p.count("operators") {
		if p.operator(); p.err != nil {
			return header, p.err
		}
	}
	if p.err == nil && p.version >= 4 {
		header.Properties = p.properties()
	}
	return header, p.err
}

type parser struct {
	*reader
	visit   Visitor
	version int
	op      *Operator
	// piece is what the next stream handle belongs to.
	piece Piece
	// current is the piece that the visitor sees: one for all, because there may be
	// millions.
	current Piece
}

func (p *parser) masterState() {
	if mark := p.uint(4); mark != masterMagic {
		p.fail("a master state doesn't begin with its mark")
	}
	all := p.int()
	begin := p.at
	state := MasterState{Version: p.int(), Name: p.string()}
	state.Size = int64(p.count("bytes of master state"))
	if p.err == nil && p.at-begin+state.Size != int64(all) {
		p.fail("a master state of %d bytes says that it has %d", p.at-begin+state.Size, all)
	}
	p.skip(state.Size)
	if p.err == nil && p.visit.MasterState != nil {
		p.err = p.visit.MasterState(state)
	}
}

func (p *parser) operator() {
	op := &Operator{}
	p.op = op
	if p.version >= 5 {
		op.Name, op.UID = p.string(), p.string()
	}
	var id [16]byte
	p.fill(id[:])
	op.ID = hex.EncodeToString(id[:])
	op.Parallelism, op.MaxParallelism = p.int(), p.int()
	if p.err == nil && (op.Parallelism < 1 || op.MaxParallelism < op.Parallelism || op.MaxParallelism > maxKeyGroups) {
		p.fail("operator %s has parallelism %d and max parallelism %d", op.ID, op.Parallelism, op.MaxParallelism)
	}
	if p.err == nil && p.visit.Operator != nil {
		p.err = p.visit.Operator(op)
	}
	if p.version == 2 {
		p.int() // the length of the chain, unused since Flink 1.3
	} else {
		p.coordinator()
	}
	n := p.int()
	switch {
	case p.err != nil:
		return
	case n < 0 && p.version >= 3:
		op.FullyFinished, n = true, 0
	case n < 0 || n > op.Parallelism:
		p.fail("operator %s of parallelism %d has %d subtasks", op.ID, op.Parallelism, n)
	}
	for range n {
		if p.err != nil {
			return
		}
		p.subtask()
	}
	if p.err == nil && p.visit.OperatorEnd != nil {
		p.err = p.visit.OperatorEnd(op)
	}
}

func (p *parser) coordinator() {
	p.piece = Piece{Subtask: -1, Kind: Coordinator, Form: Bytes}
	size, found := p.stream(0)
	if !found {
		return
	}
	p.handle(&Handle{Subtask: -1, Kind: Coordinator, Form: Bytes, Size: size})
}

func (p *parser) subtask() {
	index := p.int()
	p.op.Subtasks++
	if index < 0 && p.version >= 3 {
		// A subtask that had ended is written as -(index + 1).
		p.op.Finished++
		if -(index + 1) >= p.op.Parallelism {
			p.fail("subtask %d of %d", -(index + 1), p.op.Parallelism)
		}
		return
	}
	if index < 0 || index >= p.op.Parallelism {
		p.fail("subtask %d of %d", index, p.op.Parallelism)
	}
	if p.version == 2 {
		p.long() // a duration that is not used
		if n := p.int(); n > 0 {
			p.fail("state of Flink 1.1, which no Flink of today reads")
		}
	}
	for _, kind := range []Kind{ManagedOperator, RawOperator} {
		if p.int() != 0 {
			p.operatorState(index, kind)
		}
	}
	for _, kind := range []Kind{ManagedKeyed, RawKeyed} {
		handle := Handle{Subtask: index, Kind: kind}
		if p.keyed(&handle, 0) {
			p.handle(&handle)
		}
	}
	if p.version >= 3 {
		for _, kind := range []Kind{InputChannel, ResultChannel} {
			for range p.count("channel states") {
				if p.err != nil {
					return
				}
				p.channel(index, kind)
			}
		}
	}
}

func (p *parser) handle(handle *Handle) {
	if p.err == nil && p.visit.Handle != nil {
		p.err = p.visit.Handle(p.op, handle)
	}
}

var modes = []string{"split", "union", "broadcast"}

func (p *parser) operatorState(subtask int, kind Kind) {
	handle := Handle{Subtask: subtask, Kind: kind, Form: Partitionable}
	code := p.byte()
	switch {
	case p.err != nil || code == nullHandle:
		return
	case code == mergedPartitionableHandle:
		handle.Form = MergedPartitionable
	case code != partitionableHandle:
		p.fail("operator state of the unknown kind %d", code)
		return
	}
	for range p.count("operator states") {
		if p.err != nil {
			return
		}
		state := StateName{Name: p.string()}
		mode := int(p.byte())
		if p.err == nil && mode >= len(modes) {
			p.fail("operator state of the unknown mode %d", mode)
			return
		}
		p.offsets(p.count("offsets"))
		if state.Mode = modes[mode]; p.err == nil && p.visit.StateName != nil {
			p.err = p.visit.StateName(p.op, state)
		}
	}
	if handle.Form == MergedPartitionable {
		p.skipString() // the directory that the TaskManager owns
		p.skipString() // the shared directory
		p.bool()       // whether it is empty
	}
	p.piece = Piece{Subtask: subtask, Kind: kind, Form: handle.Form}
	size, _ := p.stream(0)
	handle.Size = size
	p.handle(&handle)
}

func (p *parser) offsets(n int) { p.skip(8 * int64(n)) }

func (p *parser) keyGroups() Range {
	groups := Range{Start: p.int(), Count: p.int()}
	if p.err == nil && (groups.Start < 0 || groups.Count < 0 || groups.Start > maxKeyGroups || groups.Count > maxKeyGroups || groups.Start+groups.Count > maxKeyGroups) {
		p.fail("%d key groups from %d on", groups.Count, groups.Start)
		return Range{}
	}
	return groups
}

func (p *parser) size(what string) int64 {
	n := p.long()
	if n < 0 {
		p.fail("%s of %d bytes", what, n)
		return 0
	}
	return n
}

// stream reads where bytes are, and tells it as p.piece. Its size is 0 where
// Flink doesn't know it.
func (p *parser) stream(depth int) (size int64, found bool) {
	if depth > maxDepth {
		p.fail("handles are more than %d deep in each other", maxDepth)
	}
	piece := p.piece
	code := p.byte()
	if p.err != nil || code == nullHandle {
		return 0, false
	}
	if piece.Kind == Coordinator && code != byteStreamHandle {
		p.fail("a coordinator's state isn't in the file itself")
		return 0, false
	}
	switch code {
	case byteStreamHandle:
		p.skipString() // its name
		piece.Place, piece.Shared = Inline, false
		piece.Size = int64(p.count("bytes"))
		p.skip(piece.Size)
	case fileHandle:
		piece.Place, piece.Size, piece.Path = Absolute, p.long(), p.string()
	case relativeHandle:
		// What is beside the _metadata belongs to it, also where the backend
		// would share it, as in a native savepoint.
		piece.Place, piece.Shared = Relative, false
		piece.Path, piece.Size = p.string(), p.long()
	case segmentHandle:
		piece.Place, piece.Start, piece.Size = Segment, p.size("a segment's start"), p.size("a segment")
		scope := p.int()
		if p.err == nil && scope != 0 && scope != 1 {
			p.fail("a segment of the unknown scope %d", scope)
		}
		piece.Shared = scope == 1
		piece.Path = p.string()
		p.skipString() // the logical file's ID
	case emptySegmentHandle:
		return 0, true
	case keyGroupsHandle:
		p.offsets(p.keyGroups().Count)
		return p.stream(depth + 1)
	default:
		p.fail("a file of the unknown kind %d", code)
	}
	if piece.Size < -1 {
		p.fail("a file of %d bytes", piece.Size)
	}
	p.tell(piece)
	return max(piece.Size, 0), p.err == nil
}

func (p *parser) tell(piece Piece) {
	if p.err == nil && p.visit.Piece != nil {
		p.current = piece
		p.err = p.visit.Piece(p.op, &p.current)
	}
}

// add adds sizes, which a forged file may make larger than any number.
func add(a, b int64) int64 {
	if sum := a + b; sum >= a {
		return sum
	}
	return 1<<63 - 1
}
