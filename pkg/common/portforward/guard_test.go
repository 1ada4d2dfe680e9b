package portforward

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// dashboard is a JobManager's server: whatever origin asks may read, and a GET
// can cancel a job. It notes what reaches it.
type dashboard struct {
	mu   sync.Mutex
	seen []string
}

func (d *dashboard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	d.mu.Lock()
	d.seen = append(d.seen, strings.TrimSpace(fmt.Sprintf("%s %s %s", r.Method, r.RequestURI, body)))
	d.mu.Unlock()
	w.Header().Set("Access-Control-Allow-Origin", "*")
	w.Header().Set("Access-Control-Allow-Private-Network", "true")
	io.WriteString(w, "page")
}

func (d *dashboard) take() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	out := d.seen
	d.seen = nil
	return out
}

// exchange sends requests on one connection, as browsers do that keep it, and
// returns the answers' codes and headers up to the one that closes it.
func exchange(t *testing.T, address string, requests ...string) (codes []int, headers []http.Header) {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	in := bufio.NewReader(conn)
	for _, request := range requests {
		if _, err := io.WriteString(conn, request); err != nil {
			return codes, headers
		}
		method, _, _ := strings.Cut(request, " ")
		response, err := http.ReadResponse(in, &http.Request{Method: method})
		if err != nil {
			return codes, headers
		}
		io.Copy(io.Discard, response.Body)
		codes, headers = append(codes, response.StatusCode), append(headers, response.Header)
	}
	return codes, headers
}

func head(line string, header ...string) string {
	return line + " HTTP/1.1\r\n" + strings.Join(header, "\r\n") + "\r\n\r\n"
}

// browserAttacks are what pages of other sites, and of other ports of this
// computer, make a browser send on a connection that has shown a page before.
var browserAttacks = []struct{ name, request string }{
	{"form from a popup's opener", head("POST /jars/upload", "Host: localhost:81", "Origin: https://evil.example", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document", "Content-Length: 3") + "jar"},
	{"form of an old browser", head("POST /jars/upload", "Host: localhost:81", "Origin: https://evil.example", "Content-Length: 3") + "jar"},
	{"form without an origin", head("POST /jars/upload", "Host: localhost:81", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document", "Content-Length: 3") + "jar"},
	{"sandboxed frame", head("POST /jars/upload", "Host: localhost:81", "Origin: null", "Content-Length: 3") + "jar"},
	{"other port uploads", head("POST /jars/upload", "Host: localhost:81", "Origin: http://localhost:82", "Sec-Fetch-Site: same-site", "Content-Length: 3") + "jar"},
	{"other port reads", head("GET /jobs", "Host: localhost:81", "Origin: http://localhost:82", "Sec-Fetch-Site: same-site", "Sec-Fetch-Mode: cors", "Sec-Fetch-Dest: empty")},
	{"other port's script", head("GET /jobs", "Host: localhost:81", "Sec-Fetch-Site: same-site", "Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: script")},
	{"other port's frame", head("GET /", "Host: localhost:81", "Sec-Fetch-Site: same-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: iframe")},
	{"0.0.0.0", head("GET /jobs", "Host: 0.0.0.0:81")},
	{"0.0.0.0's own page", head("POST /jars/upload", "Host: 0.0.0.0:81", "Origin: http://0.0.0.0:81", "Content-Length: 3") + "jar"},
	{"rebound name", head("GET /jobs", "Host: evil.example:81", "Sec-Fetch-Site: same-origin")},
	{"rebound name with a method of its own", head("EVIL /jobs", "Host: evil.example:81", "Origin: http://evil.example:81", "Sec-Fetch-Site: same-origin")},
	{"rebound name with a long method", head(strings.Repeat("E", 33)+" /jobs", "Host: evil.example:81", "Origin: http://evil.example:81", "Sec-Fetch-Site: same-origin")},
	{"rebound name with a method beyond all buffers", head(strings.Repeat("E", 300<<10)+" /jobs", "Host: evil.example:81", "Origin: http://evil.example:81", "Sec-Fetch-Site: same-origin")},
	{"rebound name like a Service's", head("GET /jobs", "Host: job-rest.default:81", "Sec-Fetch-Site: same-origin")},
	{"link that cancels", head("GET /jobs/0123/yarn-cancel", "Host: localhost:81", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document")},
	{"link that stops, escaped", head("GET /jobs/0123/yarn%2Dstop", "Host: localhost:81", "Sec-Fetch-Site: same-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document")},
	{"image that stops in an old browser", head("GET /jobs/0123/stop", "Host: localhost:81", "Referer: https://evil.example/")},
	{"image of a page without a referrer, in an old browser", head("GET /jobs/0123/yarn-cancel", "Host: localhost:81", "User-Agent: Mozilla/5.0 (X11; Linux x86_64)")},
	{"form of a browser that tells only the referrer", head("POST /jars/upload", "Host: localhost:81", "User-Agent: Mozilla/5.0", "Referer: https://evil.example/", "Content-Length: 3") + "jar"},
	{"form of a browser that tells nothing", head("POST /jars/upload", "Host: localhost:81", "User-Agent: Mozilla/5.0", "Content-Length: 3") + "jar"},
	{"two origins", head("POST /jars/upload", "Host: localhost:81", "Origin: http://localhost:81", "Origin: https://evil.example", "Content-Length: 3") + "jar"},
	{"an empty origin before the other", head("POST /jars/upload", "Host: localhost:81", "Origin: ", "Origin: https://evil.example", "Content-Length: 3") + "jar"},
	{"two sites", head("POST /jars/upload", "Host: localhost:81", "Sec-Fetch-Site: none", "Sec-Fetch-Site: cross-site", "Content-Length: 3") + "jar"},
	{"HEAD as a link", head("HEAD /jobs", "Host: localhost:81", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document")},
	{"WebSocket", head("GET /socket", "Host: localhost:81", "Origin: https://evil.example", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==")},
	{"tunnel", head("CONNECT localhost:22", "Host: localhost:22")},
}

var firstPage = head("GET /", "Host: localhost:81", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document")

// Each request of a connection is guarded, behind the dashboard's listener and
// where ports are forwarded; raw forwarding shows that the attacks are ones.
func TestEachRequestIsGuarded(t *testing.T) {
	r := newRig(t, Options{})
	pod := &dashboard{}
	r.serve("jm-1", pod.ServeHTTP)
	_, raw := r.listen(ListenOptions{Raw: true})
	_, forwarded := r.listen(ListenOptions{})
	_, served := r.listen(ListenOptions{Handler: NewProxy(r.tunnel.RoundTripper(restTarget, nil))})
	for _, attack := range browserAttacks {
		t.Run(attack.name, func(t *testing.T) {
			exchange(t, raw, firstPage, attack.request)
			if seen := pod.take(); len(seen) != 2 {
				t.Errorf("raw: the pod got %q; is this an attack?", seen)
			}
			for name, address := range map[string]string{"forwarded": forwarded, "served": served} {
				codes, headers := exchange(t, address, firstPage, attack.request)
				tooLong := len(codes) == 2 && codes[1] == http.StatusRequestHeaderFieldsTooLarge
				if len(codes) != 2 || codes[0] != 200 || codes[1] != http.StatusForbidden && !tooLong {
					t.Errorf("%s: got %v, want the page and a refusal", name, codes)
				}
				for _, h := range headers {
					for header := range h {
						if strings.HasPrefix(header, "Access-Control-") {
							t.Errorf("%s: other sites may read it: %s", name, header)
						}
					}
				}
				if seen := pod.take(); len(seen) != 1 || seen[0] != "GET /" {
					t.Errorf("%s: the pod got %q", name, seen)
				}
				// It counts as the first request, too.
				exchange(t, address, attack.request)
				if seen := pod.take(); len(seen) != 0 {
					t.Errorf("%s: the pod got %q", name, seen)
				}
			}
		})
	}
}

// What the dashboard itself and tools send goes through.
func TestOwnRequestsPass(t *testing.T) {
	r := newRig(t, Options{})
	pod := &dashboard{}
	r.serve("jm-1", pod.ServeHTTP)
	_, address := r.listen(ListenOptions{})
	own := []string{"Host: localhost:81", "Origin: http://localhost:81", "Sec-Fetch-Site: same-origin", "Sec-Fetch-Mode: cors", "Sec-Fetch-Dest: empty"}
	codes, _ := exchange(t, address, firstPage,
		head("POST /jars/upload", append(own, "Content-Length: 3")...)+"jar",
		head("GET /jobs/0123/yarn-cancel", own...),
		head("GET /jobs/0123/stop", "Host: 127.0.0.1:81"),
		head("GET /jobs/0123/stop", "Host: 127.0.0.1:81", "User-Agent: Mozilla/5.0", "Referer: http://127.0.0.1:81/"),
		head("POST /jars/upload", "Host: localhost:81", "User-Agent: curl/8.5.0", "Content-Length: 3")+"jar",
		head("GET http://localhost:81/a%2Fb?c=%2e", "Host: localhost:81"),
		head("PROPFIND //x/../y", "Host: [::1]:81"),
		head("OPTIONS *", "Host: localhost"))
	want := "GET /, POST /jars/upload jar, GET /jobs/0123/yarn-cancel, GET /jobs/0123/stop, GET /jobs/0123/stop, POST /jars/upload jar, GET /a%2Fb?c=%2e, PROPFIND //x/../y, OPTIONS *"
	if got := strings.Join(pod.take(), ", "); got != want && got != strings.TrimSuffix(want, ", OPTIONS *") || len(codes) != 9 {
		t.Errorf("got %v, the pod got %s", codes, got)
	}
}

// A client that opens its connection early and speaks late is guarded, too; one
// whose server speaks first isn't held up, and is joined to it as it is.
func TestLateClients(t *testing.T) {
	r := newRig(t, Options{})
	ends := r.pipe("jm-1")
	_, address := r.listen(ListenOptions{})
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	silent := <-ends // the pod's side is there before the client spoke
	io.WriteString(conn, head("POST /jars/upload", "Host: localhost", "Origin: https://evil.example", "Content-Length: 0"))
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || response.StatusCode != http.StatusForbidden {
		t.Errorf("got %v, %v, want a refusal", response, err)
	}
	if got, err := io.ReadAll(silent); len(got) != 0 {
		t.Errorf("the pod got %q, %v", got, err)
	}
	silent.Close()

	greeted, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer greeted.Close()
	end := <-ends
	io.WriteString(end, "hello\n")
	in := bufio.NewReader(greeted)
	if line, err := in.ReadString('\n'); err != nil || line != "hello\n" {
		t.Fatalf("got %q, %v", line, err)
	}
	io.WriteString(greeted, "GET key\n")
	if line, err := bufio.NewReader(end).ReadString('\n'); err != nil || line != "GET key\n" {
		t.Errorf("the pod got %q, %v", line, err)
	}
	end.Close()

	// A short word of another protocol waits only for a moment.
	word, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer word.Close()
	io.WriteString(word, "abc")
	end = <-ends
	got := make([]byte, 3)
	if _, err := io.ReadFull(end, got); err != nil || string(got) != "abc" {
		t.Errorf("the pod got %q, %v", got, err)
	}
	end.Close()

	// A long one that ends is no method, and one that goes on and on may be a
	// page's.
	for text, passes := range map[string]bool{strings.Repeat("a", 40) + "\r\n": true, strings.Repeat("a", 40): false} {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		io.WriteString(conn, text)
		if passes {
			end := <-ends
			got := make([]byte, len(text))
			if _, err := io.ReadFull(end, got); err != nil || string(got) != text {
				t.Errorf("the pod got %q, %v", got, err)
			}
			end.Close()
			continue
		}
		time.Sleep(2 * moment)
		io.WriteString(conn, " /jobs HTTP/1.1\r\nHost: evil.example\r\n\r\n")
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil || response.StatusCode != http.StatusForbidden {
			t.Errorf("got %v, %v, want a refusal", response, err)
		}
	}
}

func TestProtocolOf(t *testing.T) {
	for start, want := range map[string]spoken{
		"": undecided, "G": beginsMethod, "GET": beginsMethod, "GET ": speaksHTTP, "POST /x": speaksHTTP, "CONNECT a:1": speaksHTTP,
		"EVIL": undecided, "EVIL ": undecided, "EVIL /": speaksHTTP, "M-SEARCH http://x": speaksHTTP, "get /": speaksHTTP,
		"PRI * HTTP/2.0": speaksOther, "\x16\x03\x01": speaksOther, "SSH-2.0-x y": speaksOther, "*1\r\n": speaksOther, "\x00": speaksOther,
		" GET /": speaksOther, "POSTGRES\n": speaksOther, strings.Repeat("A", 40) + " /": speaksHTTP, strings.Repeat("A", 40) + "\n": speaksOther, strings.Repeat("A", 40): undecided,
	} {
		if got := protocolOf([]byte(start)); got != want {
			t.Errorf("%q: got %d, want %d", start, got, want)
		}
	}
}

// Bodies of any kind pass in both directions as they are.
func TestForwardedHTTPIsWhole(t *testing.T) {
	r := newRig(t, Options{})
	more := make(chan struct{})
	var conns sync.Map
	r.serve("jm-1", func(w http.ResponseWriter, q *http.Request) {
		conns.Store(q.RemoteAddr, true)
		switch q.URL.Path {
		case "/stream":
			io.WriteString(w, "one")
			w.(http.Flusher).Flush()
			<-more
			io.WriteString(w, "two")
		case "/trailer":
			body, _ := io.ReadAll(q.Body)
			w.Header().Set("Trailer", "Sum")
			fmt.Fprintf(w, "%s %s", body, q.Trailer.Get("Sum"))
			w.Header().Set("Sum", "ours")
		case "/refuse":
			w.WriteHeader(http.StatusRequestEntityTooLarge)
		case "/sum":
			sum := sha256.New()
			n, _ := io.Copy(sum, q.Body)
			fmt.Fprintf(w, "%d %x", n, sum.Sum(nil))
		case "/echo":
			w.Header().Set("Content-Length", q.Header.Get("Content-Length"))
			io.Copy(w, q.Body)
		case "/socket":
			up := websocket.Upgrader{}
			ws, err := up.Upgrade(w, q, nil)
			if err != nil {
				return
			}
			defer ws.Close()
			if kind, text, err := ws.ReadMessage(); err == nil {
				ws.WriteMessage(kind, append([]byte("echo "), text...))
			}
		}
	})
	_, address := r.listen(ListenOptions{})
	transport := &http.Transport{ExpectContinueTimeout: 20 * time.Second}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: 30 * time.Second}

	response, err := client.Get("http://" + address + "/stream")
	if err != nil {
		t.Fatal(err)
	}
	part := make([]byte, 3)
	if _, err := io.ReadFull(response.Body, part); err != nil || string(part) != "one" {
		t.Errorf("the beginning: got %q, %v", part, err)
	}
	close(more)
	if rest, err := io.ReadAll(response.Body); err != nil || string(rest) != "two" {
		t.Errorf("the rest: got %q, %v", rest, err)
	}

	request, _ := http.NewRequest(http.MethodPost, "http://"+address+"/trailer", io.NopCloser(strings.NewReader("body")))
	request.Trailer = http.Header{"Sum": {"theirs"}}
	if response, err = client.Do(request); err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(response.Body)
	if string(body) != "body theirs" || response.Trailer.Get("Sum") != "ours" {
		t.Errorf("trailers: got %q and %v", body, response.Trailer)
	}

	payload := make([]byte, 8<<20)
	rand.NewChaCha8([32]byte{1}).Read(payload)
	want := fmt.Sprintf("%d %x", len(payload), sha256.Sum256(payload))
	for _, kind := range []string{"sized", "chunked", "expect"} {
		var from io.Reader = bytes.NewReader(payload)
		if kind == "chunked" {
			from = io.NopCloser(from)
		}
		request, _ := http.NewRequest(http.MethodPut, "http://"+address+"/sum", from)
		if kind == "expect" {
			request.Header.Set("Expect", "100-continue")
		}
		if response, err = client.Do(request); err != nil {
			t.Fatal(kind, err)
		}
		if body, _ = io.ReadAll(response.Body); string(body) != want {
			t.Errorf("%s upload: got %s, want %s", kind, body, want)
		}
	}
	request, _ = http.NewRequest(http.MethodPost, "http://"+address+"/echo", bytes.NewReader(payload))
	if response, err = client.Do(request); err != nil {
		t.Fatal(err)
	}
	if body, err = io.ReadAll(response.Body); err != nil || !bytes.Equal(body, payload) {
		t.Errorf("download: got %d bytes, %v", len(body), err)
	}
	request, _ = http.NewRequest(http.MethodPost, "http://"+address+"/refuse", bytes.NewReader(payload))
	request.Header.Set("Expect", "100-continue")
	if response, err = client.Do(request); err != nil || response.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("refused upload: got %v, %v", response, err)
	} else {
		response.Body.Close()
	}
	n := 0
	conns.Range(func(any, any) bool { n++; return true })
	if n > 2 { // the refusal may end one
		t.Errorf("%d connections to the pod for requests of one client", n)
	}

	ws, answer, err := websocket.DefaultDialer.Dial("ws://"+address+"/socket", http.Header{"Origin": {"http://" + address}})
	if err != nil {
		t.Fatal(answer, err)
	}
	defer ws.Close()
	ws.WriteMessage(websocket.TextMessage, []byte("hi"))
	if _, text, err := ws.ReadMessage(); err != nil || string(text) != "echo hi" {
		t.Errorf("WebSocket: got %q, %v", text, err)
	}
}

// A download that breaks isn't taken for a whole one.
func TestForwardedHTTPThatBreaksShows(t *testing.T) {
	r := newRig(t, Options{})
	r.serve("jm-1", func(w http.ResponseWriter, q *http.Request) {
		io.WriteString(w, "half")
		w.(http.Flusher).Flush()
		<-q.Context().Done()
		panic(http.ErrAbortHandler) // an end of the answer could still pass
	})
	_, address := r.listen(ListenOptions{})
	response, err := fresh().Get("http://" + address)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(response.Body, make([]byte, 4)); err != nil {
		t.Fatal(err)
	}
	r.kubelet.Cut("jm-1")
	if rest, err := io.ReadAll(response.Body); err == nil {
		t.Errorf("got %q and an orderly end", rest)
	}
	response.Body.Close()
}

// An address is listened on as it is named.
func TestAddressesAreListenedOnAsNamed(t *testing.T) {
	r := newRig(t, Options{})
	r.serve("jm-1", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok") })
	l, _ := r.listen(ListenOptions{Addresses: []string{"0.0.0.0"}})
	if conn, err := net.Dial("tcp6", fmt.Sprintf("[::1]:%d", l.Port())); err == nil {
		conn.Close()
		t.Error("0.0.0.0 is listened on at ::1, too")
	}
	address := fmt.Sprintf("127.0.0.1:%d", l.Port())
	for host, want := range map[string]int{"": 200, "192.0.2.7:81": 200, "0.0.0.0:81": 403, "evil.example": 403} {
		header := []string{}
		if host != "" {
			header = []string{"Host", host}
		}
		if code, body := get(t, fresh(), "http://"+address, header...); code != want {
			t.Errorf("host %q: got %d %s, want %d", host, code, body, want)
		}
	}
	named, _ := r.listen(ListenOptions{Addresses: []string{"127.0.0.2"}})
	for host, want := range map[string]int{"127.0.0.2:1": 200, "192.0.2.7:81": 403} {
		if code, body := get(t, fresh(), fmt.Sprintf("http://127.0.0.2:%d", named.Port()), "Host", host); code != want {
			t.Errorf("host %q: got %d %s, want %d", host, code, body, want)
		}
	}
}

func TestListenAddresses(t *testing.T) {
	for named, want := range map[string]string{
		"": "localhost", "localhost": "localhost", "LocalHost": "localhost", "127.0.0.1": "127.0.0.1", "::1": "::1", "[::1]": "::1",
		"0.0.0.0": "0.0.0.0", "::": "::", "0.0.0.0,::": "0.0.0.0 ::", "::ffff:127.0.0.1": "127.0.0.1", "::ffff:0.0.0.0": "0.0.0.0",
		"localhost,127.0.0.1": "localhost", "::1,localhost": "localhost", "127.0.0.1,127.0.0.1": "127.0.0.1", "127.0.0.2,localhost": "127.0.0.2 localhost",
		"localhost,0.0.0.0": "::1 0.0.0.0", "0.0.0.0,127.0.0.1,10.0.0.1": "0.0.0.0", "::,localhost": ":: 127.0.0.1", "localhost,::,0.0.0.0": ":: 0.0.0.0",
		"fe80::1%lo": "fe80::1%lo",
		// Names and what resolvers take for addresses.
		" ": "-", "example.com": "-", "localhost.": "-", "localhost.example.com": "-", "127.0.0.1:80": "-", "127.1": "-", "0": "-", "0x7f.1": "-", "*": "-", "300.1.1.1": "-",
	} {
		var list []string
		if named != "" {
			list = strings.Split(named, ",")
		}
		got, err := ListenAddresses(list)
		if text := strings.Join(got, " "); (err != nil) != (want == "-") || err == nil && text != want {
			t.Errorf("%q: got %q, %v, want %q", named, text, err, want)
		}
		if again, err := ListenAddresses(got); err == nil && strings.Join(again, " ") != strings.Join(got, " ") && want != "-" {
			t.Errorf("%q: got %q the second time", named, again)
		}
	}
}

// An address named twice isn't in the way of itself.
func TestAddressesThatAreOneAreListenedOnOnce(t *testing.T) {
	for _, addresses := range [][]string{{"localhost", "127.0.0.1"}, {"127.0.0.1", "127.0.0.1"}, {"localhost", "0.0.0.0"}} {
		listener, err := Serve(t.Context(), ListenOptions{Handler: http.NotFoundHandler(), Addresses: addresses})
		if err != nil {
			t.Errorf("%q: %v", addresses, err)
			continue
		}
		if err := listener.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := Serve(t.Context(), ListenOptions{Handler: http.NotFoundHandler(), Addresses: []string{"rebound.example"}}); err == nil {
		t.Error("a name was resolved")
	}
}
