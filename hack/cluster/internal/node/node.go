package node

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// SelfName is the verb by which the program runs itself as a node.
const SelfName = "__node"

// startTimeout is how long a component may take to answer.
const startTimeout = 90 * time.Second

func notifyChild(ch chan<- os.Signal) { signal.Notify(ch, syscall.SIGCHLD) }

// supervisor starts the components and keeps the State.
type supervisor struct {
	spec  Spec
	procs *processes
	mu    sync.Mutex
	state State
}

// Run is the node. It returns only when it could not start; what happened then
// is in its State too.
func Run(name string) error {
	signal.Ignore(syscall.SIGHUP)
	spec, err := ReadSpec(name)
	if err != nil {
		return err
	}
	s := &supervisor{spec: spec, state: State{Components: map[string]Component{}}}
	if err := s.start(); err != nil {
		s.update(func(state *State) { state.Error = err.Error() })
		return err
	}
	wanted := make(chan os.Signal, 4)
	signal.Notify(wanted, syscall.SIGTERM, syscall.SIGINT, RestartSignal)
	s.update(func(state *State) { state.Started = true })
	for sig := range wanted {
		if sig != RestartSignal {
			break
		}
		if err := s.restart(); err != nil {
			fmt.Fprintln(os.Stderr, "node:", err)
		}
	}
	return nil
}

func (s *supervisor) update(change func(*State)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.state)
	if err := writeJSON(s.spec.StatePath(), s.state); err != nil {
		fmt.Fprintln(os.Stderr, "node:", err)
	}
}

func (s *supervisor) start() error {
	// The cgroup first: it is how a cluster's processes are found.
	if err := joinCgroup(s.spec.Name); err != nil {
		return err
	}
	if err := isolateMounts(s.spec); err != nil {
		return err
	}
	s.procs = newProcesses(append(os.Environ(), Marker+"="+s.spec.Name))
	ctx := context.Background()
	if err := s.network(ctx); err != nil {
		return err
	}
	return s.components(ctx)
}

// network waits for the node's end of the link, which the program that
// started the node moves here, and sets it up.
func (s *supervisor) network(ctx context.Context) error {
	err := poll(ctx, "the node's network link", func() error {
		_, err := net.InterfaceByName("eth0")
		return err
	})
	if err != nil {
		return err
	}
	for _, args := range [][]string{
		{"link", "set", "lo", "up"},
		{"addr", "add", s.spec.NodeIP + "/30", "dev", "eth0"},
		{"link", "set", "eth0", "up"},
		// Traffic to service addresses needs some route before kube-proxy's
		// rules turn it elsewhere.
		{"route", "add", "default", "via", s.spec.HostIP},
	} {
		if err := s.procs.run(ctx, s.spec.Log("node"), append([]string{"ip"}, args...)...); err != nil {
			return err
		}
	}
	return os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0)
}

// launch starts a component and notes when it ends.
func (s *supervisor) launch(name string, argv ...string) error {
	pid, done, err := s.procs.start(s.spec.Log(name), argv...)
	if err != nil {
		return err
	}
	s.update(func(state *State) { state.Components[name] = Component{PID: pid, Running: true} })
	go func() {
		status := <-done
		s.update(func(state *State) {
			if state.Components[name].PID == pid {
				state.Components[name] = Component{PID: pid, Exit: describe(status)}
			}
		})
	}()
	return nil
}

func (s *supervisor) alive(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.state.Components[name]; !c.Running {
		return fmt.Errorf("%w: %s ended with %s", errEnded, name, c.Exit)
	}
	return nil
}

func (s *supervisor) components(ctx context.Context) error {
	argv := Commands(s.spec)
	for _, name := range []string{"etcd", "containerd", "kube-apiserver"} {
		if err := s.launch(name, argv[name]...); err != nil {
			return err
		}
	}
	if err := s.containerd(ctx, argv["containerd"]); err != nil {
		return err
	}
	if err := os.WriteFile(s.spec.ContainerdReady(), nil, 0o644); err != nil {
		return err
	}
	client := &http.Client{
		Timeout: 2 * time.Second,
		// This asks only whether the server this process started is up.
		Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}},
	}
	err := poll(ctx, "kube-apiserver", func() error {
		if err := errors.Join(s.alive("etcd"), s.alive("kube-apiserver")); err != nil {
			return err
		}
		resp, err := client.Get(s.spec.Server() + "/livez")
		if err != nil {
			return err
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return errors.New(resp.Status)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, name := range []string{"kubelet", "kube-controller-manager", "kube-scheduler", "kube-proxy"} {
		if err := s.launch(name, argv[name]...); err != nil {
			return err
		}
	}
	return nil
}

// containerd waits for containerd and clears what an earlier cluster of the
// same name left in it: its images are kept, its containers are not.
func (s *supervisor) containerd(ctx context.Context, argv []string) error {
	wait := func() error {
		return poll(ctx, "containerd", func() error {
			if err := s.alive("containerd"); err != nil {
				return err
			}
			conn, err := net.Dial("unix", s.spec.Socket())
			if err == nil {
				_ = conn.Close()
			}
			return err
		})
	}
	if err := wait(); err != nil {
		return err
	}
	list := s.spec.Path("logs", "leftovers")
	_ = os.Remove(list)
	ctr := []string{"ctr", "--address", s.spec.Socket(), "-n", "k8s.io", "containers"}
	if err := s.procs.run(ctx, list, append(ctr, "ls", "-q")...); err != nil {
		return err
	}
	data, err := os.ReadFile(list)
	if err != nil {
		return err
	}
	ids := strings.Fields(string(bytes.TrimSpace(data)))
	if len(ids) == 0 {
		return nil
	}
	if err := s.procs.run(ctx, s.spec.Log("node"), append(append(ctr, "rm"), ids...)...); err != nil {
		return err
	}
	// It remembers the pods of those containers until it is started again.
	// This end is wanted, so the State must not show it as a failure.
	var pid int
	s.update(func(state *State) {
		pid = state.Components["containerd"].PID
		delete(state.Components, "containerd")
	})
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		return err
	}
	err = poll(ctx, "containerd's end", func() error {
		if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
			return errors.New("still running")
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, dir := range []string{"io.containerd.grpc.v1.cri", "io.containerd.runtime.v2.task"} {
		if err := os.RemoveAll(s.spec.Path("containerd", dir)); err != nil {
			return err
		}
	}
	if err := os.RemoveAll(filepath.Join("/run", "containerd")); err != nil {
		return err
	}
	if err := s.launch("containerd", argv...); err != nil {
		return err
	}
	return wait()
}

// errEnded says that waiting longer is of no use.
var errEnded = errors.New("it will not come up")

// poll waits until ready says so.
func poll(ctx context.Context, what string, ready func() error) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		err := ready()
		if err == nil {
			return nil
		}
		if errors.Is(err, errEnded) {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s is not there after %s: %w", what, startTimeout, err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}
