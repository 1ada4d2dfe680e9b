package portforward

import (
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/moby/spdystream/spdy"
)

const (
	// firstBuffer is what a stream's buffer starts with, in bytes: one of the
	// kubelet's frames.
	firstBuffer = 32 << 10
	// maxErrorText bounds what the kubelet may say about a failure, in bytes.
	maxErrorText = 16 << 10
	// linger is how long a closed stream waits for the pod's side to close too
	// before the connection is given up.
	linger = 250 * time.Millisecond
	// errorWait is how long an empty answer waits for the reason of it.
	errorWait = 250 * time.Millisecond
)

// errReset is the end of a stream that the kubelet cut.
var errReset = errors.New("connection reset by the pod's side")

// stream is a connection to a port of a pod. It implements net.Conn with
// deadlines of its own, and CloseWrite and WriteTo.
type stream struct {
	session *session
	pod     Pod
	port    int32
	id      spdy.StreamId
	errorID spdy.StreamId

	accepted chan struct{} // both streams are
	ended    chan struct{} // the pod's side has ended
	errorEnd chan struct{} // the error stream has ended
	closed   chan struct{} // this side called Close

	readable chan struct{} // a hint, of capacity 1
	writable chan struct{} // a hint, of capacity 1

	replies int // the session's reader's own

	reading sync.Mutex // held by the one that consumes

	mu          sync.Mutex
	buffer      []byte
	start, used int
	received    bool
	endErr      error
	isEnded     bool
	errorEnded  bool
	isClosed    bool
	finSent     bool
	released    bool
	errorText   strings.Builder

	readDeadline, writeDeadline deadline
	// onEnd is called once, when both sides are done with the stream. clean
	// says that the session may carry another.
	onEnd func(clean bool)
}

var (
	_ net.Conn    = (*stream)(nil)
	_ io.WriterTo = (*stream)(nil)
)

func newStream(s *session, pod Pod, port int32) *stream {
	return &stream{
		session:       s,
		pod:           pod,
		port:          port,
		accepted:      make(chan struct{}),
		ended:         make(chan struct{}),
		errorEnd:      make(chan struct{}),
		closed:        make(chan struct{}),
		readable:      make(chan struct{}, 1),
		writable:      make(chan struct{}, 1),
		readDeadline:  newDeadline(),
		writeDeadline: newDeadline(),
	}
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// accept takes note of the kubelet's reply to one stream of the pair. Only
// the session's reader calls it.
func (st *stream) accept(isError bool) {
	before := st.replies
	if isError {
		st.replies |= 1
	} else {
		st.replies |= 2
	}
	if st.replies == 3 && before != 3 {
		close(st.accepted)
	}
}

// end takes note that the pod's side has ended, with nil by its end of file.
func (st *stream) end(err error) {
	st.mu.Lock()
	if st.isEnded {
		st.mu.Unlock()
		return
	}
	st.isEnded, st.endErr = true, err
	close(st.ended)
	closed := st.isClosed
	st.mu.Unlock()
	if err != nil {
		st.endErrors()
	}
	if closed {
		st.release(err == nil || errors.Is(err, errReset))
	}
}

func (st *stream) endErrors() {
	st.mu.Lock()
	defer st.mu.Unlock()
	if !st.errorEnded {
		st.errorEnded = true
		close(st.errorEnd)
	}
}

func (st *stream) addError(text []byte) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.errorText.Len()+len(text) <= maxErrorText {
		st.errorText.Write(text)
	}
}

// endError is why the stream ended: nil for a clean end. It waits for the
// kubelet's reason where there may be one.
func (st *stream) endError() error {
	st.mu.Lock()
	silent := !st.received && st.errorText.Len() == 0 && !st.errorEnded
	st.mu.Unlock()
	if silent {
		timer := time.NewTimer(errorWait)
		defer timer.Stop()
		select {
		case <-st.errorEnd:
		case <-timer.C:
		}
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.errorText.Len() > 0 {
		return newPodError(st.pod, st.port, st.errorText.String())
	}
	return st.lossLocked()
}

func (st *stream) lossLocked() error {
	var lost *LostError
	switch {
	case errors.As(st.endErr, &lost):
		return &LostError{Pod: st.pod, Cause: lost.Cause}
	case errors.Is(st.endErr, errReset):
		return &LostError{Pod: st.pod, Cause: errReset}
	}
	return st.endErr
}

// next waits for data and returns a part of it that stays valid until
// consumed is called.
func (st *stream) next() ([]byte, error) {
	for {
		st.mu.Lock()
		closed, used, ended := st.isClosed, st.used, st.isEnded
		said := st.errorText.Len() > 0 || st.isEnded && st.endErr != nil
		var part []byte
		if used > 0 && !closed {
			part = st.buffer[st.start:min(st.start+used, len(st.buffer))]
		}
		st.mu.Unlock()
		switch {
		case closed && said:
			// Who closed it did so because of this: http.Transport after a write that
			// failed, and then it may report what the reader got.
			return nil, st.endError()
		case closed:
			return nil, net.ErrClosed
		case st.readDeadline.expired():
			return nil, os.ErrDeadlineExceeded
		case used > 0:
			return part, nil
		case ended:
			if err := st.endError(); err != nil {
				return nil, err
			}
			return nil, io.EOF
		}
		select {
		case <-st.readable:
		case <-st.ended:
		case <-st.closed:
		case <-st.readDeadline.done():
		}
	}
}

// Read implements net.Conn. Its error is io.EOF only where the pod's side
// ended in order: a *PodError says what the kubelet said, a *LostError that
// the connection broke.
func (st *stream) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	st.reading.Lock()
	defer st.reading.Unlock()
	part, err := st.next()
	if errors.Is(err, io.EOF) {
		return 0, io.EOF
	}
	if err != nil {
		return 0, st.opError("read", err)
	}
	n := copy(p, part)
	st.consumed(n)
	return n, nil
}

// WriteTo copies what the pod sends to w without a buffer of its own;
// io.Copy uses it.
func (st *stream) WriteTo(w io.Writer) (int64, error) {
	st.reading.Lock()
	defer st.reading.Unlock()
	var total int64
	for {
		part, err := st.next()
		if errors.Is(err, io.EOF) {
			return total, nil
		}
		if err != nil {
			return total, st.opError("read", err)
		}
		n, err := w.Write(part)
		total += int64(n)
		st.consumed(n)
		if err != nil {
			return total, err
		}
	}
}

// Write implements net.Conn. A deadline that passes in the middle of a frame
// ends the connection.
func (st *stream) Write(p []byte) (int, error) {
	var total int
	for len(p) > 0 {
		st.mu.Lock()
		closed, ended := st.isClosed || st.finSent, st.isEnded && st.endErr != nil
		st.mu.Unlock()
		switch {
		case closed:
			return total, st.opError("write", net.ErrClosed)
		case st.writeDeadline.expired():
			return total, st.opError("write", os.ErrDeadlineExceeded)
		case ended:
			return total, st.opError("write", st.endError())
		}
		part := p[:min(len(p), maxFrame)]
		if err := st.session.writeData(st.id, part, 0, st.writeDeadline.done()); err != nil {
			if errors.Is(err, errCanceled) {
				err = os.ErrDeadlineExceeded
				if !st.writeDeadline.expired() {
					err = net.ErrClosed
				}
			}
			return total, st.opError("write", err)
		}
		total += len(part)
		p = p[len(part):]
	}
	return total, nil
}

// CloseWrite tells the pod that nothing more comes. Container runtimes then
// give it about a second to finish its answer.
func (st *stream) CloseWrite() error {
	st.mu.Lock()
	if st.finSent || st.isClosed {
		st.mu.Unlock()
		return nil
	}
	st.finSent = true
	st.mu.Unlock()
	return st.sendFin()
}

func (st *stream) sendFin() error {
	cancel := make(chan struct{})
	timer := time.AfterFunc(controlTimeout, func() { close(cancel) })
	defer timer.Stop()
	return st.session.writeData(st.id, nil, spdy.DataFlagFin, cancel)
}

// Close implements net.Conn. It doesn't wait for the pod.
func (st *stream) Close() error {
	st.mu.Lock()
	if st.isClosed {
		st.mu.Unlock()
		return nil
	}
	st.isClosed = true
	close(st.closed)
	ended, fin := st.isEnded, st.finSent
	st.finSent = true
	err := st.endErr
	st.buffer, st.used, st.start = nil, 0, 0
	st.mu.Unlock()
	// Whoever writes or waits for the right to must not hold the frame back.
	st.writeDeadline.set(time.Unix(1, 0))

	if !fin && err == nil {
		go func() {
			if sent := st.sendFin() == nil; ended {
				st.release(sent)
			}
		}()
	} else if ended {
		st.release(err == nil || errors.Is(err, errReset))
	}
	if !ended {
		time.AfterFunc(linger, func() { st.release(false) })
	}
	return nil
}

// abandon closes a stream that open couldn't finish.
func (st *stream) abandon() {
	st.mu.Lock()
	st.isClosed, st.finSent = true, true
	select {
	case <-st.closed:
	default:
		close(st.closed)
	}
	st.mu.Unlock()
	st.release(false)
}

// release takes the stream off its session.
func (st *stream) release(clean bool) {
	st.mu.Lock()
	if st.released {
		st.mu.Unlock()
		return
	}
	st.released = true
	st.mu.Unlock()
	s := st.session
	s.mu.Lock()
	delete(s.streams, st.id)
	delete(s.streams, st.errorID)
	s.active--
	s.mu.Unlock()
	if st.onEnd != nil {
		st.onEnd(clean)
	}
}

func (st *stream) opError(op string, err error) error {
	return &net.OpError{Op: op, Net: "pod", Addr: st.RemoteAddr(), Err: err}
}

// LocalAddr is the address of this side's connection to the API server.
func (st *stream) LocalAddr() net.Addr { return st.session.conn.LocalAddr() }

// RemoteAddr names the pod and its port.
func (st *stream) RemoteAddr() net.Addr { return podAddr{st.pod, st.port} }

// SetDeadline implements net.Conn.
func (st *stream) SetDeadline(t time.Time) error {
	st.readDeadline.set(t)
	st.writeDeadline.set(t)
	return nil
}

// SetReadDeadline implements net.Conn.
func (st *stream) SetReadDeadline(t time.Time) error {
	st.readDeadline.set(t)
	return nil
}

// SetWriteDeadline implements net.Conn.
func (st *stream) SetWriteDeadline(t time.Time) error {
	st.writeDeadline.set(t)
	return nil
}
