// Package node is the inside of a cluster: the process that owns its
// namespaces and everything that runs in them.
//
// That process is the first of a PID namespace of its own, so the kernel kills
// all others when it ends, however it ends; and with the last process go the
// mounts and the network. Nothing of them is ever visible on the machine.
package node

import (
	"encoding/json"
	"os"
	"path/filepath"
)

// Networks inside the cluster. They may be the same in every cluster, as each
// has a network namespace.
const (
	PodCIDR     = "10.88.0.0/16"
	ServiceCIDR = "10.96.0.0/16"
	ServiceIP   = "10.96.0.1"
	DNSIP       = "10.96.0.10"
	// APIPort is where the API server listens on the node's address.
	APIPort = "6443"
	// FlinkData is the host path that manifests use for Flink's state. It
	// exists inside the cluster only.
	FlinkData = "/var/lib/flink-data"
	// Marker is the environment variable that every process of a cluster has.
	Marker = "KUBECTL_FLINK_CLUSTER"
)

// StateRoot is where the clusters of this machine keep their files. It is not
// in anybody's home, as network and cgroup names are the machine's too.
const StateRoot = "/var/lib/kubectl-flink-cluster"

// Spec is what a node is made of.
type Spec struct {
	Name string
	// HostIP is the machine's end of the link to the node, NodeIP the node's.
	HostIP, NodeIP string
	// Assets is the directory of the Kubernetes programs and etcd.
	Assets string
	// Cache is the directory above it that must stay visible in the node.
	Cache string
	// CNI is the directory of the CNI plugins.
	CNI string
	// Pause is the image that holds pods' namespaces.
	Pause string
	// Snapshotter is containerd's.
	Snapshotter string
}

// Dir is where the cluster called name keeps its files.
func Dir(name string) string { return filepath.Join(StateRoot, name) }

// Path is a path inside the cluster's directory.
func (s Spec) Path(elem ...string) string {
	return filepath.Join(append([]string{Dir(s.Name)}, elem...)...)
}

// Socket is containerd's.
func (s Spec) Socket() string { return s.Path("containerd.sock") }

// ContainerdReady is a file that appears when containerd may be used: its
// socket is there earlier, and again while it is cleared of leftovers.
func (s Spec) ContainerdReady() string { return s.Path("containerd.ready") }

// Kubeconfig is the administrator's.
func (s Spec) Kubeconfig() string { return s.Path("kubeconfig") }

// Server is the API server's URL.
func (s Spec) Server() string { return "https://" + s.NodeIP + ":" + APIPort }

// FlinkData is where the cluster's FlinkData directory is on the machine.
func (s Spec) FlinkData() string { return s.Path("var-lib", "flink-data") }

// Log is the log file of a component.
func (s Spec) Log(component string) string { return s.Path("logs", component+".log") }

// Cgroup is the name of the cgroup that everything of the cluster is in.
func Cgroup(name string) string { return "kubectl-flink-" + name }

// Component is how one of the node's programs is doing.
type Component struct {
	PID     int    `json:"pid"` // in the node's PID namespace
	Running bool   `json:"running"`
	Exit    string `json:"exit,omitempty"`
}

// State is how the node is doing, as it writes it to a file.
type State struct {
	Components map[string]Component `json:"components"`
	// Started means that every component was started.
	Started bool   `json:"started"`
	Error   string `json:"error,omitempty"`
}

// StatePath is the file of a node's State.
func (s Spec) StatePath() string { return s.Path("state.json") }

// ReadState is the State that the node last wrote.
func ReadState(s Spec) (State, error) {
	var state State
	err := readJSON(s.StatePath(), &state)
	return state, err
}

// SpecPath is the file of a node's Spec.
func (s Spec) SpecPath() string { return s.Path("spec.json") }

// ReadSpec is the Spec of the cluster called name.
func ReadSpec(name string) (Spec, error) {
	s := Spec{Name: name}
	err := readJSON(s.SpecPath(), &s)
	return s, err
}

// Write writes the Spec to its file.
func (s Spec) Write() error { return writeJSON(s.SpecPath(), s) }

func readJSON(path string, v any) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return json.Unmarshal(data, v)
}

// writeJSON replaces the file in one step: someone may be reading it.
func writeJSON(path string, v any) error {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	tmp := path + ".tmp"
	if err := os.WriteFile(tmp, data, 0o644); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}
