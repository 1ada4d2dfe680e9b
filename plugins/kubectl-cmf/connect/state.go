// Package connect finds the CMF to talk to and opens the way there: by
// address, or through the cluster that the kubeconfig points to.
package connect

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
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
}

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
	data, err := os.ReadFile(s.path)
	if errors.Is(err, fs.ErrNotExist) {
		return all, nil
	}
	if err != nil {
		return all, err
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

// Change keeps what change makes of the memory under key.
func (s *State) Change(key string, change func(*Memory)) error {
	if s.path == "" {
		return errors.New("there is no directory to keep defaults in: set " + StateVariable + " to a file")
	}
	all, err := s.load()
	if err != nil {
		return err
	}
	m := all[key]
	before := m
	change(&m)
	if m == before {
		return nil
	}
	all[key] = m
	data, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(s.path), 0o700); err != nil {
		return err
	}
	// Renamed into place, so that two runs at once don't mix.
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
