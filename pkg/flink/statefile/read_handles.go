package statefile

// keyed reads a handle of keyed state into handle; false where there is none.
func (p *parser) keyed(handle *Handle, depth int) bool {
	if depth > maxDepth {
		p.fail("handles are more than %d deep in each other", maxDepth)
	}
	code := p.byte()
	if p.err != nil || code == nullHandle {
		return false
	}
	piece := Piece{Subtask: handle.Subtask, Kind: handle.Kind}
	stream := func() {
		p.piece = piece
		size, _ := p.stream(depth)
		handle.Size = add(handle.Size, size)
	}
	switch code {
	case keyGroupsHandle, keyGroupsHandle2, savepointKeyGroupsHandle:
		handle.Form = KeyGroups
		if code == savepointKeyGroupsHandle {
			handle.Form = SavepointKeyGroups
		}
		piece.Form = handle.Form
		handle.KeyGroups = p.keyGroups()
		p.offsets(handle.KeyGroups.Count)
		stream()
		if code == keyGroupsHandle2 {
			p.skipString() // the handle's ID
		}
	case incrementalHandle, incrementalHandle2:
		handle.Form, piece.Form = BackendFiles, BackendFiles
		p.long()       // the checkpoint that it was made in
		p.skipString() // the backend's ID
		handle.KeyGroups = p.keyGroups()
		if code == incrementalHandle2 {
			p.long() // the size of what was new
		}
		stream() // RocksDB's own metadata
		for _, shared := range []bool{true, false} {
			for range p.count("files") {
				if p.err != nil {
					return false
				}
				piece.Shared, piece.LocalName = shared, p.string()
				stream()
			}
		}
		if code == incrementalHandle2 {
			p.skipString() // the handle's ID
		}
	case changelogHandle, changelogHandle2:
		p.changelog(handle, code, depth)
	case changelogBytesHandle:
		handle.Form = ChangelogInline
		handle.KeyGroups = p.keyGroups()
		p.long() // from which change
		p.long() // to which
		for range p.count("changes") {
			if p.err != nil {
				return false
			}
			p.int() // the key group
			size := int64(p.count("bytes of a change"))
			p.skip(size)
			p.tell(Piece{Subtask: handle.Subtask, Kind: handle.Kind, Form: ChangelogInline, Place: Inline, Size: size})
			handle.Size = add(handle.Size, size)
		}
		p.skipString() // the handle's ID
	case changelogFilesHandle, changelogFilesHandle2:
		handle.Form = ChangelogFiles
		handle.KeyGroups = p.keyGroups()
		for range p.count("files of changes") {
			if p.err != nil {
				return false
			}
			p.long() // where in the file
			p.piece = piece
			p.piece.Form, p.piece.Shared = ChangelogFiles, true
			p.stream(depth)
		}
		// A file of changes holds those of other subtasks too, so that its size
		// says nothing of this handle.
		handle.Size = p.size("changes")
		p.long()       // the size of what was new
		p.skipString() // the handle's ID
		if code == changelogFilesHandle2 {
			p.skipString() // which kind of storage
		}
	default:
		p.fail("keyed state of the unknown kind %d", code)
	}
	return p.err == nil
}

func (p *parser) changelog(handle *Handle, code byte, depth int) {
	handle.Form = Changelog
	handle.KeyGroups = p.keyGroups()
	p.long() // the size of what was new
	for _, what := range []string{"materialized states", "states of changes"} {
		for range p.count(what) {
			if p.err != nil {
				return
			}
			inner := Handle{Subtask: handle.Subtask, Kind: handle.Kind}
			p.keyed(&inner, depth+1)
			handle.Size = add(handle.Size, inner.Size)
		}
	}
	p.long() // the ID of the materialization
	if code == changelogHandle2 {
		p.long() // the checkpoint's ID
	}
	p.skipString() // the handle's ID
}

func (p *parser) channel(subtask int, kind Kind) {
	handle := Handle{Subtask: subtask, Kind: kind, Form: Channel}
	if p.version >= 6 {
		alone, merged := byte(1), byte(3)
		if kind == ResultChannel {
			alone, merged = 2, 4
		}
		switch code := p.byte(); {
		case p.err != nil:
			return
		case code == merged:
			handle.Form = MergedChannel
		case code != alone:
			p.fail("channel state of the unknown kind %d", code)
			return
		}
	}
	p.int() // the subtask's own index
	p.piece = Piece{Subtask: subtask, Kind: kind, Form: handle.Form}
	if handle.Form == MergedChannel {
		handle.Size = p.size("channel state")
		p.stream(0)
		p.skip(int64(p.count("bytes of offsets")))
	} else {
		p.int() // the gate or partition
		p.int() // the channel in it
		p.offsets(p.count("offsets"))
		handle.Size = p.size("channel state")
		p.stream(0)
	}
	p.handle(&handle)
}
