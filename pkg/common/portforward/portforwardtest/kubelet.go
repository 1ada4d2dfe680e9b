// Package portforwardtest fakes the kubelet's end of a port-forward, with the
// same framing library as the real one and faults as switches.
package portforwardtest

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/gorilla/websocket"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/streaming/pkg/httpstream"
	streamspdy "k8s.io/streaming/pkg/httpstream/spdy"
)

const tunnelProtocol = "SPDY/3.1+" + portforward.PortForwardProtocolV1Name

// Answer is what a transport's upgrade request gets.
type Answer func(w http.ResponseWriter, r *http.Request)

// Status answers with a Kubernetes Status.
func Status(code int, message string) Answer {
	return func(w http.ResponseWriter, _ *http.Request) {
		reason := metav1.StatusReasonUnknown
		switch code {
		case http.StatusForbidden:
			reason = metav1.StatusReasonForbidden
		case http.StatusNotFound:
			reason = metav1.StatusReasonNotFound
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		json.NewEncoder(w).Encode(metav1.Status{
			TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"},
			Status:   metav1.StatusFailure, Message: message, Reason: reason, Code: int32(code),
		})
	}
}

// Plain answers with text, as a proxy would.
func Plain(code int, text string) Answer {
	return func(w http.ResponseWriter, _ *http.Request) { http.Error(w, text, code) }
}

// Kubelet is an API server with pods behind it that can be forwarded to.
type Kubelet struct {
	*httptest.Server

	mu       sync.Mutex
	spdy, ws Answer
	dial     map[string]func() (net.Conn, error)
	conns    map[httpstream.Connection]string
	count    map[string]int
	handlers sync.WaitGroup
	gone     map[string]bool
	release  chan struct{}
	extra    http.Handler
}

// New starts a Kubelet that ends with the test.
func New(t testing.TB) *Kubelet {
	k := &Kubelet{
		dial: map[string]func() (net.Conn, error){}, conns: map[httpstream.Connection]string{},
		count: map[string]int{}, release: make(chan struct{}), gone: map[string]bool{},
	}
	k.Server = httptest.NewServer(k)
	t.Cleanup(func() {
		close(k.release)
		k.Cut("")
		k.Server.CloseClientConnections()
		k.Server.Close()
		k.handlers.Wait()
	})
	return k
}

// Config connects to the Kubelet.
func (k *Kubelet) Config() *rest.Config { return &rest.Config{Host: k.Server.URL} }

// Silent never answers; the request ends with the Kubelet.
func (k *Kubelet) Silent(_ http.ResponseWriter, r *http.Request) {
	select {
	case <-k.release:
	case <-r.Context().Done():
	}
}

// Answers sets what upgrades get instead of a connection; nil upgrades.
func (k *Kubelet) Answers(spdy, webSocket Answer) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.spdy, k.ws = spdy, webSocket
}

// Handle serves everything but port-forwards.
func (k *Kubelet) Handle(h http.Handler) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.extra = h
}

// Listen makes port of pod answer with dial's connections; nil refuses.
func (k *Kubelet) Listen(pod string, port int, dial func() (net.Conn, error)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	key := fmt.Sprintf("%s:%d", pod, port)
	if dial == nil {
		delete(k.dial, key)
		return
	}
	k.dial[key] = dial
}

// Forward makes port of pod the local address.
func (k *Kubelet) Forward(pod string, port int, address string) {
	k.Listen(pod, port, func() (net.Conn, error) { return net.Dial("tcp", address) })
}

// Remove makes pod unknown and breaks the connections to it.
func (k *Kubelet) Remove(pod string) {
	k.mu.Lock()
	k.gone[pod] = true
	k.mu.Unlock()
	k.Cut(pod)
}

// Cut breaks the connections to pod; "" breaks all.
func (k *Kubelet) Cut(pod string) {
	k.mu.Lock()
	var cut []httpstream.Connection
	for c, p := range k.conns {
		if pod == "" || p == pod {
			cut = append(cut, c)
		}
	}
	k.mu.Unlock()
	for _, c := range cut {
		c.Close()
	}
}

// Upgrades is the number of upgrade requests over "spdy" or "websocket".
func (k *Kubelet) Upgrades(transport string) int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.count[transport]
}

// Connections is the number of open upgraded connections.
func (k *Kubelet) Connections() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.conns)
}

// ServeHTTP is the API server.
func (k *Kubelet) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	k.handlers.Add(1)
	defer k.handlers.Done()
	path, ok := strings.CutSuffix(r.URL.Path, "/portforward")
	k.mu.Lock()
	extra := k.extra
	k.mu.Unlock()
	if !ok {
		if extra != nil {
			extra.ServeHTTP(w, r)
			return
		}
		http.NotFound(w, r)
		return
	}
	pod := path[strings.LastIndex(path, "/")+1:]
	overWS := websocket.IsWebSocketUpgrade(r)
	k.mu.Lock()
	answer, name := k.spdy, "spdy"
	if overWS {
		answer, name = k.ws, "websocket"
	}
	k.count[name]++
	if answer == nil && k.gone[pod] {
		answer = Status(http.StatusNotFound, fmt.Sprintf("pods %q not found", pod))
	}
	k.mu.Unlock()
	if answer != nil {
		answer(w, r)
		return
	}
	streams := make(chan httpstream.Stream, 64)
	// A stream is used only when the reply is out: spdystream waits for ever
	// to close one whose connection went before that.
	accept := func(s httpstream.Stream, replied <-chan struct{}) error {
		go func() {
			<-replied
			streams <- s
		}()
		return nil
	}
	var conn httpstream.Connection
	if overWS {
		up := websocket.Upgrader{Subprotocols: []string{tunnelProtocol}, ReadBufferSize: 33 << 10, WriteBufferSize: 33 << 10}
		ws, err := up.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		if conn, err = streamspdy.NewServerConnection(portforward.NewTunnelingConnection("server", ws), accept); err != nil {
			return
		}
	} else {
		if _, err := httpstream.Handshake(r, w, []string{portforward.PortForwardProtocolV1Name}); err != nil {
			return
		}
		if conn = streamspdy.NewResponseUpgrader().UpgradeResponse(w, r, accept); conn == nil {
			return
		}
	}
	k.serve(pod, conn, streams)
}

// serve pairs streams as the kubelet does.
func (k *Kubelet) serve(pod string, conn httpstream.Connection, streams <-chan httpstream.Stream) {
	k.mu.Lock()
	k.conns[conn] = pod
	k.mu.Unlock()
	var pairs sync.WaitGroup
	defer func() {
		conn.Close()
		pairs.Wait()
		k.mu.Lock()
		delete(k.conns, conn)
		k.mu.Unlock()
	}()
	waiting := map[string]httpstream.Stream{}
	for {
		select {
		case <-conn.CloseChan():
			return
		case s := <-streams:
			id := s.Headers().Get("requestID")
			other := waiting[id]
			if other == nil {
				waiting[id] = s
				continue
			}
			delete(waiting, id)
			data, errs := s, other
			if s.Headers().Get("streamType") == "error" {
				data, errs = other, s
			}
			pairs.Go(func() {
				k.pair(pod, data, errs)
				conn.RemoveStreams(data, errs)
			})
		}
	}
}

// pair does what kubelet and containerd do with a pair of streams.
func (k *Kubelet) pair(pod string, data, errs httpstream.Stream) {
	defer data.Close()
	defer errs.Close()
	port := data.Headers().Get("port")
	k.mu.Lock()
	dial := k.dial[pod+":"+port]
	k.mu.Unlock()
	fail := func(err error) {
		fmt.Fprintf(errs, "error forwarding port %s to pod %s, uid : %v", port, pod, err)
		data.Reset()
		errs.Reset()
	}
	if dial == nil {
		fail(fmt.Errorf("failed to execute portforward in network namespace: failed to connect to localhost:%s inside namespace: dial tcp4 127.0.0.1:%s: connect: connection refused", port, port))
		return
	}
	conn, err := dial()
	if err != nil {
		fail(err)
		return
	}
	defer conn.Close()
	done := make(chan error, 2)
	go func() {
		_, err := io.Copy(conn, data)
		if c, ok := conn.(interface{ CloseWrite() error }); ok {
			c.CloseWrite()
		} else {
			conn.Close()
		}
		done <- err
	}()
	go func() {
		_, err := io.Copy(data, conn)
		data.Close()
		done <- err
	}()
	first := <-done
	if first != nil {
		conn.Close()
		fail(first)
		<-done
		return
	}
	if second := <-done; second != nil {
		fail(second)
	}
}
