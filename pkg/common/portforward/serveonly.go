package portforward

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"
)

// Serve serves options.Handler without a tunnel, guarded as Tunnel.Listen guards
// it. It ends with ctx or with the listener's Close. The error is a
// *PortInUseError or the operating system's.
func Serve(ctx context.Context, options ListenOptions) (*Listener, error) {
	if options.Handler == nil {
		return nil, errors.New("nothing to serve")
	}
	ears, port, err := listenAll(ctx, options)
	if err != nil {
		return nil, err
	}
	l := &Listener{options: options, port: port, ears: ears, guard: guardOf(options), conns: map[net.Conn]struct{}{}}
	l.ctx, l.cancel = context.WithCancel(ctx)
	l.server = l.guarded()
	context.AfterFunc(l.ctx, l.shut) //nolint:contextcheck // the listener has a context of its own
	for _, ear := range ears {
		l.work.Go(func() { _ = l.server.Serve(ear) }) // ends with Close
	}
	return l, nil
}

// guarded serves the handler request by request.
func (l *Listener) guarded() *http.Server {
	return &http.Server{
		Handler:           l.guard.handler(l.count(l.options.Handler)),
		ReadHeaderTimeout: 10 * time.Second,
		BaseContext:       func(net.Listener) context.Context { return l.ctx },
		ErrorLog:          silent(),
	}
}
