package kube

import (
	"bytes"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/spf13/pflag"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/genericiooptions"
)

// The log of -v=9 has the bodies of requests and answers.
func TestTheLogHasNoSecrets(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.Method == http.MethodGet {
			_, _ = w.Write([]byte(`{"kind":"Secret","apiVersion":"v1","metadata":{"name":"a"},"data":{"x":"aHVudGVyMg=="}}`))
			return
		}
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write([]byte(`{"kind":"Status","apiVersion":"v1","status":"Failure","message":"no: https://me:hunter2@host","code":403}`))
	}))
	defer server.Close()
	t.Setenv("KUBECONFIG", "none")
	var log bytes.Buffer
	f := NewFactory("kubectl-x", genericiooptions.IOStreams{ErrOut: &log})
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	f.AddFlags(flags)
	defer func() { _ = flags.Set("v", "0") }()
	if err := flags.Parse([]string{"-v=9", "--server", server.URL}); err != nil {
		t.Fatal(err)
	}
	core, err := f.Clientset()
	if err != nil {
		t.Fatal(err)
	}
	_, err = core.CoreV1().Secrets("n").Create(t.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "a"}, Data: map[string][]byte{"x": []byte("hunter2")}}, metav1.CreateOptions{})
	if err == nil {
		t.Error("it was made")
	}
	if _, err = core.CoreV1().Secrets("n").Get(t.Context(), "a", metav1.GetOptions{}); err != nil {
		t.Error(err)
	}
	text := log.String()
	if !strings.Contains(text, "Request Body") || !strings.Contains(text, "Response Body") {
		t.Fatalf("no bodies in the log:\n%s", text)
	}
	if !strings.Contains(text, "a Secret, which is left out") {
		t.Errorf("the body that was sent isn't told from others:\n%s", text)
	}
	// In protobuf it would be spread over lines of hexadecimal digits.
	for _, secret := range []string{"hunter2", "aHVudGVyMg", "68 75 6e 74 65", "|hunt", "hunter"} {
		if strings.Contains(text, secret) {
			t.Errorf("%q is in the log:\n%s", secret, text)
		}
	}
}

// net/http writes of some answers itself, and quotes what the server sent.
func TestTheLogOfConnectionsIsForThoseWhoAsk(t *testing.T) {
	t.Cleanup(func() { log.SetOutput(os.Stderr) })
	var out bytes.Buffer
	f := NewFactory("kubectl-x", genericiooptions.IOStreams{ErrOut: &out})
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	f.AddFlags(flags)
	defer func() { _ = flags.Set("v", "0") }()
	log.Print("Unsolicited response received on idle HTTP channel")
	if out.Len() > 0 {
		t.Errorf("printed unasked: %s", out.String())
	}
	if err := flags.Parse([]string{"-v=1"}); err != nil {
		t.Fatal(err)
	}
	if log.Print("Unsolicited response"); !strings.Contains(out.String(), "Unsolicited response") {
		t.Errorf("not in the log: %q", out.String())
	}
}
