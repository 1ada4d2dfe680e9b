package node

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// kubelet sets these for the whole machine. In the node they are plain files,
// so the machine's own settings stay as they are.
var shieldedSysctls = []string{
	"vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops",
	"kernel/keys/root_maxkeys", "kernel/keys/root_maxbytes",
}

type mount struct {
	source, target, kind string
	flags                uintptr
	data                 string
}

func (m mount) do() error {
	if err := syscall.Mount(m.source, m.target, m.kind, m.flags, m.data); err != nil {
		return fmt.Errorf("mount %s on %s: %w", m.source, m.target, err)
	}
	return nil
}

func bind(source, target string) mount {
	return mount{source: source, target: target, flags: syscall.MS_BIND | syscall.MS_REC}
}

// isolateMounts gives the node its own view of the directories that
// Kubernetes writes to by fixed names.
func isolateMounts(s Spec) error {
	private := mount{target: "/", flags: syscall.MS_PRIVATE | syscall.MS_REC}
	proc := mount{"proc", "/proc", "proc", syscall.MS_NOSUID | syscall.MS_NODEV | syscall.MS_NOEXEC, ""}
	for _, m := range []mount{private, proc} {
		if err := m.do(); err != nil {
			return err
		}
	}

	varLib, varLog := s.Path("var-lib"), s.Path("var-log")
	for _, dir := range []string{"kubelet", "cni", "flink-data"} {
		if err := os.MkdirAll(filepath.Join(varLib, dir), 0o755); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(varLog, 0o755); err != nil {
		return err
	}
	// Flink runs as a user of its own. (Not in MkdirAll: the umask counts there.)
	if err := os.Chmod(filepath.Join(varLib, "flink-data"), 0o777); err != nil {
		return err
	}
	// The cluster's own files, and the cache if it is below /var/lib as some
	// service users' homes are, stay where they were.
	for _, dir := range []string{StateRoot, s.Cache} {
		rel, found := strings.CutPrefix(dir, "/var/lib/")
		if !found {
			continue
		}
		target := filepath.Join(varLib, rel)
		if err := os.MkdirAll(target, 0o755); err != nil {
			return err
		}
		if err := bind(dir, target).do(); err != nil {
			return err
		}
	}
	mounts := []mount{
		bind(varLib, "/var/lib"),
		bind(varLog, "/var/log"),
		{"tmpfs", "/run", "tmpfs", syscall.MS_NOSUID | syscall.MS_NODEV, "mode=755"},
	}
	for _, m := range mounts {
		if err := m.do(); err != nil {
			return err
		}
	}
	if err := shieldSysctls(s); err != nil {
		return err
	}
	// Mounts that the kubelet and containerd make must reach each other.
	return mount{target: "/", flags: syscall.MS_SHARED | syscall.MS_REC}.do()
}

func shieldSysctls(s Spec) error {
	if err := os.MkdirAll(s.Path("sysctl"), 0o755); err != nil {
		return err
	}
	for _, name := range shieldedSysctls {
		real := filepath.Join("/proc/sys", name)
		value, err := os.ReadFile(real)
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			return err
		}
		file := s.Path("sysctl", strings.ReplaceAll(name, "/", "."))
		if err := os.WriteFile(file, value, 0o644); err != nil {
			return err
		}
		if err := bind(file, real).do(); err != nil {
			return err
		}
	}
	return nil
}
