package portforward

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/transport"
	"k8s.io/client-go/transport/websocket"
	"k8s.io/klog/v2"
	"k8s.io/streaming/pkg/httpstream"
	streamspdy "k8s.io/streaming/pkg/httpstream/spdy"
)

// upgrader sends one upgrade request with client-go's dialer (proxies, TLS)
// and keeps the connection. client-go's RoundTrip keeps it for itself, and
// waits for the answer without regard to the context.
type upgrader struct {
	dialer *streamspdy.SpdyRoundTripper
	conn   net.Conn
	in     *bufio.Reader
}

func (u *upgrader) RoundTrip(request *http.Request) (*http.Response, error) {
	request = request.Clone(request.Context())
	request.Header.Set(httpstream.HeaderConnection, httpstream.HeaderUpgrade)
	request.Header.Set(httpstream.HeaderUpgrade, streamspdy.HeaderSpdy31)
	conn, err := u.dialer.Dial(request)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(request.Context(), func() { conn.SetDeadline(time.Unix(1, 0)) }) //nolint:contextcheck // the request has it
	in := bufio.NewReader(conn)
	response, err := http.ReadResponse(in, request)
	if err == nil && response.StatusCode != http.StatusSwitchingProtocols {
		// The body must be read before the connection goes.
		response.Body = &answer{Reader: io.LimitReader(response.Body, 64<<10), conn: conn}
	}
	if !stop() || err != nil {
		conn.Close()
		if err == nil {
			err = context.Cause(request.Context()) //nolint:contextcheck // the request has it
		}
		return nil, err
	}
	u.conn, u.in = conn, in
	return response, nil
}

type answer struct {
	io.Reader
	conn net.Conn
}

func (a *answer) Close() error { return a.conn.Close() }

func (c *connector) dialSPDY(ctx context.Context, target *url.URL) (net.Conn, error) {
	proxy := c.config.Proxy
	dialer, err := streamspdy.NewRoundTripperWithConfig(streamspdy.RoundTripperConfig{TLS: c.tls, Proxier: proxy})
	if err != nil {
		return nil, err
	}
	dialer.Dialer = &net.Dialer{Timeout: connectTimeout, KeepAlive: 15 * time.Second}
	up := &upgrader{dialer: dialer}
	wrapped, err := transport.HTTPWrappersForConfig(c.wrap, up)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, target.String(), http.NoBody)
	if err != nil {
		return nil, err
	}
	request.Header.Set(httpstream.HeaderProtocolVersion, portforward.PortForwardProtocolV1Name)
	response, err := wrapped.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusSwitchingProtocols {
		return nil, answerError(ctx, up.conn, response)
	}
	if !strings.EqualFold(response.Header.Get(httpstream.HeaderUpgrade), streamspdy.HeaderSpdy31) {
		up.conn.Close()
		return nil, &upgradeError{code: response.StatusCode, cause: fmt.Errorf("the server switched to %q instead of SPDY", response.Header.Get(httpstream.HeaderUpgrade))}
	}
	if up.in.Buffered() > 0 {
		return &bufferedConn{Conn: up.conn, in: up.in}, nil
	}
	return up.conn, nil
}

// bufferedConn gives first what came with the answer to the upgrade.
type bufferedConn struct {
	net.Conn
	in *bufio.Reader
}

func (b *bufferedConn) Read(p []byte) (int, error) { return b.in.Read(p) }

// answerError is the error that a response other than 101 carries.
func answerError(ctx context.Context, conn net.Conn, response *http.Response) error {
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	body, _ := io.ReadAll(response.Body)
	var status metav1.Status
	if json.Unmarshal(body, &status) == nil && status.Kind == "Status" && status.Status == metav1.StatusFailure {
		return &upgradeError{code: response.StatusCode, cause: &apierrors.StatusError{ErrStatus: status}}
	}
	text := strings.TrimSpace(string(body))
	if len(text) > 300 {
		text = text[:300] + "…"
	}
	return &upgradeError{code: response.StatusCode, cause: fmt.Errorf("the server answered %s to the port-forward: %s", response.Status, text)}
}

func (c *connector) dialWebSocket(ctx context.Context, target *url.URL) (net.Conn, error) {
	// client-go: "RoundTripper must not be reused".
	holder := &websocket.RoundTripper{TLSConfig: c.tls, Proxier: c.config.Proxy}
	if holder.Proxier == nil {
		holder.Proxier = utilnet.NewProxierWithNoProxyCIDR(http.ProxyFromEnvironment)
	}
	wrapped, err := transport.HTTPWrappersForConfig(c.wrap, holder)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
	if err != nil {
		return nil, err
	}
	conn, err := websocket.Negotiate(wrapped, holder, request, tunnelPrefix+portforward.PortForwardProtocolV1Name)
	if err != nil {
		if httpstream.IsUpgradeFailure(err) {
			return nil, &upgradeError{code: webSocketCode(err), cause: err}
		}
		return nil, err
	}
	return portforward.NewTunnelingConnectionWithLogger(klog.Background(), conn), nil
}

var handshakeCode = regexp.MustCompile(`\((\d{3}) `)

// webSocketCode finds the HTTP code of a refused upgrade; client-go keeps it
// only in the text where the answer wasn't a Status.
func webSocketCode(err error) int {
	var status apierrors.APIStatus
	if errors.As(err, &status) && status.Status().Code != 0 {
		return int(status.Status().Code)
	}
	if m := handshakeCode.FindStringSubmatch(err.Error()); m != nil {
		code, _ := strconv.Atoi(m[1])
		return code
	}
	return http.StatusBadRequest
}
