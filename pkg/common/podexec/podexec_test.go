package podexec

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gorilla/websocket"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/remotecommand"
	"k8s.io/streaming/pkg/httpstream"
	"k8s.io/streaming/pkg/httpstream/spdy"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/clientset"
)

// kubelet is an API server that runs Go functions in place of programs. It
// speaks v5 of the protocol over WebSocket and v4 over SPDY, as Kubernetes' do.
type kubelet struct {
	// program runs; its result is the exit code. sizes are those of the terminal.
	program func(in io.Reader, out, errOut io.Writer, sizes <-chan remotecommand.TerminalSize) int
	// refuse, where set, answers an upgrade instead: by "websocket" or "spdy".
	refuse map[string]http.HandlerFunc

	mu    sync.Mutex
	asked []string
	query url.Values
}

func (k *kubelet) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	transport := "spdy"
	if websocket.IsWebSocketUpgrade(r) {
		transport = "websocket"
	}
	k.mu.Lock()
	k.asked, k.query = append(k.asked, transport+" "+r.Method+" "+r.URL.Path), r.URL.Query()
	k.mu.Unlock()
	switch {
	case k.refuse[transport] != nil:
		k.refuse[transport](w, r)
	case transport == "websocket":
		k.overWebSocket(w, r)
	default:
		k.overSPDY(w, r)
	}
}

// status is what the error stream says of an exit code.
func status(code int) []byte {
	s := metav1.Status{Status: metav1.StatusSuccess}
	if code != 0 {
		s = metav1.Status{
			Status: metav1.StatusFailure, Reason: "NonZeroExitCode", Message: fmt.Sprintf("command terminated with non-zero exit code %d", code),
			Details: &metav1.StatusDetails{Causes: []metav1.StatusCause{{Type: "ExitCode", Message: fmt.Sprint(code)}}},
		}
	}
	text, _ := json.Marshal(s)
	return text
}

// channel writes messages of one of the protocol's channels.
type channel struct {
	mu     *sync.Mutex
	conn   *websocket.Conn
	number byte
}

func (c channel) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(p), c.conn.WriteMessage(websocket.BinaryMessage, append([]byte{c.number}, p...))
}

func (k *kubelet) overWebSocket(w http.ResponseWriter, r *http.Request) {
	upgrader := websocket.Upgrader{Subprotocols: []string{"v5.channel.k8s.io"}}
	conn, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	defer conn.Close()
	in, feed := io.Pipe()
	sizes := make(chan remotecommand.TerminalSize, 9)
	go func() {
		for {
			_, message, err := conn.ReadMessage()
			switch {
			case err != nil:
				feed.CloseWithError(err)
				return
			case len(message) == 0:
			case message[0] == 0:
				feed.Write(message[1:])
			case message[0] == 4:
				var size remotecommand.TerminalSize
				if json.Unmarshal(message[1:], &size) == nil {
					sizes <- size
				}
			case message[0] == 255: // the end of standard input
				feed.Close()
			}
		}
	}()
	var mu sync.Mutex
	to := func(number byte) io.Writer { return channel{&mu, conn, number} }
	code := k.program(in, to(1), to(2), sizes)
	in.Close()
	to(3).Write(status(code))
	mu.Lock()
	defer mu.Unlock()
	conn.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""))
}

func (k *kubelet) overSPDY(w http.ResponseWriter, r *http.Request) {
	if _, err := httpstream.Handshake(r, w, []string{"v4.channel.k8s.io"}); err != nil {
		return
	}
	streams := make(chan httpstream.Stream, 5)
	conn := spdy.NewResponseUpgrader().UpgradeResponse(w, r, func(s httpstream.Stream, replied <-chan struct{}) error {
		go func() {
			<-replied
			streams <- s
		}()
		return nil
	})
	if conn == nil {
		return
	}
	defer conn.Close()
	want := 1
	for _, name := range []string{"stdin", "stdout", "stderr"} {
		if r.URL.Query().Get(name) == "true" {
			want++
		}
	}
	of := map[string]httpstream.Stream{}
	for range want {
		s := <-streams
		of[s.Headers().Get("streamType")] = s
	}
	stream := func(name string) io.ReadWriter {
		if s, ok := of[name]; ok {
			return s
		}
		return &bytes.Buffer{}
	}
	code := k.program(stream("stdin"), stream("stdout"), stream("stderr"), nil)
	stream("error").Write(status(code))
	for _, s := range of {
		s.Close()
	}
	<-conn.CloseChan()
}

func (k *kubelet) run(t *testing.T, ctx context.Context, c Command) error {
	t.Helper()
	web := httptest.NewServer(k)
	t.Cleanup(web.Close)
	config := &rest.Config{Host: web.URL}
	core, err := clientset.New(config)
	if err != nil {
		t.Fatal(err)
	}
	if c.Pod == "" {
		c.Namespace, c.Pod, c.Container = "ns", "jm", "main"
	}
	return Run(ctx, config, core, c)
}

// shout repeats its input in capitals and counts it on its error stream; its exit
// code is the last byte of that number.
func shout(in io.Reader, out, errOut io.Writer, _ <-chan remotecommand.TerminalSize) int {
	text, _ := io.ReadAll(in)
	fmt.Fprint(out, strings.ToUpper(string(text)))
	fmt.Fprintf(errOut, "%d bytes", len(text))
	return len(text) % 256
}

func TestRun(t *testing.T) {
	large := strings.Repeat("x", 300<<10+7)
	for _, transport := range []string{Auto, SPDY, WebSocket} {
		for name, c := range map[string]struct {
			in   string
			code int
		}{"its input, output and exit code": {"hello", 5}, "no input": {"", 0}, "a large input": {large, len(large) % 256}} {
			t.Run(transport+", "+name, func(t *testing.T) {
				var out, errOut bytes.Buffer
				k := &kubelet{program: shout}
				err := k.run(t, t.Context(), Command{Args: []string{"shout", "a b"}, Transport: transport, In: strings.NewReader(c.in), Out: &out, ErrOut: &errOut})
				var exited *ExitError
				if c.code == 0 && err != nil || c.code != 0 && (!errors.As(err, &exited) || exited.Code != c.code) {
					t.Errorf("the error is %v", err)
				}
				if out.String() != strings.ToUpper(c.in) || errOut.String() != fmt.Sprintf("%d bytes", len(c.in)) {
					t.Errorf("%d bytes out, %q", out.Len(), &errOut)
				}
				want := map[string]string{Auto: "websocket GET", WebSocket: "websocket GET", SPDY: "spdy POST"}[transport] + " /api/v1/namespaces/ns/pods/jm/exec"
				if !slices.Equal(k.asked, []string{want}) || k.query.Get("container") != "main" || !slices.Equal(k.query["command"], []string{"shout", "a b"}) || k.query.Get("tty") != "" {
					t.Errorf("asked was %q, %v", k.asked, k.query)
				}
			})
		}
	}
}

// Streams that aren't there aren't asked for.
func TestRunWithoutStreams(t *testing.T) {
	k := &kubelet{program: func(_ io.Reader, out, _ io.Writer, _ <-chan remotecommand.TerminalSize) int {
		fmt.Fprint(out, "done")
		return 0
	}}
	var out bytes.Buffer
	if err := k.run(t, t.Context(), Command{Args: []string{"x"}, Out: &out}); err != nil || out.String() != "done" {
		t.Error(err, out.String())
	}
	if k.query.Get("stdin") != "" || k.query.Get("stderr") != "" || k.query.Get("stdout") != "true" {
		t.Errorf("asked was for %v", k.query)
	}
}

func refusal(code int, reason metav1.StatusReason, message string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		json.NewEncoder(w).Encode(metav1.Status{
			TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, Status: metav1.StatusFailure, Reason: reason, Message: message, Code: int32(code),
		})
	}
}

// A proxy that carries no WebSocket isn't the end; a refusal is, in the API
// server's words.
func TestRunRefused(t *testing.T) {
	noWebSocket := func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no upgrades here", http.StatusBadRequest) }
	forbidden := refusal(http.StatusForbidden, metav1.StatusReasonForbidden, `pods "jm" is forbidden: User "u" cannot create resource "pods/exec"`)
	gone := refusal(http.StatusNotFound, metav1.StatusReasonNotFound, `pods "jm" not found`)
	for name, c := range map[string]struct {
		refuse    map[string]http.HandlerFunc
		transport string
		asked     int
		words     []string
	}{
		"WebSocket by a proxy":             {map[string]http.HandlerFunc{"websocket": noWebSocket}, Auto, 2, nil},
		"WebSocket, which alone is wanted": {map[string]http.HandlerFunc{"websocket": noWebSocket}, WebSocket, 1, []string{"run shout in pod jm: "}},
		"by rights":                        {map[string]http.HandlerFunc{"websocket": forbidden, "spdy": forbidden}, Auto, 2, []string{"is forbidden", "kubectl auth can-i create pods --subresource=exec -n ns"}},
		"a pod that is gone":               {map[string]http.HandlerFunc{"websocket": gone, "spdy": gone}, Auto, 2, []string{`pods "jm" not found`}},
	} {
		t.Run(name, func(t *testing.T) {
			k := &kubelet{program: shout, refuse: c.refuse}
			err := k.run(t, t.Context(), Command{Args: []string{"shout"}, Transport: c.transport, In: strings.NewReader(""), Out: io.Discard})
			if (err == nil) != (c.words == nil) || len(k.asked) != c.asked {
				t.Errorf("%v, after %q", err, k.asked)
			}
			for _, word := range c.words {
				if !strings.Contains(err.Error(), word) {
					t.Errorf("no %q in %v", word, err)
				}
			}
		})
	}
	t.Run("a name that leads elsewhere", func(t *testing.T) {
		k := &kubelet{program: shout}
		if err := k.run(t, t.Context(), Command{Namespace: "ns", Pod: "../secrets/x", Args: []string{"x"}}); err == nil || len(k.asked) > 0 {
			t.Errorf("%v, asked was %q", err, k.asked)
		}
	})
}

// Ctrl-C ends a program that doesn't end by itself, with its own cause.
func TestRunEnds(t *testing.T) {
	stop := errors.New("interrupted")
	for _, transport := range []string{SPDY, WebSocket} {
		ctx, cancel := context.WithCancelCause(t.Context())
		k := &kubelet{program: func(in io.Reader, out, _ io.Writer, _ <-chan remotecommand.TerminalSize) int {
			fmt.Fprint(out, "here")
			io.Copy(io.Discard, in)
			return 0
		}}
		err := k.run(t, ctx, Command{Args: []string{"x"}, Transport: transport, In: endless{}, Out: writer(func() { cancel(stop) })})
		if !errors.Is(err, stop) {
			t.Errorf("over %s it ends with %v", transport, err)
		}
	}
}

// endless never has anything to read.
type endless struct{}

func (endless) Read([]byte) (int, error) { select {} }

// writer is called when something is written to it.
type writer func()

func (w writer) Write(p []byte) (int, error) {
	w()
	return len(p), nil
}
