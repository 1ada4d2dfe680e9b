package portforward

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func (r *rig) listen(options ListenOptions) (*Listener, string) {
	r.Helper()
	if options.Handler == nil && options.Target.Name == "" {
		options.Target = restTarget
	}
	l, err := r.tunnel.Listen(r.Context(), options)
	if err != nil {
		r.Fatal(err)
	}
	return l, fmt.Sprintf("127.0.0.1:%d", l.Port())
}

func get(t *testing.T, client *http.Client, address string, header ...string) (int, string) {
	t.Helper()
	request, err := http.NewRequest(http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
		if header[i] == "Host" {
			request.Host = header[i+1]
		}
	}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

// fresh is a client that keeps no connections.
func fresh() *http.Client {
	return &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 20 * time.Second}
}

func TestListenerFollowsAReplacedPod(t *testing.T) {
	r := newRig(t, Options{})
	r.serve("jm-1", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "one") })
	_, address := r.listen(ListenOptions{})
	if _, got := get(t, fresh(), "http://"+address); got != "one" {
		t.Fatalf("got %q", got)
	}
	pods := r.clients.CoreV1().Pods("default")
	if err := pods.Delete(t.Context(), "jm-1", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	r.kubelet.Remove("jm-1")
	answers := make(chan string, 1)
	go func() {
		_, got := get(t, fresh(), "http://"+address)
		answers <- got
	}()
	eventually(t, "a connection waits", func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		for _, e := range r.events {
			if e.Type == Waiting && strings.Contains(e.Text, "no pod has the labels app=job") {
				return true
			}
		}
		return false
	})
	r.serve("jm-2", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "two") })
	pending := readyPod("jm-2")
	pending.Status = corev1.PodStatus{Phase: corev1.PodPending, ContainerStatuses: []corev1.ContainerStatus{{State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ImagePullBackOff"}}}}}
	if _, err := pods.Create(t.Context(), pending, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the reason is told", func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		for _, e := range r.events {
			if e.Type == Waiting && e.Text == "pod jm-2 is Pending: ImagePullBackOff" {
				return true
			}
		}
		return false
	})
	if _, err := pods.Update(t.Context(), readyPod("jm-2"), metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	if got := <-answers; got != "two" {
		t.Errorf("got %q from the new pod", got)
	}
}

func TestNotReadyIsATimeout(t *testing.T) {
	r := newRig(t, Options{ReconnectTimeout: 50 * time.Millisecond})
	pod := readyPod("jm-1")
	pod.Status.Conditions = nil
	if err := r.clients.Tracker().Update(corev1.SchemeGroupVersion.WithResource("pods"), pod, "default"); err != nil {
		t.Fatal(err)
	}
	_, err := r.tunnel.DialContext(t.Context(), restTarget)
	var unready *NotReadyError
	if !errors.As(err, &unready) || !unready.Timeout() || !strings.Contains(err.Error(), "pod jm-1 is running but not ready") {
		t.Errorf("got %v", err)
	}
}

func TestWrongPort(t *testing.T) {
	r := newRig(t, Options{})
	for _, test := range []struct {
		target Target
		want   string
	}{
		{Target{Namespace: "default", Kind: Service, Name: "job-rest", Port: restTarget.Port}, ""},
		{Target{Namespace: "default", Kind: Service, Name: "nope", Port: restTarget.Port}, `services "nope" not found`},
		{Target{Namespace: "default", Kind: PodKind, Name: "jm-1", Port: restTarget.Port}, `no port named "rest"; it has: http`},
	} {
		_, err := r.tunnel.Port(t.Context(), test.target)
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%s: got %v, want %q", test.target, err, test.want)
		}
	}
}

func TestGuard(t *testing.T) {
	r := newRig(t, Options{})
	r.serve("jm-1", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok") })
	_, raw := r.listen(ListenOptions{})
	_, served := r.listen(ListenOptions{Handler: NewProxy(r.tunnel.RoundTripper(restTarget, nil)), Hosts: []string{"workstation"}})
	for _, test := range []struct {
		name    string
		header  []string
		want    int
		rawWant int // where names matter
	}{
		{name: "plain", want: 200},
		{name: "localhost", header: []string{"Host", "localhost:8081"}, want: 200},
		{name: "v6", header: []string{"Host", "[::1]:8081"}, want: 200},
		{name: "rebound name", header: []string{"Host", "evil.example:8081"}, want: 403},
		{name: "name that ends alike", header: []string{"Host", "notlocalhost"}, want: 403},
		{name: "in the cluster", header: []string{"Host", "job-rest.default.svc:80"}, want: 403},
		{name: "allowed", header: []string{"Host", "workstation"}, want: 200, rawWant: 403},
		{name: "no address of this computer", header: []string{"Host", "0.0.0.0:81"}, want: 403},
		{name: "other address", header: []string{"Host", "10.0.0.1:81"}, want: 403},
		{name: "same site", header: []string{"Sec-Fetch-Site", "same-site", "Sec-Fetch-Mode", "cors", "Sec-Fetch-Dest", "empty"}, want: 403},
		{name: "frame", header: []string{"Sec-Fetch-Site", "same-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe"}, want: 403},
		{name: "typed", header: []string{"Sec-Fetch-Site", "none", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}, want: 200},
		{name: "own script", header: []string{"Sec-Fetch-Site", "same-origin", "Sec-Fetch-Mode", "cors", "Sec-Fetch-Dest", "empty"}, want: 200},
		{name: "own origin", header: []string{"Host", "localhost:81", "Origin", "http://localhost:81"}, want: 200},
		{name: "foreign origin", header: []string{"Origin", "https://evil.example"}, want: 403},
		{name: "other port's origin", header: []string{"Host", "localhost:81", "Origin", "http://localhost:82"}, want: 403},
		{name: "sandboxed", header: []string{"Origin", "null"}, want: 403},
		{name: "cross-site image", header: []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors", "Sec-Fetch-Dest", "image"}, want: 403},
		{name: "link", header: []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}, want: 200},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got, body := get(t, fresh(), "http://"+served, test.header...); got != test.want {
				t.Errorf("page: got %d (%s), want %d", got, body, test.want)
			}
			want := test.want
			if test.rawWant != 0 {
				want = test.rawWant
			}
			if got, body := get(t, fresh(), "http://"+raw, test.header...); got != want {
				t.Errorf("forward: got %d (%s), want %d", got, body, want)
			}
		})
	}
}

// Protocols where the server speaks first, or that aren't HTTP, pass.
func TestOtherProtocolsPass(t *testing.T) {
	r := newRig(t, Options{})
	ends := r.pipe("jm-1")
	_, address := r.listen(ListenOptions{})
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	end := <-ends
	io.WriteString(end, "SSH-2.0\n")
	if line, err := bufio.NewReader(conn).ReadString('\n'); err != nil || line != "SSH-2.0\n" {
		t.Fatalf("got %q, %v", line, err)
	}
	for _, text := range []string{"\x16\x03\x01", "GE", "POSTGRES\n"} {
		other, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		end := <-ends
		io.WriteString(other, text)
		closeWrite(other)
		if got, err := io.ReadAll(end); err != nil || string(got) != text {
			t.Errorf("the pod got %q, %v; want %q", got, err, text)
		}
		end.Close()
		other.Close()
	}
	end.Close()
}

func TestListenerTellsTruncationFromTheEnd(t *testing.T) {
	r := newRig(t, Options{})
	ends := r.pipe("jm-1")
	_, address := r.listen(ListenOptions{})
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	end := <-ends
	io.WriteString(end, "half")
	if _, err := io.ReadFull(conn, make([]byte, 4)); err != nil {
		t.Fatal(err)
	}
	r.kubelet.Cut("jm-1")
	if _, err := conn.Read(make([]byte, 1)); err == nil || errors.Is(err, io.EOF) {
		t.Errorf("got %v, want a reset", err)
	}
	end.Close()
}

func TestRefusedPortAnswersHTTP(t *testing.T) {
	r := newRig(t, Options{})
	_, address := r.listen(ListenOptions{})
	code, body := get(t, fresh(), "http://"+address)
	if code != http.StatusBadGateway || !strings.Contains(body, "nothing listens on port 8081 of pod jm-1") {
		t.Errorf("got %d %q", code, body)
	}
	// The forward lives on (kubectl's ends here).
	r.serve("jm-1", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok") })
	if code, body = get(t, fresh(), "http://"+address); code != 200 {
		t.Errorf("got %d %q", code, body)
	}
}

func TestPortInUse(t *testing.T) {
	r := newRig(t, Options{})
	first, _ := r.listen(ListenOptions{})
	_, err := r.tunnel.Listen(t.Context(), ListenOptions{Target: restTarget, Port: first.Port()})
	var used *PortInUseError
	if !errors.As(err, &used) || used.Port != first.Port() {
		t.Fatalf("got %v, want a PortInUseError", err)
	}
	if used.Owner != "" && !strings.Contains(used.Owner, fmt.Sprint(os.Getpid())) {
		t.Errorf("owner %q isn't this process", used.Owner)
	}
	second, _ := r.listen(ListenOptions{Port: first.Port(), AnyPort: true})
	if second.Port() == first.Port() {
		t.Error("the same port twice")
	}
	first.Close()
	third, _ := r.listen(ListenOptions{Port: first.Port()})
	third.Close()
}

func TestProxyErrorPage(t *testing.T) {
	r := newRig(t, Options{ReconnectTimeout: -1})
	_, address := r.listen(ListenOptions{Handler: NewProxy(r.tunnel.RoundTripper(restTarget, nil))})
	code, body := get(t, fresh(), "http://"+address, "Accept", "text/html")
	if code != http.StatusBadGateway || !strings.Contains(body, `http-equiv="refresh"`) {
		t.Errorf("got %d %q", code, body)
	}
	if _, body = get(t, fresh(), "http://"+address); strings.Contains(body, "<") {
		t.Errorf("a script got %q", body)
	}
}

func TestSlowReaderOfTheListener(t *testing.T) {
	r := newRig(t, Options{BufferLimit: 64 << 10})
	ends := r.pipe("jm-1")
	_, address := r.listen(ListenOptions{})
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	end := <-ends
	sent := bytes.Repeat([]byte("0123456789abcdef"), 1<<20)
	go func() {
		end.Write(sent)
		end.Close()
	}()
	var got bytes.Buffer
	small := make([]byte, 1000)
	for {
		n, err := conn.Read(small)
		got.Write(small[:n])
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(got.Bytes(), sent) {
		t.Errorf("got %d bytes, want the same %d", got.Len(), len(sent))
	}
}

func TestRefusalsExpire(t *testing.T) {
	now := time.Now()
	clock := func() time.Time { return now }
	dir := t.TempDir()
	newRefusals(dir, "https://a", clock).add(SPDY)
	again := newRefusals(dir, "https://a", clock)
	if !again.has(SPDY) || again.has(WebSocket) || newRefusals(dir, "https://b", clock).has(SPDY) {
		t.Error("remembered wrongly")
	}
	now = now.Add(rememberFor + time.Second)
	if again.has(SPDY) {
		t.Error("still refused after a day")
	}
	// A spoilt file is as good as none.
	spoilt := newRefusals(dir, "https://a", clock)
	if err := os.WriteFile(spoilt.file, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if spoilt.has(SPDY) {
		t.Error("refused by a spoilt file")
	}
}
