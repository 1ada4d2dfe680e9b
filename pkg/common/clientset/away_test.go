package clientset

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
)

// The user's token stays with the server that the kubeconfig names.
func TestRedirectsElsewhereAreNotFollowed(t *testing.T) {
	const namespaces = "/api/v1/namespaces/default"
	var elsewhere atomic.Int64
	other := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		elsewhere.Add(1)
		t.Errorf("%s %s came with %q", r.Method, r.URL, r.Header.Get("Authorization"))
		http.Error(w, "no", http.StatusTeapot)
	}))
	defer other.Close()
	plain := httptest.NewServer(other.Config.Handler)
	defer plain.Close()
	for name, tc := range map[string]struct {
		to   func(self string) string
		here bool
	}{
		"another port":          {func(string) string { return other.URL + namespaces }, false},
		"plain HTTP":            {func(string) string { return plain.URL + namespaces }, false},
		"plain HTTP, same port": {func(self string) string { return strings.Replace(self, "https:", "http:", 1) + namespaces }, false},
		"another name":          {func(self string) string { return strings.Replace(self, "127.0.0.1", "localhost", 1) + namespaces }, false},
		"no scheme":             {func(string) string { return strings.TrimPrefix(other.URL, "https:") + namespaces }, false},
		"itself":                {func(string) string { return namespaces + "?again" }, true},
	} {
		t.Run(name, func(t *testing.T) {
			var server *httptest.Server
			server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.RawQuery == "again" {
					w.Header().Set("Content-Type", "application/json")
					_ = json.NewEncoder(w).Encode(corev1.Namespace{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"}, ObjectMeta: metav1.ObjectMeta{Name: "default"}})
					return
				}
				http.Redirect(w, r, tc.to(server.URL), http.StatusTemporaryRedirect)
			}))
			defer server.Close()
			config := &rest.Config{Host: server.URL, BearerToken: "users-own", TLSClientConfig: rest.TLSClientConfig{Insecure: true}}
			core, err := New(config)
			if err != nil {
				t.Fatal(err)
			}
			_, err = core.CoreV1().Namespaces().Get(context.Background(), "default", metav1.GetOptions{})
			if (err == nil) != tc.here || err != nil && !strings.Contains(err.Error(), "not followed") {
				t.Errorf("get: %v", err)
			}
			_, err = core.CoreV1().Secrets("default").Create(context.Background(), &corev1.Secret{}, metav1.CreateOptions{})
			if err == nil {
				t.Error("what was to be created was sent twice")
			}
		})
	}
	if n := elsewhere.Load(); n > 0 {
		t.Errorf("%d requests went elsewhere", n)
	}
}

// What one object says is another's name may be anything.
func TestNamesThatLeadElsewhereAreNotAskedFor(t *testing.T) {
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"kind":"ConfigMap","apiVersion":"v1"}`)
	}))
	defer server.Close()
	config := &rest.Config{Host: server.URL}
	core, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	objects, err := dynamic.NewForConfigAndClient(config, BoundClient(&http.Client{}))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"..", ".", "../x", "..;", ".. ", "..?x", "..#x", `a\..\b`, "a/b", "%2e%2e", "a\nb", "\xc0\xae"} {
		if _, err := core.CoreV1().ConfigMaps("default").Get(context.Background(), name, metav1.GetOptions{}); err == nil {
			t.Errorf("the ConfigMap %q was asked for", name)
		}
		if _, err := objects.Resource(jobs).Namespace("default").Get(context.Background(), name, metav1.GetOptions{}); err == nil {
			t.Errorf("the job %q was asked for", name)
		}
		if err := core.CoreV1().ConfigMaps(name).Delete(context.Background(), "x", metav1.DeleteOptions{}); err == nil {
			t.Errorf("something was deleted in namespace %q", name)
		}
	}
	if n := asked.Load(); n > 0 {
		t.Errorf("%d requests came", n)
	}
	if _, err := core.CoreV1().ConfigMaps("default").Get(context.Background(), "flink-config-basic-example", metav1.GetOptions{}); err != nil {
		t.Error(err)
	}
}
