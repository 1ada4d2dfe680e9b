//go:build e2e

package e2e

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

var programMu sync.Mutex

// program finds one of several programs; where none is there and this is root,
// it is installed from Debian's package.
func program(t *testing.T, debian string, names ...string) string {
	t.Helper()
	programMu.Lock()
	defer programMu.Unlock()
	for attempt := range 2 {
		for _, name := range names {
			if found, err := exec.LookPath(name); err == nil {
				return found
			}
		}
		if attempt > 0 || os.Getuid() != 0 {
			break
		}
		install := exec.Command("sh", "-c", "apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "+debian)
		if out, err := install.CombinedOutput(); err != nil {
			t.Fatalf("install %s: %v\n%s", debian, err, out)
		}
	}
	t.Fatalf("this test needs %s: apt-get install %s", names[0], debian)
	return ""
}

// browser is a headless Chromium.
func browser(t *testing.T) context.Context {
	t.Helper()
	path := program(t, "chromium", "chromium", "chromium-browser", "google-chrome")
	flags := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()),
		chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun,
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true))
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), flags...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, 2*patience)
	t.Cleanup(cancel)
	return ctx
}

// ui starts `kubectl flink ui` and returns the address that it prints.
func (c *cluster) ui(t *testing.T, args ...string) string {
	t.Helper()
	return c.served(t, append([]string{"flink", "ui"}, args...)...)
}

// served starts a verb that serves a dashboard, and returns the address that it
// prints.
func (c *cluster) served(t *testing.T, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 3*patience)
	command := c.command(ctx, append(args, "--print-url", "--port", "0")...)
	out, err := command.StdoutPipe()
	must(t, err)
	var errs strings.Builder
	command.Stderr = &errs
	must(t, command.Start())
	ended := make(chan error, 1)
	t.Cleanup(func() {
		command.Process.Signal(syscall.SIGINT)
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("ui ended with %v\n%s", err, errs.String())
			}
		case <-time.After(20 * time.Second):
			command.Process.Kill()
			t.Error("ui doesn't end on Ctrl-C")
		}
		cancel()
	})
	address, err := bufio.NewReader(out).ReadString('\n')
	go func() {
		_, _ = io.Copy(io.Discard, out)
		ended <- command.Wait()
	}()
	if err != nil {
		t.Fatalf("ui printed no address: %v", err)
	}
	return strings.TrimSpace(address)
}

// shows waits until the page has all of words on it.
func shows(t *testing.T, ctx context.Context, words ...string) {
	t.Helper()
	eventually(t, "the page shows "+strings.Join(words, ", "), "true", func() string {
		text, err := chromedp.Run(ctx, chromedp.Evaluate[string](`document.body ? document.body.innerText : ""`))
		if err != nil {
			return err.Error()
		}
		for _, w := range words {
			if !strings.Contains(text, w) {
				return text
			}
		}
		return "true"
	})
}

// One job whose JobManager goes, in three ways, each below a tunnel that is
// open.
func TestTunnelThroughFailovers(t *testing.T) {
	t.Parallel()
	ns := main.ownJob(t, "failovers", "upgradeMode: savepoint", "upgradeMode: last-state")
	t.Run("dashboard in a browser", func(t *testing.T) { uiInABrowserThroughAFailover(t, ns) })
	t.Run("rest", func(t *testing.T) { restThroughAFailover(t, ns) })
	t.Run("suspend and resume", func(t *testing.T) { uiThroughSuspendAndResume(t, ns) })
}

func uiInABrowserThroughAFailover(t *testing.T, ns string) {
	ctx := browser(t)
	address := main.ui(t, "-n", ns, "basic-example")
	if !strings.Contains(address, "/#/job/running/") {
		t.Errorf("the address %s isn't the job's page", address)
	}
	must(t, chromedp.Do(ctx, chromedp.Navigate(address)))
	shows(t, ctx, "State machine job", "RUNNING")

	pod := func() string {
		return main.kubectl(t, "-n", ns, "get", "pods", "-l", "app=basic-example,component=jobmanager", "-o", "jsonpath={.items[*].metadata.name}")
	}
	old := pod()
	main.kubectl(t, "-n", ns, "delete", "pod", old)
	eventually(t, "a new JobManager", "true", func() string { return fmt.Sprint(pod() != old && pod() != "") })
	base, _, _ := strings.Cut(address, "#")
	eventually(t, "the same address answers", "200", func() string {
		response, err := once.Get(base + "overview")
		if err != nil {
			return err.Error()
		}
		response.Body.Close()
		return fmt.Sprint(response.StatusCode)
	})
	main.running(t, "flinkdeployment", "basic-example", ns)
	shows(t, ctx, "State machine job", "RUNNING")
	must(t, chromedp.Do(ctx, chromedp.Navigate(address), chromedp.Reload()))
	shows(t, ctx, "State machine job", "RUNNING")
}

func TestUIOfAllJobs(t *testing.T) {
	t.Parallel()
	main.basic(t)
	ctx := browser(t)
	address := main.ui(t, "--all")
	must(t, chromedp.Do(ctx, chromedp.Navigate(address)))
	shows(t, ctx, "basic-example", "RUNNING")
	must(t, chromedp.Do(ctx, chromedp.Click(`a[href*="basic-example"]`)))
	shows(t, ctx, "State machine job", "RUNNING")
}

func TestUIRefusesOtherSites(t *testing.T) {
	t.Parallel()
	main.basic(t)
	base, _, _ := strings.Cut(main.ui(t, "basic-example"), "#")
	for name, header := range map[string]http.Header{
		"foreign host":   {"Host": {"evil.example"}},
		"foreign origin": {"Origin": {"https://evil.example"}},
	} {
		request, err := http.NewRequest(http.MethodGet, base+"config", nil)
		must(t, err)
		request.Header, request.Host = header, header.Get("Host")
		response, err := once.Do(request)
		must(t, err)
		response.Body.Close()
		if response.StatusCode != http.StatusForbidden {
			t.Errorf("%s: %s", name, response.Status)
		}
	}
}

func restThroughAFailover(t *testing.T, ns string) {
	main.kubectl(t, "-n", ns, "delete", "pod", "-l", "app=basic-example,component=jobmanager", "--wait=false")
	r := main.run(t, "flink", "-n", ns, "rest", "basic-example", "/config", "--reconnect-timeout", "2m", "--timeout", "3m").wants(t, 0)
	if !strings.Contains(r.out, "flink-version") {
		t.Error(r)
	}
	main.running(t, "flinkdeployment", "basic-example", ns)
}
