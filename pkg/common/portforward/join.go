package portforward

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"time"
)

// join copies between local and the target until both have ended. Where first
// says that the client speaks HTTP and the target has said nothing yet, it lets
// go of the target and reports true. A failure resets local, so that its client
// can tell it from the end of the data.
func (l *Listener) join(local net.Conn, in *bufio.Reader, first chan spoken) (isHTTP bool) {
	ctx, cancel := context.WithCancel(l.ctx)
	defer cancel()
	said := make(chan spoken, 1)
	switch first {
	case nil:
		said <- speaksOther
	default:
		l.work.Go(func() {
			verdict := <-first
			if verdict == speaksHTTP {
				cancel() // no need to wait for a pod here
			}
			said <- verdict
		})
	}
	remote, err := l.tunnel.DialContext(ctx, l.target())
	if err != nil {
		isHTTP := ctx.Err() != nil && l.ctx.Err() == nil
		if !isHTTP {
			select {
			case verdict := <-said:
				isHTTP = verdict == speaksHTTP
			case <-time.After(linger):
			}
			l.fail(local, err, isHTTP)
			if !isHTTP {
				local.Close() // ends the wait for its first bytes
			}
			return false
		}
		<-said
		return true
	}
	defer remote.Close()
	down := &firstWriter{Conn: local}
	up := make(chan bool, 1)
	go func() {
		if <-said == speaksHTTP && down.state.CompareAndSwap(silentYet, taken) {
			remote.Close()
			up <- true
			return
		}
		if _, err := io.Copy(remote, in); err != nil {
			remote.Close()
		} else {
			closeWrite(remote)
		}
		up <- false
	}()
	_, err = io.Copy(down, remote)
	if down.state.Load() == taken {
		return <-up
	}
	if err != nil {
		if l.ctx.Err() == nil && !errors.Is(err, net.ErrClosed) {
			l.fail(local, err, false)
		}
		local.Close()
	} else {
		closeWrite(local)
		defer time.AfterFunc(closeAfter, func() { local.Close() }).Stop()
	}
	<-up
	return false
}

// What has happened on a connection whose client hasn't spoken yet.
const (
	silentYet int32 = iota
	// spokeFirst says that the pod has spoken.
	spokeFirst
	// taken says that the client speaks HTTP and is served as such.
	taken
)

// firstWriter writes to a local connection what a pod says, unless the
// connection was taken from it before the first byte.
type firstWriter struct {
	net.Conn
	state atomic.Int32
}

func (w *firstWriter) Write(p []byte) (int, error) {
	if w.state.Load() != spokeFirst && !w.state.CompareAndSwap(silentYet, spokeFirst) {
		return 0, net.ErrClosed
	}
	return w.Conn.Write(p)
}

func (l *Listener) target() Target {
	if l.options.Current != nil {
		return l.options.Current()
	}
	return l.options.Target
}

func closeWrite(conn net.Conn) {
	if c, ok := conn.(interface{ CloseWrite() error }); ok {
		_ = c.CloseWrite()
	}
}
