package node

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

func TestCgroupMounts(t *testing.T) {
	const hybrid = "tmpfs /sys/fs/cgroup tmpfs rw 0 0\n" +
		"cgroup /sys/fs/cgroup/cpu cgroup rw,cpu 0 0\n" +
		"cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n"
	v1, v2 := cgroupMounts(hybrid)
	if !reflect.DeepEqual(v1, []string{"/sys/fs/cgroup/cpu"}) || !reflect.DeepEqual(v2, []string{"/sys/fs/cgroup/unified"}) {
		t.Errorf("got %q and %q", v1, v2)
	}
	v1, v2 = cgroupMounts("cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\nproc /proc proc rw 0 0\n")
	if len(v1) != 0 || !reflect.DeepEqual(v2, []string{"/sys/fs/cgroup"}) {
		t.Errorf("got %q and %q", v1, v2)
	}
}

func TestEveryComponentHasACommand(t *testing.T) {
	commands := Commands(Spec{Name: "a", NodeIP: "10.87.0.2", Assets: "/assets"})
	for _, name := range Components {
		if len(commands[name]) == 0 {
			t.Errorf("%s has none", name)
		}
	}
	if len(commands) != len(Components) {
		t.Errorf("%d commands for %d components", len(commands), len(Components))
	}
}

// The path is a Unix socket's, which has 107 bytes at most.
func TestSocketPathFits(t *testing.T) {
	s := Spec{Name: strings.Repeat("a", 32)}
	if path := s.Socket() + ".ttrpc"; len(path) > 107 {
		t.Errorf("%s has %d bytes", path, len(path))
	}
}

func TestConfigs(t *testing.T) {
	s := Spec{Name: "a", NodeIP: "10.87.0.2", CNI: "/usr/lib/cni", Pause: "localhost/pause:1", Snapshotter: "overlayfs"}
	cni, err := cniConfig()
	if err != nil || !json.Valid([]byte(cni)) {
		t.Errorf("CNI configuration %s (%v)", cni, err)
	}
	if v1 := kubeletConfig(s, true); !strings.Contains(v1, "failCgroupV1: false") {
		t.Error("the kubelet would refuse cgroup version 1")
	}
	// A kubelet may not know the field any more where it is not needed.
	if v2 := kubeletConfig(s, false); strings.Contains(v2, "failCgroupV1") {
		t.Error("failCgroupV1 is set on a machine with version 2")
	}
	if c := containerdConfig(s); !strings.Contains(c, `sandbox_image = "localhost/pause:1"`) {
		t.Errorf("no pause image in\n%s", c)
	}
}
