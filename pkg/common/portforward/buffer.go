package portforward

// The buffer of a stream is a ring that grows to the session's limit. The
// session's reader fills it from the connection, whoever reads the stream
// empties it; both touch the bytes without the lock, because neither moves what
// the other holds.

// space returns a free part of the buffer for up to want bytes and waits for
// one where there is none; nil when nobody wants the data. Only the session's
// reader calls it.
func (st *stream) space(want int) []byte {
	for {
		st.mu.Lock()
		if st.isClosed {
			st.mu.Unlock()
			return nil
		}
		if st.used == 0 {
			st.start = 0
		}
		st.growLocked(want)
		if free := len(st.buffer) - st.used; free > 0 {
			at := (st.start + st.used) % len(st.buffer)
			part := st.buffer[at:min(at+free, len(st.buffer))]
			st.mu.Unlock()
			return part
		}
		st.mu.Unlock()
		st.session.stalled.Store(true)
		select {
		case <-st.writable:
		case <-st.closed:
		case <-st.session.done:
			st.session.stalled.Store(false)
			return nil
		}
		st.session.stalled.Store(false)
	}
}

// growLocked doubles the buffer until want bytes fit or the limit is reached.
func (st *stream) growLocked(want int) {
	size := len(st.buffer)
	if size-st.used >= want || size >= st.session.limit {
		return
	}
	if size == 0 {
		size = min(firstBuffer, st.session.limit)
	}
	for size-st.used < want && size < st.session.limit {
		size = min(2*size, st.session.limit)
	}
	grown := make([]byte, size)
	n := copy(grown, st.buffer[st.start:min(st.start+st.used, len(st.buffer))])
	copy(grown[n:], st.buffer[:st.used-n])
	st.buffer, st.start = grown, 0
}

// filled says that the next n bytes of the free space hold data.
func (st *stream) filled(n int) {
	st.mu.Lock()
	if !st.isClosed {
		st.used += n
		st.received = true
	}
	st.mu.Unlock()
	signal(st.readable)
}

func (st *stream) consumed(n int) {
	st.mu.Lock()
	if !st.isClosed {
		// start goes on even when all is read: the session's reader may be
		// filling the space behind it.
		st.used -= n
		st.start = (st.start + n) % len(st.buffer)
	}
	st.mu.Unlock()
	signal(st.writable)
}
