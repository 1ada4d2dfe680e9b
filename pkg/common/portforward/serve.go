package portforward

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"sync"
	"time"
)

// copyBuffer is what bodies are copied with, in bytes.
const copyBuffer = 256 << 10

// transportKey finds the transport of a local connection in its requests.
type transportKey struct{}

// serving answers the HTTP of local connections that were accepted as raw ones,
// request by request.
type serving struct {
	server *http.Server
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
	addr   net.Addr
}

// newServing forwards what guard lets pass. Each local connection has one of
// its own to the pod, as without HTTP.
func (l *Listener) newServing() *serving {
	s := &serving{conns: make(chan net.Conn), closed: make(chan struct{}), addr: l.ears[0].Addr()}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host = "http", "pod"
			// Its values come with the end of the body.
			r.Out.Trailer = r.In.Trailer
		},
		Transport:      perConnection{},
		FlushInterval:  -1,
		BufferPool:     &buffers,
		ErrorLog:       silent(),
		ModifyResponse: keepToItself,
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			if r.Context().Err() == nil {
				l.tunnel.log(Event{Type: Failed, Target: l.target(), Text: err.Error(), Err: err})
			}
			proxyError(w, r, err)
		},
	}
	s.server = &http.Server{
		Handler: l.guard.handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			// A server may answer while it is still being sent to.
			_ = http.NewResponseController(w).EnableFullDuplex()
			proxy.ServeHTTP(w, r)
		})),
		ReadHeaderTimeout: time.Minute,
		BaseContext:       func(net.Listener) context.Context { return l.ctx },
		ConnContext: func(ctx context.Context, conn net.Conn) context.Context {
			return context.WithValue(ctx, transportKey{}, conn.(*servedConn).transport)
		},
		ErrorLog: silent(),
	}
	l.work.Go(func() { _ = s.server.Serve(s) }) // ends with Close
	return s
}

// Accept, Close and Addr make a net.Listener of the connections that serve is
// given.
func (s *serving) Accept() (net.Conn, error) {
	select {
	case conn := <-s.conns:
		return conn, nil
	case <-s.closed:
		return nil, net.ErrClosed
	}
}

func (s *serving) Close() error {
	s.once.Do(func() { close(s.closed) })
	return nil
}

func (s *serving) Addr() net.Addr { return s.addr }

// serve answers requests on local, whose data so far is in in, until it is
// closed.
func (l *Listener) serve(local net.Conn, in io.Reader) {
	transport := &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return l.tunnel.DialContext(ctx, l.target())
		},
		MaxIdleConnsPerHost:   1,
		DisableCompression:    true,
		ExpectContinueTimeout: time.Second,
		WriteBufferSize:       maxFrame,
		ReadBufferSize:        maxFrame,
	}
	defer transport.CloseIdleConnections()
	conn := &servedConn{Conn: local, in: in, transport: transport, done: make(chan struct{})}
	select {
	case l.http.conns <- conn:
		<-conn.done
	case <-l.http.closed:
	}
}

// servedConn is a local connection whose first bytes were read already.
type servedConn struct {
	net.Conn
	in        io.Reader
	transport http.RoundTripper
	done      chan struct{}
	once      sync.Once
}

func (c *servedConn) Read(p []byte) (int, error) { return c.in.Read(p) }

func (c *servedConn) CloseWrite() error {
	closeWrite(c.Conn)
	return nil
}

func (c *servedConn) Close() error {
	err := c.Conn.Close()
	c.once.Do(func() { close(c.done) })
	return err
}

// perConnection is the transport of the connection that a request came on.
type perConnection struct{}

func (perConnection) RoundTrip(request *http.Request) (*http.Response, error) {
	transport, ok := request.Context().Value(transportKey{}).(http.RoundTripper)
	if !ok {
		return nil, errors.New("the request came on no connection")
	}
	return transport.RoundTrip(request)
}

// bufferPool lends the buffers that bodies are copied with.
type bufferPool struct{ pool sync.Pool }

var buffers bufferPool

func (b *bufferPool) Get() []byte {
	if lent, ok := b.pool.Get().(*[]byte); ok {
		return *lent
	}
	return make([]byte, copyBuffer)
}

func (b *bufferPool) Put(buffer []byte) { b.pool.Put(&buffer) }
