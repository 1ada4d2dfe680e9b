//go:build !windows

package cmd

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmftest/testca"
)

// onTerminal runs a command on a terminal, answers the question with keys, ""
// for one that must not be asked, and gives all that the terminal shows.
func (u *user) onTerminal(keys string, args ...string) (code int, shown string) {
	u.Helper()
	u.run("version", "--client") // sets the environment
	master, tty, err := pty.Open()
	if err != nil {
		u.Fatal(err)
	}
	defer master.Close()
	var screen buffer
	read := make(chan struct{})
	go func() {
		defer close(read)
		chunk := make([]byte, 4096)
		for answered := false; ; {
			n, err := master.Read(chunk)
			_, _ = screen.Write(chunk[:n])
			if err != nil {
				return
			}
			if !answered && strings.Contains(screen.text(), plugin.Prompt) {
				answered = true
				_, _ = master.WriteString(keys)
			}
		}
	}()
	ctx, cancel := context.WithTimeout(u.Context(), time.Minute)
	defer cancel()
	streams := genericiooptions.IOStreams{In: tty, Out: tty, ErrOut: tty}
	root, _ := newRoot(streams)
	code = plugin.Execute(ctx, root, streams, args)
	_ = tty.Close()
	<-read // all that was written, then the end
	return code, screen.text()
}

func TestAServerThatWasFoundIsAskedForOnATerminal(t *testing.T) {
	stranger := newRecorder(t, true, emptyCMF)
	ca, by := stranger.ca.PEM, "tenant\u202ex"
	u := newUser(t)
	u.cluster(by, func() (string, []byte) { return stranger.URL, ca })
	token := u.file("token", "t0ken")
	code, shown := u.onTerminal("n\n", "env", "list", "--cmf-token-file", token)
	if _, secrets := stranger.saw(); code != 1 || len(secrets) > 0 {
		t.Errorf("%d %q\n%s", code, secrets, shown)
	}
	contains(t, shown, stranger.URL, "cmfrestclass/default", "SHA-256 ", "the token of --cmf-token-file", "nothing was sent")
	if strings.Contains(shown, "\u202e") {
		t.Errorf("a character that reorders text of the tenant's came through: %q", shown)
	}
	if code, shown = u.onTerminal("yes\n", "env", "list", "--cmf-token-file", token); code != 0 {
		t.Errorf("%d %s", code, shown)
	}
	if code, shown = u.onTerminal("", "env", "list", "--cmf-token-file", token); code != 0 || strings.Contains(shown, plugin.Prompt) {
		t.Errorf("%d %s", code, shown)
	}
	// What is known needs no terminal, and completion may ask it.
	if got := u.run("env", "list", "--cmf-token-file", token); got.code != 0 {
		t.Error(got.err)
	}
	contains(t, u.run("server", "list").out, "CONTEXT", "work", stranger.URL, "yes")
	contains(t, u.run("server", "list", "-o", "json").out, `"endpoint": "`+stranger.URL, `"context": "work"`, `"ca": "`)
	contains(t, u.run("__complete", "server", "forget", "").out, "work")
	ca = testca.New(t).PEM
	code, shown = u.onTerminal("n\n", "env", "list", "--cmf-token-file", token)
	if code != 1 {
		t.Errorf("%d %s", code, shown)
	}
	contains(t, shown, "WARNING: cmfrestclass/default", "before:")
	ca = stranger.ca.PEM
	contains(t, u.run("server", "forget").out, stranger.URL+" forgotten")
	contains(t, u.fails(1, "server", "forget"), `no server is remembered for kube context "work"`)
	u.fails(2, "server", "forget", "work", "--all")
	u.fails(0, "server", "forget", "--all")
	contains(t, u.fails(2, "env", "list", "--cmf-token-file", token), "was not used before")
}
