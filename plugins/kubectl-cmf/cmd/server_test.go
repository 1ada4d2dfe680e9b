package cmd

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmftest"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmftest/testca"
)

func TestFaults(t *testing.T) {
	for name, tc := range map[string]struct {
		fault cmftest.Fault
		args  []string
		code  int
		words []string
	}{
		"too many requests":            {cmftest.Fault{Path: "/environments", Times: 2, Status: 429, Header: map[string]string{"Retry-After": "0"}}, []string{"env", "list"}, 0, nil},
		"away for a moment":            {cmftest.Fault{Path: "/environments", Times: 2, Status: 503}, []string{"env", "list"}, 0, nil},
		"cut in the middle":            {cmftest.Fault{Path: "/environments", Times: 1, Cut: true, Body: `{"items":[{"name":"a"`}, []string{"env", "list"}, 0, nil},
		"cut each time":                {cmftest.Fault{Path: "/environments", Cut: true, Body: `{"items":[{"name":"a"`}, []string{"env", "list"}, 1, []string{"ends too early"}},
		"500":                          {cmftest.Fault{Status: 500, Body: `{"errors":[{"message":"a"},{"message":"b"}]}`}, []string{"env", "list"}, 1, []string{"CMF failed (HTTP 500): a; b"}},
		"Spring's own words":           {cmftest.Fault{Status: 500, Body: `{"timestamp":"x","status":500,"error":"Internal Server Error","path":"/x"}`}, []string{"env", "list"}, 1, []string{"CMF failed (HTTP 500)\n"}},
		"a proxy's page":               {cmftest.Fault{Status: 502, ContentType: "text/html", Body: "<html><head><title>502 Bad Gateway</title></head><body><h1>nginx</h1>"}, []string{"env", "list"}, 1, []string{"502 Bad Gateway", "does not come from CMF"}},
		"a login page":                 {cmftest.Fault{Status: 200, ContentType: "text/html", Body: "<!doctype html><title>Sign in</title>"}, []string{"env", "list"}, 1, []string{"Sign in", "not CMF's"}},
		"a login page for a deletion":  {cmftest.Fault{Method: "DELETE", Status: 200, ContentType: "text/html; charset=utf-8", Body: "<!doctype html><title>Sign in</title>"}, []string{"env", "delete", "dev-env", "--wait=false"}, 1, []string{"Sign in", "not CMF's"}},
		"a login page for a change":    {cmftest.Fault{Method: "POST", Status: 200, ContentType: "text/html; charset=utf-8", Body: "<!doctype html><title>Sign in</title>"}, []string{"env", "create", "e2", "--kubernetes-namespace", "flink"}, 1, []string{"Sign in", "not CMF's"}},
		"an empty page for a deletion": {cmftest.Fault{Method: "DELETE", Status: 200, ContentType: "text/html"}, []string{"env", "delete", "dev-env", "--wait=false"}, 0, nil},
		"garbage":                      {cmftest.Fault{Status: 200, Body: "\x00\xff{"}, []string{"env", "list"}, 1, []string{"can't be read"}},
		"half an answer":               {cmftest.Fault{Status: 200, Body: `{"items":[{"name":`}, []string{"env", "list"}, 1, []string{"can't be read"}},
		"an empty page":                {cmftest.Fault{Status: 200, Body: `{}`}, []string{"env", "list"}, 0, []string{"No environments found"}},
		"something else":               {cmftest.Fault{Status: 200, Body: `{"title":"Welcome"}`}, []string{"env", "list"}, 1, []string{`it has no items, but "title"`}},
		"items of another type":        {cmftest.Fault{Status: 200, Body: `{"items":{"a":1}}`}, []string{"env", "list"}, 1, []string{"items is an object, not a list"}},
		"401 without a word":           {cmftest.Fault{Status: 401}, []string{"env", "list"}, 1, []string{"CMF wants authentication", "--cmf-token-file"}},
		"403":                          {cmftest.Fault{Status: 403, Body: `{"errors":[{"message":"no"}]}`}, []string{"env", "list"}, 1, []string{"not allowed (HTTP 403): no"}},
		"control characters":           {cmftest.Fault{Status: 500, Body: `{"errors":[{"message":"\u001b[31mred\u001b]0;x\u0007"}]}`}, []string{"env", "list"}, 1, []string{"CMF failed (HTTP 500): red\n"}},
		"422 names the field":          {cmftest.Fault{Method: "POST", Path: "compute-pools", Status: 422, Body: `{"errors":[{"message":"must not be set","field":"spec.clusterSpec.job"}]}`}, []string{"pool", "create", "pool1", "--image", "cp-flink-sql", "--flink-version", "v2_1", "-e", "dev-env"}, 1, []string{"invalid content (HTTP 422): spec.clusterSpec.job: must not be set"}},
		"a POST is not sent again":     {cmftest.Fault{Method: "POST", Path: "compute-pools", Times: 1, Status: 503, After: true}, []string{"pool", "create", "pool1", "--image", "cp-flink-sql", "--flink-version", "v2_1", "-e", "dev-env"}, 1, []string{"not available now (HTTP 503)"}},
		"deleted, but cut":             {cmftest.Fault{Method: "DELETE", Times: 1, Status: 502, After: true}, []string{"env", "delete", "dev-env"}, 0, nil},
		"not CMF at all":               {cmftest.Fault{Status: 404, ContentType: "text/plain", Body: "404 page not found"}, []string{"version"}, 1, []string{"does not answer like CMF"}},
		"a redirect to another host":   {cmftest.Fault{Status: 302, Header: map[string]string{"Location": "https://login.example.com/"}}, []string{"env", "list"}, 1, []string{"redirects to another one, https://login.example.com"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newFaultyRig(t, cmftest.Options{})
			r.env("dev-env")
			r.server.Inject(tc.fault)
			got := r.run(tc.args...)
			if got.code != tc.code {
				t.Errorf("exit code %d, want %d\n%s", got.code, tc.code, got.err)
			}
			contains(t, got.err, tc.words...)
			if tc.fault.Status >= 500 && tc.fault.Method == http.MethodPost {
				posts := 0
				for _, q := range r.server.Requests() {
					if q.Method == http.MethodPost && strings.Contains(q.Path, tc.fault.Path) {
						posts++
					}
				}
				if posts != 1 {
					t.Errorf("%d POSTs", posts)
				}
			}
		})
	}
}

func TestListsOfManyPages(t *testing.T) {
	for name, o := range map[string]cmftest.Options{
		"as asked":            {},
		"smaller pages":       {MaxPage: 30},
		"without description": {NoPageable: true},
		"neither":             {MaxPage: 7, NoPageable: true},
	} {
		t.Run(name, func(t *testing.T) {
			r := newFaultyRig(t, o)
			r.env("dev-env")
			r.ok("apply", "-f", r.file("pools.yaml", manyPools(250)), "--parallel", "16")
			if n := strings.Count(r.ok("pool", "list", "-o", "name"), "\n"); n != 250 {
				t.Errorf("%d pools, want 250", n)
			}
			if n := strings.Count(r.ok("apply", "-f", r.file("pools.yaml", manyPools(250))), " unchanged\n"); n != 250 {
				t.Errorf("%d unchanged, want 250", n)
			}
		})
	}
}

func TestSelectors(t *testing.T) {
	for _, version := range all {
		r := newRig(t, cmftest.Options{Version: version})
		r.env("dev-env")
		r.ok("apply", "-f", r.file("p.yaml", pool1+"---"+strings.Replace(strings.Replace(pool1, "pool1", "pool2", 1), "team: a", "team: b, tier: x", 1)))
		for selector, expected := range map[string]string{
			"team=a": "pool1\n", "team!=a": "pool2\n", "tier": "pool2\n", "!tier": "pool1\n", "team in (a,b)": "pool1\npool2\n",
		} {
			got := strings.ReplaceAll(r.ok("pool", "list", "-l", selector, "-o", "name"), "computepool.cmf.confluent.io/", "")
			if got != expected {
				t.Errorf("%s: -l %q: %q, want %q", version, selector, got, expected)
			}
		}
		if version < "2.3" {
			r.fails(1, "--filter on pool needs CMF 2.3 or newer", "pool", "list", "--filter", "name=pool*")
		} else {
			contains(t, r.ok("pool", "list", "--filter", "name=*2", "-o", "name"), "pool2")
		}
	}
}

func TestVersion(t *testing.T) {
	for version, words := range map[string][]string{
		"2.0.1": {"CMF:    2.0 (guessed", "databases (kubectl cmf database): since 2.1", "artifacts"},
		"2.1.0": {"CMF:    2.1 (guessed", "updating compute pools: since 2.3"},
		"2.2.3": {"CMF:    2.2.3 at http", "SHARED compute pools: since 2.3"},
		"2.3.1": {"CMF:    2.3.1 at http", "artifacts (kubectl cmf artifact): since 2.4"},
		"2.4.0": {"CMF:    2.4 at http"},
	} {
		r := newRig(t, cmftest.Options{Version: version})
		contains(t, r.ok("version"), words...)
		var out struct{ Server struct{ Lacks []string } }
		if err := json.Unmarshal([]byte(r.ok("version", "-o", "json")), &out); err != nil {
			t.Error(err)
		}
		if version == "2.4.0" && len(out.Server.Lacks) != 0 {
			t.Errorf("2.4 lacks %v", out.Server.Lacks)
		}
		if version < "2.4" {
			r.env("dev-env")
			r.fails(1, "kubectl cmf artifact needs CMF 2.4 or newer; this server is CMF "+version[:3], "artifact", "list")
		}
	}
	r := newRig(t, cmftest.Options{})
	contains(t, r.ok("version", "--client"), "client: ")
}

// secure starts a TLS server in front of a stand-in.
func secure(t *testing.T, o cmftest.Options, names ...string) (*rig, *testca.CA) {
	t.Helper()
	server, err := cmftest.New(o)
	if err != nil {
		t.Fatal(err)
	}
	ca := testca.New(t)
	web := httptest.NewUnstartedServer(server)
	web.TLS = &tls.Config{Certificates: []tls.Certificate{ca.Server(t, names...)}, MinVersion: tls.VersionTLS12}
	web.Config.ErrorLog = nil
	if o.Certificates {
		web.TLS.ClientAuth, web.TLS.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
		web.TLS.ClientCAs.AppendCertsFromPEM(ca.PEM)
	}
	web.StartTLS()
	t.Cleanup(web.Close)
	r := &rig{T: t, server: server, url: web.URL, state: filepath.Join(t.TempDir(), "state.json"), now: time.Now}
	return r, ca
}

func TestTLS(t *testing.T) {
	r, ca := secure(t, cmftest.Options{}, "cmf-service")
	file := r.file("ca.pem", string(ca.PEM))
	r.fails(1, "signed by an authority that isn't known here; give the authority's certificate with --cmf-ca FILE", "env", "list", "--cmf-server-name", "cmf-service")
	r.fails(1, "--cmf-server-name", "env", "list", "--cmf-ca", file)
	r.ok("env", "list", "--cmf-ca", file, "--cmf-server-name", "cmf-service")
	t.Setenv("CONFLUENT_CMF_CERTIFICATE_AUTHORITY_PATH", file)
	r.ok("env", "list", "--cmf-server-name", "cmf-service")
	r.fails(1, "no such file", "env", "list", "--cmf-ca", "/nonexistent/ca.pem")
	r.fails(1, "holds no PEM certificate", "env", "list", "--cmf-ca", r.file("empty.pem", "x"))
	r.fails(2, "needs both --cmf-cert and --cmf-key", "env", "list", "--cmf-cert", file)
	// kubectl's own flag is not for CMF.
	r.fails(1, "--cmf-server-name", "env", "list", "--tls-server-name", "cmf-service")
	plain := *r
	plain.url = strings.Replace(r.url, "https", "http", 1)
	got := plain.run("env", "list")
	if got.code != 1 || !strings.Contains(got.err, "https") && !strings.Contains(got.err, "TLS") {
		t.Errorf("http to a TLS port: %+v", got)
	}
	other := newFaultyRig(t, cmftest.Options{})
	other.url = strings.Replace(other.url, "http", "https", 1)
	other.fails(1, "does not speak TLS; use http://", "env", "list")
	other.url = "http://127.0.0.1:1"
	other.fails(1, "the connection was refused", "env", "list")
	other.url = "127.0.0.1:1"
	other.fails(2, "must start with http:// or https://", "env", "list")
	other.url = "http://me:" + hidden + "@host"
	if got := other.fails(2, "must not contain a password", "env", "list"); strings.Contains(got.err, hidden) {
		t.Error(got.err)
	}
}

func TestClientCertificates(t *testing.T) {
	r, ca := secure(t, cmftest.Options{Certificates: true}, "127.0.0.1")
	file := r.file("ca.pem", string(ca.PEM))
	r.fails(1, "it wants a client certificate", "env", "list", "--cmf-ca", file)
	cert, key := ca.Client(t, "tester")
	certFile, keyFile := r.file("cert.pem", string(cert)), r.file("key.pem", string(key))
	r.ok("env", "list", "--cmf-ca", file, "--cmf-cert", certFile, "--cmf-key", keyFile)
	contains(t, r.ok("version", "--cmf-ca", file, "--cmf-cert", certFile, "--cmf-key", keyFile), "you:    User:tester (by certificate)")
	got := r.fails(1, "can't be used: not PEM, or not a pair", "env", "list", "--cmf-ca", file, "--cmf-cert", certFile, "--cmf-key", certFile)
	if strings.Contains(got.err, "BEGIN") {
		t.Error(got.err)
	}
}

func TestBearerTokens(t *testing.T) {
	r, ca := secure(t, cmftest.Options{Token: hidden, Users: map[string]string{"alice": "pw"}}, "127.0.0.1")
	t.Setenv("CONFLUENT_CMF_CERTIFICATE_AUTHORITY_PATH", r.file("ca.pem", string(ca.PEM)))
	r.fails(1, "CMF wants authentication: give a token with --cmf-token-file", "env", "list")
	good, bad := r.file("token", hidden+"\n"), r.file("bad", "nope")
	r.ok("env", "list", "--cmf-token-file", good)
	contains(t, r.ok("version", "--cmf-token-file", good), "you:    User:tester (by token)")
	r.fails(1, "the token or certificate was not accepted", "env", "list", "--cmf-token-file", bad)
	r.fails(1, "--cmf-token-file", "env", "list", "--cmf-token-file", "/nonexistent")
	if got := r.run("env", "list", "--cmf-token-file", good, "-v=10"); strings.Contains(got.out+got.err, hidden) {
		t.Error("the token is logged")
	}
	// The token of kubectl is never sent to CMF.
	r.server.Forget()
	r.fails(1, "CMF wants authentication", "env", "list", "--token", hidden)
	for _, q := range r.server.Requests() {
		if q.Header.Get("Authorization") != "" {
			t.Error("an Authorization header was sent")
		}
	}
	t.Setenv("CONFLUENT_PLATFORM_MDS_URL", r.url)
	t.Setenv("CONFLUENT_PLATFORM_USERNAME", "alice")
	t.Setenv("CONFLUENT_PLATFORM_PASSWORD", "pw")
	r.ok("env", "list")
	t.Setenv("CONFLUENT_PLATFORM_PASSWORD", "wrong-"+hidden)
	if got := r.fails(1, "log in to the Metadata Service", "env", "list"); strings.Contains(got.err, hidden) {
		t.Error(got.err)
	}
}

func TestTemplatesCanBeCreated(t *testing.T) {
	for _, version := range all {
		r := newRig(t, cmftest.Options{Version: version})
		r.env("my-environment-0")
		for _, kind := range []string{"secret", "env", "secret-mapping", "catalog", "database", "pool", "app", "statement", "savepoint", "detached-savepoint"} {
			got := r.run(kind, "template")
			if got.code != 0 {
				if version < "2.1" && strings.Contains(got.err, "needs CMF 2.1") {
					continue
				}
				t.Errorf("%s: %s template: %s", version, kind, got.err)
				continue
			}
			if strings.Contains(got.out, "#since") || strings.Contains(got.out, "#until") {
				t.Errorf("%s: %s template has marks:\n%s", version, kind, got.out)
			}
			r.ok("apply", "-e", "my-environment-0", "-f", r.file(kind+".yaml", got.out))
			// The file itself must say all that later commands need.
			contains(t, got.out, "my-")
		}
		contains(t, r.ok("pool", "template", "--for-version", "2.2"), "DEDICATED")
	}
}

func TestArtifacts(t *testing.T) {
	r := newFaultyRig(t, cmftest.Options{})
	r.env("dev-env")
	file := r.file("f.jar", strings.Repeat("x", 100_000))
	contains(t, r.ok("artifact", "create", "funcs", "--file", file), "artifact.cmf.confluent.io/funcs created: version 1, sha256:")
	r.fails(1, "already exists", "artifact", "create", "funcs", "--file", file)
	contains(t, r.ok("artifact", "update", "funcs", "--file", r.file("g.jar", "new")), "version 2")
	contains(t, r.ok("artifact", "list"), "READY", "3 B")
	target := filepath.Join(t.TempDir(), "old.jar")
	contains(t, r.ok("artifact", "download", "funcs", "--version", "1", "--to", target), "100000 bytes")
	if data, err := os.ReadFile(target); err != nil || len(data) != 100_000 {
		t.Error(len(data), err)
	}
	r.fails(1, "not found", "artifact", "download", "funcs", "--version", "9", "--to", target+"2")
	if _, err := os.Stat(target + "2"); err == nil {
		t.Error("a failed download leaves a file")
	}
	r.ok("artifact", "delete", "funcs")
}

func TestNamesNeedNoTrust(t *testing.T) {
	r := newRig(t, cmftest.Options{})
	r.env("dev-env")
	for _, name := range []string{"..", ".", "a/b", "a?x=1", "%2e%2e"} {
		got := r.run("app", "get", name)
		if got.code == 0 {
			t.Errorf("app get %q succeeded", name)
		}
	}
	for _, q := range r.server.Requests() {
		if strings.Contains(q.Path, "/../") || strings.HasSuffix(q.Path, "/..") {
			t.Errorf("sent %s", q.Path)
		}
	}
}

func ExampleNewRoot() {
	fmt.Println(displayName([]string{"/usr/local/bin/kubectl-cmf"}))
	fmt.Println(displayName([]string{"/opt/bin/confluent-cmf"}))
	// Output:
	// kubectl cmf
	// confluent cmf
}
