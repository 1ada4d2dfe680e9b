package node

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// cgroupMounts are the mount points of the cgroup hierarchies, of version 1,
// 2 or both, as /proc/self/mounts lists them.
func cgroupMounts(mounts string) (v1, v2 []string) {
	for _, line := range strings.Split(mounts, "\n") {
		fields := strings.Fields(line)
		if len(fields) < 3 || !strings.HasPrefix(fields[1], "/sys/fs/cgroup") {
			continue
		}
		switch fields[2] {
		case "cgroup":
			v1 = append(v1, fields[1])
		case "cgroup2":
			v2 = append(v2, fields[1])
		}
	}
	return v1, v2
}

// joinCgroup makes the cluster's cgroup in every hierarchy and moves this
// process into it. The kubelet makes its pods' cgroups beside the processes'
// one: version 2 wants processes in leaves only.
func joinCgroup(name string) error {
	data, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return err
	}
	v1, v2 := cgroupMounts(string(data))
	if len(v1)+len(v2) == 0 {
		return errors.New("no cgroup hierarchy is mounted below /sys/fs/cgroup")
	}
	for _, mnt := range v1 {
		for _, dir := range []string{Cgroup(name), Cgroup(name) + "/node"} {
			path := filepath.Join(mnt, dir)
			if err := os.MkdirAll(path, 0o755); err != nil {
				return err
			}
			// A new cpuset is empty, and nothing can run in an empty one.
			for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
				if err := inherit(path, file); err != nil {
					return err
				}
			}
		}
	}
	for _, mnt := range v2 {
		root := filepath.Join(mnt, Cgroup(name))
		if err := os.MkdirAll(filepath.Join(root, "node"), 0o755); err != nil {
			return err
		}
		if len(v1) > 0 {
			continue // the controllers are version 1's
		}
		for _, dir := range []string{mnt, root} {
			if err := delegate(dir); err != nil {
				return err
			}
		}
	}
	for _, mnt := range append(v1, v2...) {
		procs := filepath.Join(mnt, Cgroup(name), "node", "cgroup.procs")
		if err := os.WriteFile(procs, []byte("0"), 0); err != nil {
			return err
		}
	}
	return nil
}

func inherit(dir, file string) error {
	path := filepath.Join(dir, file)
	own, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil || len(bytes.TrimSpace(own)) > 0 {
		return err
	}
	parent, err := os.ReadFile(filepath.Join(filepath.Dir(dir), file))
	if err != nil {
		return err
	}
	return os.WriteFile(path, parent, 0)
}

// delegate lets the children of a version 2 cgroup use its controllers.
func delegate(dir string) error {
	available, err := os.ReadFile(filepath.Join(dir, "cgroup.controllers"))
	if err != nil {
		return err
	}
	for _, controller := range strings.Fields(string(available)) {
		err := os.WriteFile(filepath.Join(dir, "cgroup.subtree_control"), []byte("+"+controller), 0)
		if err == nil {
			continue
		}
		// The kubelet needs these; without the others it only measures less.
		switch controller {
		case "cpu", "cpuset", "memory", "pids":
			return fmt.Errorf("cannot pass the cgroup controller %s on to %s: %w", controller, dir, err)
		}
	}
	return nil
}

// RemoveCgroup removes the cluster's cgroup, in which nothing may run any
// more, from every hierarchy.
func RemoveCgroup(name string) error {
	data, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return err
	}
	v1, v2 := cgroupMounts(string(data))
	var errs []error
	for _, mnt := range append(v1, v2...) {
		var dirs []string
		err := filepath.WalkDir(filepath.Join(mnt, Cgroup(name)), func(path string, d fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err == nil && d.IsDir() {
				dirs = append(dirs, path)
			}
			return err
		})
		errs = append(errs, err)
		for i := len(dirs) - 1; i >= 0; i-- { // the deepest first
			if err := syscall.Rmdir(dirs[i]); err != nil && !errors.Is(err, syscall.ENOENT) {
				errs = append(errs, fmt.Errorf("remove cgroup %s: %w", dirs[i], err))
			}
		}
	}
	return errors.Join(errs...)
}
