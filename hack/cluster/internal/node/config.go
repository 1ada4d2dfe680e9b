package node

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// Components are the node's programs, in the order they start.
var Components = []string{
	"etcd", "containerd", "kube-apiserver", "kubelet",
	"kube-controller-manager", "kube-scheduler", "kube-proxy",
}

// Commands are the command lines of the components.
func Commands(s Spec) map[string][]string {
	pki := func(name string) string { return s.Path("pki", name) }
	program := func(name string) string { return filepath.Join(s.Assets, name) }
	return map[string][]string{
		"containerd": {"containerd", "--config", s.Path("conf", "containerd.toml")},
		"etcd": {
			program("etcd"),
			"--name", s.Name,
			"--data-dir", s.Path("etcd"),
			"--listen-client-urls", "http://127.0.0.1:2379",
			"--advertise-client-urls", "http://127.0.0.1:2379",
			"--listen-peer-urls", "http://127.0.0.1:2380",
			"--initial-advertise-peer-urls", "http://127.0.0.1:2380",
			"--initial-cluster", s.Name + "=http://127.0.0.1:2380",
			"--log-level", "warn",
			// Nothing in it outlives the cluster.
			"--unsafe-no-fsync",
		},
		"kube-apiserver": {
			program("kube-apiserver"),
			"--etcd-servers", "http://127.0.0.1:2379",
			"--bind-address", "0.0.0.0",
			"--secure-port", APIPort,
			"--advertise-address", s.NodeIP,
			"--service-cluster-ip-range", ServiceCIDR,
			"--authorization-mode", "Node,RBAC",
			"--enable-admission-plugins", "NodeRestriction",
			"--allow-privileged=true",
			"--client-ca-file", pki("ca.crt"),
			"--tls-cert-file", pki("apiserver.crt"),
			"--tls-private-key-file", pki("apiserver.key"),
			"--kubelet-certificate-authority", pki("ca.crt"),
			"--kubelet-client-certificate", pki("apiserver-kubelet.crt"),
			"--kubelet-client-key", pki("apiserver-kubelet.key"),
			// Else logs, exec and port-forward dial the node's name.
			"--kubelet-preferred-address-types", "InternalIP",
			"--service-account-issuer", "https://kubernetes.default.svc.cluster.local",
			"--service-account-key-file", pki("service-account.pub"),
			"--service-account-signing-key-file", pki("service-account.key"),
		},
		"kube-controller-manager": {
			program("kube-controller-manager"),
			"--kubeconfig", s.Path("conf", "controller-manager.kubeconfig"),
			"--service-account-private-key-file", pki("service-account.key"),
			"--root-ca-file", pki("ca.crt"),
			"--use-service-account-credentials=true",
			"--leader-elect=false",
			"--bind-address", "127.0.0.1",
		},
		"kube-scheduler": {
			program("kube-scheduler"),
			"--kubeconfig", s.Path("conf", "scheduler.kubeconfig"),
			"--leader-elect=false",
			"--bind-address", "127.0.0.1",
		},
		"kubelet": {
			program("kubelet"),
			"--config", s.Path("conf", "kubelet.yaml"),
			"--kubeconfig", s.Path("conf", "kubelet.kubeconfig"),
			"--hostname-override", s.Name,
			"--node-ip", s.NodeIP,
		},
		"kube-proxy": {
			program("kube-proxy"),
			"--kubeconfig", s.Path("conf", "proxy.kubeconfig"),
			"--hostname-override", s.Name,
			"--proxy-mode", "iptables",
			"--cluster-cidr", PodCIDR,
			// These limits are the machine's, not the network namespace's.
			"--conntrack-max-per-core", "0",
			"--conntrack-min", "0",
		},
	}
}

// WriteConfig writes the files that the components read, but for those that
// hold keys.
func WriteConfig(s Spec) error {
	cgroupV1 := true
	if data, err := os.ReadFile("/proc/self/mounts"); err == nil {
		v1, _ := cgroupMounts(string(data))
		cgroupV1 = len(v1) > 0
	}
	cni, err := cniConfig()
	if err != nil {
		return err
	}
	for path, content := range map[string]string{
		s.Path("conf", "containerd.toml"):            containerdConfig(s),
		s.Path("conf", "kubelet.yaml"):               kubeletConfig(s, cgroupV1),
		s.Path("conf", "cni", "10-cluster.conflist"): cni,
		// Pods that want the machine's DNS get none: there is nothing outside
		// that a test may depend on.
		s.Path("conf", "resolv.conf"): "",
	} {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// restrict_oom_score_adj: inside another container nobody may lower it.
// disable_apparmor: loading a profile would change the machine.
func containerdConfig(s Spec) string {
	return fmt.Sprintf(`version = 2
root = %q
state = "/run/containerd"
disabled_plugins = [
  "io.containerd.snapshotter.v1.aufs",
  "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.zfs",
]

[grpc]
  address = %q

[plugins."io.containerd.internal.v1.opt"]
  path = %q

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = %q
  restrict_oom_score_adj = true
  disable_apparmor = true
  stream_server_address = "127.0.0.1"

[plugins."io.containerd.grpc.v1.cri".cni]
  bin_dir = %q
  conf_dir = %q

[plugins."io.containerd.grpc.v1.cri".containerd]
  snapshotter = %q
  default_runtime_name = "runc"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
  SystemdCgroup = false
`, s.Path("containerd"), s.Socket(), s.Path("opt"), s.Pause, s.CNI, s.Path("conf", "cni"), s.Snapshotter)
}

// cniConfig gives each pod a link of its own to the node. Unlike on a bridge,
// all traffic is routed, so services work without the kernel module that
// shows bridged traffic to iptables.
func cniConfig() (string, error) {
	data, err := json.MarshalIndent(map[string]any{
		"cniVersion": "0.4.0",
		"name":       "cluster",
		"plugins": []any{
			map[string]any{
				"type": "ptp",
				"ipam": map[string]any{
					"type":   "host-local",
					"ranges": [][]map[string]string{{{"subnet": PodCIDR}}},
					"routes": []map[string]string{{"dst": "0.0.0.0/0"}},
				},
			},
			map[string]any{"type": "portmap", "capabilities": map[string]bool{"portMappings": true}},
		},
	}, "", "  ")
	return string(data), err
}

func kubeletConfig(s Spec, cgroupV1 bool) string {
	config := fmt.Sprintf(`apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication:
  anonymous:
    enabled: false
  webhook:
    enabled: true
  x509:
    clientCAFile: %[1]s
authorization:
  mode: Webhook
tlsCertFile: %[2]s
tlsPrivateKeyFile: %[3]s
containerRuntimeEndpoint: unix://%[4]s
cgroupDriver: cgroupfs
cgroupRoot: /%[5]s
enforceNodeAllocatable: []
failSwapOn: false
clusterDNS: [%[6]s]
clusterDomain: cluster.local
resolvConf: %[7]s
volumePluginDir: %[8]s
# The images come from no registry: one that was collected is lost.
imageGCHighThresholdPercent: 100
evictionHard:
  memory.available: 100Mi
  nodefs.available: 1%%
  nodefs.inodesFree: 1%%
  imagefs.available: 1%%
`, s.Path("pki", "ca.crt"), s.Path("pki", "kubelet-server.crt"), s.Path("pki", "kubelet-server.key"),
		s.Socket(), Cgroup(s.Name), DNSIP, s.Path("conf", "resolv.conf"), s.Path("volume-plugins"))
	if cgroupV1 {
		config += "failCgroupV1: false\n"
	}
	return config
}
