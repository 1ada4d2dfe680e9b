// Package instance brings clusters up and down and says how they are.
package instance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/hack/cluster/internal/cache"
	"github.com/kubectl-flink/kubectl-flink/hack/cluster/internal/node"
	"github.com/kubectl-flink/kubectl-flink/hack/cluster/internal/progress"
	"github.com/kubectl-flink/kubectl-flink/hack/cluster/internal/run"
)

// DefaultName is the cluster's name when none is given.
const DefaultName = "demo"

var nameRE = regexp.MustCompile(`^[a-z]([-a-z0-9]{0,30}[a-z0-9])?$`)

// CheckName says what is wrong with a cluster's name.
func CheckName(name string) error {
	if !nameRE.MatchString(name) {
		return fmt.Errorf("%q is no name for a cluster: use up to 32 of a-z, 0-9 and -, a letter first", name)
	}
	return nil
}

// Record is what is known about a cluster beyond its node's Spec.
type Record struct {
	Operator string `json:"operator"`
	// Key stands for everything the cluster was made of. A cluster with
	// another key is not the one that was asked for.
	Key string `json:"key"`
	// PID is the node's first process, on the machine.
	PID int `json:"pid"`
	// Ready means that the cluster once was complete.
	Ready bool `json:"ready"`
	MinIO bool `json:"minio"`
}

func recordPath(name string) string { return filepath.Join(node.Dir(name), "instance.json") }

func readRecord(name string) (Record, error) {
	var r Record
	data, err := os.ReadFile(recordPath(name))
	if err != nil {
		return r, err
	}
	return r, json.Unmarshal(data, &r)
}

func writeRecord(name string, r Record) error {
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	tmp := recordPath(name) + ".tmp"
	if err := os.WriteFile(tmp, data, 0o644); err != nil {
		return err
	}
	return os.Rename(tmp, recordPath(name))
}

// Names are the clusters of this machine, running or not.
func Names() ([]string, error) {
	entries, err := os.ReadDir(node.StateRoot)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	var names []string
	for _, entry := range entries {
		if entry.IsDir() && CheckName(entry.Name()) == nil {
			names = append(names, entry.Name())
		}
	}
	sort.Strings(names)
	return names, err
}

// lock keeps other processes from working on the same cluster.
func lock(ctx context.Context, name string, log *progress.Log) (func(), error) {
	if err := os.MkdirAll(node.StateRoot, 0o755); err != nil {
		return nil, err
	}
	return cache.Lock(ctx, filepath.Join(node.StateRoot, "."+name+".lock"), func() {
		log.Printf(name, "waiting for another process that is working on this cluster")
	})
}

// kubectl runs the cluster's kubectl as its administrator.
func kubectl(ctx context.Context, s node.Spec, args ...string) (string, error) {
	return run.Output(ctx, filepath.Join(s.Assets, "kubectl"), append([]string{"--kubeconfig", s.Kubeconfig()}, args...)...)
}

func apply(ctx context.Context, s node.Spec, manifests []byte) error {
	return run.Cmd{Stdin: strings.NewReader(string(manifests))}.Run(ctx,
		filepath.Join(s.Assets, "kubectl"), "--kubeconfig", s.Kubeconfig(),
		// Not client-side: a definition of the operator's is larger than an
		// annotation may be.
		"apply", "--server-side", "--force-conflicts", "--validate=false", "-f", "-")
}
