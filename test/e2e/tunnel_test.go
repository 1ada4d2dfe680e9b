//go:build e2e

package e2e

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// payload is a Deployment that answers /N with N MiB, in the perl that every
// Debian image has, and nothing on port 9. Its grace period isn't 0: with that
// a pod's object goes at once, and its process, which the tests mean, later.
const payload = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: payload}
spec:
  selector: {matchLabels: {app: payload}}
  template:
    metadata: {labels: {app: payload}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - name: payload
        image: flink:1.20
        ports: [{name: http, containerPort: 8080}]
        readinessProbe: {httpGet: {path: /0, port: http}, periodSeconds: 1}
        command:
        - perl
        - -e
        - |
          use IO::Socket::INET; $SIG{CHLD} = 'IGNORE';
          my $s = IO::Socket::INET->new(LocalPort => 8080, Listen => 64, ReuseAddr => 1) or die $!;
          my $b = 'x' x (1 << 20);
          while (1) {
            my $c = $s->accept or next;
            if (fork()) { close $c; next }
            my $r = <$c>; while (<$c>) { last if /^\r?\n$/ }
            my ($n) = $r =~ m{/(\d+)}; $n //= 0;
            syswrite $c, "HTTP/1.1 200 OK\r\nContent-Length: " . ($n << 20) . "\r\nConnection: close\r\n\r\n";
            while ($n-- > 0) { my $o = 0; while ($o < length $b) { my $w = syswrite($c, $b, length($b) - $o, $o); exit unless defined $w; $o += $w } }
            exit;
          }
---
apiVersion: v1
kind: Service
metadata: {name: payload}
spec: {selector: {app: payload}, ports: [{name: http, port: 80, targetPort: http}]}
---
apiVersion: v1
kind: Service
metadata: {name: nobody}
spec: {selector: {app: nobody}, ports: [{port: 80}]}
`

// namespace makes a namespace that ends with the test.
func (c *cluster) namespace(t *testing.T, name string) string {
	t.Helper()
	c.run(t, "create", "namespace", name)
	t.Cleanup(func() { c.run(t, "delete", "namespace", name, "--wait=false") })
	return name
}

func (c *cluster) payload(t *testing.T, name string) string {
	t.Helper()
	ns := c.namespace(t, name)
	c.apply(t, ns, payload)
	c.kubectl(t, "rollout", "status", "deployment/payload", "-n", ns, "--timeout=3m")
	return ns
}

// running is a command that goes on until it is told to stop.
type forward struct {
	command *exec.Cmd
	ports   []string
	mu      sync.Mutex
	errs    strings.Builder
	ended   chan error
}

var forwarding = regexp.MustCompile(`Forwarding from 127\.0\.0\.1:(\d+)`)

// forward starts `kubectl flink port-forward` and waits for its n ports.
func (c *cluster) forward(t *testing.T, n int, args ...string) *forward {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	f := &forward{command: c.command(ctx, append([]string{"flink", "port-forward"}, args...)...), ended: make(chan error, 1)}
	out, err := f.command.StdoutPipe()
	must(t, err)
	errs, err := f.command.StderrPipe()
	must(t, err)
	must(t, f.command.Start())
	go func() {
		lines := bufio.NewScanner(errs)
		for lines.Scan() {
			f.mu.Lock()
			f.errs.WriteString(lines.Text() + "\n")
			f.mu.Unlock()
		}
	}()
	t.Cleanup(func() {
		f.command.Process.Signal(syscall.SIGINT)
		select {
		case err := <-f.ended:
			if err != nil {
				t.Errorf("port-forward ended with %v\n%s", err, f.stderr())
			}
		case <-time.After(20 * time.Second):
			f.command.Process.Kill()
			t.Errorf("port-forward doesn't end on Ctrl-C\n%s", f.stderr())
		}
		cancel()
	})
	lines := bufio.NewScanner(out)
	for len(f.ports) < n && lines.Scan() {
		if m := forwarding.FindStringSubmatch(lines.Text()); m != nil {
			f.ports = append(f.ports, m[1])
		}
	}
	go func() {
		_, _ = io.Copy(io.Discard, out)
		f.ended <- f.command.Wait()
	}()
	if len(f.ports) < n {
		t.Fatalf("port-forward gave %d of %d ports\n%s", len(f.ports), n, f.stderr())
	}
	return f
}

func (f *forward) stderr() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.errs.String()
}

func (f *forward) address(i int) string { return "http://127.0.0.1:" + f.ports[i] }

var once = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 2 * time.Minute}

func fetch(address string) (int64, error) {
	response, err := once.Get(address)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	n, err := io.Copy(io.Discard, response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = errors.New(response.Status)
	}
	return n, err
}

func TestTunnelPodDeletedInMidDownload(t *testing.T) {
	t.Parallel()
	ns := main.payload(t, "tunnel-deleted")
	f := main.forward(t, 1, "-n", ns, "service/payload", ":http")
	response, err := once.Get(f.address(0) + "/1024")
	must(t, err)
	defer response.Body.Close()
	_, err = io.ReadFull(response.Body, make([]byte, 1<<20))
	must(t, err)
	// Nothing is read until the pod is gone: what is on its way then is a few
	// MiB, and the rest can't come.
	main.kubectl(t, "delete", "pod", "-n", ns, "-l", "app=payload", "--wait=true")
	// Whether the end is told is up to the node: where it takes the pod's network
	// away before the last bytes are out, nothing comes any more. What must not
	// happen is that the download looks whole.
	silent := time.AfterFunc(15*time.Second, func() { response.Body.Close() })
	defer silent.Stop()
	if n, err := io.Copy(io.Discard, response.Body); err == nil {
		t.Errorf("the cut download ended in order after %d bytes", n)
	}
	// The next connection, on the same port, waits for the successor.
	n, err := fetch(f.address(0) + "/2")
	if err != nil || n != 2<<20 {
		t.Fatalf("got %d bytes, %v\n%s", n, err, f.stderr())
	}
}

func TestTunnelRefusedPortAndTwoAtOnce(t *testing.T) {
	t.Parallel()
	ns := main.payload(t, "tunnel-refused")
	f := main.forward(t, 2, "-n", ns, "deployment/payload", ":9", ":http")
	if _, err := fetch(f.address(0)); err == nil || !strings.Contains(err.Error(), "502") {
		t.Errorf("got %v from the port that nothing listens on", err)
	}
	var work sync.WaitGroup
	for range 8 {
		work.Go(func() {
			if n, err := fetch(f.address(1) + "/16"); err != nil || n != 16<<20 {
				t.Errorf("%d bytes, %v", n, err)
			}
		})
	}
	other := main.forward(t, 1, "-n", ns, "service/payload", ":80")
	if n, err := fetch(other.address(0) + "/1"); err != nil || n != 1<<20 {
		t.Errorf("%d bytes, %v", n, err)
	}
	work.Wait()
	if !strings.Contains(f.stderr(), "nothing listens on port 9") {
		t.Errorf("stderr: %s", f.stderr())
	}
}

func TestTunnelServiceWithoutEndpoints(t *testing.T) {
	t.Parallel()
	ns := main.payload(t, "tunnel-nobody")
	f := main.forward(t, 1, "-n", ns, "service/nobody", ":80", "--reconnect-timeout", "2s")
	if _, err := fetch(f.address(0)); err == nil {
		t.Error("an answer from nobody")
	}
	eventually(t, "the reason", "true", func() string {
		return fmt.Sprint(strings.Contains(f.stderr(), "no pod has the labels app=nobody"))
	})
}

// gate is a TCP proxy before the API server that can be closed and opened.
type gate struct {
	to, address string

	mu    sync.Mutex
	ear   net.Listener
	conns []net.Conn
}

func (g *gate) open(t *testing.T) {
	t.Helper()
	address := "127.0.0.1:0"
	if g.address != "" {
		address = g.address
	}
	ear, err := net.Listen("tcp", address)
	must(t, err)
	g.mu.Lock()
	g.ear, g.address = ear, ear.Addr().String()
	g.mu.Unlock()
	go func() {
		for {
			in, err := ear.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", g.to)
			if err != nil {
				in.Close()
				continue
			}
			g.mu.Lock()
			g.conns = append(g.conns, in, out)
			g.mu.Unlock()
			join := func(a, b net.Conn) { _, _ = io.Copy(a, b); a.Close(); b.Close() }
			go join(in, out)
			go join(out, in)
		}
	}()
}

func (g *gate) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.ear.Close()
	for _, c := range g.conns {
		c.Close()
	}
	g.conns = nil
}

// The API server really ends here, as in a crash, and comes back: not in
// parallel.
func TestTunnelAPIServerRestarted(t *testing.T) {
	ns := main.payload(t, "tunnel-restarted")
	f := main.forward(t, 1, "-n", ns, "service/payload", ":80")
	if _, err := fetch(f.address(0) + "/1"); err != nil {
		t.Fatal(err)
	}
	_, err := tool("restart", "kube-apiserver", "--name", main.name)
	must(t, err)
	if _, err := fetch(f.address(0) + "/1"); err != nil {
		t.Fatalf("%v\n%s", err, f.stderr())
	}
}

// The way to the API server is cut and given back.
func TestTunnelAPIServerOutOfReach(t *testing.T) {
	t.Parallel()
	ns := main.payload(t, "tunnel-out-of-reach")
	server, err := url.Parse(main.kubectl(t, "config", "view", "--minify", "-o", "jsonpath={.clusters[0].cluster.server}"))
	must(t, err)
	g := &gate{to: server.Host}
	g.open(t)
	t.Cleanup(g.close)
	f := main.forward(t, 1, "-n", ns, "--server", "https://"+g.address, "--tls-server-name", server.Hostname(), "service/payload", ":80")
	if _, err := fetch(f.address(0) + "/1"); err != nil {
		t.Fatal(err)
	}
	g.close()
	got := make(chan error, 1)
	go func() {
		_, err := fetch(f.address(0) + "/1")
		got <- err
	}()
	eventually(t, "the command notices", "true", func() string {
		return fmt.Sprint(strings.Contains(f.stderr(), "waiting for") || strings.Contains(f.stderr(), "is gone"))
	})
	g.open(t)
	if err := <-got; err != nil {
		t.Fatalf("%v\n%s", err, f.stderr())
	}
}

const roles = `
apiVersion: v1
kind: ServiceAccount
metadata: {name: viewer}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: viewer}
rules:
- {apiGroups: [""], resources: [pods, services], verbs: [get, list, watch]}
- {apiGroups: [flink.apache.org], resources: ["*"], verbs: [get, list, watch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: viewer}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: viewer}
subjects: [{kind: ServiceAccount, name: viewer, namespace: default}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: proxier}
rules:
- {apiGroups: [""], resources: [services/proxy], verbs: [get]}
`

func TestTunnelPermissions(t *testing.T) {
	t.Parallel()
	main.basic(t)
	main.apply(t, "default", roles)
	t.Cleanup(func() { main.run(t, "delete", "rolebinding/proxier", "--ignore-not-found") })
	as := []string{"--as", "system:serviceaccount:default:viewer"}
	ask := append([]string{"flink", "rest", "basic-example", "/config"}, as...)
	main.run(t, ask...).wants(t, 1, "create pods/portforward", "get services/proxy", `kubectl auth can-i create pods --subresource=portforward -n default`)
	main.run(t, append(ask, "--via", "portforward")...).wants(t, 1, "create pods/portforward")
	main.kubectl(t, "create", "rolebinding", "proxier", "--role=proxier", "--serviceaccount=default:viewer")
	eventually(t, "the proxy is used where only that is allowed", "0", func() string {
		return fmt.Sprint(main.run(t, ask...).code)
	})
}

func TestREST(t *testing.T) {
	t.Parallel()
	main.basic(t)
	for _, flags := range [][]string{nil, {"--transport", "spdy"}, {"--transport", "websocket"}, {"--via", "apiserver"}} {
		r := main.run(t, append([]string{"flink", "rest", "basic-example", "/jobs/overview"}, flags...)...).wants(t, 0)
		if !strings.HasPrefix(r.out, `{"jobs":[{"jid":"`) || !strings.Contains(r.out, `"state":"RUNNING"`) {
			t.Errorf("%v: %s", flags, r)
		}
	}
	r := main.run(t, "flink", "rest", "basic-example", "/jobs/:jobid/savepoints", "-d", `{"cancel-job":false}`).wants(t, 0)
	if !strings.Contains(r.out, "request-id") {
		t.Error(r)
	}
	main.run(t, "flink", "rest", "basic-example", "/jobs/0000").wants(t, 1, "the JobManager answered 4")
	main.run(t, "flink", "rest", "basic-example", "jobs").wants(t, 2, "must begin with a slash")
	main.run(t, "flink", "rest", "basic-exampel", "/config").wants(t, 1, "basic-example")
}
