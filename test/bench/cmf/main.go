// Command cmf measures kubectl cmf against what people do by hand: one curl
// after the other. Both talk to the same stand-in for CMF, which answers each
// request after a pause such as a network has.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmftest"
)

func main() {
	bin := flag.String("bin", "bin", "directory of the built plugins")
	n := flag.Int("n", 200, "resources")
	pause := flag.Duration("pause", 5*time.Millisecond, "pause before each answer")
	flag.Parse()
	if err := run(filepath.Join(*bin, "kubectl-cmf"), *n, *pause); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(program string, n int, pause time.Duration) error {
	dir, err := os.MkdirTemp("", "bench-cmf-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	var names []string
	for i := range n {
		text, err := json.Marshal(map[string]any{
			"apiVersion": "cmf.confluent.io/v1", "kind": "ComputePool", "metadata": map[string]any{"name": fmt.Sprintf("pool-%04d", i)},
			"spec": map[string]any{"type": "DEDICATED", "clusterSpec": map[string]any{"flinkVersion": "v2_1"}},
		})
		if err != nil {
			return err
		}
		name := filepath.Join(dir, fmt.Sprintf("pool-%04d.json", i))
		if err := os.WriteFile(name, text, 0o600); err != nil {
			return err
		}
		names = append(names, name)
	}
	ours, stop, err := serve(pause)
	if err != nil {
		return err
	}
	defer stop()
	theirs, stopTheirs, err := serve(pause)
	if err != nil {
		return err
	}
	defer stopTheirs()
	path := "/cmf/api/v1/environments/bench-env/compute-pools"
	cmf := func(args ...string) func() error {
		return func() error { return command(program, append(args, "-e", "bench-env", "--cmf-url", ours)...) }
	}
	for _, one := range []struct {
		what  string
		plain func() error
		cmf   func() error
	}{
		{"create by apply", func() error {
			for _, name := range names {
				if err := command("curl", "-sf", "-X", "POST", "-H", "Content-Type: application/json", "-d", "@"+name, theirs+path); err != nil {
					return err
				}
			}
			return nil
		}, cmf("apply", "-f", dir)},
		{"look at each again", func() error {
			for _, name := range names {
				if err := command("curl", "-sf", theirs+path+"/"+strings.TrimSuffix(filepath.Base(name), ".json")); err != nil {
					return err
				}
			}
			return nil
		}, cmf("apply", "-f", dir)},
		{"list", func() error {
			for page := range n/100 + 1 {
				if err := command("curl", "-sf", fmt.Sprintf("%s%s?page=%d&size=100", theirs, path, page)); err != nil {
					return err
				}
			}
			return nil
		}, cmf("pool", "list")},
	} {
		plain, err := timed(one.plain)
		if err != nil {
			return fmt.Errorf("%s with curl: %w", one.what, err)
		}
		took, err := timed(one.cmf)
		if err != nil {
			return fmt.Errorf("%s: %w", one.what, err)
		}
		fmt.Printf("%-20s %d resources: kubectl cmf %s, curl one by one %s: %.1f times as fast\n",
			one.what, n, took.Round(time.Millisecond), plain.Round(time.Millisecond), plain.Seconds()/took.Seconds())
	}
	return nil
}

// serve starts a stand-in with one environment.
func serve(pause time.Duration) (address string, stop func(), err error) {
	server, err := cmftest.New(cmftest.Options{})
	if err != nil {
		return "", nil, err
	}
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(pause)
		server.ServeHTTP(w, r)
	}))
	response, err := http.Post(web.URL+"/cmf/api/v1/environments", "application/json", strings.NewReader(`{"name":"bench-env","kubernetesNamespace":"x"}`))
	if err != nil {
		return "", nil, err
	}
	return web.URL, web.Close, response.Body.Close()
}

func command(name string, args ...string) error {
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
}

func timed(do func() error) (time.Duration, error) {
	started := time.Now()
	err := do()
	return time.Since(started), err
}
