//go:build unix

package clientset

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/progress"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/screen/screentest"
)

// loggedInBy is a config whose credentials a shell script gets.
func loggedInBy(server, script string) *rest.Config {
	return &rest.Config{Host: server, ExecProvider: &clientcmdapi.ExecConfig{
		APIVersion: "client.authentication.k8s.io/v1", Command: "sh", Args: []string{"-c", script}, InteractiveMode: clientcmdapi.NeverExecInteractiveMode,
	}}
}

// A program for credentials that waits, as for a login in the browser, is not
// waited for once the command is to end.
func TestCredentialsAreNotWaitedForAfterTheEnd(t *testing.T) {
	server := httptest.NewTLSServer(http.NotFoundHandler())
	defer server.Close()
	core, err := New(loggedInBy(server.URL, "exec sleep 6"))
	if err != nil {
		t.Fatal(err)
	}
	why := errors.New("told to end")
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(300*time.Millisecond, func() { cancel(why) })
	started := time.Now()
	_, err = core.CoreV1().Pods("n").Get(ctx, "p", metav1.GetOptions{})
	if took := time.Since(started); !errors.Is(err, why) || took > 4*time.Second {
		t.Errorf("after %s: %v", took, err)
	}
}

func TestCredentialsOfAProgram(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"kind":"Pod","apiVersion":"v1","metadata":{"name":"` + r.Header.Get("Authorization") + `"}}`))
	}))
	defer server.Close()
	config := loggedInBy(server.URL, `echo '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"t0"}}'`)
	config.Insecure = true
	core, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	pod, err := core.CoreV1().Pods("n").Get(t.Context(), "p", metav1.GetOptions{})
	if err != nil || pod.Name != "Bearer t0" {
		t.Errorf("%v %v", pod, err)
	}
}

// A program for credentials may ask for a code on the terminal: no live line erases
// that, and there is one again as soon as it has ended.
func TestCredentialsMayBeAskedFor(t *testing.T) {
	t.Setenv("TERM", "xterm")
	terminal := screentest.Open(t, 80, 24)
	connected, answer := make(chan struct{}), make(chan struct{})
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(connected)
		<-answer
		w.WriteHeader(http.StatusNotFound)
	}))
	defer server.Close()
	asked := filepath.Join(t.TempDir(), "asked")
	config := loggedInBy(server.URL, "touch "+asked+`; sleep 1; echo '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"t1"}}'`)
	config.Insecure = true
	core, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	line := progress.New(terminal.File, false)
	defer line.Done()
	line.Set("checking the job")
	terminal.Sees("checking the job")
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = core.CoreV1().Pods("n").Get(t.Context(), "p", metav1.GetOptions{})
	}()
	terminal.Until("the program", func(string) bool { _, err := os.Stat(asked); return err == nil })
	time.Sleep(100 * time.Millisecond)
	before := terminal.Raw()
	time.Sleep(300 * time.Millisecond)
	if after := terminal.Raw(); after != before {
		t.Errorf("drawn over what was asked: %q", after[len(before):])
	}
	<-connected
	terminal.Sees("checking the job")
	close(answer)
	<-done
}
