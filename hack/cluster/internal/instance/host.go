package instance

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/kubectl-flink/kubectl-flink/hack/cluster/internal/node"
	"github.com/kubectl-flink/kubectl-flink/hack/cluster/internal/run"
)

// Advice ends every message that says the cluster cannot run here.
const Advice = "To use a cluster of your own instead: make demo KUBECONFIG=…"

const (
	gib         = 1 << 30
	wantMemory  = 4 * gib
	wantDisk    = 15 * gib
	overlayType = 0x794c7630
)

// CheckMachine says why this machine cannot run a cluster.
func CheckMachine(cacheDir string) error {
	if os.Getuid() != 0 {
		return fmt.Errorf("a cluster needs root: it makes namespaces, mounts and network links.\n%s", Advice)
	}
	data, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return err
	}
	if have := memAvailable(string(data)); have < wantMemory {
		return fmt.Errorf("a cluster needs %d GiB of free memory, and this machine has %.1f.\n%s", wantMemory/gib, float64(have)/gib, Advice)
	}
	for _, dir := range []string{cacheDir, node.StateRoot} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		var fs syscall.Statfs_t
		if err := syscall.Statfs(dir, &fs); err != nil {
			return err
		}
		if have := fs.Bavail * uint64(fs.Bsize); have < wantDisk {
			return fmt.Errorf("a cluster needs %d GiB of free disk space below %s, and there are %.1f.\n%s", wantDisk/gib, dir, float64(have)/gib, Advice)
		}
	}
	return nil
}

func memAvailable(meminfo string) uint64 {
	for _, line := range strings.Split(meminfo, "\n") {
		if fields := strings.Fields(line); len(fields) >= 2 && fields[0] == "MemAvailable:" {
			kib, _ := strconv.ParseUint(fields[1], 10, 64)
			return kib << 10
		}
	}
	return 0
}

// snapshotter is the one that works below StateRoot: overlays do not stack.
func snapshotter() (string, error) {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(node.StateRoot, &fs); err != nil {
		return "", err
	}
	if int64(fs.Type) == overlayType {
		return "native", nil
	}
	return "overlayfs", nil
}

// usedNetworks are the networks of this machine's addresses and routes, and
// of its other clusters.
func usedNetworks(except string) ([]netip.Prefix, error) {
	var used []netip.Prefix
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return nil, err
	}
	for _, addr := range addrs {
		if p, err := netip.ParsePrefix(addr.String()); err == nil && p.Addr().Is4() {
			used = append(used, p)
		}
	}
	routes, err := os.ReadFile("/proc/net/route")
	if err != nil {
		return nil, err
	}
	used = append(used, parseRoutes(string(routes))...)
	names, err := Names()
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if name == except {
			continue
		}
		if s, err := node.ReadSpec(name); err == nil {
			if ip, err := netip.ParseAddr(s.NodeIP); err == nil {
				used = append(used, netip.PrefixFrom(ip, 30))
			}
		}
	}
	return used, nil
}

// parseRoutes reads the format of /proc/net/route: addresses are hexadecimal
// numbers in the machine's byte order.
func parseRoutes(table string) []netip.Prefix {
	var out []netip.Prefix
	scanner := bufio.NewScanner(strings.NewReader(table))
	for scanner.Scan() {
		fields := strings.Fields(scanner.Text())
		if len(fields) < 8 {
			continue
		}
		dst, err1 := strconv.ParseUint(fields[1], 16, 32)
		mask, err2 := strconv.ParseUint(fields[7], 16, 32)
		if err1 != nil || err2 != nil {
			continue
		}
		var ip, m [4]byte
		binary.NativeEndian.PutUint32(ip[:], uint32(dst))
		binary.NativeEndian.PutUint32(m[:], uint32(mask))
		ones, _ := net.IPMask(m[:]).Size()
		out = append(out, netip.PrefixFrom(netip.AddrFrom4(ip), ones))
	}
	return out
}

// linkName is the machine's end of the link. An interface's name has fifteen
// characters at most, so it cannot hold the cluster's.
func linkName(name string) string {
	sum := sha256.Sum256([]byte(name))
	return "kf" + hex.EncodeToString(sum[:4])
}

// connect makes the link between the machine and the node whose first process
// is pid.
func connect(ctx context.Context, s node.Spec, pid int) error {
	name := linkName(s.Name)
	for _, args := range [][]string{
		{"link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", strconv.Itoa(pid)},
		{"addr", "add", s.HostIP + "/30", "dev", name},
		{"link", "set", name, "up"},
	} {
		if err := run.Run(ctx, "ip", args...); err != nil {
			return err
		}
	}
	return nil
}

// disconnect removes the link if it is still there.
func disconnect(ctx context.Context, name string) error {
	if _, err := net.InterfaceByName(linkName(name)); err != nil {
		return nil
	}
	err := run.Run(ctx, "ip", "link", "del", linkName(name))
	if _, gone := net.InterfaceByName(linkName(name)); gone != nil {
		return nil // it went by itself, with its other end
	}
	return err
}

// process is a process of a cluster.
type process struct {
	pid   int // on the machine
	inner int // in the node's PID namespace
}

// processesOf finds a cluster's processes by the cgroup they are in, or by
// the environment they were started with.
func processesOf(name string) ([]process, error) {
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil, err
	}
	var out []process
	for _, dir := range dirs {
		// A process that ends meanwhile has no files to read.
		cgroups, _ := os.ReadFile(filepath.Join(dir, "cgroup"))
		environ, _ := os.ReadFile(filepath.Join(dir, "environ"))
		if !inCgroup(string(cgroups), node.Cgroup(name)) && !hasMarker(string(environ), name) {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(dir))
		if err != nil {
			return nil, err
		}
		status, _ := os.ReadFile(filepath.Join(dir, "status"))
		if isZombie(string(status)) {
			continue
		}
		out = append(out, process{pid: pid, inner: innerPID(string(status))})
	}
	return out, nil
}

func inCgroup(cgroups, name string) bool {
	for _, line := range strings.Split(cgroups, "\n") {
		// hierarchy:controllers:/path
		_, path, _ := strings.Cut(line, "/")
		if path == name || strings.HasPrefix(path, name+"/") {
			return true
		}
	}
	return false
}

func hasMarker(environ, name string) bool {
	for _, variable := range strings.Split(environ, "\x00") {
		if variable == node.Marker+"="+name {
			return true
		}
	}
	return false
}

func isZombie(status string) bool { return strings.Contains(status, "\nState:\tZ") }

// innerPID is the process's number in the first PID namespace below the
// machine's; 0 if it is in none.
func innerPID(status string) int {
	for _, line := range strings.Split(status, "\n") {
		if rest, found := strings.CutPrefix(line, "NSpid:"); found {
			if fields := strings.Fields(rest); len(fields) > 1 {
				pid, _ := strconv.Atoi(fields[1])
				return pid
			}
		}
	}
	return 0
}

// checkNoMounts refuses to delete a directory that something is mounted in.
func checkNoMounts(dir string) error {
	data, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return err
	}
	for _, line := range strings.Split(string(data), "\n") {
		if fields := strings.Fields(line); len(fields) > 1 && strings.HasPrefix(fields[1]+"/", dir+"/") {
			return errors.New("something is mounted on " + fields[1])
		}
	}
	return nil
}
