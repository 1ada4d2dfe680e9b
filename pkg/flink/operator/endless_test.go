package operator

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/clientset"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

// servedBy is a client of an API server that answers with handle.
func servedBy(t *testing.T, handle http.HandlerFunc) *Client {
	t.Helper()
	server := httptest.NewServer(handle)
	t.Cleanup(server.Close)
	config := &rest.Config{Host: server.URL, QPS: -1}
	core, err := clientset.New(config)
	if err != nil {
		t.Fatal(err)
	}
	objects, err := dynamic.NewForConfigAndClient(config, clientset.BoundClient(&http.Client{}))
	if err != nil {
		t.Fatal(err)
	}
	return ClientOf(objects, core)
}

func item(name string, size int) string {
	return fmt.Sprintf(`{"apiVersion":"flink.apache.org/v1beta1","kind":"FlinkDeployment","metadata":{"name":%q,"namespace":"x"},"status":{"error":%q}}`, name, strings.Repeat("e", size))
}

func page(items, token string) string {
	return `{"apiVersion":"v1","kind":"List","items":[` + items + `],"metadata":{"resourceVersion":"1","continue":"` + token + `"}}`
}

func TestListsWithoutEndAreRefused(t *testing.T) {
	var n atomic.Int64
	// What is kept of whole objects comes to its bound with few large ones (a
	// number takes most memory for its text), and what is kept of rows, which
	// leave the rest out, with small ones.
	many := func(one string) string { return one + strings.Repeat(","+one, chunk-1) }
	small := many(item("x", 10))
	large := many(strings.TrimSuffix(item("x", 10), "}") + `,"numbers":[1` + strings.Repeat(",1", 1000) + `]}`)
	var objects atomic.Pointer[string]
	for name, answer := range map[string]func() string{
		"objects":             func() string { return page(*objects.Load(), strconv.FormatInt(n.Add(1), 10)) },
		"pages with nothing":  func() string { return page("", strconv.FormatInt(n.Add(1), 10)) },
		"the same page again": func() string { return page("", "same") },
	} {
		t.Run(name, func(t *testing.T) {
			client := servedBy(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				fmt.Fprint(w, answer())
			})
			var long *clientset.ListTooLongError
			objects.Store(&large)
			if _, err := client.List(context.Background(), api.Deployment, "x", metav1.ListOptions{}); !errors.As(err, &long) {
				t.Errorf("List: %v", err)
			}
			objects.Store(&small)
			if _, err := client.Summaries(context.Background(), api.Deployment, Selection{Namespace: "x"}); !errors.As(err, &long) || !strings.Contains(err.Error(), "list flinkdeployments: the list has more than") {
				t.Errorf("Summaries: %v", err)
			}
		})
	}
}

// Objects that are larger than most come in smaller pages.
func TestLargeObjectsComeInSmallerPages(t *testing.T) {
	const objects = 18
	text := item("NAME", 1<<20)
	client := servedBy(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		limit, _ := strconv.Atoi(r.URL.Query().Get("limit"))
		from, _ := strconv.Atoi(r.URL.Query().Get("continue"))
		var items []string
		for i := from; i < min(from+limit, objects); i++ {
			items = append(items, strings.Replace(text, "NAME", fmt.Sprint("job-", i), 1))
		}
		token := ""
		if from+limit < objects {
			token = fmt.Sprint(from + limit)
		}
		fmt.Fprint(w, page(strings.Join(items, ","), token))
	})
	items, err := client.List(context.Background(), api.Deployment, "x", metav1.ListOptions{})
	if err != nil || len(items) != objects || items[objects-1].GetName() != "job-17" {
		t.Errorf("List: %d objects, %v", len(items), err)
	}
	found, err := client.Summaries(context.Background(), api.Deployment, Selection{Namespace: "x"})
	if err != nil || len(found) != objects || found[objects-1].Name != "job-17" {
		t.Errorf("Summaries: %d objects, %v", len(found), err)
	}
}
