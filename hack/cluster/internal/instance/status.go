package instance

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/kubectl-flink/kubectl-flink/hack/cluster/internal/node"
	"github.com/kubectl-flink/kubectl-flink/hack/cluster/internal/run"
)

// States of a cluster.
const (
	StateRunning = "running"
	StateBroken  = "broken"
	StateDown    = "down"
)

// healthTimeout is how long a healthy cluster may take to say that it is.
const healthTimeout = 10 * time.Second

// Status is how a cluster is.
type Status struct {
	Name   string `json:"name"`
	State  string `json:"state"`
	Reason string `json:"reason,omitempty"`
	// Kubeconfig is the administrator's.
	Kubeconfig string `json:"kubeconfig"`
	// BinDir has the kubectl of the cluster's release.
	BinDir    string `json:"binDir"`
	Server    string `json:"server"`
	Operator  string `json:"operatorVersion"`
	Container string `json:"containerdSocket"`
	// FlinkDataDir is where the cluster's /var/lib/flink-data is on this
	// machine.
	FlinkDataDir string            `json:"flinkDataDir"`
	Images       []string          `json:"images"`
	MinIO        bool              `json:"minio"`
	Components   []ComponentStatus `json:"components"`
}

// ComponentStatus is how one of the node's programs is.
type ComponentStatus struct {
	Name string `json:"name"`
	Up   bool   `json:"up"`
	PID  int    `json:"pid,omitempty"` // on the machine
	Exit string `json:"exit,omitempty"`
	Log  string `json:"log"`
}

func errNoCluster(name string) error {
	names, _ := Names()
	if len(names) == 0 {
		return fmt.Errorf("there is no cluster %q, and no other", name)
	}
	return fmt.Errorf("there is no cluster %q; there are: %s", name, strings.Join(names, ", "))
}

// Inspect says how the cluster called name is.
func Inspect(ctx context.Context, name string) (Status, error) {
	if names, err := Names(); err != nil || !slices.Contains(names, name) {
		return Status{}, errors.Join(err, errNoCluster(name))
	}
	return inspect(ctx, name), nil
}

func inspect(ctx context.Context, name string) Status {
	st := Status{Name: name, State: StateDown, Images: imageNames(name), Components: []ComponentStatus{}}
	s, err := node.ReadSpec(name)
	if err != nil {
		return st
	}
	r, _ := readRecord(name)
	st.Kubeconfig, st.BinDir, st.Server = s.Kubeconfig(), s.Assets, s.Server()
	st.Container, st.FlinkDataDir = s.Socket(), s.FlinkData()
	st.Operator, st.MinIO = r.Operator, r.MinIO

	procs, err := processesOf(name)
	if err != nil {
		st.State, st.Reason = StateBroken, err.Error()
		return st
	}
	pids := map[int]int{}
	for _, p := range procs {
		pids[p.inner] = p.pid
	}
	state, _ := node.ReadState(s)
	var ended []string
	for _, component := range node.Components {
		c := state.Components[component]
		pid, alive := pids[c.PID]
		cs := ComponentStatus{Name: component, Up: c.Running && alive, Exit: c.Exit, Log: s.Log(component)}
		if cs.Up {
			cs.PID = pid
		} else {
			ended = append(ended, component)
		}
		st.Components = append(st.Components, cs)
	}
	switch {
	case len(procs) == 0:
		st.Reason = "nothing of it is running"
	case len(ended) > 0:
		st.State, st.Reason = StateBroken, "not running: "+strings.Join(ended, ", ")
	case !r.Ready:
		st.State, st.Reason = StateBroken, "it has never been complete"
	default:
		st.State = StateRunning
		if err := healthy(ctx, s); err != nil {
			st.State, st.Reason = StateBroken, err.Error()
		}
	}
	return st
}

// healthy asks the API server about itself and what should be running. The
// operator counts by its wish: tests scale it down and up again.
func healthy(ctx context.Context, s node.Spec) error {
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	if _, err := kubectl(ctx, s, "get", "--raw", "/readyz"); err != nil {
		return err
	}
	out, err := kubectl(ctx, s, "get", "node", s.Name, "-o", `jsonpath={.status.conditions[?(@.type=="Ready")].status}`)
	if err != nil {
		return err
	}
	if out != "True" {
		return fmt.Errorf("the node's Ready condition is %s", out)
	}
	for namespace, deployment := range map[string]string{"kube-system": "coredns", "flink-operator": "flink-kubernetes-operator"} {
		out, err := kubectl(ctx, s, "-n", namespace, "get", "deployment", deployment, "-o", "jsonpath={.spec.replicas}/{.status.availableReplicas}")
		if err != nil {
			return err
		}
		if want, have, _ := strings.Cut(out, "/"); want != have && want != "0" {
			return fmt.Errorf("deployment %s has %q of %s replicas available", deployment, have, want)
		}
	}
	return nil
}

// Logs writes the log of a component, or of what runs in the cluster as
// coredns, operator or minio.
func Logs(ctx context.Context, w io.Writer, name, component string) error {
	s, err := node.ReadSpec(name)
	if errors.Is(err, os.ErrNotExist) {
		return errNoCluster(name)
	}
	if err != nil {
		return err
	}
	workloads := map[string][2]string{
		"coredns":  {"kube-system", "coredns"},
		"operator": {"flink-operator", "flink-kubernetes-operator"},
		"minio":    {"minio-dev", "minio"},
	}
	if workload, found := workloads[component]; found {
		return run.Cmd{Stdout: w}.Run(ctx, filepath.Join(s.Assets, "kubectl"),
			"--kubeconfig", s.Kubeconfig(), "-n", workload[0], "logs", "deployment/"+workload[1], "--tail=-1")
	}
	known := append([]string{"node"}, node.Components...)
	if !slices.Contains(known, component) {
		return fmt.Errorf("no component %q; there are %s, coredns, operator and minio", component, strings.Join(known, ", "))
	}
	f, err := os.Open(s.Log(component))
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	_, err = io.Copy(w, f)
	return err
}
