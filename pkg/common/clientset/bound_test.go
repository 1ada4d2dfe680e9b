package clientset

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
)

var jobs = schema.GroupVersionResource{Group: "flink.apache.org", Version: "v1beta1", Resource: "flinkdeployments"}

// serve gives clients of an API server that answers everything with handle.
func serve(t *testing.T, handle http.HandlerFunc) (dynamic.Interface, Interface) {
	t.Helper()
	server := httptest.NewServer(handle)
	t.Cleanup(server.Close)
	config := &rest.Config{Host: server.URL, QPS: -1}
	core, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	objects, err := dynamic.NewForConfigAndClient(config, BoundClient(&http.Client{}))
	if err != nil {
		t.Fatal(err)
	}
	return objects, core
}

const listHead = `{"kind":"FlinkDeploymentList","apiVersion":"flink.apache.org/v1beta1","metadata":{"x":"`

func TestAnswersWithoutEndAreRefused(t *testing.T) {
	for name, send := range map[string]func(http.ResponseWriter){
		"text": func(w http.ResponseWriter) {
			fmt.Fprint(w, listHead)
			for _, err := fmt.Fprint(w, strings.Repeat("x", 1<<20)); err == nil; {
				_, err = fmt.Fprint(w, strings.Repeat("x", 1<<20))
			}
		},
		"packed": func(w http.ResponseWriter) {
			w.Header().Set("Content-Encoding", "gzip")
			packed := gzip.NewWriter(w)
			fmt.Fprint(packed, listHead)
			for _, err := fmt.Fprint(packed, strings.Repeat("x", 1<<20)); err == nil; {
				_, err = fmt.Fprint(packed, strings.Repeat("x", 1<<20))
			}
		},
		"empty objects": func(w http.ResponseWriter) {
			fmt.Fprint(w, `{"kind":"PodList","apiVersion":"v1","items":[{}`+strings.Repeat(",{}", maxValues+1)+`]}`)
		},
	} {
		t.Run(name, func(t *testing.T) {
			objects, core := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				send(w)
			})
			if _, err := objects.Resource(jobs).List(context.Background(), metav1.ListOptions{}); !TooLarge(err) || !strings.Contains(err.Error(), "select less with -l") {
				t.Errorf("dynamic: %v", err)
			}
			if _, err := core.CoreV1().Pods("default").List(context.Background(), metav1.ListOptions{}); !TooLarge(err) {
				t.Errorf("typed: %v", err)
			}
		})
	}
}

// The answer's code and the beginning of what it says survive.
func TestAnErrorWithoutEndIsCut(t *testing.T) {
	_, core := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		w.WriteHeader(http.StatusForbidden)
		for _, err := fmt.Fprint(w, strings.Repeat("no ", 1<<20)); err == nil; {
			_, err = fmt.Fprint(w, strings.Repeat("no ", 1<<20))
		}
	})
	_, err := core.CoreV1().Pods("default").Get(context.Background(), "x", metav1.GetOptions{})
	if !apierrors.IsForbidden(err) || len(err.Error()) > 5000 {
		t.Errorf("%.200v", err)
	}
}

func TestWatchesAreBoundedByEvent(t *testing.T) {
	event := func(size int) string {
		return `{"type":"ADDED","object":{"kind":"FlinkDeployment","apiVersion":"flink.apache.org/v1beta1","metadata":{"name":"a","annotations":{"{\"[":"` + strings.Repeat("x", size) + `"}}}}` + "\n"
	}
	objects, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		for range 12 {
			fmt.Fprint(w, event(2<<20))
		}
		fmt.Fprint(w, event(64<<20))
	})
	w, err := objects.Resource(jobs).Watch(context.Background(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Stop()
	seen := 0
	for event := range w.ResultChan() {
		if event.Type == watch.Error {
			if text := fmt.Sprint(event.Object); !strings.Contains(text, "more than 4 MiB in one event") {
				t.Error(text)
			}
			break
		}
		seen++
	}
	if seen != 12 {
		t.Errorf("%d events, want the 12 that are small enough", seen)
	}
}

func TestLogsAndProxiesAreStreams(t *testing.T) {
	const size = MaxAnswer + 1
	_, core := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.CopyN(w, zeros{}, size)
	})
	stream, err := core.CoreV1().RESTClient().Get().AbsPath("/api/v1/namespaces/x/pods/y/log").Stream(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if n, err := io.Copy(io.Discard, stream); n != size || err != nil {
		t.Errorf("%d %v", n, err)
	}
	for path, want := range map[string]bool{
		"/api/v1/namespaces/x/services/y:rest/proxy/jobs":   true,
		"/api/v1/namespaces/x/pods/log":                     false,
		"/api/v1/namespaces/x/configmaps/proxy":             false,
		"/api/v1/namespaces/log/pods":                       false,
		"/apis/flink.apache.org/v1beta1/flinkdeployments":   false,
		"/api/v1/namespaces/x/pods/y/log/../../secrets/log": false,
	} {
		request, _ := http.NewRequest(http.MethodGet, "https://server"+path, nil)
		if got := streams(request); got != want {
			t.Errorf("%s: %v", path, got)
		}
	}
	var large *AnswerTooLargeError
	_, err = core.CoreV1().RESTClient().Get().AbsPath("/version").DoRaw(context.Background())
	if !errors.As(err, &large) || large.Path != "/version" {
		t.Error(err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }
