package portforward

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/portforward/portforwardtest"
)

func TestMain(m *testing.M) {
	// The fake kubelet's framing library waits a second to report an error
	// that nobody takes; the tunnel itself has no spdystream connections.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/moby/spdystream.(*Connection).shutdown"))
}

func readyPod(name string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, UID: types.UID("uid-" + name), Labels: map[string]string{"app": "job"}},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "main", Ports: []corev1.ContainerPort{{Name: "http", ContainerPort: 8081}}}}},
		Status:     corev1.PodStatus{Phase: corev1.PodRunning, Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}},
	}
}

func restService() *corev1.Service {
	return &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "job-rest"},
		Spec:       corev1.ServiceSpec{Selector: map[string]string{"app": "job"}, Ports: []corev1.ServicePort{{Name: "rest", Port: 80, TargetPort: intstr.FromInt32(8081)}}},
	}
}

var restTarget = Target{Namespace: "default", Kind: Service, Name: "job-rest", Port: intstr.FromString("rest")}

type rig struct {
	*testing.T
	kubelet *portforwardtest.Kubelet
	clients *fake.Clientset
	tunnel  *Tunnel

	mu     sync.Mutex
	events []Event
	// denied makes access reviews say no.
	denied bool
}

func newRig(t *testing.T, options Options) *rig {
	t.Helper()
	r := &rig{T: t, kubelet: portforwardtest.New(t), clients: fake.NewClientset(readyPod("jm-1"), restService())}
	r.clients.PrependReactor("create", "selfsubjectaccessreviews", func(clienttesting.Action) (bool, runtime.Object, error) {
		r.mu.Lock()
		defer r.mu.Unlock()
		return true, &authorizationv1.SelfSubjectAccessReview{Status: authorizationv1.SubjectAccessReviewStatus{Allowed: !r.denied}}, nil
	})
	options.Clients = r.clients
	options.Log = func(e Event) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.events = append(r.events, e)
	}
	tunnel, err := New(r.kubelet.Config(), options)
	if err != nil {
		t.Fatal(err)
	}
	tunnel.connector.race = 50 * time.Millisecond
	r.tunnel = tunnel
	t.Cleanup(func() { tunnel.Close() })
	return r
}

// serve makes port 8081 of pod an HTTP server.
func (r *rig) serve(pod string, h http.HandlerFunc) {
	server := httptest.NewServer(h)
	r.Cleanup(server.Close)
	r.kubelet.Forward(pod, 8081, server.Listener.Addr().String())
}

// pipe makes port 8081 of pod one whose other end is returned.
func (r *rig) pipe(pod string) <-chan net.Conn {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		r.Fatal(err)
	}
	ends := make(chan net.Conn, 16)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				close(ends)
				return
			}
			ends <- conn
		}
	}()
	r.Cleanup(func() { listener.Close() })
	r.kubelet.Forward(pod, 8081, listener.Addr().String())
	return ends
}

func (r *rig) dial() net.Conn {
	r.Helper()
	conn, err := r.tunnel.DialContext(r.Context(), restTarget)
	if err != nil {
		r.Fatal(err)
	}
	r.Cleanup(func() { conn.Close() })
	return conn
}

func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for !cond() {
		if time.Now().After(deadline) {
			t.Fatalf("not within 10 s: %s", what)
		}
		time.Sleep(2 * time.Millisecond) // the pause of a bounded wait
	}
}

func TestRoundTrip(t *testing.T) {
	for _, via := range []Transport{SPDY, WebSocket, Auto} {
		t.Run(string(via), func(t *testing.T) {
			r := newRig(t, Options{Transport: via})
			r.serve("jm-1", func(w http.ResponseWriter, q *http.Request) {
				body, _ := io.ReadAll(q.Body)
				fmt.Fprintf(w, "%s %s %s %s", q.Method, q.Host, q.URL, body)
			})
			client := &http.Client{Transport: r.tunnel.RoundTripper(restTarget, nil)}
			for range 3 {
				response, err := client.Post("http://job-rest/jobs?x=1", "text/plain", strings.NewReader("body"))
				if err != nil {
					t.Fatal(err)
				}
				body, err := io.ReadAll(response.Body)
				response.Body.Close()
				if want := "POST job-rest /jobs?x=1 body"; err != nil || string(body) != want {
					t.Errorf("got %q, %v; want %q", body, err, want)
				}
			}
			if n := r.kubelet.Upgrades("spdy") + r.kubelet.Upgrades("websocket"); n != 1 {
				t.Errorf("%d upgrades, want one connection kept alive", n)
			}
		})
	}
}

func TestFallback(t *testing.T) {
	forbidden := portforwardtest.Status(403, `pods "jm-1" is forbidden: User "jane" cannot create resource "pods/portforward" in API group "" in the namespace "default"`)
	tests := []struct {
		name       string
		spdy, ws   portforwardtest.Answer
		silent     bool
		wantErr    string
		remembered bool
	}{
		{name: "refused", spdy: portforwardtest.Plain(400, "no upgrades here"), remembered: true},
		{name: "not allowed", spdy: portforwardtest.Plain(405, "POST?"), remembered: true},
		{name: "upgrade stripped", spdy: portforwardtest.Plain(200, "hello"), remembered: true},
		{name: "forbidden", spdy: forbidden},
		{name: "bad gateway", spdy: portforwardtest.Plain(502, "bad gateway")},
		{name: "unanswered", silent: true},
		{name: "both forbidden", spdy: forbidden, ws: forbidden, wantErr: "create pods/portforward"},
		{name: "pod gone", spdy: portforwardtest.Status(404, `pods "jm-1" not found`), wantErr: "not found"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			r := newRig(t, Options{CacheDir: dir, ReconnectTimeout: -1})
			r.serve("jm-1", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok") })
			if test.silent {
				test.spdy = r.kubelet.Silent
			}
			r.kubelet.Answers(test.spdy, test.ws)
			conn, err := r.tunnel.DialContext(t.Context(), restTarget)
			if test.wantErr != "" {
				if err == nil || !strings.Contains(err.Error(), test.wantErr) {
					t.Fatalf("got error %v, want %q", err, test.wantErr)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			conn.Close()
			if r.kubelet.Upgrades("websocket") != 1 {
				t.Error("WebSocket wasn't used")
			}
			files, _ := os.ReadDir(dir)
			if got := len(files) > 0; got != test.remembered {
				t.Errorf("remembered: %v, want %v", got, test.remembered)
			}
			// A second tunnel with the same memory doesn't try SPDY again.
			other, err := New(r.kubelet.Config(), Options{CacheDir: dir, Clients: r.clients})
			if err != nil {
				t.Fatal(err)
			}
			defer other.Close()
			before := r.kubelet.Upgrades("spdy")
			if !test.silent {
				if conn, err = other.DialContext(t.Context(), restTarget); err != nil {
					t.Fatal(err)
				}
				conn.Close()
				if again := r.kubelet.Upgrades("spdy") > before; again == test.remembered {
					t.Errorf("SPDY was tried again: %v", again)
				}
			}
		})
	}
}

func TestPermissionErrorNamesVerbs(t *testing.T) {
	forbidden := portforwardtest.Status(403, "no")
	r := newRig(t, Options{})
	r.kubelet.Answers(forbidden, forbidden)
	r.kubelet.Handle(http.HandlerFunc(forbidden))
	client := &http.Client{Transport: r.tunnel.RoundTripper(restTarget, nil)}
	_, err := client.Get("http://job-rest/config")
	var missing *PermissionError
	if !errors.As(err, &missing) {
		t.Fatalf("got %v, want a PermissionError", err)
	}
	for _, want := range []string{"create pods/portforward", "get services/proxy", "kubectl auth can-i create pods --subresource=portforward -n default", "kubectl auth can-i get services --subresource=proxy -n default"} {
		if !strings.Contains(missing.Error(), want) {
			t.Errorf("%q lacks %q", missing, want)
		}
	}
}

// A pod that isn't ready is waited for only by those who may reach it then.
func TestPermissionIsMissedWithoutAWait(t *testing.T) {
	forbidden := portforwardtest.Status(403, "no")
	r := newRig(t, Options{ReconnectTimeout: time.Hour})
	r.denied = true
	r.kubelet.Answers(forbidden, forbidden)
	r.kubelet.Handle(http.HandlerFunc(forbidden))
	pod := readyPod("jm-1")
	pod.Status.Conditions = nil
	if err := r.clients.Tracker().Update(corev1.SchemeGroupVersion.WithResource("pods"), pod, "default"); err != nil {
		t.Fatal(err)
	}
	var missing *PermissionError
	if _, err := r.tunnel.DialContext(t.Context(), restTarget); !errors.As(err, &missing) {
		t.Errorf("got %v, want a PermissionError", err)
	}
	client := &http.Client{Transport: r.tunnel.RoundTripper(restTarget, nil)}
	_, err := client.Get("http://job-rest/config")
	if !errors.As(err, &missing) || len(missing.Missing) != 2 {
		t.Errorf("got %v, want a PermissionError that names both ways", err)
	}
	for _, e := range r.events {
		if e.Type == Waiting {
			t.Errorf("waited: %+v", e)
		}
	}
}

// A broken sidecar makes a pod not ready; what it carries answers all the same.
func TestAPodWhoseSidecarIsBrokenIsReached(t *testing.T) {
	broken := readyPod("jm-1")
	broken.Status.Conditions = nil
	owner := broken.Spec.Containers[0].Name
	side := corev1.ContainerStatus{Name: "fluentbit", State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}}}
	set := func(r *rig, serves bool) {
		pod := broken.DeepCopy()
		pod.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: owner, Ready: serves}, side}
		if err := r.clients.Tracker().Update(corev1.SchemeGroupVersion.WithResource("pods"), pod, "default"); err != nil {
			t.Fatal(err)
		}
	}
	r := newRig(t, Options{ReconnectTimeout: -1})
	r.serve("jm-1", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "answers") })
	set(r, true)
	client := &http.Client{Transport: r.tunnel.RoundTripper(restTarget, nil)}
	for range 2 {
		response, err := client.Get("http://job-rest/config")
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
	}
	var told []string
	for _, e := range r.events {
		if e.Type == HalfReady {
			told = append(told, e.Text)
		}
	}
	if len(told) != 1 || told[0] != "container fluentbit: CrashLoopBackOff" {
		t.Errorf("%q", told)
	}
	// Where the container with the port isn't ready itself, nothing answers.
	r = newRig(t, Options{ReconnectTimeout: -1})
	set(r, false)
	client = &http.Client{Transport: r.tunnel.RoundTripper(restTarget, nil)}
	var unready *NotReadyError
	if _, err := client.Get("http://job-rest/config"); !errors.As(err, &unready) {
		t.Errorf("got %v, want a NotReadyError", err)
	}
}

func TestProxyWherePortForwardIsForbidden(t *testing.T) {
	forbidden := portforwardtest.Status(403, "no")
	r := newRig(t, Options{})
	r.kubelet.Answers(forbidden, forbidden)
	r.kubelet.Handle(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, _ := io.ReadAll(q.Body)
		fmt.Fprintf(w, "%s %s", q.URL, body)
	}))
	client := &http.Client{Transport: r.tunnel.RoundTripper(restTarget, nil)}
	for range 2 {
		response, err := client.Post("http://x/jobs/a%20b?q=1", "text/plain", strings.NewReader("b"))
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(response.Body)
		response.Body.Close()
		if want := "/api/v1/namespaces/default/services/job-rest:rest/proxy/jobs/a%20b?q=1 b"; string(body) != want {
			t.Errorf("got %q, want %q", body, want)
		}
	}
}

func TestPortRefused(t *testing.T) {
	r := newRig(t, Options{})
	conn := r.dial()
	_, err := conn.Read(make([]byte, 1))
	var pod *PodError
	if !errors.As(err, &pod) || !pod.Refused || pod.Port != 8081 {
		t.Fatalf("got %v, want a refused PodError", err)
	}
	// Closed because of that by one side of it, as by http.Transport after a write
	// that failed, it tells the other the same.
	conn.Close()
	if _, err = conn.Read(make([]byte, 1)); !errors.As(err, &pod) || !pod.Refused {
		t.Fatalf("got %v after Close, want a refused PodError", err)
	}
	client := &http.Client{Transport: r.tunnel.RoundTripper(restTarget, nil)}
	if _, err = client.Get("http://x/"); !errors.As(err, &pod) {
		t.Fatalf("got %v, want a PodError", err)
	}
	// Another replica takes over.
	r.clients.Tracker().Add(readyPod("jm-2"))
	r.serve("jm-2", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "two") })
	response, err := client.Post("http://x/", "", strings.NewReader("body"))
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
}
