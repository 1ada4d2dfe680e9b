package portforward

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/moby/spdystream/spdy"
	corev1 "k8s.io/api/core/v1"
)

const (
	// maxFrame is the most that one data frame carries, in bytes. The kubelet
	// sends 32 KiB; it accepts up to 16 MiB, but has to hold a whole frame.
	maxFrame = 64 << 10
	// pingPeriod keeps load balancers from dropping an idle connection; it is
	// client-go's.
	pingPeriod = 5 * time.Second
	// deadAfter is how long a ping may stay unanswered before the connection
	// counts as lost (a laptop that slept, a route that changed).
	deadAfter = 30 * time.Second
	// controlTimeout bounds the writing of a control frame.
	controlTimeout = 10 * time.Second
	// replyTimeout is how long the kubelet may take to accept a stream.
	replyTimeout = 10 * time.Second
)

// errSessionClosed ends the streams of a session that this side closed.
var errSessionClosed = errors.New("tunnel closed")

// session is the client's half of one SPDY/3.1 connection to a kubelet.
//
// client-go's own (moby/spdystream) hands each frame through four goroutines
// in a fresh 32 KiB slice, reports a reset and a lost connection as a clean
// end of file, and has no deadlines per stream. Here one goroutine reads the
// connection straight into the stream's buffer. Headers stay with spdystream's
// framer.
type session struct {
	conn net.Conn
	// limit is the most that a stream buffers, in bytes, before the session
	// waits for its reader (SPDY as kubelets speak it has no flow control).
	limit int

	in     *bufio.Reader
	head   *frameHead
	framer *spdy.Framer

	// writing is held while a frame is written. It is a channel, so that a
	// writer's deadline also bounds the wait for another stream's frame.
	writing chan struct{}
	// opening is held while a stream's number is taken and sent.
	opening chan struct{}
	control bytes.Buffer
	frame   []byte

	mu       sync.Mutex
	streams  map[spdy.StreamId]*half
	nextID   spdy.StreamId
	requests int
	active   int
	err      error

	done     chan struct{}
	stopped  sync.WaitGroup
	lastRead atomic.Int64 // Unix nanoseconds
	lastData atomic.Int64 // Unix nanoseconds of the last data frame written
	stalled  atomic.Bool  // the reader waits for a stream's reader
}

// half is one SPDY stream of a pair: the data or the error stream.
type half struct {
	id      spdy.StreamId
	owner   *stream
	isError bool
}

// frameHead gives the framer the header that was read already, and then the
// connection.
type frameHead struct {
	bytes [8]byte
	rest  []byte
	in    io.Reader
}

func (h *frameHead) Read(p []byte) (int, error) {
	if len(h.rest) > 0 {
		n := copy(p, h.rest)
		h.rest = h.rest[n:]
		return n, nil
	}
	return h.in.Read(p)
}

func newSession(conn net.Conn, limit int) (*session, error) {
	s := &session{
		conn:    conn,
		limit:   limit,
		in:      bufio.NewReaderSize(conn, 4<<10),
		writing: make(chan struct{}, 1),
		opening: make(chan struct{}, 1),
		streams: map[spdy.StreamId]*half{},
		nextID:  1,
		done:    make(chan struct{}),
	}
	s.head = &frameHead{in: s.in}
	framer, err := spdy.NewFramer(&s.control, s.head)
	if err != nil {
		return nil, fmt.Errorf("start SPDY: %w", err)
	}
	s.framer = framer
	s.lastRead.Store(time.Now().UnixNano())
	s.stopped.Add(2)
	go s.read()
	go s.keepAlive()
	return s, nil
}

// open asks the kubelet for a connection to port of the pod. It returns when
// the kubelet accepted the stream; whether something listens on the port shows
// only in the first read.
func (s *session) open(ctx context.Context, port int32, pod Pod) (*stream, error) {
	st := newStream(s, pod, port)
	// The peer refuses a stream whose number is lower than one that it has
	// seen: numbers are given and sent in one go.
	select {
	case s.opening <- struct{}{}:
	case <-s.done:
		return nil, s.failure()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	s.mu.Lock()
	if s.err != nil {
		s.mu.Unlock()
		<-s.opening
		return nil, s.err
	}
	errorID, dataID := s.nextID, s.nextID+2
	s.nextID += 4
	s.requests++
	request := strconv.Itoa(s.requests)
	st.id, st.errorID = dataID, errorID
	s.streams[errorID] = &half{id: errorID, owner: st, isError: true}
	s.streams[dataID] = &half{id: dataID, owner: st}
	s.active++
	s.mu.Unlock()

	headers := func(kind string) http.Header {
		h := http.Header{}
		h.Set(corev1.StreamType, kind)
		h.Set(corev1.PortHeader, strconv.Itoa(int(port)))
		h.Set(corev1.PortForwardRequestIDHeader, request)
		return h
	}
	// All three frames go out together: kubectl waits for a reply after each
	// and pays a round trip more.
	err := s.writeControl(ctx,
		&spdy.SynStreamFrame{StreamId: errorID, Headers: headers(corev1.StreamTypeError)},
		&spdy.DataFrame{StreamId: errorID, Flags: spdy.DataFlagFin},
		&spdy.SynStreamFrame{StreamId: dataID, Headers: headers(corev1.StreamTypeData)})
	<-s.opening
	if err == nil {
		// Both replies are waited for: a kubelet that has yet to reply when the
		// connection goes keeps the pair's goroutines for ever (spdystream's
		// waitWriteReply).
		timer := time.NewTimer(replyTimeout)
		defer timer.Stop()
		select {
		case <-st.accepted:
			return st, nil
		case <-timer.C:
			// Seen after a port was refused several times: the kubelet stays
			// silent on that connection from then on. Another one works.
			err = fmt.Errorf("no reply from the kubelet to the port-forward of pod %s within %s", pod, replyTimeout)
		case <-st.ended:
			// A refused port: its reason is the first read's. The session is
			// good for the next stream.
			if err = s.failure(); err == nil {
				return st, nil
			}
		case <-s.done:
			err = s.failure()
		case <-ctx.Done():
			err = context.Cause(ctx)
		}
	}
	st.abandon()
	return nil, err
}

func (s *session) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// close ends the session and all its streams and waits for its goroutines.
func (s *session) close() {
	s.fail(errSessionClosed)
	s.stopped.Wait()
}

func (s *session) fail(err error) {
	s.mu.Lock()
	if s.err != nil {
		s.mu.Unlock()
		return
	}
	s.err = err
	streams := s.streams
	s.streams = map[spdy.StreamId]*half{}
	close(s.done)
	s.mu.Unlock()
	s.conn.Close()
	for _, h := range streams {
		h.owner.end(err)
	}
}

// read is the only reader of the connection.
func (s *session) read() {
	defer s.stopped.Done()
	for {
		if err := s.readFrame(); err != nil {
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				err = io.ErrUnexpectedEOF
			}
			s.fail(&LostError{Cause: err})
			return
		}
		s.lastRead.Store(time.Now().UnixNano())
	}
}

func (s *session) readFrame() error {
	head := &s.head.bytes
	if _, err := io.ReadFull(s.in, head[:]); err != nil {
		return err
	}
	if head[0]&0x80 == 0 {
		id := spdy.StreamId(binary.BigEndian.Uint32(head[:4]) & 0x7fffffff)
		return s.readData(id, int(binary.BigEndian.Uint32(head[4:])&0xffffff), spdy.DataFlags(head[4]))
	}
	s.head.rest = head[:]
	frame, err := s.framer.ReadFrame()
	if err != nil {
		return err
	}
	switch frame := frame.(type) {
	case *spdy.SynReplyFrame:
		if h := s.find(frame.StreamId); h != nil {
			h.owner.accept(h.isError)
			if frame.CFHeader.Flags&spdy.ControlFlagFin != 0 {
				s.finish(h, nil)
			}
		}
	case *spdy.RstStreamFrame:
		if h := s.find(frame.StreamId); h != nil {
			s.finish(h, errReset)
		}
	case *spdy.PingFrame:
		// Ours come back with odd numbers; the peer's want an answer.
		if frame.Id%2 == 0 {
			go s.writeControl(context.Background(), frame) //nolint:errcheck // a failure ends the session
		}
	case *spdy.GoAwayFrame:
		return errors.New("the server is going away")
	}
	return nil
}

func (s *session) find(id spdy.StreamId) *half {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.streams[id]
}

// finish takes note that the peer has ended h: with a nil error by its end of
// file.
func (s *session) finish(h *half, err error) {
	s.mu.Lock()
	delete(s.streams, h.id)
	s.mu.Unlock()
	if h.isError {
		h.owner.endErrors()
		return
	}
	h.owner.end(err)
}

// readData moves one data frame of length bytes to its stream.
func (s *session) readData(id spdy.StreamId, length int, flags spdy.DataFlags) error {
	h := s.find(id)
	for length > 0 {
		var space []byte
		switch {
		case h == nil:
		case h.isError:
			space = make([]byte, min(length, 4<<10))
		default:
			space = h.owner.space(min(length, s.limit))
		}
		if space == nil {
			// Nobody wants it: the stream was closed on this side.
			if _, err := io.CopyN(io.Discard, s.in, int64(length)); err != nil {
				return err
			}
			break
		}
		space = space[:min(len(space), length)]
		n, err := io.ReadFull(s.in, space)
		if h.isError {
			h.owner.addError(space[:n])
		} else {
			h.owner.filled(n)
		}
		if err != nil {
			return err
		}
		length -= n
	}
	if h != nil && flags&spdy.DataFlagFin != 0 {
		s.finish(h, nil)
	}
	return nil
}
