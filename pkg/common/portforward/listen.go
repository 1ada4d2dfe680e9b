package portforward

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/neterr"
)

// ListenOptions say where a Listener listens and what it serves.
type ListenOptions struct {
	// Target is what connections are forwarded to.
	Target Target
	// Current, where not nil, says the target of each new connection, for
	// targets that move; Target is then the first.
	Current func() Target
	// Handler serves HTTP instead, guarded against other sites' pages; Target is
	// then not used.
	Handler http.Handler
	// Raw forwards bytes whatever they are. Without it connections whose client
	// speaks HTTP are served request by request, guarded as Handler is.
	Raw bool
	// Addresses to listen on; none is 127.0.0.1 and, where there is one, ::1.
	// Anything but a loopback address lets others on the network in.
	Addresses []string
	// Port is the local port; 0 is any that is free.
	Port int
	// AnyPort takes another port where Port is in use, instead of failing.
	AnyPort bool
	// Hosts are names that requests may be sent to, besides this computer's.
	Hosts []string
}

// Listener forwards local connections. It stays on its port while pods come
// and go.
type Listener struct {
	tunnel  *Tunnel
	options ListenOptions
	port    int
	ears    []net.Listener
	guard   guard
	server  *http.Server
	http    *serving

	ctx    context.Context
	cancel context.CancelFunc
	work   sync.WaitGroup

	total atomic.Int64

	mu    sync.Mutex
	conns map[net.Conn]struct{}
}

// PortInUseError says that a local port is taken, and by whom where that
// could be found out.
type PortInUseError struct {
	Port  int
	Owner string
}

func (e *PortInUseError) Error() string {
	by := ""
	if e.Owner != "" {
		by = " by " + e.Owner
	}
	return fmt.Sprintf("port %d is in use%s: choose another one", e.Port, by)
}

// Listen starts to forward. It ends with ctx, with its Close or with the
// tunnel's. The error is a *PortInUseError or the operating system's.
func (t *Tunnel) Listen(ctx context.Context, options ListenOptions) (*Listener, error) {
	ears, port, err := listenAll(ctx, options)
	if err != nil {
		return nil, err
	}
	l := &Listener{tunnel: t, options: options, port: port, ears: ears, guard: guardOf(options), conns: map[net.Conn]struct{}{}}
	l.ctx, l.cancel = context.WithCancel(ctx)
	t.mu.Lock()
	if t.closed {
		t.mu.Unlock()
		l.Close()
		return nil, errSessionClosed
	}
	t.work.Add(1)
	t.mu.Unlock()
	stop := context.AfterFunc(t.ctx, l.cancel) //nolint:contextcheck // it listens for as long as the tunnel is there
	go func() {
		defer t.work.Done()
		<-l.ctx.Done()
		stop()
		l.shut()
		l.work.Wait()
	}()
	if options.Handler != nil {
		l.server = l.guarded()
	}
	if options.Handler == nil && !options.Raw {
		l.http = l.newServing()
	}
	for _, ear := range ears {
		l.work.Go(func() { //nolint:contextcheck // connections outlive the call that began to listen
			if l.server != nil {
				_ = l.server.Serve(ear) // ends with Close
				return
			}
			l.accept(ear)
		})
	}
	return l, nil
}

func listenAll(ctx context.Context, options ListenOptions) ([]net.Listener, int, error) {
	addresses, err := ListenAddresses(options.Addresses)
	if err != nil {
		return nil, 0, err
	}
	ears, port, err := listenOn(ctx, addresses, options.Port)
	for try := 0; err != nil && neterr.InUse(err) && (options.AnyPort || options.Port == 0) && try < 10; try++ {
		ears, port, err = listenOn(ctx, addresses, 0)
	}
	if neterr.InUse(err) {
		err = &PortInUseError{Port: options.Port, Owner: portOwner(options.Port)}
	}
	return ears, port, err
}

func listenOn(ctx context.Context, addresses []string, port int) (ears []net.Listener, _ int, err error) {
	defer func() {
		if err != nil {
			for _, ear := range ears {
				ear.Close()
			}
		}
	}()
	var config net.ListenConfig
	add := func(network, address string) error {
		ear, err := config.Listen(ctx, network, net.JoinHostPort(address, strconv.Itoa(port)))
		if err != nil {
			return err
		}
		ears = append(ears, ear)
		port = ear.Addr().(*net.TCPAddr).Port
		return nil
	}
	for _, address := range addresses {
		if address != "localhost" {
			if err = add(networkOf(address), address); err != nil {
				return ears, 0, err
			}
			continue
		}
		// Some computers have only one of the two.
		err4 := add("tcp4", "127.0.0.1")
		err6 := add("tcp6", "::1")
		for _, err := range []error{err4, err6} {
			if neterr.InUse(err) {
				return ears, 0, err
			}
		}
		if err4 != nil && err6 != nil {
			return ears, 0, err4
		}
	}
	return ears, port, nil
}

// networkOf is the network to listen on at address. With "tcp" 0.0.0.0 would
// mean all addresses of IPv6, too.
func networkOf(address string) string {
	ip, err := netip.ParseAddr(address)
	switch {
	case err != nil:
		return "tcp"
	case ip.Is4():
		return "tcp4"
	}
	return "tcp6"
}

// Port is the local port.
func (l *Listener) Port() int { return l.port }

// Addresses are the local addresses.
func (l *Listener) Addresses() []net.Addr {
	var out []net.Addr
	for _, ear := range l.ears {
		out = append(out, ear.Addr())
	}
	return out
}

// Served is the number of connections, or of requests for a Handler, so far.
func (l *Listener) Served() int64 { return l.total.Load() }

// Close ends the listener and its connections and waits for them.
func (l *Listener) Close() error {
	l.cancel()
	l.shut()
	l.work.Wait()
	return nil
}

func (l *Listener) shut() {
	if l.server != nil {
		l.server.Close()
	}
	if l.http != nil {
		l.http.server.Close()
		_ = l.http.Close()
	}
	for _, ear := range l.ears {
		ear.Close()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for conn := range l.conns {
		conn.Close()
	}
}

func (l *Listener) count(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		l.total.Add(1)
		next.ServeHTTP(w, r)
	})
}

func (l *Listener) accept(ear net.Listener) {
	for {
		conn, err := ear.Accept()
		if err != nil {
			if l.ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				return
			}
			// Out of file descriptors, or the client is gone already.
			if sleep(l.ctx, 50*time.Millisecond) != nil {
				return
			}
			continue
		}
		l.mu.Lock()
		if l.ctx.Err() != nil {
			l.mu.Unlock()
			conn.Close()
			return
		}
		l.conns[conn] = struct{}{}
		l.mu.Unlock()
		l.total.Add(1)
		l.work.Go(func() {
			defer func() {
				conn.Close()
				l.mu.Lock()
				delete(l.conns, conn)
				l.mu.Unlock()
			}()
			l.forward(conn)
		})
	}
}

// closeAfter is how long a connection whose pod has ended in order may take
// to end on this side; container runtimes give it no longer, either.
const closeAfter = 2 * time.Second

// forward joins local to the target. A client that speaks HTTP is served as
// such; one that is silent for a moment may wait for its server to speak first,
// and is joined to it while its own first bytes are still awaited.
func (l *Listener) forward(local net.Conn) {
	in := bufio.NewReaderSize(local, maxFrame)
	if l.options.Raw {
		l.join(local, in, nil)
		return
	}
	first := make(chan spoken, 1)
	l.work.Go(func() { first <- listenIn(local, in) })
	timer := time.NewTimer(moment)
	defer timer.Stop()
	select {
	case verdict := <-first:
		if verdict == speaksHTTP {
			l.serve(local, in)
			return
		}
		first <- verdict
	case <-timer.C:
	}
	if l.join(local, in, first) {
		l.serve(local, in)
	}
}

// fail tells the log, and the client where it speaks HTTP.
func (l *Listener) fail(local net.Conn, err error, isHTTP bool) {
	if l.ctx.Err() != nil {
		return
	}
	l.tunnel.log(Event{Type: Failed, Target: l.target(), Text: err.Error(), Err: err})
	if isHTTP {
		reply(local, http.StatusBadGateway, err.Error())
		return
	}
	if tcp, ok := local.(*net.TCPConn); ok {
		tcp.SetLinger(0)
	}
}

// reply writes an HTTP response and gives the client time to read it.
func reply(conn net.Conn, code int, text string) {
	conn.SetDeadline(time.Now().Add(closeAfter))
	text += "\n"
	fmt.Fprintf(conn, "HTTP/1.1 %d %s\r\nContent-Type: text/plain; charset=utf-8\r\nX-Content-Type-Options: nosniff\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s",
		code, http.StatusText(code), len(text), text)
	closeWrite(conn)
	_, _ = io.CopyN(io.Discard, conn, 1<<20)
}
