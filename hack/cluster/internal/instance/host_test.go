package instance

import (
	"net/netip"
	"testing"
)

func TestPickLink(t *testing.T) {
	prefixes := func(list ...string) []netip.Prefix {
		var out []netip.Prefix
		for _, s := range list {
			out = append(out, netip.MustParsePrefix(s))
		}
		return out
	}
	for _, c := range []struct {
		name, host, node string
		used             []netip.Prefix
	}{
		{"an idle machine", "10.87.0.1", "10.87.0.2", nil},
		{"a default route is in nobody's way", "10.87.0.1", "10.87.0.2", prefixes("0.0.0.0/0")},
		{"beside another cluster", "10.87.0.5", "10.87.0.6", prefixes("10.87.0.1/30")},
		{"in a gap", "10.87.0.5", "10.87.0.6", prefixes("10.87.0.0/30", "10.87.0.8/30")},
		{"beside a network of the machine's", "10.87.1.1", "10.87.1.2", prefixes("10.87.0.0/24")},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := pickLink(c.used)
			if err != nil || got.host.String() != c.host || got.node.String() != c.node {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
	if got, err := pickLink(prefixes("10.0.0.0/8")); err == nil {
		t.Errorf("found %v where there is no room", got)
	}
}

func TestParseRoutes(t *testing.T) {
	const table = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n" +
		"eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n" +
		"kf1\t0000570A\t00000000\t0001\t0\t0\t0\tFCFFFFFF\t0\t0\t0\n"
	got := parseRoutes(table)
	if len(got) != 2 || got[0].String() != "0.0.0.0/0" || got[1].String() != "10.87.0.0/30" {
		t.Errorf("got %v", got)
	}
}

func TestProcessesAreFoundByCgroupAndMarker(t *testing.T) {
	cgroups := "9:memory:/kubectl-flink-a/kubepods/pod1\n0::/\n"
	for name, want := range map[string]bool{"kubectl-flink-a": true, "kubectl-flink": false, "kubectl-flink-a1": false} {
		if inCgroup(cgroups, name) != want {
			t.Errorf("%s: not %v", name, want)
		}
	}
	environ := "PATH=/bin\x00KUBECTL_FLINK_CLUSTER=a\x00"
	for name, want := range map[string]bool{"a": true, "": false, "ab": false} {
		if hasMarker(environ, name) != want {
			t.Errorf("%q: not %v", name, want)
		}
	}
}

func TestInnerPID(t *testing.T) {
	for status, want := range map[string]int{
		"Name:\tx\nNSpid:\t310\t1\n":      1,
		"Name:\tx\nNSpid:\t310\t42\t1\n":  42, // a pod's first process
		"Name:\tx\nNSpid:\t310\nOther:\t": 0,
	} {
		if got := innerPID(status); got != want {
			t.Errorf("%q: %d instead of %d", status, got, want)
		}
	}
}

func TestMemAvailable(t *testing.T) {
	if got := memAvailable("MemTotal: 8 kB\nMemAvailable:    2048 kB\n"); got != 2<<20 {
		t.Errorf("got %d", got)
	}
}

func TestCheckName(t *testing.T) {
	for name, ok := range map[string]bool{
		"demo": true, "a": true, "ci-1": true,
		"": false, "1a": false, "a-": false, "A": false, "../x": false, "a/b": false,
		"abcdefghijklmnopqrstuvwxyz0123456": false,
	} {
		if err := CheckName(name); (err == nil) != ok {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestLinkNamesFitAndDiffer(t *testing.T) {
	a, b := linkName("a-rather-long-cluster-name-1"), linkName("a-rather-long-cluster-name-2")
	if len(a) > 15 || a == b {
		t.Errorf("%q and %q", a, b)
	}
}
