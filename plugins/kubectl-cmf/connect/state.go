// Package connect finds the CMF to talk to and opens the way there: by
// address, or through the cluster that the kubeconfig points to.
package connect

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/filelock"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/untrusted"
)

// StateVariable names the file that keeps defaults; without it, it is in the
// user's configuration directory.
const StateVariable = "KUBECTL_CMF_STATE"

// Memory is what is kept of one kube context or address.
type Memory struct {
	// Environment is the default environment.
	Environment string `json:"environment,omitempty"`
	// Namespace is where CMF was found last.
	Namespace string `json:"namespace,omitempty"`
	// Servers are those that were found in the cluster and are used.
	Servers []Pin `json:"servers,omitempty"`
}

// maxState bounds the file, in bytes.
const maxState = 4 << 20

// lockTime is how long another process may hold the file.
const lockTime = 20 * time.Second

// State keeps Memory between runs. A file that can't be read is no state.
type State struct {
	path string
}

// OpenState is the user's state; it reads nothing yet.
func OpenState() *State {
	if path := os.Getenv(StateVariable); path != "" {
		return &State{path}
	}
	dir, err := os.UserConfigDir()
	if err != nil {
		return &State{}
	}
	return &State{filepath.Join(dir, "kubectl-cmf", "state.json")}
}

func (s *State) load() (map[string]Memory, error) {
	all := map[string]Memory{}
	if s.path == "" {
		return all, nil
	}
	file, err := os.Open(s.path)
	if errors.Is(err, fs.ErrNotExist) {
		return all, nil
	}
	if err != nil {
		return all, err
	}
	defer file.Close()
	data, err := untrusted.ReadAll(file, maxState)
	if err != nil {
		return all, fmt.Errorf("%s: %w", s.path, err)
	}
	if err := json.Unmarshal(data, &all); err != nil {
		return map[string]Memory{}, fmt.Errorf("%s: %w", s.path, err)
	}
	return all, nil
}

// Get is what is kept under key.
func (s *State) Get(key string) Memory {
	all, err := s.load()
	if err != nil {
		return Memory{}
	}
	return all[key]
}

// Contexts is what is kept of kube contexts, by their names.
func (s *State) Contexts() (map[string]Memory, error) {
	all, err := s.load()
	out := map[string]Memory{}
	for key, m := range all {
		if name, ok := strings.CutPrefix(key, contextPrefix); ok {
			out[name] = m
		}
	}
	return out, err
}

// Forget drops the servers that were found by way of kube contexts, and says
// which.
func (s *State) Forget(ctx context.Context, contexts []string) (forgotten []Pin, err error) {
	err = s.change(ctx, func(all map[string]Memory) {
		for _, name := range contexts {
			m, ok := all[contextPrefix+name]
			if !ok {
				continue
			}
			forgotten = append(forgotten, m.Servers...)
			m.Servers, m.Namespace = nil, ""
			put(all, contextPrefix+name, m)
		}
	})
	return forgotten, err
}

// Change keeps what change makes of the memory under key. Processes that do
// so at the same time wait for each other.
func (s *State) Change(ctx context.Context, key string, change func(*Memory)) error {
	return s.change(ctx, func(all map[string]Memory) {
		m := all[key]
		change(&m)
		put(all, key, m)
	})
}

// put keeps m, unless there is nothing in it.
func put(all map[string]Memory, key string, m Memory) {
	if m.Environment == "" && m.Namespace == "" && len(m.Servers) == 0 {
		delete(all, key)
		return
	}
	all[key] = m
}

func (s *State) change(ctx context.Context, change func(map[string]Memory)) error {
	if s.path == "" {
		return errors.New("there is no directory to keep defaults in: set " + StateVariable + " to a file")
	}
	if err := os.MkdirAll(filepath.Dir(s.path), 0o700); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, lockTime)
	defer cancel()
	unlock, err := filelock.Lock(ctx, s.path+".lock")
	if err != nil {
		return err
	}
	defer unlock()
	all, err := s.load()
	if err != nil {
		return err
	}
	before, err := json.Marshal(all)
	if err != nil {
		return err
	}
	change(all)
	data, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return err
	}
	if after, err := json.Marshal(all); err == nil && string(after) == string(before) {
		return nil
	}
	// Renamed into place, so that a reader sees the old file or the new one.
	temporary, err := os.CreateTemp(filepath.Dir(s.path), ".state-*")
	if err != nil {
		return err
	}
	defer os.Remove(temporary.Name())
	_, err = temporary.Write(append(data, '\n'))
	if err = errors.Join(err, temporary.Close()); err != nil {
		return err
	}
	return os.Rename(temporary.Name(), s.path)
}
