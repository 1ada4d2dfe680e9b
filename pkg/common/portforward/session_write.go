package portforward

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/moby/spdystream/spdy"
)

// lockWriter waits for the right to write until cancel is closed.
func (s *session) lockWriter(cancel <-chan struct{}) error {
	select {
	case s.writing <- struct{}{}:
		return nil
	default:
	}
	select {
	case s.writing <- struct{}{}:
		return nil
	case <-s.done:
		return s.failure()
	case <-cancel:
		return errCanceled
	}
}

func (s *session) unlockWriter() { <-s.writing }

var errCanceled = errors.New("canceled")

// writeControl writes frames together. A failure ends the session, because
// the peer may have got half a frame.
func (s *session) writeControl(ctx context.Context, frames ...spdy.Frame) error {
	if err := s.lockWriter(ctx.Done()); err != nil {
		if errors.Is(err, errCanceled) {
			return context.Cause(ctx)
		}
		return err
	}
	defer s.unlockWriter()
	s.control.Reset()
	for _, frame := range frames {
		if err := s.framer.WriteFrame(frame); err != nil {
			s.fail(&LostError{Cause: err})
			return err
		}
	}
	s.conn.SetWriteDeadline(time.Now().Add(controlTimeout))
	if _, err := s.conn.Write(s.control.Bytes()); err != nil {
		err = &LostError{Cause: err}
		s.fail(err)
		return err
	}
	s.conn.SetWriteDeadline(time.Time{})
	return nil
}

// writeData writes p, at most maxFrame bytes, as one frame of stream id.
// Closing cancel ends the wait; a frame that was begun then ends the session.
func (s *session) writeData(id spdy.StreamId, p []byte, flags spdy.DataFlags, cancel <-chan struct{}) error {
	if err := s.lockWriter(cancel); err != nil {
		return err
	}
	defer s.unlockWriter()
	if cap(s.frame) < len(p)+8 {
		s.frame = make([]byte, len(p)+8)
	}
	frame := s.frame[:len(p)+8]
	binary.BigEndian.PutUint32(frame, uint32(id))
	binary.BigEndian.PutUint32(frame[4:], uint32(flags)<<24|uint32(len(p)))
	copy(frame[8:], p)

	written := make(chan struct{})
	watched := make(chan struct{})
	cut := false
	go func() {
		defer close(watched)
		select {
		case <-cancel:
			cut = true
			s.conn.SetWriteDeadline(time.Unix(1, 0))
		case <-written:
		}
	}()
	_, err := s.conn.Write(frame)
	close(written)
	<-watched
	switch {
	case err == nil:
		if cut {
			s.conn.SetWriteDeadline(time.Time{})
		}
		s.lastData.Store(time.Now().UnixNano())
		return nil
	case cut:
		s.fail(&LostError{Cause: errors.New("a write was cut short by its deadline")})
		return errCanceled
	}
	lost := &LostError{Cause: err}
	s.fail(lost)
	return lost
}

// keepAlive pings the server and notices when it is gone without a word.
func (s *session) keepAlive() {
	defer s.stopped.Done()
	tick := time.NewTicker(pingPeriod)
	defer tick.Stop()
	var pinged time.Time
	for id := uint32(1); ; id += 2 {
		select {
		case <-s.done:
			return
		case <-tick.C:
		}
		read := time.Unix(0, s.lastRead.Load())
		switch {
		case pinged.Before(read), s.stalled.Load(), time.Unix(0, s.lastData.Load()).After(read):
			// Answered, or the answer is behind data that someone is slow to
			// take on either side.
			pinged = time.Now()
		case time.Since(pinged) > deadAfter:
			s.fail(&LostError{Cause: fmt.Errorf("no answer to pings for %s", deadAfter)})
			return
		}
		select {
		case s.writing <- struct{}{}:
			s.unlockWriter()
		default:
			continue // someone is writing, which says as much as a ping
		}
		if s.writeControl(context.Background(), &spdy.PingFrame{Id: id & 0x7fffffff}) != nil {
			return
		}
	}
}
